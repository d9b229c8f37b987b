"""The inputs of a model over regions, opened: peaks, their features, the networks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import InputError, PluginError, TracksmithError
from tracksmith.genome.aliases import ContigNames, read_aliases
from tracksmith.genome.fasta import Genome
from tracksmith.models.card import ModelCard, RegionGeometry
from tracksmith.models.contract import FeatureRequest, FeatureSource, RegionBatch
from tracksmith.models.trust import trusting
from tracksmith.progress import Progress
from tracksmith.regions.peaks import Peaks, PeaksRequest, read_peaks
from tracksmith.regions.windows import PlacedWindows, place_windows
from tracksmith.runs.device import resolve_device
from tracksmith.runs.planned import PlannedModel, load_model

if TYPE_CHECKING:
    from tracksmith.regions.forward import RegionForward

__all__ = ["RegionInputs", "RegionWork", "feature_pieces", "features_of", "region_features"]

FEATURE_BASES = 1 << 20
"""Bases of regions whose features are made at once; a part has as many."""

PART_WINDOWS = 64
"""Windows of a part, or a batch of them if that is more."""


@dataclass(frozen=True)
class RegionInputs:
    """The files that a model over regions is given; ``files`` are the inputs of its card."""

    peaks: PeaksRequest
    files: Mapping[str, Path] = field(default_factory=dict)
    normalisers: Path | None = None

    @property
    def every(self) -> dict[str, Path]:
        """Every file that decides a value, by what it is."""
        named = {
            "peaks": self.peaks.peaks,
            **self.files,
            "accessibility": self.peaks.accessibility,
            "normalisers": self.normalisers,
            "alias": self.peaks.alias,
        }
        return {name: path for name, path in named.items() if path is not None}


class RegionWork:
    """All that a model over regions needs; the networks are loaded when they are first used.

    ``alleles`` says that features of changed sequence will be asked for.
    """

    def __init__(
        self,
        planned: PlannedModel,
        inputs: RegionInputs,
        genome: Genome,
        device: str,
        progress: Progress,
        *,
        alleles: bool = False,
    ) -> None:
        self.planned = planned
        self.genome = genome
        self.device = device
        self.normalisers = _read_normalisers(inputs.normalisers)
        self.peaks = read_peaks(inputs.peaks, genome.contigs, progress.note)
        self.source = _open_features(self, inputs, progress, alleles=alleles)
        self.trusted: list[str] = []

    @property
    def card(self) -> ModelCard:
        """The card with all tracks of the model."""
        return self.planned.full

    @property
    def geometry(self) -> RegionGeometry:
        """How many regions are read at once, and the stride of this run."""
        geometry = self.card.geometry
        if not isinstance(geometry, RegionGeometry):
            raise PluginError(f"{self.card.name} describes itself as a window model once loaded.")
        return RegionGeometry(geometry.context, self.planned.record.stride, geometry.inputs)

    @cached_property
    def placed(self) -> PlacedWindows:
        """The windows over all regions."""
        geometry = self.geometry
        return place_windows(self.peaks.on_contigs(), geometry.context, geometry.stride)

    @property
    def feature_starts(self) -> tuple[int, ...]:
        """The region with which each part of features begins."""
        widths = self.peaks.ends - self.peaks.starts
        number = (np.cumsum(widths) - widths) // FEATURE_BASES
        starts = [piece.start for piece in feature_pieces(self.peaks)]
        return tuple(b for a, b in pairwise([-1, *starts]) if a < 0 or number[a] < number[b])

    @property
    def value_starts(self) -> tuple[int, ...]:
        """The window with which each part of values begins."""
        step = max(PART_WINDOWS, self.planned.record.batch_size)
        return tuple(range(0, len(self.placed), step))

    @cached_property
    def forward(self) -> RegionForward:
        """The networks on their device, loaded once."""
        from tracksmith.engine.calls import as_predictor
        from tracksmith.engine.guard import guard_regions
        from tracksmith.regions.forward import RegionForward

        record, card = self.planned.record, self.card
        device = resolve_device(self.device)
        tracks = tuple(track.id for track in card.tracks)
        with trusting() as consent:
            loaded = load_model(self.planned, tracks, self.source.names)
        self.trusted = consent.used
        predictor = as_predictor(loaded, record.folds.names)
        networks = list(predictor.networks.values())
        guard_regions(
            card, networks, len(self.source.names), device, record.dtype, len(self.placed)
        )
        return RegionForward.on(
            device, networks, (card.name, len(tracks)), self.geometry,
            record.batch_size, record.dtype,
        )  # fmt: skip

    def normalise(self, raw: NDArray[np.float32]) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Return the matrix that the network reads, float32 ``(regions, features)``.

        Raises
        ------
        PluginError
            It has another shape or dtype.
        """
        return self.normalise_some(raw, slice(0, len(self.peaks)))

    def normalise_some(
        self, raw: NDArray[np.float32], which: slice
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Return the same for some regions alone, as for a trial."""
        source, signal = self.source, self.peaks.signal
        chosen = None if signal is None else signal[which]
        matrix, used = source.normalise(raw, chosen, self.normalisers)
        if matrix.shape != (len(raw), len(source.names)) or matrix.dtype != np.float32:
            raise PluginError(
                f"{self.card.name} made a matrix of {matrix.dtype} {matrix.shape} for "
                f"{len(raw)} regions and {len(source.names)} features; float32 is due."
            )
        return matrix, used


def _open_features(
    work: RegionWork, inputs: RegionInputs, progress: Progress, *, alleles: bool
) -> FeatureSource:
    model, peaks = work.planned.model, work.peaks
    if model.features is None:
        raise PluginError(f"{work.card.name} has no features step.")
    alias = inputs.peaks.alias
    aliases = read_aliases(alias, peaks.contigs) if alias else None
    return model.features(
        FeatureRequest(
            dict(inputs.files),
            work.planned.record.options,
            str(resolve_device(work.device)),
            tuple(peaks.contigs.names[number] for number, _ in peaks.on_contigs()),
            lambda file: ContigNames(peaks.contigs, file, progress.note, aliases),
            progress.note,
            alleles,
        )
    )


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
        features = work.source.features(RegionBatch(contig, starts, ends, bases))
    except (TracksmithError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"The features of {len(starts)} regions from {peaks.place(piece.start)} on failed: "
            f"{type(error).__name__}: {error}"
        ) from error
    if features.ndim != 2 or len(features) != len(starts) or not np.isfinite(features).all():
        raise PluginError(
            f"The features of {len(starts)} regions have shape {features.shape} or values "
            f"that are not finite, from {peaks.place(piece.start)} on."
        )
    return np.ascontiguousarray(features, dtype=np.float32)


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
        stored = json.loads(path.read_text(encoding="utf-8"))
        normalisers: dict[str, Any] = stored["normalisers"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} holds no normalisers: {type(error).__name__}: {error}. Give the file "
            "regions/MODEL.normalisers.json of an earlier run."
        ) from None
    return normalisers
