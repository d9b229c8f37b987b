"""A run of a region model: peaks, features, prediction, tracks over the peaks.

One unit of work: killed, it starts again. Files are whole or absent, and the
same request gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tracksmith.engine.api import remove_run
from tracksmith.engine.device import DTYPES, BatchSize, device_kind, parse_devices, resolve_device
from tracksmith.engine.finish import refuse_damage
from tracksmith.engine.forward import as_predictor
from tracksmith.engine.region_files import write_files
from tracksmith.engine.region_forward import RegionForward
from tracksmith.engine.region_peaks import Overlaps, Peaks, PeaksRequest, read_peaks
from tracksmith.engine.region_windows import region_windows
from tracksmith.engine.request import card_options, file_facts, genome_facts
from tracksmith.errors import InputError, PluginError, TracksmithError, UsageError
from tracksmith.files import plain
from tracksmith.genome.fasta import Genome
from tracksmith.models.card import ModelCard, RegionGeometry, Track
from tracksmith.models.contract import (
    FeatureRequest,
    FeatureSource,
    LoadRequest,
    Model,
    RegionBatch,
    WeightPaths,
)
from tracksmith.models.registry import RegisteredModel, load_registry
from tracksmith.models.selection import select_tracks
from tracksmith.models.trust import note_unused, trusted_files, trusting
from tracksmith.models.weights import find_weights
from tracksmith.progress import Progress, Silent
from tracksmith.run import Run
from tracksmith.tracks.options import default_compressor, parse_precision
from tracksmith.version import __version__

__all__ = [
    "RegionRequest",
    "RegionWork",
    "ResolvedRegions",
    "predict_regions",
    "prepare_regions",
    "region_features",
    "resolve_region_request",
]

BATCH_WINDOWS = {"cpu": 4, "cuda": 64}
FEATURE_BASES = 1 << 20
"""Bases of regions whose features are made at once."""


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


def predict_regions(
    asked: RegionRequest, out: Path, progress: Progress | None = None, overwrite: bool = False
) -> Run:
    """Predict every peak and write tracks, a table and the normalisers into ``out``.

    Repeated on a finished run it does nothing; on one that was stopped it
    starts again.

    Returns
    -------
    run
        The finished run; ``run.files`` lists what was written.

    Raises
    ------
    TracksmithError
        Of the kind that fits; see :func:`tracksmith.engine.region_peaks.read_peaks`.
    """
    told = progress or Silent()
    with trusting(asked.trust_weights):
        resolved = resolve_region_request(asked, told)
    if Run.exists(out) and not overwrite:
        found = Run.open(out)
        found.refuse_other(resolved.request, resolved.versions)
        if found.finished:
            refuse_damage(found)
            told.note(f"{out} is finished already; nothing to do.")
            return found
    # Everything that can be wrong with the inputs is said before the folder is made.
    with trusting(asked.trust_weights) as held:
        work = prepare_regions(resolved, told)
    run = _make_run(resolved, out)
    with run.lock():
        run.sweep()
        values, normalisers = _compute(work, told)
        run.content["files"] = write_files(run, _chosen(resolved, values), work.peaks, normalisers)
        run.content["trusted_weights"] = trusted_files(run.request["models"], held.used)
        run.content["finished"] = True
        run.save()
        with suppress(OSError):
            run.parts_folder.rmdir()
    return run


def _chosen(
    resolved: ResolvedRegions, values: NDArray[np.float32]
) -> dict[Track, NDArray[np.float32]]:
    """Return the tracks that were asked for with their values, float32 (regions,)."""
    wanted = {track["id"] for track in resolved.request["models"][0]["card"]["tracks"]}
    return {
        track: values[:, column]
        for column, track in enumerate(resolved.card.tracks)
        if track.id in wanted
    }


def resolve_region_request(asked: RegionRequest, progress: Progress) -> ResolvedRegions:
    """Open the genome and take digests of all files; nothing is computed."""
    registered = load_registry().get(asked.model)
    _check_switches(asked, registered)
    model = registered.model
    weights = find_weights(model, asked.weights)
    card = model.describe(weights) if model.describe else model.card
    geometry = card.geometry
    if not isinstance(geometry, RegionGeometry):
        raise PluginError(f"{card.name} describes itself as a window model once it is loaded.")
    if not card.commercial_use:
        progress.note(f"NOTE: {card.name} may not be used commercially ({card.weights_licence}).")
    stride = geometry.stride if asked.stride is None else asked.stride
    region_windows(0, geometry.context, stride)
    geometry = RegionGeometry(geometry.context, stride, geometry.inputs)
    genome = Genome.open(asked.genome, notify=progress.note)
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


def _make_run(resolved: ResolvedRegions, out: Path) -> Run:
    if Run.exists(out):
        remove_run(Run.open(out))
    asked = resolved.asked
    places = {
        "genome": str(asked.genome.resolve()),
        "regions": [str(asked.peaks)],
        "weights": {
            resolved.card.name: {
                fold: [str(path.resolve()) for path in files]
                for fold, files in resolved.weights.items()
            }
        },
    }
    return Run.create(out, resolved.request, resolved.versions, places, [[]])


@dataclass(frozen=True)
class RegionWork:
    """All that a run needs, opened and checked."""

    genome: Genome
    peaks: Peaks
    source: FeatureSource
    forward: RegionForward
    normalisers: dict[str, Any] | None


def prepare_regions(resolved: ResolvedRegions, progress: Progress) -> RegionWork:
    """Read the peaks, open their features and load the model."""
    asked = resolved.asked
    device = resolve_device(parse_devices(asked.device)[0])
    wanted = PeaksRequest(
        **{name: getattr(asked, name) for name in PeaksRequest.__dataclass_fields__}
    )
    normalisers = read_normalisers(asked.normalisers)
    peaks = read_peaks(wanted, resolved.genome.contigs, progress.note)
    source = _open_features(resolved, str(device))
    forward = _load(resolved, source, device)
    return RegionWork(resolved.genome, peaks, source, forward, normalisers)


def _compute(work: RegionWork, progress: Progress) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Return the values of the peaks, ``(regions, tracks)`` of the card, and the normalisers."""
    peaks, source = work.peaks, work.source
    raw = region_features(source, peaks, work.genome, progress)
    matrix, normalisers = source.normalise(raw, peaks.signal, work.normalisers)
    if matrix.shape != (len(peaks), len(source.names)) or matrix.dtype != np.float32:
        raise PluginError(
            f"{work.forward.name} made a matrix of {matrix.dtype} {matrix.shape} for "
            f"{len(peaks)} regions and {len(source.names)} features; float32 is due."
        )
    return work.forward.predict(peaks, matrix, progress), normalisers


def _open_features(resolved: ResolvedRegions, device: str) -> FeatureSource:
    if resolved.model.features is None:
        raise PluginError(f"{resolved.card.name} has no features step.")
    options = resolved.request["models"][0]["options"]
    return resolved.model.features(FeatureRequest(dict(resolved.asked.inputs), options, device))


def _load(resolved: ResolvedRegions, source: FeatureSource, device: torch.device) -> RegionForward:
    entry, card = resolved.request["models"][0], resolved.card
    tracks = tuple(track.id for track in card.tracks)
    asked = LoadRequest(resolved.weights, tracks, entry["options"], source.names)
    try:
        loaded = resolved.model.load(asked)
    except TracksmithError:
        raise
    except Exception as error:
        raise PluginError(f"{card.name} failed to load: {type(error).__name__}: {error}") from error
    predictor = as_predictor(loaded, entry["folds"]["names"])
    networks = [net.to(device).eval() for net in predictor.networks.values()]
    batch = BatchSize(entry["batch_size"])
    return RegionForward(
        card.name, networks, resolved.geometry, len(tracks), device, batch, entry["dtype"]
    )


def region_features(
    source: FeatureSource, peaks: Peaks, genome: Genome, progress: Progress
) -> NDArray[np.float32]:
    """Return the features of all regions, float32 ``(regions, columns)``."""
    pieces = []
    progress.start("features", int((peaks.ends - peaks.starts).sum()), "bp")
    for number, regions in peaks.on_contigs():
        contig = peaks.contigs.names[number]
        for piece in _pieces(peaks, regions):
            starts, ends = peaks.starts[piece], peaks.ends[piece]
            bases = [
                genome.read(contig, start, end)
                for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
            ]
            found = source.features(RegionBatch(contig, starts, ends, bases))
            if found.ndim != 2 or len(found) != len(starts) or not np.isfinite(found).all():
                raise PluginError(
                    f"The features of {len(starts)} regions have shape {found.shape} or values "
                    f"that are not finite, from {peaks.place(piece.start)} on."
                )
            pieces.append(found)
            progress.advance(int((ends - starts).sum()))
    progress.finish()
    return np.concatenate(pieces)


def _pieces(peaks: Peaks, regions: slice) -> list[slice]:
    """Cut the regions of a contig into runs of about a million bases."""
    widths = (peaks.ends - peaks.starts)[regions]
    group = (np.cumsum(widths) - widths) // FEATURE_BASES
    edges = [0, *(np.flatnonzero(np.diff(group)) + 1).tolist(), len(widths)]
    return [slice(regions.start + a, regions.start + b) for a, b in pairwise(edges)]


def read_normalisers(path: Path | None) -> dict[str, Any] | None:
    """Read the normalisers that an earlier run stored.

    Raises
    ------
    InputError
        The file is no such JSON.
    """
    if path is None:
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        normalisers: dict[str, Any] = content["normalisers"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} holds no normalisers: {type(error).__name__}: {error}. Give the file "
            "regions/MODEL.normalisers.json of an earlier run."
        ) from None
    return normalisers
