"""Where windows lie when regions are explained. Integer arithmetic only.

A region lies in the middle of its window. One that is longer than the scored bins are wide is cut
into steps of nearly equal length, each in the middle of a window of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.windows import Frame, Placement, frame_of, place
from tracksmith.engine.tiling import orientations, tile
from tracksmith.errors import UsageError
from tracksmith.genome.intervals import Regions
from tracksmith.genome.readable import Readable
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
    placement = place(geometry.window, offset, deltas, record.max_allele or 1)
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
    """Stretches of contigs that are explained at once, in the order in which they are computed.

    ``contig``, ``starts``, ``ends`` and ``anchor``, the base that takes the place of a variant in
    the window (bp), are int64, ``(steps,)``. ``shuffled`` is the number of the step whose window
    is shuffled to give a step's references: its own, or that of the other allele.
    """

    contig: Whole
    starts: Whole
    ends: Whole
    anchor: Whole
    shuffled: Whole

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def first(self) -> Whole:
        """The number of each step's first base, counted through all, and of all bases behind."""
        return np.concatenate([[0], np.cumsum(self.ends - self.starts)]).astype(np.int64)

    @property
    def longest(self) -> int:
        """Bases of the longest step."""
        return int((self.ends - self.starts).max(initial=0))

    def stretch(self, genome: Readable, step: int, placement: Placement) -> NDArray[np.uint8]:
        """Return the masks of the union of a step's windows, uint8 ``(placement.length,)``."""
        name = genome.contigs.names[int(self.contig[step])]
        start = int(self.anchor[step]) - placement.lead
        return genome.read(name, start, start + placement.length)

    def offset(self, step: int, placement: Placement) -> int:
        """Return where in its stretch a step begins, bp."""
        return int(self.starts[step] - self.anchor[step]) + placement.lead


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
    numbers = np.arange(len(start), dtype=np.int64)
    return Steps(np.array(contigs, np.int64), start, end, (start + end) // 2, numbers)
