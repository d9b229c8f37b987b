"""Holding the zoom levels of a bigWig against its values: wide views are drawn from them alone.

A reader of its own, over ranges, so that it works behind a URL and on files on
which libraries crash.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import InputError
from tracksmith.tracks.bbi import (
    BED_GRAPH,
    BLOCK,
    BRANCH,
    FIXED_STEP,
    LITTLE,
    POSITION_TREE,
    VARIABLE_STEP,
    ZOOM_RECORD,
    FileStart,
    Layout,
    layout_of,
)
from tracksmith.tracks.head import Apart, ReadRange

__all__ = ["PLACES", "ZoomFault", "find_zoom_fault"]

# decision: check-reads-values (wrong sums show in no head)
PLACES = (1.0, 0.5, 0.0)
"""Where the blocks of a level that are looked at lie, from its first (0) to its last (1)."""

TOLERANCE = 1e-4
SMALLEST = 1e-36
LARGEST = 3e38
MOST_BLOCKS = 4
MOST_BYTES = 1 << 26
PAGE = 1 << 16
MOST_PAGES = 64
_DEEPEST = 40
_COLUMNS = {BED_GRAPH: 3, VARIABLE_STEP: 2, FIXED_STEP: 1}
"""Numbers per item of a section."""


class ZoomFault(NamedTuple):
    """A zoom record whose sums are not those of its values.

    ``level`` is the bases per record; ``contig`` its number in the file;
    ``[start, end)`` in bp. ``stored`` and ``least`` are sums over bases;
    ``least`` is the true one, or, with ``exact`` unset, less than that.
    """

    level: int
    contig: int
    start: int
    end: int
    what: str
    stored: float
    least: float
    exact: bool = True

    def __str__(self) -> str:
        more = "" if self.exact else "at least "
        return f"stores {self.stored:.6g} as the {self.what}, which is {more}{self.least:.6g}"


class _Block(NamedTuple):
    offset: int
    size: int


class _Span(NamedTuple):
    contig: int
    start: int
    end: int


def find_zoom_fault(
    read: ReadRange, source: str, places: Sequence[float] = PLACES, full: bool = False
) -> ZoomFault | None:
    """Return the first zoom record with wrong sums, None where none was found.

    Parameters
    ----------
    read
        ``read(start, length)`` gives bytes of the file.
    source
        What to call the file.
    places
        Which blocks of every level are looked at; one record of each is
        compared with its values, where these lie in few blocks.
    full
        Look at every record of every level instead, and compare the sums of
        each contig with those of all its values.

    Raises
    ------
    InputError
        The file is damaged or cut short.
    """
    try:
        file = _File.open(_Pages(read))
        # NaN and infinity, which other checks name, differ from nothing.
        with np.errstate(all="ignore"):
            return _all_levels(file) if full else _sampled(file, places)
    except (struct.error, zlib.error, ValueError, IndexError, OverflowError, MemoryError):
        raise InputError(f"{source} is cut short or damaged: its blocks cannot be read.") from None


class _Pages:
    """Reads whole pages and keeps the last ones: behind a URL each read takes its time."""

    def __init__(self, read: ReadRange) -> None:
        self._read = read
        self._kept: dict[int, bytes] = {}

    def __call__(self, start: int, length: int) -> bytes:
        if length > PAGE:
            return self._read(start, length)
        first, last = start // PAGE, (start + max(length, 1) - 1) // PAGE
        joined = b"".join(self._page(number) for number in range(first, last + 1))
        return joined[start - first * PAGE :][:length]

    def _page(self, number: int) -> bytes:
        if number not in self._kept:
            if len(self._kept) >= MOST_PAGES:
                del self._kept[next(iter(self._kept))]
            self._kept[number] = self._read(number * PAGE, PAGE)
        return self._kept[number]


@dataclass
class _File:
    """The parts of a bigWig that are needed, read when asked for."""

    read: ReadRange
    layout: Layout
    compressed: bool
    data: int
    levels: Sequence[tuple[int, int]]
    nodes: dict[int, tuple[bool, NDArray[np.void]]] = field(default_factory=dict)

    @classmethod
    def open(cls, read: ReadRange) -> _File:
        """Read the head; ``levels`` are pairs of reduction and index."""
        first = read(0, LITTLE.start.size)
        layout = layout_of(first)
        if layout is None:
            raise ValueError
        start = FileStart._make(layout.start.unpack(first))
        table = read(LITTLE.start.size, layout.zoom.size * start.zooms)
        levels = [(reduction, index) for reduction, _, index in layout.zoom.iter_unpack(table)]
        if len(levels) < start.zooms:
            raise ValueError
        return cls(read, layout, start.block_size > 0, start.index_at, levels)

    def root(self, index: int) -> int:
        """Return the offset of the first node of an index."""
        head = self.layout.position_tree
        magic, *_ = head.unpack(self.read(index, head.size))
        if magic != POSITION_TREE:
            raise ValueError
        return index + head.size

    def node(self, offset: int) -> tuple[bool, NDArray[np.void]]:
        """Return whether a node is a leaf, and its items."""
        if offset not in self.nodes:
            head = self.layout.node
            is_leaf, count = head.unpack(self.read(offset, head.size))
            kind = self.layout.kind(BLOCK if is_leaf else BRANCH)
            items = np.frombuffer(self.read(offset + head.size, count * kind.itemsize), kind)
            if len(items) < count:
                raise ValueError
            self.nodes[offset] = bool(is_leaf), items
        return self.nodes[offset]

    def block_at(self, index: int, place: float) -> _Block | None:
        """Return the block at a place from 0 (first) to 1 (last); None in an empty index."""
        offset = self.root(index)
        for _ in range(_DEEPEST):
            is_leaf, items = self.node(offset)
            if not len(items):
                return None
            item = items[round(place * (len(items) - 1))]
            offset = int(item["offset"])
            if is_leaf:
                return _Block(offset, int(item["size"]))
        raise ValueError

    def blocks(self, index: int, span: _Span | None = None) -> Iterator[_Block]:
        """Yield all blocks in order, or those that a span meets."""
        stack, apart = [self.root(index)], Apart()
        while stack:
            offset = stack.pop()
            is_leaf, items = self.node(offset)
            apart.take(offset, self.layout.node.size + items.nbytes)
            if span is not None:
                items = items[_meets(items, span)]
            if is_leaf:
                yield from (_Block(int(item["offset"]), int(item["size"])) for item in items)
            else:
                stack += [int(item["offset"]) for item in reversed(items)]

    def content(self, block: _Block) -> bytes:
        """Return a block, decompressed."""
        if block.size > MOST_BYTES:
            raise ValueError
        raw = self.read(block.offset, block.size)
        if not self.compressed:
            return raw
        stream = zlib.decompressobj()
        content = stream.decompress(raw, MOST_BYTES)
        if not stream.eof:
            raise ValueError
        return content

    def records(self, block: _Block) -> NDArray[np.void]:
        """Return the zoom records of a block."""
        return np.frombuffer(self.content(block), self.layout.kind(ZOOM_RECORD))

    def values(self, block: _Block) -> tuple[int, NDArray[np.int64], NDArray[np.float64]]:
        """Return contig, starts and ends (2, values), and the values of a block of data."""
        raw, head = self.content(block), self.layout.section
        contig, start, _, step, span, kind, count = head.unpack_from(raw)
        if kind not in _COLUMNS:
            raise ValueError
        columns, order = _COLUMNS[kind], self.layout.order
        body = np.frombuffer(raw, f"{order}u4", columns * count, head.size).reshape(count, columns)
        values = body[:, -1].copy().view(f"{order}f4").astype(np.float64)
        if kind == FIXED_STEP:
            starts = start + step * np.arange(count, dtype=np.int64)
        else:
            starts = body[:, 0].astype(np.int64)
        ends = body[:, 1].astype(np.int64) if kind == BED_GRAPH else starts + span
        return contig, np.stack([starts, ends]), values


def _meets(items: NDArray[np.void], span: _Span) -> NDArray[np.bool_]:
    """Say which items of a node meet a span."""
    begins = (items["first_contig"] < span.contig) | (
        (items["first_contig"] == span.contig) & (items["start"] < span.end)
    )
    ends = (items["last_contig"] > span.contig) | (
        (items["last_contig"] == span.contig) & (items["end"] > span.start)
    )
    meets: NDArray[np.bool_] = begins & ends
    return meets


def _sampled(file: _File, places: Sequence[float]) -> ZoomFault | None:
    for level, index in file.levels:
        for place in places:
            block = file.block_at(index, place)
            if block is None:
                continue
            records = file.records(block)
            fault = _contradiction(file, level, records)
            if fault is None and len(records):
                record = records[round(place * (len(records) - 1))]
                fault = _against_values(file, level, record)
            if fault:
                return fault
    return None


def _contradiction(file: _File, level: int, records: NDArray[np.void]) -> ZoomFault | None:
    """Return the first record whose squares sum to less than the square of its extreme."""
    extreme = np.maximum(np.abs(records["min"]), np.abs(records["max"])).astype(np.float64)
    least = (1 - TOLERANCE) * extreme**2 - SMALLEST
    wrong = np.flatnonzero((records["count"] > 0) & (records["sum_squares"] < least))
    if not len(wrong):
        return None
    record, square = records[wrong[0]], float(extreme[wrong[0]] ** 2)
    place = (int(record["contig"]), int(record["start"]), int(record["end"]))
    fault = ZoomFault(
        level,
        *place,
        "sum of its squared values",
        float(record["sum_squares"]),
        square,
        exact=False,
    )
    return _against_values(file, level, record) or fault


def _against_values(file: _File, level: int, record: np.void) -> ZoomFault | None:
    """Compare one record with its values, where they lie in few blocks."""
    span = _Span(int(record["contig"]), int(record["start"]), int(record["end"]))
    blocks = []
    for block in file.blocks(file.data, span):
        blocks.append(block)
        if len(blocks) > MOST_BLOCKS:
            return None
    totals = np.zeros(4)
    for block in blocks:
        contig, places, values = file.values(block)
        if contig == span.contig:
            totals += _totals(np.clip(places, span.start, span.end), values)
    stored = [float(record[name]) for name in ("count", "sum", "sum_squares")]
    return _compare(level, span, stored, totals)


def _totals(places: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return bases, sum, sum of squares, and sum of absolute values."""
    width = (places[1] - places[0]).astype(np.float64)
    return np.array(
        [width.sum(), width @ values, width @ (values * values), width @ np.abs(values)]
    )


def _compare(
    level: int, span: _Span, stored: Sequence[float], totals: NDArray[np.float64]
) -> ZoomFault | None:
    """Return a fault where the sums differ by more than rounding.

    Where the bases differ, the writer cut its records in another way: nothing is said.
    """
    bases, total, squares, absolute = totals.tolist()
    if stored[0] != bases:
        return None
    if _differs(stored[1], total, absolute):
        return ZoomFault(level, *span, "sum of its values", stored[1], total)
    if _differs(stored[2], squares, squares):
        return ZoomFault(level, *span, "sum of its squared values", stored[2], squares)
    return None


def _differs(stored: float, true: float, scale: float) -> bool:
    """Say whether sums differ by more than rounding and the limits of float32."""
    if abs(true) > LARGEST:
        return bool(np.isfinite(stored))
    return abs(stored - true) > TOLERANCE * scale + SMALLEST


def _all_levels(file: _File) -> ZoomFault | None:
    """Look at every record, and compare sums over whole contigs."""
    wanted: dict[int, NDArray[np.float64]] = {}
    for block in file.blocks(file.data):
        contig, places, values = file.values(block)
        totals = _totals(places, values)
        wanted[contig] = wanted.get(contig, np.zeros(4)) + totals
    for level, index in file.levels:
        by_contig: dict[int, NDArray[np.float64]] = {}
        ends: dict[int, int] = {}
        for block in file.blocks(index):
            records = file.records(block)
            fault = _contradiction(file, level, records)
            if fault:
                return fault
            for contig in np.unique(records["contig"]).tolist():
                own = records[records["contig"] == contig]
                sums = [own[name].sum(dtype=np.float64) for name in ("count", "sum", "sum_squares")]
                by_contig[contig] = by_contig.get(contig, np.zeros(3)) + sums
                ends[contig] = int(own["end"].max())
        for contig, totals in wanted.items():
            stored = by_contig.get(contig, np.zeros(3)).tolist()
            span = _Span(contig, 0, ends.get(contig, 0))
            fault = _compare(level, span, stored, totals)
            if fault:
                return fault
    return None
