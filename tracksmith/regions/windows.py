"""Where windows of consecutive regions lie, and which of them a region's value comes from.

Integer arithmetic only. Positions here count regions of one contig, not bases.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import UsageError

__all__ = ["PlacedWindows", "RegionWindows", "place_windows", "region_windows"]

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class RegionWindows:
    """The windows of one contig.

    Window ``i`` reads the regions ``[starts[i], starts[i] + length)`` and its
    values are kept for the regions ``[keep[i], keep[i + 1])``.

    Attributes
    ----------
    length
        Regions per window: the context, or all regions of a contig with fewer.
    starts
        int64, shape (windows,), ascending.
    keep
        int64, shape (windows + 1,): borders between the windows' kept regions.
    """

    length: int
    starts: Positions
    keep: Positions


def region_windows(count: int, context: int, stride: int) -> RegionWindows:
    """Place windows over ``count`` regions, and share the regions out among them.

    Windows begin at 0 and go on in steps of ``stride``; one more ends flush
    with the last region where the steps do not. Every region is kept from the
    window whose centre is nearest, the earlier of two equally near: the first
    and the last window keep their outer edges. Fewer regions than the context
    are one window, without padding.

    Raises
    ------
    UsageError
        The stride lies outside 1 to ``context``.
    """
    if not 1 <= stride <= context:
        raise UsageError(
            f"A stride of {stride} regions does not fit: give 1 to {context}, "
            "the regions that the model reads at once."
        )
    if count <= context:
        return RegionWindows(count, np.zeros(min(count, 1), np.int64), _borders(count))
    starts = np.arange(0, count - context + 1, stride, dtype=np.int64)
    if starts[-1] != count - context:
        starts = np.append(starts, count - context)
    # Twice the centre of a window is 2 * start + context - 1: a region r belongs
    # to the earlier of two windows while 2 * r is at most the mean of these.
    inner = (starts[:-1] + starts[1:] + context - 1) // 2 + 1
    return RegionWindows(context, starts, np.concatenate([[0], inner, [count]]))


def _borders(count: int) -> Positions:
    return np.array([0, count] if count else [0], dtype=np.int64)


@dataclass(frozen=True)
class PlacedWindows:
    """The windows of all contigs, the longest first; positions count all regions of a run.

    Attributes
    ----------
    length, start, keep_from, keep_to
        int64, shape (windows,): regions read, the first of them, and the
        regions ``[keep_from, keep_to)`` whose values are kept.
    """

    length: Positions
    start: Positions
    keep_from: Positions
    keep_to: Positions

    def __len__(self) -> int:
        return len(self.start)

    def kept(self, first: int, last: int) -> Positions:
        """Return the regions that the windows ``[first, last)`` give values to, in their order."""
        start, end = self.keep_from[first:last], self.keep_to[first:last]
        count = end - start
        before = np.cumsum(count) - count
        positions: Positions = np.repeat(start - before, count) + np.arange(int(count.sum()))
        return positions

    def alike(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Yield the stretches of ``[first, last)`` whose windows are of one length."""
        turns = np.flatnonzero(np.diff(self.length[first:last])) + 1 + first
        yield from pairwise([first, *turns.tolist(), last])


def place_windows(contigs: Iterable[tuple[int, slice]], context: int, stride: int) -> PlacedWindows:
    """Place the windows of all contigs.

    Parameters
    ----------
    contigs
        Contig numbers, and which regions of the run lie on each.
    """
    columns = []
    for _, regions in contigs:
        placed = region_windows(regions.stop - regions.start, context, stride)
        table = np.stack([placed.starts, placed.keep[:-1], placed.keep[1:]]) + regions.start
        columns.append(np.vstack([np.full(len(placed.starts), placed.length), table]))
    joined = np.concatenate(columns, axis=1)
    return PlacedWindows(*joined[:, np.argsort(-joined[0], kind="stable")])
