"""The work of a region run: peaks read, features made, the model loaded and run, part by part."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tracksmith.engine.calls import as_predictor
from tracksmith.engine.device import BatchSize, parse_devices, resolve_device
from tracksmith.engine.lanes import Lanes
from tracksmith.engine.parts import PartStore, PartWriter
from tracksmith.engine.region_forward import RegionForward
from tracksmith.engine.region_peaks import Peaks, PeaksRequest, read_peaks
from tracksmith.engine.region_request import ResolvedRegions
from tracksmith.engine.region_windows import PlacedWindows, place_windows
from tracksmith.errors import InputError, PluginError, TracksmithError, TrustError
from tracksmith.files import crash_point
from tracksmith.genome.aliases import ContigNames, read_aliases
from tracksmith.genome.fasta import Genome
from tracksmith.models.card import ModelCard
from tracksmith.models.contract import FeatureRequest, FeatureSource, LoadRequest, RegionBatch
from tracksmith.models.trust import consent, trusting
from tracksmith.progress import Progress
from tracksmith.run import Run

__all__ = [
    "RegionWork",
    "RegionWorker",
    "features_of",
    "prepare_regions",
    "region_features",
]

FEATURE_BASES = 1 << 20
"""Bases of regions whose features are made at once; a part has as many."""

PART_WINDOWS = 64
"""Windows of a part, or a batch of them if that is more."""

FEATURES, VALUES = 0, 1
"""The two stages of a run, numbered as the models of a run over windows: the values of a region
need the features of all regions, by which they are normalised."""


@dataclass(frozen=True)
class RegionWork:
    """All that a run needs, opened and checked.

    ``card`` lists every track of the model; ``trusted`` are the sha256 of the
    weights that were unpickled.
    """

    card: ModelCard
    genome: Genome
    peaks: Peaks
    source: FeatureSource
    forward: RegionForward
    normalisers: dict[str, Any] | None
    trusted: list[str]

    @cached_property
    def placed(self) -> PlacedWindows:
        """The windows over all peaks."""
        geometry = self.forward.geometry
        return place_windows(self.peaks.on_contigs(), geometry.context, geometry.stride)

    @property
    def parts(self) -> list[list[int]]:
        """The region with which each part of features begins; the window, of those of values."""
        widths = self.peaks.ends - self.peaks.starts
        number = (np.cumsum(widths) - widths) // FEATURE_BASES
        starts = [piece.start for piece in feature_pieces(self.peaks)]
        starts = [b for a, b in pairwise([-1, *starts]) if a < 0 or number[a] < number[b]]
        step = max(PART_WINDOWS, self.forward.batch.windows)
        return [starts, list(range(0, len(self.placed), step))]

    def normalise(self, raw: NDArray[np.float32]) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Return the matrix that the network reads, float32 ``(regions, features)``.

        Raises
        ------
        PluginError
            It has another shape or dtype.
        """
        peaks, source = self.peaks, self.source
        matrix, used = source.normalise(raw, peaks.signal, self.normalisers)
        if matrix.shape != (len(peaks), len(source.names)) or matrix.dtype != np.float32:
            raise PluginError(
                f"{self.forward.name} made a matrix of {matrix.dtype} {matrix.shape} for "
                f"{len(peaks)} regions and {len(source.names)} features; float32 is due."
            )
        return matrix, used


def prepare_regions(resolved: ResolvedRegions, progress: Progress) -> RegionWork:
    """Read the peaks, open their features and load the model."""
    asked = resolved.asked
    device = resolve_device(parse_devices(asked.device)[0])
    wanted = PeaksRequest(
        **{name: getattr(asked, name) for name in PeaksRequest.__dataclass_fields__}
    )
    normalisers = _read_normalisers(asked.normalisers)
    peaks = read_peaks(wanted, resolved.genome.contigs, progress.note)
    source = _open_features(resolved, str(device), peaks, progress)
    with trusting() as held:
        forward = _load(resolved, source, device)
    consent().used.extend(held.used)
    return RegionWork(
        resolved.card, resolved.genome, peaks, source, forward, normalisers, held.used
    )


def _open_features(
    resolved: ResolvedRegions, device: str, peaks: Peaks, progress: Progress
) -> FeatureSource:
    if resolved.model.features is None:
        raise PluginError(f"{resolved.card.name} has no features step.")
    aliases = read_aliases(resolved.asked.alias, peaks.contigs) if resolved.asked.alias else None
    return resolved.model.features(
        FeatureRequest(
            dict(resolved.asked.inputs),
            resolved.request["models"][0]["options"],
            device,
            tuple(peaks.contigs.names[number] for number, _ in peaks.on_contigs()),
            lambda file: ContigNames(peaks.contigs, file, progress.note, aliases),
            progress.note,
        )
    )


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
    lanes = Lanes(torch.get_num_threads(), 1) if device.type == "cpu" else None
    return RegionForward(
        card.name, networks, resolved.geometry, len(tracks), device,
        BatchSize(entry["batch_size"]), entry["dtype"], lanes,
    )  # fmt: skip


def region_features(work: RegionWork) -> NDArray[np.float32]:
    """Return the features of all regions, float32 ``(regions, columns)``."""
    return np.concatenate([features_of(work, piece) for piece in feature_pieces(work.peaks)])


def feature_pieces(peaks: Peaks) -> Iterator[slice]:
    """Cut the regions into stretches of one contig and about a million bases."""
    for _, regions in peaks.on_contigs():
        widths = (peaks.ends - peaks.starts)[regions]
        group = (np.cumsum(widths) - widths) // FEATURE_BASES
        edges = [0, *(np.flatnonzero(np.diff(group)) + 1).tolist(), len(widths)]
        for first, last in pairwise(edges):
            yield slice(regions.start + first, regions.start + last)


def features_of(work: RegionWork, piece: slice) -> NDArray[np.float32]:
    """Return the features of neighbouring regions of one contig."""
    peaks = work.peaks
    contig = peaks.contigs.names[int(peaks.contig[piece.start])]
    starts, ends = peaks.starts[piece], peaks.ends[piece]
    bases = [
        work.genome.read(contig, start, end)
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]
    try:
        found = work.source.features(RegionBatch(contig, starts, ends, bases))
    except (TracksmithError, MemoryError):
        raise
    except Exception as error:
        raise PluginError(
            f"The features of {len(starts)} regions from {peaks.place(piece.start)} on failed: "
            f"{type(error).__name__}: {error}"
        ) from error
    if found.ndim != 2 or len(found) != len(starts) or not np.isfinite(found).all():
        raise PluginError(
            f"The features of {len(starts)} regions have shape {found.shape} or values "
            f"that are not finite, from {peaks.place(piece.start)} on."
        )
    return np.ascontiguousarray(found, dtype=np.float32)


def _read_normalisers(path: Path | None) -> dict[str, Any] | None:
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


class RegionWorker:
    """Computes parts of a region run on one device.

    A part is either the features of some regions, or the values that some
    windows give, once the features of all regions are there.
    """

    def __init__(self, run: Run, work: RegionWork, progress: Progress) -> None:
        if run.parts != work.parts:
            raise TrustError(
                f"{run.folder} was cut into other parts than its peaks are now. "
                "Start anew with --overwrite."
            )
        self.run = run
        self.work = work
        self.store = PartStore(run)
        self.progress = progress

    def parts_of(self, stage: int) -> list[int]:
        """Return the parts of a stage."""
        return [part for part, (own, _) in enumerate(self.store.bounds) if own == stage]

    def size(self, part: int) -> int:
        """Return how many regions (of a part of features) or windows a part has."""
        first, last = self._range(part)
        return last - first

    def _range(self, part: int) -> tuple[int, int]:
        whole = len(self.work.peaks), len(self.work.placed)
        return self.store.chunk_range(part, whole[self.store.bounds[part][0]])

    def compute(self, part: int) -> None:
        """Compute one part and write it, whole or not at all."""
        first, last = self._range(part)
        features = self.store.bounds[part][0] == FEATURES
        forward = self.work.forward

        def fill(writer: PartWriter) -> dict[str, Any]:
            for values in self._pieces(first, last) if features else [self._values(first, last)]:
                writer.write_chunk([values.tobytes()])
            return {
                "interval": f"{'regions' if features else 'windows'} {first + 1}-{last}",
                "device": str(forward.device),
                "smallest_batch": forward.batch.smallest,
                "trusted": self.work.trusted,
            }

        crash_point("part-begin")
        self.store.write(part, fill)
        crash_point("part-end")
        self.progress.advance(last - first)

    def _pieces(self, first: int, last: int) -> Iterator[NDArray[np.float32]]:
        for piece in feature_pieces(self.work.peaks):
            if first <= piece.start < last:
                yield features_of(self.work, piece)

    def _values(self, first: int, last: int) -> NDArray[np.float32]:
        matrix, _ = self.matrix
        return self.work.forward.predict(self.work.peaks, matrix, self.work.placed, first, last)

    @cached_property
    def matrix(self) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """The normalised features of all regions, and what they were normalised by.

        Raises
        ------
        IncompleteError
            Parts of the features are missing or broken.
        """
        self.store.require(self.parts_of(FEATURES))
        raw = bytearray().join(data for _, data in self.store.pieces(FEATURES, 0))
        rows = np.frombuffer(raw, np.float32).reshape(len(self.work.peaks), -1)
        return self.work.normalise(rows)

    def values(self) -> NDArray[np.float32]:
        """Return the values of all regions from the parts, float32 ``(regions, tracks)``."""
        raw = b"".join(data for _, data in self.store.pieces(VALUES, 0))
        found = np.frombuffer(raw, np.float32).reshape(len(self.work.peaks), -1)
        values = np.empty_like(found)
        values[self.work.placed.kept(0, len(self.work.placed))] = found
        return values
