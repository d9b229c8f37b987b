"""From what a user asked to a run: names resolved, defaults filled in, digests taken."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch

from tracksmith.engine.chunks import make_chunks, part_starts
from tracksmith.engine.device import DTYPES, default_batch_size, device_kind, parse_devices
from tracksmith.engine.folds import check_card_assembly, check_mean_only, choose_folds
from tracksmith.engine.plan import Output, outputs_of, with_partners
from tracksmith.engine.tiling import Tiling, chunk_stride, tile
from tracksmith.errors import UsageError
from tracksmith.files import aside, digest_of_file, plain
from tracksmith.genome.contigs import browser_problems
from tracksmith.genome.fasta import Genome
from tracksmith.genome.intervals import Regions
from tracksmith.genome.regions import resolve_regions
from tracksmith.models.card import ModelCard
from tracksmith.models.contract import WeightPaths
from tracksmith.models.registry import RegisteredModel, Registry
from tracksmith.models.selection import select_tracks
from tracksmith.models.trust import note_unused
from tracksmith.models.weights import describe, find_weights
from tracksmith.run import Run, make_folder
from tracksmith.tracks.options import (
    Compressor,
    compress_function,
    default_compressor,
    parse_precision,
)
from tracksmith.version import __version__

__all__ = [
    "PredictRequest",
    "Resolved",
    "card_options",
    "file_facts",
    "genome_facts",
    "resolve_request",
]

log = logging.getLogger(__name__)
Notify = Callable[[str], None]


@dataclass(frozen=True)
class PredictRequest:
    """What ``tracksmith predict`` was asked, before any file was opened.

    ``weights`` maps a model's name to a file or folder; the name ``""`` stands
    for the only model. ``parts`` is their number per model, None for parts of
    about 4 Mb. ``trust_weights`` names pickled weight files, each as
    ``sha256:DIGEST``, that may run code when they are loaded. Other fields are
    the options of the command line.
    """

    models: tuple[str, ...]
    genome: Path
    regions: tuple[str, ...] = ()
    chroms: tuple[str, ...] = ()
    tracks: tuple[str, ...] = ()
    folds: str = "mean"
    spread: bool = False
    reverse_complement: bool | None = None
    shifts: tuple[int, ...] = (0,)
    stride: int | None = None
    batch_size: int | None = None
    device: str = "auto"
    dtype: str = "float32"
    precision: str | None = None
    compressor: str | None = None
    weights: Mapping[str, Path] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    alias: Path | None = None
    clip: bool = False
    parts: int | None = None
    trust_weights: tuple[str, ...] = ()


@dataclass(frozen=True)
class Resolved:
    """A request in the form in which a run stores it, and the open genome."""

    request: dict[str, Any]
    versions: dict[str, str]
    places: dict[str, Any]
    parts: list[list[int]]
    regions: Regions | None
    genome: Genome

    def create(self, folder: Path) -> Run:
        """Write a new run into ``folder``."""
        make_folder(folder)
        if self.regions is not None:
            write_regions(self.regions, folder / "regions.bed")
        return Run.create(folder, self.request, self.versions, self.places, self.parts)


def resolve_request(asked: PredictRequest, registry: Registry, notify: Notify) -> Resolved:
    """Open the genome and the weights' files, and fill in every default.

    Raises
    ------
    TracksmithError
        Of the kind that fits: unknown model or track (UsageError), bad genome
        or regions (InputError), weights that are missing (ResourceError) or
        differ from their digest (TrustError).
    """
    if not asked.models:
        raise UsageError("No model was named: use -m MODEL; `tracksmith models` lists them.")
    chosen = [registry.get(name) for name in dict.fromkeys(asked.models)]
    _check_switches(asked, chosen)
    kind = device_kind(parse_devices(asked.device)[0])
    genome = Genome.open(asked.genome, notify=notify)
    for warning in browser_problems(genome.contigs):
        notify(warning)
    regions = resolve_regions(
        asked.regions, asked.chroms, genome, notify, alias=asked.alias, clip=asked.clip
    )
    contigs = _contigs(genome, regions)
    entries, weights, parts = [], {}, []
    for registered in chosen:
        paths = find_weights(registered.model, _weights_for(registered.card.name, asked))
        _say_what_matters(registered.card, notify)
        entry, tiling = _model_entry(registered, asked, paths, kind, contigs, notify)
        check_card_assembly(registered.card, genome.contigs, entry["folds"]["rule"], notify)
        entries.append(entry)
        weights[registered.card.name] = {
            fold: [str(path.absolute()) for path in files] for fold, files in paths.items()
        }
        parts.append(_parts(registered, paths, entry, tiling, genome, regions, asked.parts))
    _refuse_equal_paths(entries)
    note_unused(entries, notify)
    request = {
        "genome": genome_facts(genome),
        "models": entries,
        "regions": _regions_entry(regions),
        "dtype": asked.dtype,
        "precision": asked.precision,
        "compressor": asked.compressor or default_compressor(),
        "device": kind,
    }
    versions = {"tracksmith": __version__, "torch": torch.__version__}
    places = {
        "genome": str(genome.path.absolute()),
        "regions": [*asked.regions, *asked.chroms],
        "weights": weights,
    }
    return Resolved(request, versions, places, parts, regions, genome)


def _contigs(genome: Genome, regions: Regions | None) -> Sequence[str]:
    """Return the names of the contigs that were asked for."""
    names = genome.contigs.names
    return names if regions is None else [names[n] for n in sorted(set(regions.contig.tolist()))]


def _check_switches(asked: PredictRequest, chosen: list[RegisteredModel]) -> None:
    if asked.dtype not in DTYPES:
        raise UsageError(f"--dtype {asked.dtype}: use one of {', '.join(DTYPES)}.")
    if asked.compressor is not None:
        compress_function(cast("Compressor", asked.compressor))
    if asked.precision is not None:
        parse_precision(asked.precision)
    if len(set(asked.shifts)) < len(asked.shifts) or not asked.shifts:
        raise UsageError(f"--shifts {asked.shifts}: give different numbers of bp, e.g. -43,0,43.")
    for value, name in ((asked.batch_size, "--batch-size"), (asked.parts, "--parts")):
        if value is not None and value < 1:
            raise UsageError(f"{name} {value}: give 1 or more.")
    several = [name for name in asked.weights if not name]
    if several and len(chosen) > 1:
        raise UsageError("With several models say whose weights: --weights MODEL=PATH.")
    unknown = set(asked.weights) - {""} - {item.card.name for item in chosen}
    if unknown:
        raise UsageError(f"--weights names {', '.join(sorted(unknown))}, which was not asked for.")


def _weights_for(name: str, asked: PredictRequest) -> Path | None:
    return asked.weights.get(name, asked.weights.get(""))


def _model_entry(
    registered: RegisteredModel,
    asked: PredictRequest,
    paths: WeightPaths,
    kind: str,
    contigs: Sequence[str],
    notify: Notify,
) -> tuple[dict[str, Any], Tiling]:
    model = registered.model
    card = describe(model, paths)
    tracks = select_tracks(card, asked.tracks)
    tiling = tile(card.window_geometry, asked.stride)
    given = _weights_for(card.name, asked)
    rule, names = choose_folds(card, paths, asked.folds, asked.spread, given, contigs, notify)
    options = card_options(card, asked.options)
    check_mean_only(card, options, rule, names, asked.spread)
    used = {fold: files for fold, files in paths.items() if not names or fold in names}
    window = tiling.window
    entry = {
        "card": plain(card.to_dict(tracks)),
        "plugin": f"{registered.distribution} {registered.version}",
        "geometry": {
            "window": window,
            "core_start": tiling.core_start,
            "core_length": tiling.stride,
            "stride": tiling.stride,
            "bin": tiling.bin,
            "whole_window": card.window_geometry.whole_window,
        },
        "folds": {"rule": rule, "names": list(names), "spread": asked.spread},
        "weights": {fold: [file_facts(path) for path in files] for fold, files in used.items()},
        "reverse_complement": _reverse(card, asked.reverse_complement),
        "shifts": list(asked.shifts),
        "options": options,
        "dtype": asked.dtype,
        "batch_size": asked.batch_size or default_batch_size(kind, window),
    }
    return entry, tiling


def _refuse_equal_paths(entries: Sequence[dict[str, Any]]) -> None:
    """Model and track are joined by a dot, which names may hold: two files could be one."""
    owners: dict[str, str] = {}
    for entry in entries:
        name, spread = entry["card"]["name"], entry["folds"]["spread"]
        for track in entry["card"]["tracks"]:
            for statistic in ("mean", "sd") if spread else ("mean",):
                path = Output(track["id"], statistic, 0).path(name)
                owner = f"the {statistic} of track {track['id']} of {name}"
                if path in owners:
                    raise UsageError(
                        f"{owners[path]} and {owner} would both be written to {path}. "
                        "Predict them in two runs, or leave one out with --tracks."
                    )
                owners[path] = owner


def _reverse(card: ModelCard, asked: bool | None) -> bool:
    if asked and card.reverse_complement == "wrong":
        raise UsageError(
            f"--rc: the card of {card.name} says that averaging with the reverse complement "
            "is wrong for this model."
        )
    return card.reverse_complement == "default" if asked is None else asked


def card_options(card: ModelCard, given: Mapping[str, str]) -> dict[str, str]:
    """Return every option of the card with its value, given or default."""
    known = {option.name: option for option in card.options}
    for name, value in given.items():
        if name not in known:
            raise UsageError(
                f"--option {name}: {card.name} has "
                + (f"the options {', '.join(known)}." if known else "no options.")
            )
        if known[name].choices and value not in known[name].choices:
            raise UsageError(
                f"--option {name}={value}: use one of {', '.join(known[name].choices)}."
            )
    return {name: given.get(name, option.default) for name, option in known.items()}


def file_facts(path: Path) -> dict[str, Any]:
    """Return name, size (bytes) and sha256 of a file."""
    return {"name": path.name, "size": path.stat().st_size, "sha256": digest_of_file(path)}


def genome_facts(genome: Genome) -> dict[str, Any]:
    """Return what a run stores of a genome."""
    return {
        "name": genome.path.name,
        "sha256": genome.sha256(),
        "size": genome.path.stat().st_size,
        "contigs": [[name, int(length)] for name, length in genome.contigs],
    }


def _parts(
    registered: RegisteredModel,
    paths: WeightPaths,
    entry: dict[str, Any],
    tiling: Tiling,
    genome: Genome,
    regions: Regions | None,
    count: int | None,
) -> list[int]:
    model = registered.model
    card = describe(model, paths)
    closed = with_partners(card, [track["id"] for track in entry["card"]["tracks"]])
    span = chunk_stride(tiling, len(outputs_of(closed, entry)), genome.contigs.bases)
    chunks = make_chunks(genome.contigs, regions and regions.widen_to_bins(tiling.bin), span)
    return part_starts(chunks, tiling, count)


def _regions_entry(regions: Regions | None) -> dict[str, Any] | None:
    if regions is None:
        return None
    return {"bases": regions.bases, "count": len(regions), "sha256": regions.digest()}


def write_regions(regions: Regions, path: Path) -> None:
    """Write merged regions as BED3, whole or not at all."""
    with aside(path) as temporary, temporary.open("w", encoding="utf-8") as handle:
        handle.writelines(f"{i.contig}\t{i.start}\t{i.end}\n" for i in regions)


def _say_what_matters(card: ModelCard, notify: Notify) -> None:
    if not card.commercial_use:
        notify(f"NOTE: {card.name} may not be used commercially ({card.weights_licence}).")
