"""Intervals on contigs: region strings, and sorted, merged sets of regions."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import InputError
from tracksmith.genome.aliases import ContigNames
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.numbers import clipped_number

__all__ = ["Interval", "Regions", "merge", "parse_region"]

_RANGE = re.compile(r"([0-9][0-9,]*)(?:-([0-9][0-9,]*))?")
_SPREAD = 1 << 33
"""More than any contig's length: contig * _SPREAD + position orders a whole genome."""

Positions = NDArray[np.int64]


@dataclass(frozen=True, order=True)
class Interval:
    """``[start, end)`` on a contig, 0-based; ``str()`` gives the 1-based region string."""

    contig: str
    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start

    def __str__(self) -> str:
        return f"{self.contig}:{self.start + 1}-{self.end}"


def parse_region(text: str, contigs: Contigs | ContigNames, clip: bool = False) -> Interval:
    """Read a region that a user typed: ``chr1``, ``chr1:1,000-2,000`` or ``chr1:1000``.

    Positions are 1-based and inclusive; one position means that single base. A
    contig of exactly this name wins, so that names may hold colons. Names are
    matched up to a ``chr`` prefix (:meth:`Contigs.resolve`), and by an alias file
    where ``contigs`` are :class:`ContigNames` that have one. With ``clip`` a range
    that passes the contig's end ends there.

    Raises
    ------
    InputError
        No such contig, no such range, or a range outside the contig.
    """
    names = ContigNames(contigs, repr(text)) if isinstance(contigs, Contigs) else contigs
    whole = names.find(text)
    if whole is not None:
        return Interval(names.contigs.names[whole], 0, int(names.contigs.lengths[whole]))
    name, colon, span = text.rpartition(":")
    number = names.find(name) if colon else None
    positions = _RANGE.fullmatch(span)
    if number is None:
        raise names.error([name if colon and positions else text])
    if positions is None:
        raise InputError(
            f"{text!r} is no region. Write CONTIG, CONTIG:START-END or CONTIG:POSITION, 1-based, "
            "both ends included, such as chr1:1,000-2,000."
        )
    contig, length = names.contigs.names[number], int(names.contigs.lengths[number])
    first, last = (
        clipped_number(position.replace(",", ""), length)
        for position in (positions[1], positions[2] or positions[1])
    )
    if clip and first <= length:
        last = min(last, length)
    if not 1 <= first <= last <= length:
        raise InputError(
            f"Region {_shortened(text)} must begin at 1 or later, not end before it begins, and "
            f"end within {contig}, which has {length:,} bp."
        )
    return Interval(contig, first - 1, last)


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 100 else f"{text[:60]}...")


class Regions:
    """Sorted, merged, disjoint intervals of a genome; immutable.

    Touching intervals are merged as well. Intervals without bases are dropped.

    Parameters
    ----------
    contigs
        The genome's contigs.
    contig, starts, ends
        int64, shape (intervals,): contig numbers, and 0-based half-open
        positions in bp; in any order, overlapping or not.

    Attributes
    ----------
    contig, starts, ends : int64, shape (regions,)
        Ascending by contig number, then start.

    Raises
    ------
    InputError
        An interval lies outside its contig.
    """

    __slots__ = ("_bounds", "contig", "contigs", "ends", "starts")

    def __init__(
        self, contigs: Contigs, contig: Positions, starts: Positions, ends: Positions
    ) -> None:
        self.contigs = contigs
        _require_inside(contigs, contig, starts, ends)
        kept = ends > starts
        begin = (contig * _SPREAD + starts)[kept]
        finish = (contig * _SPREAD + ends)[kept]
        order = np.argsort(begin, kind="stable")
        begin, reach = begin[order], np.maximum.accumulate(finish[order])
        fresh = np.ones(len(begin), dtype=bool)
        fresh[1:] = begin[1:] > reach[:-1]
        last = np.ones(len(begin), dtype=bool)
        last[:-1] = fresh[1:]
        self.contig, self.starts = np.divmod(begin[fresh], _SPREAD)
        self.ends = reach[last] - self.contig * _SPREAD
        self._bounds = np.searchsorted(self.contig, np.arange(len(contigs) + 1))
        for column in (self.contig, self.starts, self.ends):
            column.flags.writeable = False

    @classmethod
    def whole(cls, contigs: Contigs) -> Regions:
        """Return all of a genome."""
        numbers = np.arange(len(contigs), dtype=np.int64)
        return cls(contigs, numbers, np.zeros_like(numbers), contigs.lengths)

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[Interval]:
        names = self.contigs.names
        rows = zip(self.contig.tolist(), self.starts.tolist(), self.ends.tolist(), strict=True)
        return (Interval(names[contig], start, end) for contig, start, end in rows)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Regions):
            return NotImplemented
        return self.digest() == other.digest()

    def __hash__(self) -> int:
        return hash(self.digest())

    def __repr__(self) -> str:
        return f"Regions({len(self)} regions, {self.bases:,} bp)"

    @property
    def bases(self) -> int:
        """Bases covered, each once."""
        return int((self.ends - self.starts).sum())

    def contig_arrays(self, contig_index: int) -> tuple[Positions, Positions]:
        """Return the starts and ends (bp, int64) on one contig, ascending and disjoint."""
        piece = slice(self._bounds[contig_index], self._bounds[contig_index + 1])
        return self.starts[piece], self.ends[piece]

    def touches(self, contig_index: int, start: int, end: int) -> bool:
        """Say whether ``[start, end)`` of a contig shares a base with a region."""
        starts, ends = self.contig_arrays(contig_index)
        number = bisect_right(ends, start)
        return number < len(starts) and bool(starts[number] < end)

    def digest(self) -> str:
        """Return a sha256 over contig names, starts and ends; equal regions give equal digests."""
        digest = hashlib.sha256()
        for number in np.unique(self.contig).tolist():
            starts, ends = self.contig_arrays(number)
            digest.update(f"{self.contigs.names[number]}\t{len(starts)}\n".encode())
            digest.update(starts.astype("<i8").tobytes() + ends.astype("<i8").tobytes())
        return digest.hexdigest()

    def widen_to_bins(self, bin: int) -> Regions:
        """Return regions whose starts and ends are multiples of ``bin`` bp, or a contig's end."""
        ends = np.minimum(-(-self.ends // bin) * bin, self.contigs.lengths[self.contig])
        return Regions(self.contigs, self.contig, self.starts // bin * bin, ends)


def _require_inside(
    contigs: Contigs, contig: Positions, starts: Positions, ends: Positions
) -> None:
    bad = np.flatnonzero((starts < 0) | (ends < starts) | (ends > contigs.lengths[contig]))
    if bad.size:
        at = int(bad[0])
        name = contigs.names[int(contig[at])]
        raise InputError(
            f"The interval [{int(starts[at])}, {int(ends[at])}) lies outside {name}, which has "
            f"{contigs.length(name):,} bp."
        )


def merge(intervals: Iterable[Interval], contigs: Contigs) -> Regions:
    """Sort and merge intervals; touching ones become one.

    Raises
    ------
    InputError
        A contig is unknown, or an interval lies outside its contig.
    """
    rows = [(contigs.index(i.contig), i.start, i.end) for i in intervals]
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return Regions(contigs, columns[0], columns[1], columns[2])
