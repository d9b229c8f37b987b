"""BED files: regions from users, refused with a line number where they are wrong.

Three or more tab-separated columns, 0-based half-open positions (UCSC's BED); or
a table with titles, of which some count from 1 (:mod:`tracksmith.genome.region_tables`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import InputError
from tracksmith.genome.aliases import ContigNames, LeftOut, read_aliases
from tracksmith.genome.contigs import MAX_CONTIG, Contigs
from tracksmith.genome.fasta import Notify, silent
from tracksmith.genome.intervals import Interval, Regions
from tracksmith.genome.kinds import kind_of_bytes
from tracksmith.genome.numbers import clipped_number
from tracksmith.genome.region_tables import (
    PLAIN_BED,
    TableLayout,
    foreign_table,
    layout_of_titles,
)
from tracksmith.genome.stream import ByteStream

__all__ = ["Bed", "read_bed"]

_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, eq=False)
class Bed:
    """The rows of a BED file, in the file's order.

    Attributes
    ----------
    contigs : Contigs
        The genome's contigs.
    contig, starts, ends : int64, shape (rows,)
        Contig numbers; positions in bp, 0-based half-open.
    extra : list of tuple of str, length rows
        The fourth and later columns of each row.
    layout : TableLayout
        Which columns hold names and strands.
    """

    contigs: Contigs
    contig: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    extra: list[tuple[str, ...]]
    layout: TableLayout = PLAIN_BED

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[Interval]:
        names = self.contigs.names
        rows = zip(self.contig.tolist(), self.starts.tolist(), self.ends.tolist(), strict=True)
        return (Interval(names[contig], start, end) for contig, start, end in rows)

    @cached_property
    def names(self) -> list[str]:
        """The names, in the fourth column if no titles say otherwise; '' where a row has none."""
        return [_cell(columns, self.layout.name) for columns in self.extra]

    @cached_property
    def strands(self) -> list[str]:
        """The strands, '+', '-' or '.'; in the sixth column if no titles say otherwise."""
        cells = (_cell(columns, self.layout.strand) for columns in self.extra)
        return [cell if cell in ("+", "-") else "." for cell in cells]

    def regions(self) -> Regions:
        """Return the rows sorted and merged."""
        return Regions(self.contigs, self.contig, self.starts, self.ends)


def _cell(extra: tuple[str, ...], column: int | None) -> str:
    """Return a column of a row, counted from 0 in the file; '' where there is none."""
    at = -1 if column is None else column - 3
    return extra[at] if 0 <= at < len(extra) else ""


def read_bed(
    path: str | Path,
    contigs: Contigs,
    notify: Notify = silent,
    alias: str | Path | None = None,
    clip: bool = False,
    left_out: LeftOut | None = None,
) -> Bed:
    """Read a BED file, plain or gzipped, and hold it against the genome.

    Comment, ``track`` and ``browser`` lines, a line of column titles, blank
    lines, a byte order mark and CRLF are accepted. With ``clip`` an interval
    that passes an end of its contig ends there, and one wholly outside is left
    out; ``notify`` is told how many, and of names that were mapped. With
    ``left_out`` rows on contigs that the genome lacks are counted there and left out.

    Raises
    ------
    InputError
        Unreadable, empty, not tab-separated, a position that is no whole number,
        start not below end, past the contig's end, an unknown contig: with the
        line number.
    """
    path = Path(path)
    aliases = read_aliases(alias, contigs) if alias is not None else None
    names = ContigNames(contigs, str(path), notify, aliases)
    rows = _Rows(path, names, clip, left_out)
    for number, line in _data_lines(path):
        rows.add(number, line)
    if not rows.positions and not (left_out and left_out.rows):
        raise InputError(
            f"{path} holds no regions{' within the genome' if rows.clipped else ''}. "
            "Give at least one line: contig, start, end, separated by tabs."
        )
    if rows.clipped:
        notify(f"{path}: {rows.clipped:,} intervals passed an end of their contig: clipped.")
    if rows.first:
        notify(f"{path}: positions count from 1, as its column of widths shows.")
    columns = np.array(rows.positions, dtype=np.int64).reshape(-1, 3).T.copy()
    return Bed(contigs, columns[0], columns[1], columns[2], rows.extra, rows.layout)


class _Rows:
    """Collects the rows of one file.

    ``first`` is how a table of widths numbers a contig's first base, None before its first row.
    """

    def __init__(
        self, path: Path, names: ContigNames, clip: bool, left_out: LeftOut | None
    ) -> None:
        self.path = path
        self.names = names
        self.clip = clip
        self.left_out = left_out
        self.clipped = 0
        self.first: int | None = None
        self.layout = PLAIN_BED
        self.positions: list[tuple[int, int, int]] = []
        self.extra: list[tuple[str, ...]] = []
        self._contigs: dict[bytes, tuple[int, int]] = {}

    def fail(self, number: int, what: str) -> InputError:
        return InputError(f"{self.path}:{number}: {what}")

    def add(self, number: int, line: bytes) -> None:
        columns = line.split(b"\t")
        if len(columns) < 3:
            raise self.fail(number, _too_few(line))
        if not (_is_number(columns[1]) and _is_number(columns[2])):
            if self.positions or not self._take_titles(number, columns):
                raise self.fail(number, self._no_number(columns))
            return
        place = self._contigs.get(columns[0]) or self._contig(number, columns[0])
        if place is None:
            return
        contig, length = place
        start, end = (_signed(text) for text in columns[1:3])
        if self.layout.width is not None:
            start -= self._first_base(number, columns, end - start)
        if start >= end:
            raise self.fail(
                number,
                f"start {_shown(columns[1])} is not below end {_shown(columns[2])}. BED is 0-based "
                "and half-open: one base at 1-based position p is p-1 to p.",
            )
        if start < 0 or end > length:
            start, end = self._clipped(number, columns, contig, start, end)
            if start >= end:
                return
        self.positions.append((contig, start, end))
        self.extra.append(tuple(text.decode("utf-8", "surrogateescape") for text in columns[3:]))

    def _take_titles(self, number: int, columns: list[bytes]) -> bool:
        layout = layout_of_titles(columns)
        if isinstance(layout, str):
            raise self.fail(number, layout)
        if layout is None or self.layout.columns is not None:
            return False
        self.layout = layout
        return True

    def _first_base(self, number: int, columns: list[bytes], length: int) -> int:
        """Learn from the width of the first row whether positions count from 1, and hold the rest.

        Raises
        ------
        InputError
            The width is not that of the interval.
        """
        at = self.layout.width or 0
        width = columns[at] if at < len(columns) else b""
        first = _signed(width) - length if _is_number(width) else -1
        if first not in ((0, 1) if self.first is None else (self.first,)):
            raise self.fail(
                number,
                f"column {at + 1} is {_shown(width)!r}, which is not the width of this interval, "
                "end - start + 1, as GenomicRanges and MACS have it. Repair it, or give BED.",
            )
        self.first = first
        return first

    def _clipped(
        self, number: int, columns: list[bytes], contig: int, start: int, end: int
    ) -> tuple[int, int]:
        """Return the part of an interval that lies on its contig, if that was asked for."""
        length = int(self.names.contigs.lengths[contig])
        if not self.clip:
            if start < 0:
                raise self.fail(
                    number,
                    f"start {_shown(columns[1])} is before the first base of its contig, whose "
                    f"number is {self.first or 0}. --clip cuts such intervals.",
                )
            raise self.fail(number, self._past_end(contig, columns[2], length))
        self.clipped += 1
        return max(start, 0), min(end, length)

    def _contig(self, number: int, raw: bytes) -> tuple[int, int] | None:
        """Return a contig's number and length, None where its rows are left out."""
        name = raw.decode("utf-8", "surrogateescape")
        if self.left_out is not None and self.names.find(name) is None:
            self.left_out.add(name)
            return None
        contig = self.names.require(name, f"{self.path}:{number}")
        contig_and_length = contig, int(self.names.contigs.lengths[contig])
        self._contigs[raw] = contig_and_length
        return contig_and_length

    def _past_end(self, contig: int, end: bytes, length: int) -> str:
        return (
            f"end {_shown(end)} passes the end of {self.names.contigs.names[contig]}, which has "
            f"{length:,} bp. Is the file of another assembly? --clip cuts such intervals."
        )

    def _no_number(self, columns: list[bytes]) -> str:
        if len(columns) - 1 == self.layout.columns and _is_number(columns[2]):
            return (
                "the line has one column more than the titles: row names, as R writes them. Leave "
                "them out: write.table(..., row.names = FALSE)"
            )
        foreign = foreign_table(columns)
        if foreign is not None:
            return foreign
        what, text = ("end", columns[2]) if _is_number(columns[1]) else ("start", columns[1])
        return f"{what} {_shown(text)!r} is no whole number."


def _is_number(text: bytes) -> bool:
    return text.isdigit() or (text[:1] == b"-" and text[1:].isdigit())


def _signed(text: bytes) -> int:
    """Return a whole number, none beyond what any contig has."""
    if len(text) < 10:  # nearly every one, at a third of the time
        return int(text)
    size = clipped_number(text.lstrip(b"-"), MAX_CONTIG)
    return -size if text.startswith(b"-") else size


def _shown(text: bytes) -> str:
    return text[:60].decode("utf-8", "replace")


def _too_few(line: bytes) -> str:
    if b"\0" in line:
        return "this is no text: it holds a zero byte. Give a BED file, plain or gzipped."
    if len(line.split()) >= 3:
        return "columns are separated by blanks. BED needs tabs: sed -E 's/ +/\\t/g'"
    if line.count(b",") >= 2:
        return "columns are separated by commas. BED needs tabs, and positions that count from 0."
    return f"{_shown(line)!r} has fewer than three columns. BED needs contig, start and end."


def _data_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield line number (from 1) and text of every line that is not decoration."""
    with ByteStream(path) as stream:
        for number, raw in enumerate(stream.lines(), 1):
            stream.place = f"line {number}"
            line = raw.rstrip(b"\r\n")
            if number == 1:
                _require_text(path, line)
                line = line.removeprefix(_MARK)
            if line.lower().startswith(b"#seqnames\t"):
                line = line[1:]
            if not line.strip() or line.startswith((b"#", b"track ", b"browser ")):
                continue
            if line in (b"track", b"browser"):
                continue
            yield number, line


def _require_text(path: Path, line: bytes) -> None:
    kind = None if line.startswith(_MARK) else kind_of_bytes(line)
    if kind is not None:
        raise InputError(
            f"{path} is no plain text; its first bytes, {line[:8].hex(' ')}, are {kind}."
        )
