"""Bytes of a file, plain or bgzipped, by their offset in the plain text.

A bgzip file is a row of gzip members of at most 64 KiB (SAM specification,
section 4.1); its ``.gzi`` index lists where each but the first begins. Reading
is by ``pread`` and holds no position, so that threads and forked processes do
not disturb each other.
"""

from __future__ import annotations

import os
import struct
import zlib
from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from tracksmith.errors import InputError

__all__ = ["EOF_MARKER", "BgzfFile", "PlainFile", "block_index", "is_bgzf", "is_gzip"]

_inflate: Callable[[bytes, int], bytes] = zlib.decompress
_inflate_errors: tuple[type[Exception], ...] = (zlib.error,)
if find_spec("isal"):  # 1.7 times faster, the same bytes
    _isal = import_module("isal.isal_zlib")
    _inflate, _inflate_errors = _isal.decompress, (zlib.error, _isal.error)

EOF_MARKER = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
"""The empty block at the end of every whole file."""
_LONGEST_HEAD = 64
_SHORTEST_BLOCK, _LONGEST_BLOCK = 26, 1 << 16
_CACHED_BLOCKS = 64


def is_gzip(head: bytes) -> bool:
    """Whether these first bytes of a file are those of gzip, bgzip included."""
    return head[:2] == b"\x1f\x8b"


def is_bgzf(head: bytes) -> bool:
    """Whether these first bytes of a file (18 or more) open a bgzip block."""
    return _block_size(head) > 0


def _block_size(head: bytes) -> int:
    """Return the compressed size of the block that opens with ``head``, 0 where none does."""
    if len(head) < 18 or head[:4] != b"\x1f\x8b\x08\x04":
        return 0
    at, end = 12, 12 + int.from_bytes(head[10:12], "little")
    while at + 6 <= min(end, len(head)):
        size = int.from_bytes(head[at + 2 : at + 4], "little")
        if head[at : at + 2] == b"BC" and size == 2:
            return int.from_bytes(head[at + 4 : at + 6], "little") + 1
        at += 4 + size
    return 0


def block_index(path: Path) -> bytes:
    """Return the ``.gzi`` index of a bgzip file, as ``bgzip -r`` writes it.

    Raises
    ------
    InputError
        What should be a block is none, with its place.
    """
    starts: list[int] = []
    at = plain = 0
    with path.open("rb") as file:
        while head := file.read(_LONGEST_HEAD):
            size = _block_size(head)
            file.seek(at + max(size, _SHORTEST_BLOCK) - 4)
            length = file.read(4)
            if size < _SHORTEST_BLOCK or len(length) < 4:
                raise InputError(
                    f"{path}: the bgzip block at byte {at:,} is cut or broken. "
                    "Copy the file again, or recompress it with bgzip."
                )
            if at and length != bytes(4):
                starts += (at, plain)
            at, plain = at + size, plain + struct.unpack("<I", length)[0]
    return struct.pack(f"<Q{len(starts)}Q", len(starts) // 2, *starts)


class PlainFile:
    """An uncompressed file, read by offset through a descriptor that is another's to close."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes from ``offset``; fewer only at the end of the file."""
        raw = os.pread(self._descriptor, length, offset)
        while len(raw) < length:  # the kernel gives at most 2 GiB at once
            more = os.pread(self._descriptor, length - len(raw), offset + len(raw))
            if not more:
                break
            raw += more
        return raw


class BgzfFile:
    """A bgzip file, read by offset in its plain bytes; ``gzi`` is its index."""

    def __init__(self, descriptor: int, gzi: bytes) -> None:
        self._file = PlainFile(descriptor)
        numbers = struct.unpack(f"<{len(gzi) // 8 - 1}Q", gzi[8:])
        self._starts = [0, *numbers[::2]]
        self._plain_starts = [0, *numbers[1::2]]
        self._block = lru_cache(_CACHED_BLOCKS)(self._inflated)

    def read(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes from ``offset``; fewer only at the end of the file.

        Raises
        ------
        OSError
            A block is not where the index has it, or does not decompress.
        """
        number = bisect_right(self._plain_starts, offset) - 1
        before = offset - self._plain_starts[number]
        blocks, size = [], 0
        while size < before + length and number < len(self._starts):
            blocks.append(self._block(number))
            size += len(blocks[-1])
            number += 1
        return b"".join(blocks)[before : before + length]

    def _inflated(self, number: int) -> bytes:
        at = self._starts[number]
        raw = self._file.read(at, _LONGEST_BLOCK)
        size = _block_size(raw)
        try:
            return _inflate(raw[:size], 31)
        except _inflate_errors as error:
            raise OSError(f"the bgzip block at byte {at:,} does not decompress: {error}") from error
