"""Which edits are read in which readouts, and what each pair needs of the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracksmith.genome.edited import EditedContig
from tracksmith.perturbations.perturbation import Perturbation
from tracksmith.perturbations.places import Place, Placer
from tracksmith.perturbations.readouts import Readout

__all__ = ["NO", "PARTLY", "REFERENCE", "YES", "Item", "Pair", "Pairs", "Register"]

YES, PARTLY, NO = "yes", "partly", "no"
"""Whether the window of a readout holds what an edit changes: all, a part, nothing of it."""

REFERENCE = -1
"""In the place of an edit: the genome without any."""


class Pair(NamedTuple):
    """An edit and a readout, by their numbers; ``why`` says why there is no value, '' if one."""

    readout: int
    edit: int
    reach: str
    why: str


class Item(NamedTuple):
    """A sequence to predict: of a readout, without or with an edit, for one seed."""

    readout: int
    edit: int
    seed: int


class Register(NamedTuple):
    """How a readout lies in the edited contig.

    ``offset`` is how far its window is moved, in bp; ``bins`` are those of the core that hold
    what is left of it, half-open. ``why`` says why it cannot be read, '' if it can.
    """

    offset: int
    bins: tuple[int, int]
    why: str = ""


@dataclass(frozen=True)
class Pairs:
    """Edits and readouts of a run, seen through the windows of one model.

    ``blind`` are the contigs, by number, that no fold may predict, ``blank`` the readouts that
    hold nothing but N. ``within`` is the largest distance of a pair in bp, None for any.
    """

    edits: Sequence[Perturbation]
    readouts: Sequence[Readout]
    placer: Placer
    blind: frozenset[int] = frozenset()
    blank: frozenset[int] = frozenset()
    within: int | None = None

    @cached_property
    def places(self) -> list[Place]:
        """Where the readouts lie."""
        return [self.placer.place(readout) for readout in self.readouts]

    @cached_property
    def _touched(self) -> dict[int, NDArray[np.int64]]:
        """By contig: number of the edit, start and end of every stretch that is changed."""
        lengths = self.placer.plan.contigs.lengths
        spans_of: dict[int, list[tuple[int, int, int]]] = {}
        for number, edit in enumerate(self.edits):
            spans = edit.touched(int(lengths[edit.contig]))
            spans_of.setdefault(edit.contig, []).extend((number, *span) for span in spans)
        return {contig: np.array(rows, np.int64) for contig, rows in spans_of.items()}

    def of_readout(self, number: int) -> Iterator[Pair]:
        """Yield the pairs of a readout, in the order of the edits."""
        readout, place = self.readouts[number], self.places[number]
        rows = self._touched.get(readout.contig)
        if rows is None:
            return
        edit, start, end = rows.T
        numbers, first = np.unique(edit, return_index=True)
        meets = np.logical_or.reduceat((start < place.high) & (end > place.low), first)
        inside = np.logical_and.reduceat((start >= place.low) & (end <= place.high), first)
        for one, near, whole in zip(numbers.tolist(), meets, inside, strict=True):
            if self._wanted(self.edits[one], readout):
                reach = NO if not near else YES if whole else PARTLY
                yield Pair(number, one, reach, self._why(number, one, reach))

    def _wanted(self, edit: Perturbation, readout: Readout) -> bool:
        if edit.readouts and readout.name not in edit.readouts:
            return False
        return self.within is None or abs(readout.distance(*edit.place)) <= self.within

    def _why(self, number: int, edit: int, reach: str) -> str:
        readout, place = self.readouts[number], self.places[number]
        if readout.contig in self.blind:
            return "no fold predicts this contig"
        if number in self.blank:
            return "the readout holds no known base"
        if reach == NO:
            return f"beyond the window {place.low}-{place.high}"
        return self.register(number, edit).why

    def register(self, number: int, edit: int) -> Register:
        """Return how a readout lies in the contig with an edit; of ``REFERENCE``, without one."""
        place = self.places[number]
        if edit == REFERENCE:
            return Register(0, place.bins)
        readout, change = self.readouts[number], self.edits[edit]
        if fate := change.fate(place.anchor):
            return Register(0, place.bins, f"the edit {fate} the readout")
        length = int(self.placer.plan.contigs.lengths[readout.contig])
        edited = change.shape(length, (place.low, place.high))
        return self._in_register(edited, readout, place)

    def _in_register(self, edited: EditedContig, readout: Readout, place: Place) -> Register:
        first, last = (place.anchor, place.anchor + 1) if readout.site else place.span
        if not edited.edits:
            return Register(0, place.bins)
        anchor = _nearest(edited, first, last, place.anchor)
        if anchor is None:
            return Register(0, place.bins, "the edit deletes the readout")
        offset = int(edited.to_edited([anchor])[0][0]) - anchor
        span = _left_of(edited, place.span)
        bins = self.placer.bins_of(span, place.core + offset)
        low, high = self.placer.frame
        if bins[0] < low or bins[1] > high:
            return Register(0, place.bins, "the edit makes the readout longer than the core")
        return Register(offset, bins)

    def items_of(self, number: int) -> Iterator[Item]:
        """Yield what is predicted for a readout: the reference, then its edits, seed by seed."""
        begun = False
        for pair in self.of_readout(number):
            if pair.why:
                continue
            if not begun:
                yield Item(number, REFERENCE, 0)
                begun = True
            for seed in range(1, self.edits[pair.edit].seeds + 1):
                yield Item(number, pair.edit, seed)

    @cached_property
    def items(self) -> list[Item]:
        """Everything that is predicted, readout by readout."""
        return [item for number in range(len(self.readouts)) for item in self.items_of(number)]


def _nearest(edited: EditedContig, first: int, last: int, anchor: int) -> int | None:
    """Return the base of ``[first, last)`` nearest to the anchor that is left."""
    if bool(edited.to_edited([anchor])[1][0]):
        return anchor
    left = np.flatnonzero(edited.offsets(first, last)[1]) + first
    return int(left[np.argmin(np.abs(left - anchor))]) if len(left) else None


def _left_of(edited: EditedContig, span: tuple[int, int]) -> tuple[int, int]:
    """Return where what is left of some bases lies in the edited contig, insertions within too."""
    left = np.flatnonzero(edited.offsets(*span)[1]) + span[0]
    ends = edited.to_edited([left[0], left[-1]])[0]
    return int(ends[0]), int(ends[1]) + 1
