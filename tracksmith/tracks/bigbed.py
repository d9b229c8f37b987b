"""The bigBed writer: rows of any table, with an index by name and zoom levels of depth.

The indexes by name are B+ trees from a column's text to the block that holds the row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import UsageError
from tracksmith.files import aside
from tracksmith.tracks.autosql import AutoSql
from tracksmith.tracks.bbi import BIGBED, BLOCK, LITTLE
from tracksmith.tracks.bedrows import PLACE, BedRow, in_order, row_records, sorted_records
from tracksmith.tracks.container import FileHead, begin_file, check_contigs, end_file
from tracksmith.tracks.depth import Depth
from tracksmith.tracks.external_sort import DiskSorter
from tracksmith.tracks.options import Compressor, TrackOptions
from tracksmith.tracks.piece import Summary
from tracksmith.tracks.pyramid import Pyramid, Thinned
from tracksmith.tracks.survey import summarise
from tracksmith.tracks.trees import BlockTable, write_name_tree, write_position_tree
from tracksmith.tracks.verify import Row, verify_bigbed

__all__ = ["BedSummary", "write_bigbed"]

REDUCTION = 64
ROWS_PER_BLOCK = 512
BLOCK_BYTES = 1 << 16
INDEX_BYTES = LITTLE.name_index.size + LITTLE.index_column.size


@dataclass
class BedSummary:
    """What a finished bigBed holds; ``depth`` counts how many rows cover each base."""

    rows: int = 0
    depth: Summary = field(default_factory=Summary)
    zoom_levels: int = 0


def write_bigbed(
    path: Path,
    contigs: Sequence[tuple[str, int]],
    rows: Iterable[BedRow],
    schema: AutoSql,
    *,
    extra_index: Sequence[str] = ("name",),
    compressor: Compressor = "zlib",
    presorted: bool = False,
) -> BedSummary:
    """Write rows into a bigBed that is whole, checked by a second reader, or absent.

    Parameters
    ----------
    path : Path
        The target; an existing file is replaced at the end, in one step.
    contigs : sequence of (str, int)
        All contigs of the genome, in its order, with lengths in bp.
    rows : iterable of sequences
        Contig name, start, end (bp, 0-based half-open), then a value for each
        further column: text for text columns, numbers for numbers, colours as
        ``"202,0,32"``. Text that browsers would take for markup is written in
        other characters (:func:`tracksmith.tracks.markup.without_markup`).
    schema : AutoSql
        The columns. ``schema.defined`` of them are standard BED: what follows
        is shown by browsers under its own name.
    extra_index : sequence of str
        Text columns that a browser may search for whole values.
    presorted : bool
        Rows come by contig, in the genome's order, and start; otherwise they
        are sorted on disk, beside the target.

    Returns
    -------
    summary : BedSummary
        Memory does not grow with the rows.

    Raises
    ------
    InputError
        A row cannot be written, or comes out of order though ``presorted``.
    ResourceError
        The folder cannot be written or the disk is full.
    TracksmithError
        The finished file does not read back as written.
    """
    check_contigs(contigs)
    _check_indexes(schema, extra_index)
    folder = path.parent
    records = row_records(rows, contigs, schema)
    with aside(path) as temporary:
        ordered = in_order(records) if presorted else sorted_records(records, folder)
        with temporary.open("wb") as out:
            file = _BigBed(out, contigs, schema, extra_index, TrackOptions(compressor))
            summary = file.write(ordered, folder)
        verify_bigbed(temporary, contigs, summary.depth, schema.text(), file.samples.items)
    return summary


def _check_indexes(schema: AutoSql, names: Sequence[str]) -> None:
    for name in names:
        column = schema.columns[schema.index(name)]
        if column.type != "string" or schema.index(name) < 3:
            raise UsageError(
                f"Column {name!r} ({column.type}) cannot be indexed: choose a column of type "
                "string after the third."
            )


class _BigBed:
    """One file being written, section after section."""

    def __init__(
        self,
        out: BinaryIO,
        contigs: Sequence[tuple[str, int]],
        schema: AutoSql,
        extra_index: Sequence[str],
        options: TrackOptions,
    ) -> None:
        self.out, self.contigs, self.options = out, contigs, options
        self.samples: Thinned[Row] = Thinned(64)
        self.columns = [schema.index(name) for name in extra_index]
        self.head = FileHead(
            BIGBED,
            fields=len(schema.columns),
            defined_fields=schema.defined,
            declaration=schema.text(),
        )
        self.depth_totals = Summary()
        extension = bytes(LITTLE.extension.size + len(self.columns) * INDEX_BYTES)
        begin_file(out, self.head, contigs, extension)

    def write(self, records: Iterable[bytes], folder: Path) -> BedSummary:
        """Write everything after the contigs, and the head last."""
        sorters = [DiskSorter(folder) for _ in self.columns]
        try:
            with Pyramid(REDUCTION, folder, self.options) as pyramid:
                self._write_rows(records, folder, pyramid, sorters)
                for level, _ in pyramid.finish(self.head.items):
                    self.head.zooms.append((level.reduction, *level.write(self.out)))
            offsets = [self._write_index(sorter) for sorter in sorters]
        finally:
            for sorter in sorters:
                sorter.close()
        self.head.totals = self.depth_totals
        end_file(self.out, self.head)
        self._write_extension(offsets)
        return BedSummary(self.head.items, self.depth_totals, len(self.head.zooms))

    def _write_rows(
        self,
        records: Iterable[bytes],
        folder: Path,
        pyramid: Pyramid,
        sorters: Sequence[DiskSorter],
    ) -> None:
        """Write the blocks and their index; feed the zoom levels and the name indexes."""
        table, depth, block = BlockTable(folder), Depth(REDUCTION), _Block()
        try:
            for record in records:
                contig, start, end = PLACE.unpack_from(record)
                if block.is_full(contig):
                    self._write_block(block, table, sorters)
                    block = _Block()
                block.add(contig, start, end, record[PLACE.size :])
                if (done := depth.add(contig, start, end)) is not None:
                    self._add_depth(done, pyramid)
            self._write_block(block, table, sorters)
            self._add_depth(depth.finish(), pyramid)
            self.head.index = self.out.tell()
            write_position_tree(self.out, table, 0, ROWS_PER_BLOCK)
        finally:
            table.close()

    def _add_depth(self, records: NDArray[np.void], pyramid: Pyramid) -> None:
        pyramid.add(records)
        self.depth_totals += summarise(records, 0)

    def _write_block(self, block: _Block, table: BlockTable, sorters: Sequence[DiskSorter]) -> None:
        if not block.rows:
            return
        raw = b"".join(block.parts)
        data = self.options.compress(raw)
        offset = self.out.tell()
        self.out.write(data)
        extent = (block.contig, block.start, block.contig, block.end)
        table.append(np.array([(*extent, offset, len(data))], BLOCK))
        self.head.items += len(block.rows)
        self.head.block_size = max(self.head.block_size, len(raw))
        self.samples.append((block.contig, *block.rows[len(block.rows) // 2]))
        target = LITTLE.target.pack(offset, len(data))
        for column, sorter in zip(self.columns, sorters, strict=True):
            for _, _, text in block.rows:
                sorter.add(text.split(b"\t", column - 2)[column - 3] + b"\0" + target)

    def _write_index(self, sorter: DiskSorter) -> int:
        """Write the B+ tree over one column; return its offset."""
        offset, width = self.out.tell(), LITTLE.target.size
        longest = max(1, sorter.longest - width - 1)
        entries = (
            record[: -width - 1].ljust(longest, b"\0") + record[-width:] for record in sorter
        )
        write_name_tree(self.out, entries, sorter.count, longest, width)
        return offset

    def _write_extension(self, offsets: Sequence[int]) -> None:
        """Say where the indexes of columns lie."""
        self.out.seek(self.head.extension)
        entries = self.head.extension + LITTLE.extension.size
        self.out.write(LITTLE.extension.pack(LITTLE.extension.size, len(offsets), entries))
        for column, offset in zip(self.columns, offsets, strict=True):
            self.out.write(LITTLE.name_index.pack(0, 1, offset) + LITTLE.index_column.pack(column))


class _Block:
    """Rows of one contig that are compressed together."""

    def __init__(self) -> None:
        self.contig = self.start = self.end = self.size = 0
        self.rows: list[tuple[int, int, bytes]] = []
        self.parts: list[bytes] = []

    def is_full(self, contig: int) -> bool:
        """Say whether a row of ``contig`` needs another block."""
        full = len(self.rows) >= ROWS_PER_BLOCK or self.size >= BLOCK_BYTES
        return bool(self.rows) and (full or contig != self.contig)

    def add(self, contig: int, start: int, end: int, text: bytes) -> None:
        """Add a row after all others."""
        if not self.rows:
            self.contig, self.start = contig, start
        self.end = max(self.end, end)
        self.rows.append((start, end, text))
        self.parts += (LITTLE.row.pack(contig, start, end), text, b"\0")
        self.size += LITTLE.row.size + len(text) + 1
