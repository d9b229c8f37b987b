"""Which bins of two alleles of different length show the same bases, and which match is taken.

Bases left of an insertion or deletion stay where they are in the window, bases right of it
move. Bins of one base are matched base by base. Wider bins would be cut, so the alternative is
predicted twice: once with the bases on its left *in register*, at their places in the window of
the reference, and once with those on its right. A match reads the bins before its *seam* from the
left register and those behind it from the right one.

The seam lies on the border of a bin, the change need not. So up to a bin less a base of the
alternative is in neither register (insertions) or in both (deletions); it counts by its share of
the bin that holds it. Two seams make that bin one of bases on one side of the change alone: the
first border left of it and the first one right of it. And a change within a repeat may stand at
several places. Of all these matches, that with the smallest difference is taken, track by track.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.windows import Positions

__all__ = ["Bins", "Closest", "Indel", "Match", "closest", "matches"]

Values = NDArray[np.float32]


@dataclass(frozen=True)
class Bins:
    """The bins of one window that are at hand: how many, how wide (bp), which are compared."""

    count: int
    size: int
    scored: tuple[int, int]

    @property
    def registers(self) -> int:
        """How many windows of the alternative there are."""
        return 1 if self.size == 1 else 2


@dataclass(frozen=True)
class Indel:
    """Where an allele changes the length, in bp from the start of the first bin.

    ``edge`` is where the shorter of both alleles ends, placed as far left as it goes; ``span``
    how much further right it may lie, in a repeat, without another sequence; ``change`` the length
    of the alternative minus that of the reference.
    """

    edge: int
    span: int
    change: int


@dataclass(frozen=True)
class Match:
    """Corresponding bins; every match of an allele has the same length.

    ``reference`` numbers the bins of the reference, int64 (bins,), -1 where there is none:
    inserted. ``alternative`` numbers those of the alternative, the left register's first, then
    the right one's; -1 where there is none: deleted. Both are -1 where one is beyond the core.
    ``share`` is what of the alternative's bin counts, float32.
    """

    reference: Positions
    alternative: Positions
    share: Values

    def of(self, bins: NDArray[np.bool_]) -> Match:
        """Return some of the bins."""
        return Match(self.reference[bins], self.alternative[bins], self.share[bins])

    @property
    def inserted(self) -> NDArray[np.bool_]:
        """Which bins stand for inserted bases alone, or for their share of a bin."""
        only: NDArray[np.bool_] = (self.reference < 0) & (self.alternative >= 0)
        return only


# decision: two-registers (bins right of an indel lie on another grid)
def matches(bins: Bins, indel: Indel) -> tuple[list[Match], Positions]:
    """Return all matches of an allele, the leftmost first, and where their bins are shown.

    An inserted bin is shown at the bin of the base before it, int64 (bins,).
    """
    table = _Table(bins, indel)
    every = list(table.insertions() if indel.change > 0 else table.deletions())
    chosen = [match for match, complete in every if complete] or [match for match, _ in every]
    used = np.any([(match.reference >= 0) | (match.alternative >= 0) for match in chosen], axis=0)
    used[0] |= not used.any()
    return [match.of(used) for match in chosen], table.place[used]


class _Table:
    """Makes the matches of one allele, all of one layout."""

    def __init__(self, bins: Bins, indel: Indel) -> None:
        self.bins, self.indel = bins, indel
        self.first, self.last = bins.scored
        self.whole, self.rest = divmod(abs(indel.change), bins.size)
        self.extra = 0
        low, high = self.first * bins.size, self.last * bins.size
        if indel.change > 0 and low < indel.edge + indel.span and indel.edge <= high:
            self.extra = self.whole + (self.rest > 0)
        anchor = (indel.edge - 1) // bins.size
        self.anchor = min(max(anchor, self.first), self.last - 1)
        numbers = np.arange(self.first, self.last, dtype=np.int64)
        at = self.anchor + 1 - self.first
        self.place = np.insert(numbers, at, np.full(self.extra, self.anchor))
        self.reference = np.insert(numbers, at, np.full(self.extra, -1))
        self.added = slice(at, at + self.extra)

    def insertions(self) -> Iterator[tuple[Match, bool]]:
        """Yield matches and whether all their bins are at hand."""
        size, indel = self.bins.size, self.indel
        edges = np.arange(indel.edge, indel.edge + indel.span + 1, dtype=np.int64)
        before, behind = edges <= self.first * size, edges > self.last * size
        if before.any():
            yield self._match(self.first, self.first), True
        edges = edges[~before & ~behind]
        borders = np.clip((edges - self.rest) // size, self.first, self.last)
        others = np.clip(-(-(edges + self.rest) // size), self.first, self.last)
        seams = {(int(seam), 1) for seam in others} | {
            (int(seam), 0) for seam in borders if self.bins.registers > 1
        }
        for seam, left in sorted(seams):
            yield self._inserted(seam, left=bool(left))
        if behind.any():
            yield self._match(self.last, self.last), True

    def _inserted(self, seam: int, *, left: bool) -> tuple[Match, bool]:
        """Return a match whose inserted bins come from one register, and whether it has them all.

        The bin of which a share counts is the last of them, the nearest to the seam.
        """
        match = self._match(seam, seam)
        numbers = np.arange(self.extra, dtype=np.int64)
        own = seam + numbers if left else seam - 1 - numbers
        there = (own >= 0) & (own < self.bins.count)
        if left:
            match.alternative[self.added] = np.where(there, own, -1)
        else:
            match.alternative[self.added] = np.where(there, own + self.bins.count, -1)
        if self.rest and self.extra:
            match.share[self.added.stop - 1] = self.rest / self.bins.size
        return match, bool(there.all()) or self.bins.size == 1

    def deletions(self) -> Iterator[tuple[Match, bool]]:
        """Yield matches and whether all their bins are at hand."""
        size, indel = self.bins.size, self.indel
        edges = np.arange(indel.edge, indel.edge + indel.span + 1, dtype=np.int64)
        # Seams beyond these change no bin that is compared.
        low, high = self.first - self.whole - 1, self.last + 1
        borders = np.clip(edges // size, low, high)
        others = np.clip(-(-(edges + self.rest) // size), low, high)
        seams = {(int(seam), 1) for seam in others} | {
            (int(seam), 0) for seam in borders if self.bins.registers > 1
        }
        for seam, left in sorted(seams):
            match = self._match(seam, seam + self.whole)
            twice = (seam + self.whole if left else seam - 1) - self.first
            if self.rest and 0 <= twice < len(match.share):
                match.share[twice] = 1 - self.rest / size
            yield match, True

    def _match(self, seam: int, behind: int) -> Match:
        """Return the match with left register before ``seam``, right one from ``behind`` on."""
        reference = self.reference.copy()
        alternative = np.full(len(reference), -1, np.int64)
        share = np.ones(len(reference), np.float32)
        left = (reference >= 0) & (reference < seam)
        right = reference >= behind
        alternative[left] = reference[left]
        if self.bins.registers > 1:
            alternative[right] = reference[right] + self.bins.count
            return Match(reference, alternative, share)
        moved = reference[right] + self.indel.change
        there = (moved >= 0) & (moved < self.bins.count)
        alternative[right] = np.where(there, moved, -1)
        reference[np.flatnonzero(right)[~there]] = -1
        return Match(reference, alternative, share)


@dataclass(frozen=True)
class Closest:
    """Matched bins, float32 ``(sets, tracks, bins)``, 0 where an allele has none.

    ``number`` is that of the match that was taken, int64 ``(sets, tracks)``.
    """

    reference: Values
    alternative: Values
    number: Positions


def closest(reference: Values, alternative: Values, matches: Sequence[Match]) -> Closest:
    """Return the bins of both alleles, matched so that they differ least, track by track.

    The difference is the sum of squares; of equal ones the first match is taken.

    Parameters
    ----------
    reference
        float32 ``(sets, tracks, bins)``.
    alternative
        The same, with the bins of the right register behind those of the left one.
    """
    own, other = _taken(reference, alternative, matches[0])
    number = np.zeros(own.shape[:2], np.int64)
    if len(matches) == 1:
        return Closest(own, other, number)
    least = _distance(own, other)
    for at, match in enumerate(matches[1:], 1):
        own_too, other_too = _taken(reference, alternative, match)
        distance = _distance(own_too, other_too)
        better = distance < least
        least[better], number[better] = distance[better], at
        np.copyto(own, own_too, where=better[..., None])
        np.copyto(other, other_too, where=better[..., None])
    return Closest(own, other, number)


def _taken(reference: Values, alternative: Values, match: Match) -> tuple[Values, Values]:
    own, other = reference[..., match.reference], alternative[..., match.alternative]
    own[..., match.reference < 0] = 0
    other[..., match.alternative < 0] = 0
    if (match.share != 1).any():
        other *= match.share
    return own, other


def _distance(reference: Values, alternative: Values) -> NDArray[np.float64]:
    difference = alternative - reference
    total: NDArray[np.float64] = np.einsum("stb,stb->st", difference, difference, dtype=np.float64)
    return total
