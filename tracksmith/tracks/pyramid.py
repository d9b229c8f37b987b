"""The zoom levels of one file, built in one pass with memory that stays flat."""

from __future__ import annotations

import itertools
from collections import deque
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from tracksmith.tracks.bbi import BLOCK, ZOOM_RECORD
from tracksmith.tracks.options import TrackOptions
from tracksmith.tracks.trees import IN_MEMORY, BlockTable, write_position_tree
from tracksmith.tracks.zoom import RECORD, join_records, reduce_records

__all__ = [
    "MOST_LEVELS",
    "ZOOM_BLOCK_BYTES",
    "ZOOM_RATIO",
    "Checked",
    "Pyramid",
    "Thinned",
    "ZoomLevel",
]

MOST_LEVELS = 10
ZOOM_RATIO = 4
RECORDS_PER_BLOCK = 1024
RECORDS_AT_ONCE = 1 << 14
THREADS = 4
"""Threads that compress the zoom levels of one track: four keep pace with joining its pieces."""

BLOCKS_AT_ONCE = 16
"""Blocks of a level that may wait for their turn; as many are compressed before threads are used,
so that small tracks start none."""

ZOOM_BLOCK_BYTES = 32 * RECORDS_PER_BLOCK
COPY_BYTES = 1 << 20
LARGEST_REDUCTION = 0xFFFFFFFF

Item = TypeVar("Item")
Checked: TypeAlias = "tuple[ZoomLevel, list[NDArray[np.void]]]"


class Thinned(Generic[Item]):
    """At most ``most`` items spread evenly over all that were appended."""

    def __init__(self, most: int = 128) -> None:
        self.items: list[Item] = []
        self._most, self._step, self._seen = most, 1, 0

    def append(self, item: Item) -> None:
        """Keep every n-th item, with n doubling when the store is full."""
        if self._seen % self._step == 0:
            if len(self.items) == self._most:
                self.items = self.items[::2]
                self._step *= 2
            if self._seen % self._step == 0:
                self.items.append(item)
        self._seen += 1


class ZoomLevel:
    """Records of one reduction, compressed block by block into a temporary file."""

    def __init__(
        self, reduction: int, folder: Path, options: TrackOptions, pool: Executor | None = None
    ) -> None:
        self.reduction = reduction
        self._pool = pool
        self._blocks = 0
        self._coming: deque[tuple[Future[bytes] | bytes, tuple[int, ...]]] = deque()
        self.records = 0
        self.probes: Thinned[NDArray[np.void]] = Thinned(16)
        self._options = options
        self._table = BlockTable(folder)
        self._data = SpooledTemporaryFile(IN_MEMORY, dir=str(folder))  # noqa: SIM115 - closed below
        self._waiting: list[NDArray[np.void]] = []
        self._open = np.empty(0, RECORD)
        self._size = 0

    def add(self, records: NDArray[np.void], *, last: bool = False) -> NDArray[np.void]:
        """Reduce records of the level below and return those that are complete.

        The last one stays open, for what follows may belong to it, unless this
        is the ``last`` call.
        """
        merged = reduce_records(join_records([self._open, records]), self.reduction)
        split = len(merged) if last else len(merged) - 1
        # copies, because a view would keep the whole batch in memory
        done, self._open = merged[: max(0, split)], merged[max(0, split) :].copy()
        if len(done):
            self.records += len(done)
            self.probes.append(done[len(done) // 2].copy())
            self._waiting.append(done)
            self._write_blocks(last=False)
        return done

    def _write_blocks(self, *, last: bool) -> None:
        if sum(map(len, self._waiting)) < RECORDS_PER_BLOCK and not last:
            return
        records = join_records(self._waiting)
        whole = len(records) if last else len(records) // RECORDS_PER_BLOCK * RECORDS_PER_BLOCK
        self._waiting = [records[whole:].copy()]
        for first in range(0, whole, RECORDS_PER_BLOCK):
            self._write_block(records[first : min(whole, first + RECORDS_PER_BLOCK)])

    def _write_block(self, records: NDArray[np.void]) -> None:
        """Compress a block, in a thread once there are many, and write it when its turn comes."""
        a, b = records[0], records[-1]
        data: Future[bytes] | bytes
        if self._pool is None or self._blocks < BLOCKS_AT_ONCE:
            data = self._compressed(records)
        else:
            data = self._pool.submit(self._compressed, records)
        self._blocks += 1
        self._coming.append((data, (a["contig"], a["start"], b["contig"], b["end"])))
        self._store(BLOCKS_AT_ONCE)

    def _compressed(self, records: NDArray[np.void]) -> bytes:
        return self._options.compress(records.astype(ZOOM_RECORD).tobytes())

    def _store(self, left: int) -> None:
        """Write the blocks that came first, but for so many."""
        while len(self._coming) > left:
            coming, place = self._coming.popleft()
            data = coming if isinstance(coming, bytes) else coming.result()
            self._data.write(data)
            self._table.append(np.array([(*place, self._size, len(data))], BLOCK))
            self._size += len(data)

    def write(self, out: BinaryIO) -> tuple[int, int]:
        """Append the level to a file; return the offsets of its data and index."""
        self._write_blocks(last=True)  # not before: few of the levels are written
        self._store(0)
        start = out.tell()
        out.write(self.records.to_bytes(4, "little"))
        base = out.tell()
        self._data.seek(0)
        while raw := self._data.read(COPY_BYTES):
            out.write(raw)
        index = out.tell()
        write_position_tree(out, self._table, base, RECORDS_PER_BLOCK)
        return start, index

    def close(self) -> None:
        """Delete the temporary files."""
        self._data.close()
        self._table.close()


class Pyramid:
    """Up to ten levels, each four times coarser, made exactly from the one below.

    One level more than the file can hold is kept: its records say what groups
    of four of the last level must add up to.
    """

    def __init__(self, reduction: int, folder: Path, options: TrackOptions) -> None:
        reductions = [reduction * ZOOM_RATIO**level for level in range(MOST_LEVELS + 1)]
        self._pool = ThreadPoolExecutor(THREADS, "zoom")  # of large tracks alone: see ZoomLevel
        self._levels = [ZoomLevel(value, folder, options, self._pool) for value in reductions]
        self._waiting: list[NDArray[np.void]] = []
        self._count = 0

    def __enter__(self) -> Pyramid:
        return self

    def __exit__(self, *_: Any) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        for level in self._levels:
            level.close()

    def add(self, records: NDArray[np.void]) -> None:
        """Add records of the first reduction, sorted, after all earlier ones.

        The last record added before and the first one now may share a cell.
        """
        self._waiting.append(records)
        self._count += len(records)
        if self._count >= RECORDS_AT_ONCE:
            self._pass_on(last=False, halving=False)

    def _pass_on(self, *, last: bool, halving: bool) -> None:
        """Pass records up; of levels that must be ``halving``, none above two of one record."""
        records = join_records(self._waiting)
        self._waiting, self._count = [], 0
        below = 0
        for level in self._levels:
            records = level.add(records, last=last)
            if last and halving and level.records == below == 1:
                return
            below = level.records

    def finish(self, items: int | None = None) -> list[Checked]:
        """Return the levels worth writing, each with records four times as coarse.

        A level must have at most half the records of the one before it, the
        first at most half of ``items`` if given. One is always there when the
        track has a value.
        """
        self._pass_on(last=True, halving=items is None)
        levels = [
            (level, above.probes.items)
            for level, above in itertools.pairwise(self._levels)
            if level.records and level.reduction <= LARGEST_REDUCTION
        ]
        kept: list[Checked] = []
        before = items
        for level, probes in levels:
            if before is None or 2 * level.records <= before:
                kept.append((level, probes))
                before = level.records
        return kept or levels[-1:]
