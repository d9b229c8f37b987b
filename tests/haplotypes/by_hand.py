"""Haplotypes by hand: strings that are spliced, and a window for every single bin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from engine_toys import complement, cut, dense_by_hand

from tracksmith.models.card import WindowGeometry

Edit = tuple[int, int, str]
"""Reference start and end (0-based), new bases; without what both share."""


class Spliced:
    """A sequence with edits, and where each of its bases comes from."""

    def __init__(self, sequence: str, edits: Sequence[Edit]) -> None:
        bases: list[str] = []
        self.place: dict[int, int] = {}
        self.inserted: dict[Edit, list[int]] = {}
        at = 0
        for start, end, new in [*sorted(edits), (len(sequence), len(sequence), "")]:
            for position in range(at, start):
                self.place[position] = len(bases)
                bases.append(sequence[position])
            extra = []
            for number, base in enumerate(new):
                if start + number < end:
                    self.place[start + number] = len(bases)
                else:
                    extra.append(len(bases))
                bases.append(base)
            if extra:
                self.inserted[start, end, new] = extra
            at = end
        self.text = "".join(bases)


Way = tuple[int, int, bool]


def ways(geometry: WindowGeometry, shifts: Sequence[int], *, rc: bool) -> Iterator[Way]:
    """Yield how far windows move, by how many bins, and whether they are turned."""
    off = 2 * geometry.core_start + geometry.core_length - geometry.window
    for shift in shifts:
        bins = round(shift / geometry.bin) if geometry.bin > 1 else shift
        yield shift, bins, False
        if rc:
            yield shift + off, bins, True


def value(
    network, geometry: WindowGeometry, text: str, place: int, number: int, way
) -> np.ndarray:  # fmt: skip
    """The value of bin ``number`` of the grid, which begins at ``place`` of the text."""
    moved, bins, turned = way
    core = (number - bins) // (geometry.core_length // geometry.bin)
    window = core * geometry.core_length - geometry.core_start + moved
    begin = place - (number * geometry.bin - window)
    bases = cut(text, begin, begin + geometry.window)
    index = (number - bins) - core * (geometry.core_length // geometry.bin)
    if not turned:
        return dense_by_hand(network, bases)[:, index]
    found = dense_by_hand(network, complement(bases))[:, ::-1]
    return found[[1, 0, 2], index]


def haplotype(network, geometry, sequence, edits, shifts=(0,), *, rc=False) -> np.ndarray:
    """The values of one haplotype in reference coordinates, ``(3, bins)``; NaN where deleted."""
    spliced = Spliced(sequence, edits)
    count = -(-len(sequence) // geometry.bin)
    every = list(ways(geometry, shifts, rc=rc))
    values = np.full((3, count), np.nan)
    for number in range(count):
        begin = number * geometry.bin
        kept = [p for p in range(begin, begin + geometry.bin) if p in spliced.place]
        if not kept:
            continue
        place = spliced.place[kept[0]] - (kept[0] - begin)
        if set(cut(spliced.text, place, place + geometry.bin)) == {"N"}:
            continue
        found = [value(network, geometry, spliced.text, place, number, way) for way in every]
        values[:, number] = np.mean(found, axis=0)
    return values


def inserted(network, geometry, sequence, edits, edit) -> np.ndarray:
    """The values of the inserted bases of an edit, ``(3, bases)``: they follow those before."""
    spliced = Spliced(sequence, edits)
    places = spliced.inserted[edit]
    start, end, new = edit
    first = start + min(end - start, len(new))
    columns = []
    for number, place in enumerate(places):
        own = first + number
        bin_number = own // geometry.bin
        begin = place - (own - bin_number * geometry.bin)
        columns.append(value(network, geometry, spliced.text, begin, bin_number, (0, 0, False)))
    return np.array(columns).T
