"""A planned model over windows: its tiling, its chunks, its outputs, the folds of each contig."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracksmith.engine.chunks import ChunkTable, make_chunks
from tracksmith.engine.tiling import Tiling, chunk_stride, tile
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.intervals import Regions
from tracksmith.models.card import ModelCard
from tracksmith.models.weights import select_folds
from tracksmith.runs.planned import PlannedModel
from tracksmith.runs.record import ModelRecord, SampleRecord

if TYPE_CHECKING:
    from tracksmith.engine.forward import ForwardOptions

__all__ = ["Output", "WindowPlan", "outputs_of"]


@dataclass(frozen=True)
class Output:
    """One finished track: which row of the values, which statistic.

    ``sample`` is the person whose it is. ``stored_sign`` is -1 where negated values are
    stored, None where the track's strand says it.
    """

    track: str
    statistic: str
    row: int
    sample: SampleRecord | None = None
    stored_sign: int | None = None

    @property
    def label(self) -> str:
        """What its files are called after model and track; ``mean`` for the prediction itself."""
        return f"{self.sample.file_name}.{self.statistic}" if self.sample else self.statistic


def outputs_of(card: ModelCard, tracks: Sequence[str], *, spread: bool) -> list[Output]:
    """Return the tracks of a model to write: the mean of each, then the spread of each."""
    rows = {track.id: row for row, track in enumerate(card.tracks)}
    outputs = [Output(track, "mean", rows[track]) for track in tracks]
    if spread:
        outputs += [Output(track, "sd", len(card.tracks) + rows[track]) for track in tracks]
    return outputs


@dataclass(frozen=True)
class WindowPlan:
    """One model over windows of a planned run.

    ``regions`` is what was asked for; None is the whole genome.
    """

    planned: PlannedModel
    contigs: Contigs
    regions: Regions | None

    @property
    def record(self) -> ModelRecord:
        """What ``run.json`` says of the model."""
        return self.planned.record

    @property
    def card(self) -> ModelCard:
        """The card with the tracks that are computed, closed under ``rc_partner``."""
        return self.planned.card

    @cached_property
    def tiling(self) -> Tiling:
        """Where its windows lie."""
        return tile(self.card.window_geometry, self.record.stride)

    @cached_property
    def outputs(self) -> list[Output]:
        """The tracks to write, in order."""
        return outputs_of(self.card, self.record.tracks, spread=self.record.folds.spread)

    @property
    def options(self) -> ForwardOptions:
        """What the engine averages."""
        from tracksmith.engine.forward import ForwardOptions

        return ForwardOptions(
            reverse=self.record.reverse_complement,
            shifts=self.record.shifts,
            spread=self.record.folds.spread,
            dtype=self.record.dtype,
        )

    def folds_for(self, contig: str) -> tuple[str, ...]:
        """Return the folds that predict a contig; none leaves a gap."""
        folds = self.record.folds
        return select_folds(self.card, folds.names, folds.rule, folds.contigs)(contig)

    @cached_property
    def chunk_span(self) -> int:
        """Length of a chunk in bp."""
        return chunk_stride(self.tiling, len(self.outputs), self.contigs.bases)

    @cached_property
    def widened(self) -> Regions | None:
        """The regions widened to whole bins."""
        return self.regions and self.regions.widen_to_bins(self.tiling.bin)

    @cached_property
    def chunks(self) -> ChunkTable:
        """The chunks to predict."""
        return make_chunks(self.contigs, self.widened, self.chunk_span)

    @property
    def cores(self) -> int:
        """How many cores hold a base that was asked for: windows of one orientation."""
        stride = self.tiling.stride
        if self.widened is None:
            return int((-(-self.contigs.lengths // stride)).sum())
        total = 0
        for contig in range(len(self.contigs)):
            starts, ends = self.widened.contig_arrays(contig)
            first, last = starts // stride, -(-ends // stride)
            # Neighbours may share a core: it is the first one's.
            first[1:] = np.maximum(first[1:], np.maximum.accumulate(last)[:-1])
            total += int(np.maximum(last - first, 0).sum())
        return total

    @cached_property
    def track_contigs(self) -> list[tuple[str, int]]:
        """The contigs that a track file lists: those with bases."""
        return [(name, length) for name, length in self.contigs if length]

    @cached_property
    def track_index(self) -> NDArray[np.int64]:
        """The number of each contig in a track file, by its number in the genome."""
        return np.cumsum(self.contigs.lengths > 0) - 1

    def wanted(self, contig: int, start: int, end: int) -> NDArray[np.bool_] | None:
        """Return which bins of ``[start, end)`` were asked for; None means all."""
        if self.widened is None:
            return None
        size = self.tiling.bin
        starts, ends = self.widened.contig_arrays(contig)
        low, high = np.searchsorted(ends, start, "right"), np.searchsorted(starts, end, "left")
        edges = np.zeros(-(-(end - start) // size) + 1, dtype=np.int64)
        first = (np.maximum(starts[low:high], start) - start) // size
        last = -(-(np.minimum(ends[low:high], end) - start) // size)
        np.add.at(edges, first, 1)
        np.add.at(edges, last, -1)
        covered = np.cumsum(edges[:-1]) > 0
        return None if covered.all() else covered
