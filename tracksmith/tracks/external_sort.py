"""Sorting more records than memory should hold."""

from __future__ import annotations

import heapq
import itertools
import struct
from collections.abc import Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

from tracksmith.tracks.trees import IN_MEMORY

__all__ = ["DiskSorter"]

RUN_BYTES = 4 << 20
RECORD_OVERHEAD = 40  # of a Python bytes object
READ_BYTES = 1 << 18
WRITE_RECORDS = 1024
LENGTH = struct.Struct("<I")


class DiskSorter:
    """Takes byte strings in any order and gives them back in bytewise order.

    About ``run_bytes`` of them are held; the rest lies in a temporary file
    without a name in ``folder``.
    """

    def __init__(self, folder: Path, run_bytes: int = RUN_BYTES) -> None:
        self.count = self.longest = 0
        self._file = SpooledTemporaryFile(IN_MEMORY, dir=str(folder))  # noqa: SIM115 - closed below
        self._ends = [0]
        self._records: list[bytes] = []
        self._size, self._most = 0, run_bytes

    def __enter__(self) -> DiskSorter:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Delete the temporary file."""
        self._file.close()

    def add(self, record: bytes) -> None:
        """Take one record."""
        size = len(record)
        self._records.append(record)
        self.count += 1
        if size > self.longest:
            self.longest = size
        self._size += size + RECORD_OVERHEAD
        if self._size > self._most:
            self._write_run()

    def _write_run(self) -> None:
        self._records.sort()
        self._file.seek(self._ends[-1])
        for first in range(0, len(self._records), WRITE_RECORDS):
            part = self._records[first : first + WRITE_RECORDS]
            self._file.write(b"".join([LENGTH.pack(len(record)) + record for record in part]))
        self._ends.append(self._file.tell())
        self._records, self._size = [], 0

    def __iter__(self) -> Iterator[bytes]:
        self._records.sort()
        block = max(1 << 12, min(READ_BYTES, self._most // len(self._ends)))
        runs = [self._read(*span, block) for span in itertools.pairwise(self._ends)]
        return heapq.merge(*runs, self._records) if runs else iter(self._records)

    def _read(self, start: int, end: int, block: int) -> Iterator[bytes]:
        """Read one run back, a block at a time."""
        data, at = b"", 0
        while start < end or at < len(data):
            self._file.seek(start)
            data, at = data[at:] + self._file.read(min(block, end - start)), 0
            start = self._file.tell()
            while at + LENGTH.size <= len(data):
                (length,) = LENGTH.unpack_from(data, at)
                if at + LENGTH.size + length > len(data):
                    break
                at += LENGTH.size
                yield data[at : at + length]
                at += length
