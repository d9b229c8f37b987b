"""A contig with edits: the bases that it then has, and positions there and back.

Alleles of a file, the haplotypes of a person and perturbations are all edits;
they differ in who wrote them. The bases are read when they are asked for, so
that memory follows the number of edits, never the genome.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracksmith.genome.bases import Masks

__all__ = ["Edit", "EditedContig", "ReadBases", "normalised"]

Positions: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]

ReadBases: TypeAlias = Callable[[int, int], Masks]
"""Reads the reference bases of ``[start, end)`` of one contig, 0 outside of it."""

SPARE = 1 << 16
"""Reference bases that are read in vain, in a deletion, rather than in two goes."""


@dataclass(frozen=True, order=True)
class Edit:
    """The reference bases ``[start, end)``, 0-based, replaced by ``bases``, one mask a byte.

    Without reference bases it is an insertion before ``start``, without new ones a
    deletion. Where both are there and differ in number, the first ones stay in
    place, and the rest is deleted or inserted behind them.
    """

    start: int
    end: int
    bases: bytes

    @property
    def change(self) -> int:
        """Bases that it adds; negative where it takes some."""
        return len(self.bases) - (self.end - self.start)


def normalised(edit: Edit, read: ReadBases) -> Edit:
    """Return the edit without the bases that both alleles share, as far left as it goes.

    One change of sequence has one normalised form (Tan et al. 2015, Bioinformatics 31:2202),
    here without a base as an anchor. An edit that changes nothing comes out empty.
    """
    old, new = read(edit.start, edit.end).tobytes(), edit.bases
    shared = _shared(old[::-1], new[::-1])
    old, new = old[: len(old) - shared], new[: len(new) - shared]
    shared = _shared(old, new)
    old, new, start = old[shared:], new[shared:], edit.start + shared
    if old and new:
        return Edit(start, start + len(old), new)
    if not old and not new:
        return Edit(edit.start, edit.start, b"")
    moved = _room_to_the_left(start, old or new, read)
    turn = moved % len(new) if new else 0
    new = new[len(new) - turn :] + new[: len(new) - turn]
    return Edit(start - moved, start - moved + len(old), new)


def _shared(first: bytes, second: bytes) -> int:
    """Return how many bases two sequences share at their begin."""
    size = min(len(first), len(second))
    differ = np.frombuffer(first, np.uint8, size) != np.frombuffer(second, np.uint8, size)
    return int(differ.argmax()) if differ.any() else size


def _room_to_the_left(start: int, unit: bytes, read: ReadBases) -> int:
    """Return how far left an inserted or deleted sequence can be moved: it repeats there."""
    cycle = np.frombuffer(unit[::-1], np.uint8)
    moved, step = 0, 64
    while moved < start:
        size = min(step, start - moved)
        before = read(start - moved - size, start - moved)[::-1]
        differ = before != cycle[(moved + np.arange(size)) % len(cycle)]
        if differ.any():
            return moved + int(differ.argmax())
        moved, step = moved + size, step * 2
    return moved


class EditedContig:
    """One contig with edits, which are sorted here and may not overlap.

    Two edits may adjoin; of two insertions at one place nobody could say which
    comes first, so that they overlap.

    Attributes
    ----------
    length, edited_length
        Bases of the contig without and with the edits.
    edits
        The edits in order.

    Raises
    ------
    ValueError
        Two edits overlap, or one lies outside the contig.
    """

    def __init__(self, length: int, edits: Iterable[Edit]) -> None:
        self.length = length
        self.edits = tuple(sorted(edits))
        _refuse_odd(self.edits, length)
        self._starts = np.array([edit.start for edit in self.edits], np.int64)
        self._ends = np.array([edit.end for edit in self.edits], np.int64)
        self._sizes = np.array([len(edit.bases) for edit in self.edits], np.int64)
        changes = self._sizes - (self._ends - self._starts)
        # The shift before any edit, then behind each.
        self._shifts = np.concatenate([np.zeros(1, np.int64), np.cumsum(changes)])
        self._new_starts = self._starts + self._shifts[:-1]
        self._new_ends = self._new_starts + self._sizes
        self.edited_length = length + int(self._shifts[-1])

    def to_edited(self, positions: ArrayLike) -> tuple[Positions, Flags]:
        """Return where reference positions lie in the edited contig, and which bases survive.

        A deleted base maps to the first base behind the deletion. Positions outside
        the contig move with its ends.

        Returns
        -------
        edited : int64
        survives : bool
        """
        at = np.asarray(positions, np.int64)
        passed = np.searchsorted(self._ends, at, "right")
        edited = at + self._shifts[passed]
        survives = np.ones(at.shape, np.bool_)
        if not self.edits:
            return edited, survives
        around = np.minimum(passed, len(self.edits) - 1)
        kept_to = self._starts[around] + self._sizes[around]
        deleted = (passed == around) & (at >= self._starts[around]) & (at >= kept_to)
        edited = np.where(deleted, self._new_ends[around], edited)
        return edited, survives & ~deleted

    def to_reference(self, positions: ArrayLike) -> tuple[Positions, Flags]:
        """Return where edited positions lie in the reference, and which bases have a place there.

        An inserted base maps to the reference base in front of which it was inserted.

        Returns
        -------
        reference : int64
        placed : bool
        """
        at = np.asarray(positions, np.int64)
        passed = np.searchsorted(self._new_ends, at, "right")
        reference = at - self._shifts[passed]
        placed = np.ones(at.shape, np.bool_)
        if not self.edits:
            return reference, placed
        around = np.minimum(passed, len(self.edits) - 1)
        inserted = (passed == around) & (reference >= self._ends[around])
        inserted &= at >= self._new_starts[around]
        return np.where(inserted, self._ends[around], reference), placed & ~inserted

    def offsets(self, start: int, end: int) -> tuple[Positions, Flags]:
        """Return how far right each base of ``[start, end)`` is moved, and which survive.

        The offset of a base is its edited position minus its own, in bp; that of a
        deleted one says nothing.

        Returns
        -------
        offsets : int64, shape (end - start,)
        survives : bool, shape (end - start,)
        """
        positions = np.arange(start, end, dtype=np.int64)
        edited, survives = self.to_edited(positions)
        return edited - positions, survives

    def near(self, start: int, end: int) -> tuple[Edit, ...]:
        """Return the edits that overlap or adjoin the reference interval ``[start, end)``."""
        first = int(np.searchsorted(self._ends, start, "left"))
        last = int(np.searchsorted(self._starts, end, "right"))
        return self.edits[first:last]

    def read(self, read: ReadBases, start: int, end: int) -> Masks:
        """Return the bases of the edited interval ``[start, end)``; 0 outside the edited contig.

        Returns
        -------
        masks : uint8, shape (end - start,)
        """
        if end < start:
            raise ValueError(f"the interval [{start}, {end}) ends before it starts")
        first = int(np.searchsorted(self._new_ends, start, "right"))
        last = max(first, int(np.searchsorted(self._new_starts, end, "left")))
        masks = np.empty(end - start, np.uint8)
        _fill(masks, read, start, list(self._runs(start, end, first, last)))
        for number in range(first, last):
            new = np.frombuffer(self.edits[number].bases, np.uint8)
            at = int(self._new_starts[number])
            low, high = max(at, start), min(at + len(new), end)
            masks[low - start : high - start] = new[low - at : high - at]
        return masks

    def _runs(self, start: int, end: int, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """Yield begin, end and shift of what lies between edits, in edited positions."""
        begins = [start, *self._new_ends[first:last].tolist()]
        stops = [*self._new_starts[first:last].tolist(), end]
        shifts = self._shifts[first : last + 1].tolist()
        for begin, stop, shift in zip(begins, stops, shifts, strict=True):
            if max(begin, start) < min(stop, end):
                yield max(begin, start), min(stop, end), shift


def _fill(masks: Masks, read: ReadBases, start: int, runs: list[tuple[int, int, int]]) -> None:
    """Read what lies between edits, in one go where these are short."""
    if not runs:
        return
    low, high = runs[0][0] - runs[0][2], runs[-1][1] - runs[-1][2]
    at_once = read(low, high) if high - low <= len(masks) + SPARE else None
    for begin, end, shift in runs:
        first, last = begin - shift, end - shift
        bases = read(first, last) if at_once is None else at_once[first - low : last - low]
        masks[begin - start : end - start] = bases


def _refuse_odd(edits: tuple[Edit, ...], length: int) -> None:
    for edit in edits:
        if not 0 <= edit.start <= edit.end <= length:
            raise ValueError(f"an edit of [{edit.start}, {edit.end}) is outside {length} bases")
    for edit, other in pairwise(edits):
        at_one_place = edit.start == edit.end == other.start == other.end
        if edit.end > other.start or at_one_place:
            raise ValueError(
                f"the edits of [{edit.start}, {edit.end}) and [{other.start}, {other.end}) overlap"
            )
