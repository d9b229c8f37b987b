"""BED files: regions from users, refused with a line number where they are wrong.

Three or more tab-separated columns, 0-based half-open positions (UCSC's BED).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import InputError
from tracksmith.genome.aliases import ContigNames, read_aliases
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.fasta import Notify, silent
from tracksmith.genome.intervals import Interval, Regions
from tracksmith.genome.stream import ByteStream

__all__ = ["Bed", "read_bed"]

_TITLES = {b"start", b"chromstart", b"chrom_start", b"txstart"}
_ODD_TEXT = (b"\xff\xfe", b"\xfe\xff", b"\x89PNG", b"PK\x03\x04")


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
    """

    contigs: Contigs
    contig: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    extra: list[tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[Interval]:
        names = self.contigs.names
        rows = zip(self.contig.tolist(), self.starts.tolist(), self.ends.tolist(), strict=True)
        return (Interval(names[contig], start, end) for contig, start, end in rows)

    @cached_property
    def names(self) -> list[str]:
        """The fourth column; '' where a row has none."""
        return [columns[0] if columns else "" for columns in self.extra]

    @cached_property
    def strands(self) -> list[str]:
        """The sixth column: '+', '-', or '.' where a row has none of the two."""
        return [
            columns[2] if len(columns) > 2 and columns[2] in ("+", "-") else "."
            for columns in self.extra
        ]

    def regions(self) -> Regions:
        """Return the rows sorted and merged."""
        return Regions(self.contigs, self.contig, self.starts, self.ends)


def read_bed(
    path: str | Path,
    contigs: Contigs,
    notify: Notify = silent,
    alias: str | Path | None = None,
    clip: bool = False,
) -> Bed:
    """Read a BED file, plain or gzipped, and hold it against the genome.

    Comment, ``track`` and ``browser`` lines, a line of column titles, blank
    lines, a byte order mark and CRLF are accepted. With ``clip`` an interval
    that passes its contig's end ends there, and one wholly beyond it is left
    out; ``notify`` is told how many, and of names that were mapped.

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
    rows = _Rows(path, names, clip)
    for number, line in _data_lines(path):
        rows.add(number, line)
    if not rows.positions:
        raise InputError(
            f"{path} holds no regions{' within the genome' if rows.clipped else ''}. "
            "Give at least one line: contig, start, end, separated by tabs."
        )
    if rows.clipped:
        notify(f"{path}: {rows.clipped:,} intervals passed the end of their contig: clipped.")
    columns = np.array(rows.positions, dtype=np.int64).T.copy()
    return Bed(contigs, columns[0], columns[1], columns[2], rows.extra)


class _Rows:
    """Collects the rows of one file."""

    def __init__(self, path: Path, names: ContigNames, clip: bool) -> None:
        self.path = path
        self.names = names
        self.clip = clip
        self.clipped = 0
        self.positions: list[tuple[int, int, int]] = []
        self.extra: list[tuple[str, ...]] = []
        self._contigs: dict[bytes, tuple[int, int]] = {}

    def fail(self, number: int, what: str) -> InputError:
        return InputError(f"{self.path}:{number}: {what}")

    def add(self, number: int, line: bytes) -> None:
        columns = line.split(b"\t")
        if len(columns) < 3:
            raise self.fail(number, _too_few(line))
        if not (columns[1].isdigit() and columns[2].isdigit()):
            if not self.positions and columns[1].strip().lower() in _TITLES:
                return
            raise self.fail(number, _no_number(columns))
        contig, length = self._contigs.get(columns[0]) or self._contig(number, columns[0])
        start, end = int(columns[1]), int(columns[2])
        if start >= end:
            raise self.fail(
                number,
                f"start {start} is not below end {end}. BED is 0-based and half-open: one base at "
                "1-based position p is p-1 to p.",
            )
        if end > length:
            if not self.clip:
                raise self.fail(number, self._past_end(contig, end, length))
            self.clipped += 1
            end = length
            if start >= end:
                return
        self.positions.append((contig, start, end))
        self.extra.append(tuple(text.decode("utf-8", "surrogateescape") for text in columns[3:]))

    def _contig(self, number: int, raw: bytes) -> tuple[int, int]:
        name = raw.decode("utf-8", "surrogateescape")
        contig = self.names.require(name, f"{self.path}:{number}")
        found = contig, int(self.names.contigs.lengths[contig])
        self._contigs[raw] = found
        return found

    def _past_end(self, contig: int, end: int, length: int) -> str:
        return (
            f"end {end:,} passes the end of {self.names.contigs.names[contig]}, which has "
            f"{length:,} bp. Is the file of another assembly? --clip cuts such intervals."
        )


def _too_few(line: bytes) -> str:
    if b"\0" in line:
        return "this is no text: it holds a zero byte. Give a BED file, plain or gzipped."
    if len(line.split()) >= 3:
        return "columns are separated by blanks. BED needs tabs: sed -E 's/ +/\\t/g'"
    shown = line[:60].decode("utf-8", "replace")
    return f"{shown!r} has fewer than three columns. BED needs contig, start and end."


def _no_number(columns: list[bytes]) -> str:
    for what, text in (("start", columns[1]), ("end", columns[2])):
        shown = text[:60].decode("utf-8", "replace")
        if text[:1] == b"-" and text[1:].isdigit():
            return f"{what} {shown} is negative. BED positions count from 0."
        if not text.isdigit():
            return f"{what} {shown!r} is no whole number."
    return "start and end must be whole numbers."


def _data_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield line number (from 1) and text of every line that is not decoration."""
    with ByteStream(path) as stream:
        for number, raw in enumerate(stream.lines(), 1):
            stream.place = f"line {number}"
            line = raw.rstrip(b"\r\n")
            if number == 1:
                _require_text(path, line)
                line = line.removeprefix(b"\xef\xbb\xbf")
            if not line.strip() or line.startswith((b"#", b"track ", b"browser ")):
                continue
            if line in (b"track", b"browser"):
                continue
            yield number, line


def _require_text(path: Path, line: bytes) -> None:
    if line.startswith(_ODD_TEXT):
        raise InputError(
            f"{path} is no plain text; its first bytes are {line[:8].hex(' ')}. "
            "Save it as tab-separated UTF-8 text."
        )
