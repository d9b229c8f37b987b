"""The layout of bigWig and bigBed files, for all that write or read them.

Kent et al. 2010, "BigWig and BigBed: enabling browsing of large distributed
datasets", doi:10.1093/bioinformatics/btq351, and its supplement. A file is in
the byte order of the machine that wrote it; ours are little endian.
"""

from __future__ import annotations

import struct
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

__all__ = ["BED_GRAPH", "BIGBED", "BIGWIG", "BIG_ENDIAN", "BLOCK", "BRANCH", "FIXED_STEP",
           "INTERVAL", "KINDS", "LITTLE", "NAME_TREE", "POSITION_TREE", "VARIABLE_STEP",
           "VERSION", "ZOOM_RECORD", "FileStart", "Layout", "layout_of"]  # fmt: skip

Order: TypeAlias = Literal["<", ">"]

BIGWIG, BIGBED = 0x888FFC26, 0x8789F2EB
KINDS = {BIGWIG: "bigWig", BIGBED: "bigBed"}
NAME_TREE, POSITION_TREE = 0x78CA8C91, 0x2468ACE0
VERSION = 4

BED_GRAPH, VARIABLE_STEP, FIXED_STEP = 1, 2, 3
"""Kinds of bigWig sections: start, end and value; start and value; values alone."""

INTERVAL = np.dtype([("start", "<u4"), ("end", "<u4"), ("value", "<f4")])
"""An item of a bedGraph section."""

BLOCK = np.dtype([("first_contig", "<u4"), ("start", "<u4"), ("last_contig", "<u4"),
                  ("end", "<u4"), ("offset", "<u8"), ("size", "<u8")])  # fmt: skip
"""A compressed block, as a leaf of the position tree lists it."""

BRANCH = np.dtype(BLOCK.descr[:5])
"""A node, as the one above it lists it."""

ZOOM_RECORD = np.dtype([("contig", "<u4"), ("start", "<u4"), ("end", "<u4"), ("count", "<u4"),
                        ("min", "<f4"), ("max", "<f4"), ("sum", "<f4"),
                        ("sum_squares", "<f4")])  # fmt: skip
"""First and last covered base, covered bases, and the moments over bases."""


class FileStart(NamedTuple):
    """The first 64 bytes: counts, and offsets of what follows."""

    magic: int
    version: int
    zooms: int
    contigs_at: int
    data_at: int
    index_at: int
    fields: int
    defined_fields: int
    autosql_at: int
    totals_at: int
    block_size: int
    extension_at: int


class Layout:
    """The parts of a file as structs of one byte order.

    A contig is its number and length; a name index maps a name to offset and
    size of the block that holds its row; a bigBed's row begins with contig,
    start and end; totals are covered bases, minimum, maximum, sum and sum of
    squares.
    """

    def __init__(self, order: Order) -> None:
        def parts(fields: str) -> struct.Struct:
            return struct.Struct(order + fields)

        self.order = order
        self.start = parts("IHHQQQHHQQIQ")
        self.zoom = parts("I4xQQ")  # reduction, data, index
        self.totals = parts("Q4d")
        self.magic = parts("I")
        self.offset = parts("Q")
        self.name_tree = parts("4IQ8x")  # magic, items a node, key and value size, count
        self.position_tree = parts("IIQ4IQI4x")  # magic, items a node, count, extent, end, items
        self.node = parts("BxH")  # is a leaf, count
        self.contig = parts("II")
        self.section = parts("5IBxH")  # contig, start, end, step, span, kind, count
        self.extension = parts("HHQ52x")  # size, name indexes, their list
        self.name_index = parts("HHQ4x")  # type, columns, tree
        self.index_column = parts("H2x")
        self.target = parts("QQ")
        self.row = parts("3I")

    def kind(self, described: np.dtype[Any]) -> np.dtype[Any]:
        """Return a dtype of this module in this byte order."""
        return described.newbyteorder(self.order)


LITTLE, BIG_ENDIAN = Layout("<"), Layout(">")


def layout_of(first: bytes) -> Layout | None:
    """Return the layout of a file by its first bytes; None where it is no BBI file."""
    if len(first) < LITTLE.magic.size:
        return None
    for layout in (LITTLE, BIG_ENDIAN):
        if layout.magic.unpack_from(first)[0] in KINDS:
            return layout
    return None
