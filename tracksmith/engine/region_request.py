"""What a region model was asked, and the same with all files opened and all defaults filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, cast

import torch

from tracksmith.engine.device import DTYPES, device_kind, parse_devices
from tracksmith.engine.folds import check_card_assembly, refuse_partial
from tracksmith.engine.region_peaks import Overlaps
from tracksmith.engine.region_windows import region_windows
from tracksmith.engine.request import card_options, file_facts, genome_facts
from tracksmith.engine.versions import refuse_other_versions
from tracksmith.errors import InputError, PluginError, TrustError, UsageError
from tracksmith.files import plain
from tracksmith.genome.fasta import Genome
from tracksmith.models.card import ModelCard, RegionGeometry
from tracksmith.models.contract import Model, WeightPaths
from tracksmith.models.registry import RegisteredModel, Registry
from tracksmith.models.selection import select_tracks
from tracksmith.models.trust import note_unused
from tracksmith.models.weights import describe, find_weights
from tracksmith.progress import Progress, Silent
from tracksmith.run import Run, differences
from tracksmith.tracks.options import (
    Compressor,
    compress_function,
    default_compressor,
    parse_precision,
)
from tracksmith.version import __version__

__all__ = [
    "RegionRequest",
    "ResolvedRegions",
    "planned_request",
    "resolve_region_request",
]

BATCH_WINDOWS = {"cpu": 4, "cuda": 64}


@dataclass(frozen=True)
class RegionRequest:
    """What ``tracksmith predict`` was asked of a region model.

    ``inputs`` are files by the names on the model's card, without peaks and
    accessibility; ``normalisers`` is the file of an earlier run. Other fields
    mean what they mean for window models; ``stride`` counts regions.
    A run does not store ``trust_weights``.
    """

    model: str
    genome: Path
    peaks: Path
    inputs: Mapping[str, Path] = field(default_factory=dict)
    accessibility: Path | None = None
    counts_column: int | None = None
    overlaps: Overlaps = "refuse"
    normalisers: Path | None = None
    tracks: tuple[str, ...] = ()
    stride: int | None = None
    batch_size: int | None = None
    device: str = "auto"
    dtype: str = "float32"
    precision: str | None = None
    compressor: str | None = None
    weights: Path | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    alias: Path | None = None
    clip: bool = False
    trust_weights: tuple[str, ...] = ()


@dataclass(frozen=True)
class ResolvedRegions:
    """A request with everything opened but nothing computed."""

    asked: RegionRequest
    model: Model
    card: ModelCard
    geometry: RegionGeometry
    weights: WeightPaths
    genome: Genome
    request: dict[str, Any]
    versions: dict[str, str]

    def on(self, device: str) -> ResolvedRegions:
        """Return the same for another device of its kind."""
        return replace(self, asked=replace(self.asked, device=device))

    @property
    def places(self) -> dict[str, Any]:
        """Where the files were found, and the request for opening them again."""
        asked = self.asked
        weights = {
            fold: [str(path.absolute()) for path in files] for fold, files in self.weights.items()
        }
        return {
            "genome": str(asked.genome.absolute()),
            "regions": [str(asked.peaks)],
            "weights": {self.card.name: weights},
            "region_request": _stored(asked),
        }


def resolve_region_request(
    asked: RegionRequest, registry: Registry, progress: Progress
) -> ResolvedRegions:
    """Open the genome and take digests of all files; nothing is computed.

    Raises
    ------
    TracksmithError
        Of the kind that fits: a model that reads no regions (UsageError), a
        missing file (InputError), weights that are missing (ResourceError).
    """
    registered = registry.get(asked.model)
    _check_switches(asked, registered)
    model = registered.model
    weights = find_weights(model, asked.weights)
    card = describe(model, weights)
    if asked.weights is None or not asked.weights.is_file():
        refuse_partial(card, tuple(weights), "the file of one fold (--weights FILE)")
    geometry = card.geometry
    if not isinstance(geometry, RegionGeometry):
        raise PluginError(f"{card.name} describes itself as a window model once it is loaded.")
    if not card.commercial_use:
        progress.note(f"NOTE: {card.name} may not be used commercially ({card.weights_licence}).")
    stride = geometry.stride if asked.stride is None else asked.stride
    region_windows(0, geometry.context, stride)
    geometry = RegionGeometry(geometry.context, stride, geometry.inputs)
    genome = Genome.open(asked.genome, notify=progress.note)
    check_card_assembly(card, genome.contigs, "mean", progress.note)
    kind = device_kind(parse_devices(asked.device)[0])
    entry = {
        "card": plain(card.to_dict(select_tracks(card, asked.tracks))),
        "plugin": f"{registered.distribution} {registered.version}",
        "geometry": {"context": geometry.context, "stride": geometry.stride},
        "folds": {"rule": "mean", "names": list(weights) or [""], "spread": False},
        "weights": {fold: [file_facts(path) for path in files] for fold, files in weights.items()},
        "reverse_complement": False,
        "shifts": [0],
        "options": card_options(card, asked.options),
        "dtype": asked.dtype,
        "batch_size": asked.batch_size or BATCH_WINDOWS.get(kind, 4),
    }
    request = {
        "genome": genome_facts(genome),
        "models": [entry],
        "regions": None,
        "inputs": _inputs(asked, geometry),
        "counts_column": asked.counts_column,
        "overlaps": asked.overlaps,
        "clip": asked.clip,
        "dtype": asked.dtype,
        "precision": asked.precision,
        "compressor": asked.compressor or default_compressor(),
        "device": kind,
    }
    note_unused([entry], progress.note)
    versions = {"tracksmith": __version__, "torch": torch.__version__}
    return ResolvedRegions(asked, model, card, geometry, weights, genome, request, versions)


def planned_request(
    run: Run, registry: Registry, device: str, progress: Progress | None = None
) -> ResolvedRegions:
    """Open again what a run over regions was planned with, for another process or device.

    Raises
    ------
    TrustError
        A file, the genome or the plugin is not what was planned.
    """
    refuse_other_versions(run)
    asked = replace(_restored(run.places["region_request"]), device=device)
    resolved = resolve_region_request(asked, registry, progress or Silent())
    found = differences(_without_variants(run.request), resolved.request)
    if found:
        listed = "\n".join(f"  {line}" for line in found[:10])
        raise TrustError(
            f"The inputs are not those that were planned (planned, now):\n{listed}\n"
            "Restore them, or start anew."
        )
    return resolved


def _without_variants(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request without what a run of variants adds to it."""
    models = [
        {key: value for key, value in entry.items() if key not in ("scores", "mode")}
        for entry in request["models"]
    ]
    own = {key: value for key, value in request.items() if key != "variants"}
    return own | {"models": models}


def _stored(asked: RegionRequest) -> dict[str, Any]:
    """Return a request as JSON; paths become absolute, and consent is left out.

    A run's folder that could say what is trusted could make others run its code.
    """

    def value(item: Any) -> Any:
        if isinstance(item, Path):
            return {"$path": str(item.absolute())}
        if isinstance(item, Mapping):
            return {key: value(inner) for key, inner in item.items()}
        return list(item) if isinstance(item, tuple) else item

    kept = [item.name for item in fields(asked) if item.name != "trust_weights"]
    return {name: value(getattr(asked, name)) for name in kept}


def _restored(stored: Mapping[str, Any]) -> RegionRequest:
    def value(item: Any) -> Any:
        if isinstance(item, dict):
            if set(item) == {"$path"}:
                return Path(item["$path"])
            return {key: value(inner) for key, inner in item.items()}
        return tuple(item) if isinstance(item, list) else item

    kept = {name: value(item) for name, item in stored.items() if name != "trust_weights"}
    return RegionRequest(**kept)


def _check_switches(asked: RegionRequest, registered: RegisteredModel) -> None:
    geometry = registered.card.geometry
    if not isinstance(geometry, RegionGeometry) or registered.model.features is None:
        raise UsageError(
            f"{asked.model} reads windows along a genome, not a list of peaks. "
            "Leave out --peaks; restrict it to regions with -r."
        )
    if asked.dtype not in DTYPES:
        raise UsageError(f"--dtype {asked.dtype}: use one of {', '.join(DTYPES)}.")
    if asked.batch_size is not None and asked.batch_size < 1:
        raise UsageError(f"--batch-size {asked.batch_size}: give 1 or more.")
    if asked.overlaps not in ("refuse", "merge"):
        raise UsageError(f"--overlaps {asked.overlaps}: use refuse or merge.")
    if asked.compressor is not None:
        compress_function(cast("Compressor", asked.compressor))
    if asked.precision is not None:
        parse_precision(asked.precision)
    given = {*asked.inputs, *(["accessibility"] if _has_signal(asked) else [])}
    unknown = sorted(given - set(geometry.inputs) | ({"peaks"} & set(asked.inputs)))
    if unknown:
        raise UsageError(
            f"{asked.model} does not read {', '.join(unknown)}; besides --peaks it may be given "
            f"{', '.join(name for name in geometry.inputs if name != 'peaks')}."
        )


def _has_signal(asked: RegionRequest) -> bool:
    return asked.accessibility is not None or asked.counts_column is not None


def _inputs(asked: RegionRequest, geometry: RegionGeometry) -> dict[str, Any]:
    """Return size and sha256 of every file that decides the values."""
    files = {"peaks": asked.peaks, **asked.inputs}
    extra = {
        "accessibility": asked.accessibility,
        "normalisers": asked.normalisers,
        "alias": asked.alias,
    }
    files |= {name: path for name, path in extra.items() if path is not None}
    for name, path in files.items():
        if not path.is_file():
            raise InputError(f"{name}: there is no file {path} (that is {path.absolute()}).")
    return {name: file_facts(path) for name, path in files.items()}
