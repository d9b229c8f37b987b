"""How many items cover each base, from items sorted by start, in flat memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracksmith.tracks.zoom import RECORD, records_of_intervals

__all__ = ["Depth"]

ITEMS_AT_ONCE = 1 << 14


class Depth:
    """Sweeps over items of one contig after the other and gives zoom records of their depth.

    Records hold depth as bedToBigBed counts it: covered bases, and over them
    the least, greatest and summed depth.
    """

    def __init__(self, reduction: int) -> None:
        self._reduction = reduction
        self._contig = 0
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._new = 0

    def add(self, contig: int, start: int, end: int) -> NDArray[np.void] | None:
        """Add an item; now and then return records of the bases that are done."""
        done = None
        if contig != self._contig:
            done = self.finish()
            self._contig = contig
        elif self._new >= ITEMS_AT_ONCE and start > self._starts[-1]:
            done = self._sweep(start)
        self._new += 1
        self._starts.append(start)
        self._ends.append(end)
        return done

    def finish(self) -> NDArray[np.void]:
        """Return what is left of the contig."""
        return self._sweep(None)

    def _sweep(self, frontier: int | None) -> NDArray[np.void]:
        """Summarise everything before ``frontier``; keep the items that pass it."""
        starts, ends = np.array(self._starts, np.int64), np.array(self._ends, np.int64)
        self._starts, self._ends, self._new = [], [], 0
        if frontier is not None:
            open_ = ends > frontier
            self._starts = [frontier] * int(open_.sum())
            self._ends = ends[open_].tolist()
            ends = np.minimum(ends, frontier)
        edges, where = np.unique(np.concatenate([starts, ends]), return_inverse=True)
        if len(edges) < 2:
            return np.empty(0, RECORD)
        change = np.bincount(where[: len(starts)], minlength=len(edges))
        change -= np.bincount(where[len(starts) :], minlength=len(edges))
        depth = np.cumsum(change)[:-1]
        covered = depth > 0
        starts, ends = edges[:-1][covered], edges[1:][covered]
        return records_of_intervals(starts, ends, depth[covered], self._contig, self._reduction)
