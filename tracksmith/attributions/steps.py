"""Where windows lie when regions are explained. Integer arithmetic only.

A region lies in the middle of its window. One that is longer than the scored bins are wide is cut
into steps of nearly equal length, each in the middle of a window of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.windows import Frame, Placement, frame_of, place
from tracksmith.engine.tiling import orientations, tile
from tracksmith.errors import UsageError
from tracksmith.genome.fasta import Genome
from tracksmith.genome.intervals import Regions
from tracksmith.models.card import ModelCard
from tracksmith.runs.record import ModelRecord

__all__ = ["Steps", "Windows", "steps_of", "windows_of"]

Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Windows:
    """How windows of a model lie around the middle of a step, and which bins are explained.

    ``longest`` is the length of the longest step, bp.
    """

    placement: Placement
    frame: Frame
    longest: int


def windows_of(record: ModelRecord) -> Windows:
    """Return how windows of a model lie.

    Raises
    ------
    UsageError
        Shifts move the region out of the window.
    """
    card: ModelCard = record.card
    geometry = card.variant_geometry
    ways = orientations(tile(geometry), record.shifts, reverse=record.reverse_complement)
    offset = geometry.window // 2 if card.variants.position is None else card.variants.position
    deltas = [way.delta for way in ways]
    placement = place(geometry.window, offset, deltas, 1)
    frame = frame_of(card, [way.moved_bins for way in ways])
    first, last = frame.scored
    span = geometry.window if frame.whole else (last - first) * frame.size
    room = 2 * min(offset - max(deltas), geometry.window - offset + min(deltas))
    if room < 1:
        raise UsageError(
            f"{card.name} has no room for a region around the place of its variants, {offset} of "
            f"{geometry.window} bp. Give smaller --shifts."
        )
    return Windows(placement, frame, min(span, room))


@dataclass(frozen=True)
class Steps:
    """Stretches of regions that are explained at once, in the order of the genome.

    ``contig``, ``start`` and ``end`` (bp) are int64, ``(steps,)``; ``first`` is the number of a
    step's first base, counted through all regions, with the number of all bases behind it.
    """

    contig: Whole
    start: Whole
    end: Whole
    first: Whole

    def __len__(self) -> int:
        return len(self.start)

    @property
    def middle(self) -> Whole:
        """The base in the middle of each step, which takes the place of a variant; bp."""
        return (self.start + self.end) // 2

    @property
    def longest(self) -> int:
        """Bases of the longest step."""
        return int((self.end - self.start).max(initial=0))

    def stretch(self, genome: Genome, step: int, placement: Placement) -> NDArray[np.uint8]:
        """Return the masks of the union of a step's windows, uint8 ``(placement.length,)``."""
        name = genome.contigs.names[int(self.contig[step])]
        start = int(self.middle[step]) - placement.lead
        return genome.read(name, start, start + placement.length)

    def offset(self, step: int, placement: Placement) -> int:
        """Return where in its stretch a step begins, bp."""
        return int(self.start[step] - self.middle[step]) + placement.lead


def steps_of(regions: Regions, longest: int) -> Steps:
    """Cut regions into steps of at most ``longest`` bp."""
    contigs, starts, ends = [], [], []
    rows = zip(regions.contig.tolist(), regions.starts.tolist(), regions.ends.tolist(), strict=True)
    for contig, start, end in rows:
        pieces = -(-(end - start) // longest)
        edges = [start + (end - start) * number // pieces for number in range(pieces + 1)]
        contigs += [contig] * pieces
        starts += edges[:-1]
        ends += edges[1:]
    start, end = np.array(starts, np.int64), np.array(ends, np.int64)
    first = np.concatenate([[0], np.cumsum(end - start)]).astype(np.int64)
    return Steps(np.array(contigs, np.int64), start, end, first)
