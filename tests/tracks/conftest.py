"""A plain decoder of bigWig and bigBed files, written from the format's tables for these tests."""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Decoded:
    """Everything a file holds, in plain Python values."""

    head: dict[str, Any]
    contigs: dict[str, tuple[int, int]]
    totals: tuple[int, float, float, float, float]
    blocks: list[tuple[tuple[int, int, int, int], bytes]]
    zooms: dict[int, list[tuple[int, int, int, int, float, float, float, float]]]
    raw: bytes

    def items(self) -> list[tuple[int, int, int, float]]:
        """All values as (contig id, start, end, value), in file order."""
        items: list[tuple[int, int, int, float]] = []
        for _, block in self.blocks:
            contig, start, _, step, span, kind, _, count = struct.unpack_from("<5IBBH", block)
            if kind == 1:
                assert len(block) == 24 + 12 * count
                items += [(contig, *item) for item in struct.iter_unpack("<IIf", block[24:])]
            else:
                assert kind == 3 and len(block) == 24 + 4 * count
                for index, (value,) in enumerate(struct.iter_unpack("<f", block[24:])):
                    items.append((contig, start + index * step, start + index * step + span, value))
        return items


def name_tree(raw: bytes, offset: int) -> list[tuple[bytes, bytes]]:
    """All keys and values of a B+ tree, by walking it."""
    magic, per_node, key_size, value_size, count, _ = struct.unpack_from("<4IQQ", raw, offset)
    assert magic == 0x78CA8C91

    def walk(at: int) -> list[tuple[bytes, bytes]]:
        leaf, _, entries = struct.unpack_from("<BBH", raw, at)
        assert entries <= per_node
        width = key_size + (value_size if leaf else 8)
        rows = [raw[at + 4 + i * width : at + 4 + (i + 1) * width] for i in range(entries)]
        if leaf:
            return [(row[:key_size].rstrip(b"\0"), row[key_size:]) for row in rows]
        keys = []
        for row in rows:
            below = walk(int.from_bytes(row[key_size:], "little"))
            assert below[0][0] == row[:key_size].rstrip(b"\0")
            keys += below
        return keys

    keys = walk(offset + 32)
    assert len(keys) == count
    assert [key for key, _ in keys] == sorted(key for key, _ in keys)
    return keys


def position_tree(raw: bytes, offset: int) -> list[tuple[tuple[int, int, int, int], int, int]]:
    """All leaves of an R tree as (extent, offset, size); each lies inside its parents."""
    magic, _, count = struct.unpack_from("<IIQ", raw, offset)
    assert magic == 0x2468ACE0

    def walk(at: int, extent: Any) -> list[tuple[tuple[int, int, int, int], int, int]]:
        leaf, _, entries = struct.unpack_from("<BBH", raw, at)
        leaves = []
        for i in range(entries):
            a, b, c, d, *rest = struct.unpack_from(
                "<4IQQ" if leaf else "<4IQ", raw, at + 4 + i * (32 if leaf else 24)
            )
            assert extent[:2] <= (a, b) and (c, d) <= extent[2:]
            leaves += [((a, b, c, d), *rest)] if leaf else walk(rest[0], (a, b, c, d))
        return leaves

    leaves = walk(offset + 48, struct.unpack_from("<4I", raw, offset + 16))
    assert len(leaves) == count
    return leaves


def decode_file(path: Path) -> Decoded:
    """Decode a whole file and check what every valid one fulfils."""
    raw = path.read_bytes()
    names = ["magic", "version", "levels", "contigs", "data", "index"]
    names += ["fields", "defined", "autosql", "totals", "buffer", "extension"]
    head = dict(zip(names, struct.unpack_from("<IHHQQQHHQQIQ", raw), strict=True))
    assert head["version"] == 4 and raw[-4:] == raw[:4]
    contigs = {
        key.decode(): struct.unpack("<II", value) for key, value in name_tree(raw, head["contigs"])
    }

    def blocks(index: int) -> list[tuple[tuple[int, int, int, int], bytes]]:
        pieces = []
        for extent, offset, size in position_tree(raw, index):
            data = zlib.decompress(raw[offset : offset + size])
            assert len(data) <= head["buffer"]
            pieces.append((extent, data))
        assert [extent[:2] for extent, _ in pieces] == sorted(extent[:2] for extent, _ in pieces)
        return pieces

    zooms = {}
    for level in range(head["levels"]):
        reduction, _, data, index = struct.unpack_from("<IIQQ", raw, 64 + 24 * level)
        records: list[Any] = []
        for extent, block in blocks(index):
            pieces = list(struct.iter_unpack("<4I4f", block))
            assert extent == (*pieces[0][:2], pieces[-1][0], pieces[-1][2])
            records += pieces
        assert struct.unpack_from("<I", raw, data)[0] == len(records)
        zooms[reduction] = records
    totals = struct.unpack_from("<Q4d", raw, head["totals"])
    return Decoded(head, contigs, totals, blocks(head["index"]), zooms, raw)


@pytest.fixture(scope="session")
def decode():
    """The decoder of whole files."""
    return decode_file


@pytest.fixture(scope="session")
def decode_name_tree():
    """The decoder of one B+ tree."""
    return name_tree
