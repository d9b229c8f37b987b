"""Random access to the bytes of a file, plain or bgzipped, by offset in the plain bytes.

A bgzip file is a row of gzip members of at most 64 KiB (SAM specification,
section 4.1); its ``.gzi`` index lists where each but the first begins. Reading
is by ``pread`` and holds no position, so that forked processes do not disturb
each other.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import InputError

__all__ = [
    "EOF_MARKER",
    "BgzfFile",
    "ByteFile",
    "PlainFile",
    "block_table",
    "gzi_bytes",
    "is_bgzf",
    "is_gzip",
    "read_gzi",
]

_inflate: Callable[[bytes, int], bytes] = zlib.decompress
_inflate_errors: tuple[type[Exception], ...] = (zlib.error,)
if find_spec("isal"):  # 1.7 times faster, the same bytes
    _isal = import_module("isal.isal_zlib")
    _inflate, _inflate_errors = _isal.decompress, (zlib.error, _isal.error)

EOF_MARKER = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_CACHED_BLOCKS = 64

Table: TypeAlias = NDArray[np.int64]


def is_gzip(head: bytes) -> bool:
    """Whether these first bytes of a file are those of gzip, bgzip included."""
    return head[:2] == b"\x1f\x8b"


def is_bgzf(head: bytes) -> bool:
    """Whether these first bytes of a file (18 or more) open a bgzip block."""
    return _block_size(head) is not None


def _block_size(head: bytes) -> int | None:
    """Return the compressed size of the block that opens with ``head``, or None."""
    if len(head) < 18 or head[:4] != b"\x1f\x8b\x08\x04":
        return None
    at, end = 12, 12 + int.from_bytes(head[10:12], "little")
    while at + 4 <= min(end, len(head)):
        size = int.from_bytes(head[at + 2 : at + 4], "little")
        if head[at : at + 2] == b"BC" and size == 2 and at + 6 <= len(head):
            return int.from_bytes(head[at + 4 : at + 6], "little") + 1
        at += 4 + size
    return None


class PlainFile:
    """An uncompressed file, read by offset."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        self.size = os.fstat(self._descriptor).st_size

    def read(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes from ``offset``; fewer only at the end of the file."""
        raw = os.pread(self._descriptor, length, offset)
        while len(raw) < length:  # the kernel gives at most 2 GiB at once
            more = os.pread(self._descriptor, length - len(raw), offset + len(raw))
            if not more:
                break
            raw += more
        return raw

    def close(self) -> None:
        """Let the file go; again is harmless."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def block_table(path: Path) -> Table:
    """Walk the block headers of a bgzip file, decompressing nothing.

    Returns
    -------
    table : int64, shape (blocks + 1, 2)
        Compressed and plain offset of every block, then both sizes.

    Raises
    ------
    InputError
        A block is cut or broken, naming its offset, or the end marker is missing.
    """
    file = PlainFile(path)
    try:
        _require_end_marker(file)
        offsets, at, plain = [(0, 0)], 0, 0
        for at, plain in _walk(file, 0, 0):
            offsets.append((at, plain))
        return np.array(offsets, dtype=np.int64)
    finally:
        file.close()


def _require_end_marker(file: PlainFile) -> None:
    if file.read(max(0, file.size - len(EOF_MARKER)), len(EOF_MARKER)) != EOF_MARKER:
        raise InputError(
            f"{file.path} lacks the end marker of bgzip, so it is probably cut short. "
            f"Copy it again, or recompress it: gunzip -c {file.path} | bgzip > new.fa.gz"
        )


def _walk(file: PlainFile, at: int, plain: int) -> Iterator[tuple[int, int]]:
    """Yield the compressed and plain end of every block from ``at`` to the end of the file."""
    while at < file.size:
        size = _block_size(file.read(at, 64))
        if size is None or at + size > file.size:
            raise InputError(
                f"{file.path}: the bgzip block at byte {at:,} is cut or broken. "
                "Copy the file again, or recompress it with bgzip."
            )
        (length,) = struct.unpack("<I", file.read(at + size - 4, 4))
        at, plain = at + size, plain + length
        yield at, plain


def read_gzi(index: Path, path: Path) -> Table | None:
    """Return the block table that a ``.gzi`` file holds, or None where it does not fit ``path``.

    The blocks named are sampled, and those after the last one are walked to the
    end of the file: an index of another file does not survive that.
    """
    raw = index.read_bytes()
    count = int.from_bytes(raw[:8], "little") if len(raw) >= 8 else -1
    if count < 0 or len(raw) != 8 + 16 * count:
        return None
    pairs = np.frombuffer(raw, dtype="<i8", offset=8).reshape(-1, 2)
    table = np.concatenate([np.zeros((1, 2), dtype=np.int64), pairs.astype(np.int64)])
    if count and (np.diff(table, axis=0) < 0).any():
        return None
    file = PlainFile(path)
    try:
        _require_end_marker(file)
        if int(table[-1, 0]) > file.size or not _sample_fits(file, table):
            return None
        rest = list(_walk(file, int(table[-1, 0]), int(table[-1, 1])))
    except InputError:
        return None
    finally:
        file.close()
    return np.concatenate([table, np.array(rest, dtype=np.int64).reshape(-1, 2)])


def _sample_fits(file: PlainFile, table: Table) -> bool:
    for block in (
        np.unique(np.linspace(0, len(table) - 2, 64).astype(int)) if len(table) > 1 else ()
    ):
        at, plain = (int(value) for value in table[block])
        end = next(_walk(file, at, plain), None)
        if end != (int(table[block + 1, 0]), int(table[block + 1, 1])):
            return False
    return True


def gzi_bytes(table: Table) -> bytes:
    """Return the bytes of the ``.gzi`` file of a block table, as ``bgzip -r`` writes it."""
    inner = table[1:-1][np.diff(table[1:, 1]) > 0]
    return len(inner).to_bytes(8, "little") + inner.astype("<i8").tobytes()


class BgzfFile:
    """A bgzip file, read by offset in its plain bytes; ``size`` is the plain size."""

    def __init__(self, path: Path, table: Table) -> None:
        self.path = path
        self._file = PlainFile(path)
        self._table = table
        self._plain_starts = np.ascontiguousarray(table[:, 1])
        self._cache: OrderedDict[int, bytes] = OrderedDict()
        self.size = int(table[-1, 1])

    def read(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes from ``offset``; fewer only at the end of the file.

        Raises
        ------
        InputError
            A block does not decompress to what the index says.
        """
        end = min(offset + length, self.size)
        if end <= offset:
            return b""
        first = int(np.searchsorted(self._plain_starts, offset, side="right")) - 1
        last = int(np.searchsorted(self._plain_starts, end, side="left"))
        joined = b"".join([self._block(number) for number in range(first, last)])
        start = offset - int(self._plain_starts[first])
        return joined[start : start + end - offset]

    def _block(self, number: int) -> bytes:
        kept = self._cache.get(number)
        if kept is not None:
            self._cache.move_to_end(number)
            return kept
        (at, plain), (next_at, next_plain) = self._table[number : number + 2].tolist()
        try:
            block = _inflate(self._file.read(at, next_at - at), 31)
        except _inflate_errors as error:
            raise self._broken(at, str(error)) from error
        if len(block) != next_plain - plain:
            raise self._broken(at, "it holds another number of bytes than its index says")
        self._cache[number] = block
        if len(self._cache) > _CACHED_BLOCKS:
            self._cache.popitem(last=False)
        return block

    def _broken(self, at: int, why: str) -> InputError:
        return InputError(
            f"{self.path}: the bgzip block at byte {at:,} does not decompress: {why}. "
            "Copy the file again, or recompress it with bgzip and delete its .gzi and .fai."
        )

    def close(self) -> None:
        """Let the file and the cached blocks go; again is harmless."""
        self._cache.clear()
        self._file.close()


ByteFile: TypeAlias = PlainFile | BgzfFile
