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

Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]

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


class _Changes(NamedTuple):
    """What the edits of one contig change, in bp of the reference.

    ``edits`` are their numbers, ``place`` where their effects belong, int64 ``(edits, 2)``;
    ``restricted`` says which are for some readouts only. ``spans``, int64 ``(spans, 2)``, are the
    stretches that are changed; those of an edit begin at its ``first``.
    """

    edits: Whole
    place: Whole
    restricted: Flags
    spans: Whole
    first: Whole

    @classmethod
    def of(cls, edits: Sequence[Perturbation], numbers: list[int], length: int) -> _Changes:
        """Return those of some edits, by number, of a contig of ``length`` bp."""
        some = [edits[number] for number in numbers]
        # To keep a whole contig changes nothing, which every window sees.
        spans = [edit.touched(length) or ((0, length),) for edit in some]
        counts = [len(own) for own in spans]
        return cls(
            np.array(numbers, np.int64),
            np.array([edit.place for edit in some], np.int64),
            np.array([bool(edit.readouts) for edit in some], np.bool_),
            np.array([span for own in spans for span in own], np.int64),
            np.cumsum([0, *counts[:-1]]),
        )

    def seen(self, low: int, high: int) -> tuple[Flags, Flags]:
        """Say of each edit whether ``[low, high)`` holds some of its changes, and whether all."""
        start, end = self.spans.T
        meets = np.logical_or.reduceat((start < high) & (end > low), self.first)
        return meets, np.logical_and.reduceat((start >= low) & (end <= high), self.first)

    def distances(self, readout: Readout) -> Whole:
        """Return how far away each edit is, in bp: see :meth:`Readout.distance`, without a sign."""
        start, end = self.place.T
        away: Whole = np.maximum(np.maximum(readout.start - end, start - readout.end) + 1, 0)
        return away


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
    def _changes(self) -> dict[int, _Changes]:
        """What the edits of each contig change."""
        of_contig: dict[int, list[int]] = {}
        for number, edit in enumerate(self.edits):
            of_contig.setdefault(edit.contig, []).append(number)
        lengths = self.placer.plan.contigs.lengths
        return {
            contig: _Changes.of(self.edits, numbers, int(lengths[contig]))
            for contig, numbers in of_contig.items()
        }

    def of_readout(self, number: int) -> Iterator[Pair]:
        """Yield the pairs of a readout, in the order of the edits."""
        return self._pairs(number, reached=False)

    def count_of(self, number: int) -> int:
        """Return how many pairs a readout has."""
        changes = self._changes.get(self.readouts[number].contig)
        return 0 if changes is None else int(self._wanted(number, changes).sum())

    def _pairs(self, number: int, *, reached: bool) -> Iterator[Pair]:
        """Yield the pairs of a readout, or those alone whose window holds a change."""
        place, changes = self.places[number], self._changes.get(self.readouts[number].contig)
        if changes is None:
            return
        meets, inside = changes.seen(place.low, place.high)
        wanted = self._wanted(number, changes) & (meets | (not reached))
        rows = (changes.edits[wanted], meets[wanted], inside[wanted])
        for edit, near, whole in zip(*(row.tolist() for row in rows), strict=True):
            reach = NO if not near else YES if whole else PARTLY
            yield Pair(number, edit, reach, self._why(number, edit, reach))

    def _wanted(self, number: int, changes: _Changes) -> Flags:
        """Say of every edit of a readout's contig whether both are a pair, bool ``(edits,)``."""
        readout = self.readouts[number]
        meant = self._meant.get(readout.name, [])
        wanted: Flags = ~changes.restricted | np.isin(changes.edits, np.array(meant, np.int64))
        if self.within is not None:
            wanted &= changes.distances(readout) <= self.within
        return wanted

    @cached_property
    def _meant(self) -> dict[str, list[int]]:
        """The edits that are restricted to a readout, by its name."""
        meant: dict[str, list[int]] = {}
        for number, edit in enumerate(self.edits):
            for name in edit.readouts:
                meant.setdefault(name, []).append(number)
        return meant

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
        edits, (low, high) = change.lengths(length, (place.low, place.high)), place.span
        if all(edit.end <= low or edit.start >= high for edit in edits):  # beside the readout
            return Register(sum(edit.change for edit in edits if edit.end <= low), place.bins)
        return self._in_register(EditedContig(length, edits), readout, place)

    def _in_register(self, edited: EditedContig, readout: Readout, place: Place) -> Register:
        """Return the same of edits that reach into the readout."""
        first, last = (place.anchor, place.anchor + 1) if readout.site else place.span
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
        for pair in self._pairs(number, reached=True):
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
