"""Phase sets: within one the haplotypes of a person are certain, across two they are not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tracksmith.haplotypes.called import BOTH
from tracksmith.haplotypes.people import Person
from tracksmith.haplotypes.pieces import Reach

__all__ = ["phase_sets", "spanning_cores"]


def _phased(person: Person, contig: int) -> NDArray[np.int64]:
    """Return the rows of a contig that tell the haplotypes apart, in order."""
    first, last = np.searchsorted(person.rows["contig"], [contig, contig + 1])
    rows = person.rows[first:last]
    apart = (rows["applied"] != 0) & (rows["carried"] != BOTH)
    numbers: NDArray[np.int64] = first + np.flatnonzero(apart)
    return numbers


def phase_sets(person: Person, contig: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield the phase sets of a contig by place: start, end (bp), number of the set, edits.

    A set whose edits lie among those of another is drawn from its first to its last edit
    all the same. The number is -1 where the file names no set.
    """
    rows = person.rows[_phased(person, contig)]
    sets = []
    for number in np.unique(rows["phase_set"]).tolist():
        own = rows[rows["phase_set"] == number]
        start = int(own["start"].min())
        sets.append((start, max(int(own["end"].max()), start + 1), number, len(own)))
    yield from sorted(sets)


def spanning_cores(
    person: Person, contig: int, cores: tuple[int, int], stride: int, reach: Reach
) -> NDArray[np.bool_]:
    """Say which of the cores ``[first, last)`` have edits of two phase sets in their window."""
    begin, end = cores
    rows = person.rows[_phased(person, contig)]
    other = np.flatnonzero(np.diff(rows["phase_set"]))
    # Both of a pair are in the window: the left one reaches it, and so does the right one.
    left, right = rows["end"][other], rows["start"][other + 1]
    first = np.clip((right - reach.high) // stride + 1, begin, end) - begin
    last = np.clip(-(-(left - reach.low) // stride), begin, end) - begin
    edges = np.zeros(end - begin + 1, np.int64)
    both = first < last
    np.add.at(edges, first[both], 1)
    np.add.at(edges, last[both], -1)
    spanning: NDArray[np.bool_] = np.cumsum(edges[:-1]) > 0
    return spanning
