"""The 2bit format: a genome in two bits a base, for assembly hubs and igv.js.

Layout (little endian): signature 0x1A412743, version 0, number of sequences,
a reserved word; per sequence its name (length byte, letters) and the offset of
its record; a record holds the length in bases, the blocks of N, the blocks of
soft-masked bases, a reserved word, and the bases, four a byte, first base in
the highest bits, T 0, C 1, A 2, G 3, N written as T.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import InputError
from tracksmith.files import aside
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.fasta import Genome

__all__ = ["SIGNATURE", "read_index", "read_length", "size_of", "write_twobit"]

ReadRange = Callable[[int, int], bytes]

SIGNATURE = 0x1A412743
_CHUNK = 1 << 22
"""Bases read at once; a multiple of 4, so that only a contig's end fills up a byte."""

_MAX_OFFSET = 2**32 - 1
_CODE = np.zeros(256, dtype=np.uint8)
_CODE[[8, 2, 1, 4]] = [0, 1, 2, 3]
_KNOWN = np.zeros(256, dtype=bool)
_KNOWN[[1, 2, 4, 8]] = True


def write_twobit(genome: Genome, path: Path) -> None:
    """Write a genome as 2bit, whole or not at all; every base but A, C, G, T becomes N.

    Memory does not grow with the genome, but for its runs of N.

    Raises
    ------
    InputError
        A contig's name is longer than 255 bytes, or the genome too large for
        the format's 32-bit offsets.
    """
    names = [_name_bytes(name) for name in genome.contigs.names]
    with aside(path) as temporary, temporary.open("wb") as handle:
        handle.write(struct.pack("<4I", SIGNATURE, 0, len(names), 0))
        index_at = handle.tell()
        handle.write(b"".join(name + bytes(4) for name in names))
        offsets = []
        for name, length in genome.contigs:
            offsets.append(handle.tell())
            if offsets[-1] > _MAX_OFFSET:
                raise InputError(
                    f"{genome.path} is too large for a 2bit file: at {name} its offset passes "
                    "32 bits. Name a genome that the browser hosts with --genome."
                )
            _write_record(handle, genome, name, length)
        handle.seek(index_at)
        for name_bytes, offset in zip(names, offsets, strict=True):
            handle.write(name_bytes + struct.pack("<I", offset))


def _name_bytes(name: str) -> bytes:
    encoded = name.encode("utf-8")
    if not 0 < len(encoded) < 256:
        raise InputError(f"The contig name {name[:60]!r}... is too long for a 2bit file (255).")
    return bytes([len(encoded)]) + encoded


def _write_record(handle: BinaryIO, genome: Genome, name: str, length: int) -> None:
    starts, ends = _unknown_blocks(genome, name, length)
    handle.write(struct.pack("<II", length, len(starts)))
    handle.write(starts.astype("<u4").tobytes() + (ends - starts).astype("<u4").tobytes())
    handle.write(struct.pack("<II", 0, 0))
    for masks in _chunks(genome, name, length):
        handle.write(pack_bases(masks))


def _chunks(genome: Genome, name: str, length: int) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, length, _CHUNK):
        yield genome.read(name, start, min(start + _CHUNK, length))


def pack_bases(masks: NDArray[np.uint8]) -> bytes:
    """Return masks (A 1, C 2, G 4, T 8; others as T) packed four a byte, padded with T."""
    codes = np.zeros(-(-len(masks) // 4) * 4, dtype=np.uint8)
    codes[: len(masks)] = _CODE[masks]
    quads = codes.reshape(-1, 4)
    packed = (quads[:, 0] << 6) | (quads[:, 1] << 4) | (quads[:, 2] << 2) | quads[:, 3]
    return packed.astype(np.uint8).tobytes()


def _unknown_blocks(
    genome: Genome, name: str, length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return starts and ends (bp, half-open) of the runs of bases that are not A, C, G, T."""
    edges: list[NDArray[np.int64]] = []
    before = False
    position = 0
    for masks in _chunks(genome, name, length):
        unknown = ~_KNOWN[masks]
        changes = np.flatnonzero(np.diff(unknown, prepend=before)) + position
        edges.append(changes.astype(np.int64))
        before = bool(unknown[-1])
        position += len(masks)
    if before:
        edges.append(np.array([length], dtype=np.int64))
    flat = np.concatenate(edges) if edges else np.empty(0, dtype=np.int64)
    return flat[::2], flat[1::2]


def size_of(contigs: Contigs) -> int:
    """Return roughly how many bytes the 2bit file of a genome takes (runs of N left out)."""
    return int(contigs.bases // 4 + sum(len(name) + 30 for name in contigs.names))


def read_index(read: ReadRange, source: str) -> dict[str, int]:
    """Return the offset of every sequence's record; ``read(start, length)`` gives bytes.

    Raises
    ------
    InputError
        It is no 2bit file, or its index is cut short.
    """
    head = read(0, 16)
    if len(head) < 16 or struct.unpack_from("<I", head)[0] != SIGNATURE:
        raise InputError(f"{source} is no 2bit file (little endian): its first bytes differ.")
    count = struct.unpack_from("<I", head, 8)[0]
    data, at, offsets = b"", 0, {}
    position = 16
    for _ in range(count):
        if len(data) - at < 260:
            position += at
            data, at = read(position, 1 << 16), 0
        size = data[at] if at < len(data) else 0
        index_entry = data[at + 1 : at + 5 + size]
        if not size or len(index_entry) < size + 4:
            raise InputError(f"{source} is cut short inside its index of {count} sequences.")
        name = index_entry[:size].decode("utf-8", "replace")
        offsets[name] = int(struct.unpack_from("<I", index_entry, size)[0])
        at += 5 + size
    return offsets


def read_length(read: ReadRange, offset: int, source: str) -> int:
    """Return the length in bp of the sequence whose record lies at ``offset``.

    Raises
    ------
    InputError
        The file ends before.
    """
    head = read(offset, 4)
    if len(head) < 4:
        raise InputError(f"{source} is cut short: its index points behind its end ({offset:,}).")
    return int(struct.unpack("<I", head)[0])
