"""Writing bgzip files and their tabix indexes; every failed write is an ``OSError`` at once."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pysam

from tracksmith.errors import TracksmithError
from tracksmith.files import Closing
from tracksmith.genome.bgzf import EOF_MARKER
from tracksmith.genome.htslib import quiet_htslib

__all__ = [
    "INDEX_SUFFIXES",
    "BgzfWriter",
    "Compress",
    "by_zlib",
    "index_suffix",
    "write_tabix_index",
]

Compress: TypeAlias = Callable[[Any], bytes]
"""From a buffer to a zlib stream."""

by_zlib: Compress = partial(zlib.compress, level=6)

_PLAIN_BYTES = 0xFF00
_HEAD = bytes.fromhex("1f8b08040000000000ff0600424302 00")
_TBI_LIMIT = 2**29
INDEX_SUFFIXES = (".tbi", ".csi")
_INDEX_ROOM = 1 << 23
"""Bytes that an index may take."""


class BgzfWriter(Closing):
    """Compresses what it is given into bgzip blocks (SAM specification, section 4.1).

    The same bytes written give the same file, however they are cut into calls.
    """

    def __init__(self, path: Path, compress: Compress = by_zlib) -> None:
        self._compress = compress
        self._handle = path.open("wb")
        self._pending = bytearray()

    def write(self, raw: bytes) -> None:
        """Take more plain bytes."""
        self._pending += raw
        while len(self._pending) >= _PLAIN_BYTES:
            self._block(bytes(self._pending[:_PLAIN_BYTES]))
            del self._pending[:_PLAIN_BYTES]

    def _block(self, plain: bytes) -> None:
        packed = self._compress(plain)[2:-4]  # without the head and the sum of a zlib stream
        if len(packed) + 26 > 0x10000:  # bytes that do not compress are stored
            packer = zlib.compressobj(0, zlib.DEFLATED, -15)
            packed = packer.compress(plain) + packer.flush()
        size = struct.pack("<H", len(packed) + 25)
        ends = struct.pack("<II", zlib.crc32(plain), len(plain))
        self._handle.write(_HEAD + size + packed + ends)

    def close(self) -> None:
        """Write what is left and the end marker."""
        if self._handle.closed:
            return
        try:
            if self._pending:
                self._block(bytes(self._pending))
                self._pending.clear()
            self._handle.write(EOF_MARKER)
        finally:
            self._handle.close()

    def __exit__(self, *raised: object) -> None:
        if any(raised):
            self._handle.close()  # a file that was not finished gets no end marker
            return
        self.close()


def index_suffix(longest: int) -> str:
    """Return how the index of a bgzip file is called: tabix ends at contigs of 2**29 bp."""
    return INDEX_SUFFIXES[longest >= _TBI_LIMIT]


def write_tabix_index(
    path: Path, index: Path, preset: Literal["vcf", "bed", "table"], longest: int = 0
) -> None:
    """Index a sorted bgzip file; of which kind :func:`index_suffix` says.

    A ``table`` has one line of names, then contig, first and last base (1-based) in its first
    three columns.

    Raises
    ------
    TracksmithError
        htslib refuses the file: it is not sorted, or holds what no index can.
    OSError
        The disk is full, which htslib does not tell from the former.
    """
    csi = index_suffix(longest) == ".csi"
    columns = {"seq_col": 0, "start_col": 1, "end_col": 2, "line_skip": 1}
    how = columns if preset == "table" else {"preset": preset}
    try:
        with quiet_htslib():
            pysam.tabix_index(str(path), index=str(index), force=True, csi=csi, **how)
    except OSError as error:
        with index.open("wb") as probe:
            probe.write(bytes(_INDEX_ROOM))
        raise TracksmithError(f"Cannot index {path}: {error}.") from error
