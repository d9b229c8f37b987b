"""The ``.fai`` index of a FASTA file: made by a strict scan, and checked before it is believed.

Five columns a contig (samtools-faidx(5)): name, length in bp, offset of the
first base in plain bytes, bases a line, bytes a line. A stale index makes other
tools return header text as sequence; here every contig's header line must stand
right before its offset and the file must end with the last contig.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import InputError
from tracksmith.genome.bgzf import ByteFile
from tracksmith.genome.contigs import MAX_CONTIG

__all__ = ["FastaIndex", "index_problem", "read_fai", "scan_fasta"]

_CHUNK = 1 << 24
_LONGEST_HEADER = 1 << 20

Column = NDArray[np.int64]


@dataclass(frozen=True)
class FastaIndex:
    """The columns of a ``.fai`` file, in the file's order; int64, shape (contigs,)."""

    names: tuple[str, ...]
    lengths: Column
    offsets: Column
    line_bases: Column
    line_bytes: Column

    def to_bytes(self) -> bytes:
        """Return the text of the ``.fai`` file."""
        columns = zip(
            self.names,
            self.lengths.tolist(),
            self.offsets.tolist(),
            self.line_bases.tolist(),
            self.line_bytes.tolist(),
            strict=True,
        )
        return "".join("%s\t%d\t%d\t%d\t%d\n" % row for row in columns).encode("utf-8")  # noqa: UP031

    def byte_at(self, contig: int, position: int) -> int:
        """Return where in the plain bytes the base at ``position`` (0-based) stands."""
        row, column = divmod(position, int(self.line_bases[contig]))
        return int(self.offsets[contig]) + row * int(self.line_bytes[contig]) + column

    def last_bases(self) -> Column:
        """Return the place of every contig's last base."""
        last = self.lengths - 1
        rows = last // self.line_bases
        found: Column = self.offsets + rows * self.line_bytes + (last - rows * self.line_bases)
        return found


def read_fai(path: Path) -> FastaIndex | None:
    """Read a ``.fai`` file; None where it is none (other columns, no numbers)."""
    try:
        text = path.read_bytes().decode("utf-8").removesuffix("\n")
        rows = [line.split("\t") for line in text.split("\n")]
        numbers = np.array([[int(text) for text in row[1:]] for row in rows], dtype=np.int64)
    except (ValueError, OverflowError):
        return None
    if not rows or numbers.ndim != 2 or numbers.shape[1] != 4 or (numbers < 0).any():
        return None
    names = tuple(row[0] for row in rows)
    no_layout = (numbers[:, 0] < 1) | (numbers[:, 2] < 1) | (numbers[:, 3] < numbers[:, 2])
    if len(set(names)) < len(names) or no_layout.any():
        return None
    return FastaIndex(names, *np.ascontiguousarray(numbers.T))


def index_problem(index: FastaIndex, file: ByteFile) -> str | None:
    """Say why ``index`` does not belong to ``file``, or None where it does.

    Between the last base of one contig and the first of the next there must be
    only header lines, the last of them the next one's, and after the last contig nothing. Every
    such place is read, in the file's order: at most one pass over a bgzipped file.
    That holds names, offsets and lengths; lines inside a contig are held when they are read.
    """
    lasts = index.last_bases()
    gap_starts = np.concatenate([[0], lasts[:-1]])
    if (index.offsets <= gap_starts).any() or not 0 <= int(lasts[-1]) < file.size:
        return "its offsets do not fit the file"
    gaps = zip(gap_starts.tolist(), index.offsets.tolist(), index.names, strict=True)
    for number, (start, end, name) in enumerate(gaps):
        between = file.read(start, min(end - start, _LONGEST_HEADER))
        fits = _leads_to(between, name.encode("utf-8"))
        if not (fits and (number == 0 or _ends_a_line(between))):
            return f"contig {name!r} does not begin where it says"
    tail = file.read(int(lasts[-1]), file.size - int(lasts[-1]))
    if not (_ends_a_line(tail) and _only_headers(tail.split(b"\n")[1:])):
        return f"the file does not end with contig {index.names[-1]!r} as it says"
    return None


def _ends_a_line(text: bytes) -> bool:
    """Whether ``text`` begins with a line's last base and its line end, or the file's."""
    return text[:1] not in b"\r\n" and text[1:2] in b"\r\n"


def _only_headers(lines: list[bytes]) -> bool:
    """Whether all lines are headers or blank: contigs without bases have no entry."""
    return all(line[:1] in b">\r" for line in lines)


def _leads_to(text: bytes, name: bytes) -> bool:
    """Whether only headers follow the first base of ``text``, the last that of ``name``."""
    lines = text.split(b"\n")
    if text[:1] not in b">\r\n":
        del lines[0]
    whole = len(lines) > 1 and lines.pop() == b"" and _only_headers(lines)
    return whole and lines[-1][1:].split(None, 1)[:1] == [name]


@dataclass
class _Contig:
    """One contig while it is scanned.

    ``full`` (bases) and ``width`` (bytes) are those of its first line, -1 before
    it; ``even`` and ``blank`` tell of the line before the next one.
    """

    name: str
    line: int
    offset: int
    length: int = 0
    full: int = -1
    width: int = -1
    even: bool = True
    blank: bool = False


def scan_fasta(file: ByteFile, notify: Callable[[str], None]) -> FastaIndex:
    """Index a FASTA file, reading all of it once; contigs without bases are left out, aloud.

    Raises
    ------
    InputError
        Empty file, text before the first ``>``, lines of unequal length or a
        blank line inside a contig, a name that is empty, repeated or not UTF-8,
        a contig above 2**32 - 1 bp: with the line number.
    """
    scanner = _Scanner(file)
    for lines in _lines(file):
        scanner.take(lines)
    index = scanner.finish()
    empty = len(scanner.lines) - len(index.names)
    if empty:
        notify(f"{file.path}: {empty:,} contigs without bases are left out.")
    return index


@dataclass(frozen=True)
class _Lines:
    """Consecutive whole lines: where they start, their lengths without and with the line end."""

    first_number: int
    starts: Column
    lengths: Column
    widths: Column
    headers: NDArray[np.intp]
    texts: list[bytes]


def _lines(file: ByteFile) -> Iterator[_Lines]:
    """Cut the file into lines, chunk by chunk; a line may be longer than a chunk."""
    offset, line_start, number = 0, 0, 1
    opening = b""  # the start of an unfinished line: all of a header, one byte of bases
    last = b""
    while offset < file.size:
        raw = file.read(offset, _CHUNK)
        data = np.frombuffer(raw, dtype=np.uint8)
        ends = np.flatnonzero(data == 10)
        at_end = offset + len(raw) >= file.size
        if at_end and not raw.endswith(b"\n"):
            ends = np.append(ends, len(raw))
        if ends.size:
            starts = np.concatenate([[line_start], ends[:-1] + 1 + offset])
            yield _cut(file, raw, data, offset, starts, ends, number, opening, last)
            number += len(ends)
            line_start, opening = offset + int(ends[-1]) + 1, b""
        begun = max(line_start - offset, 0)
        opening += raw[begun:]
        if not opening.startswith(b">"):
            opening = opening[:1]
        last = raw[-1:]
        offset += len(raw)


def _cut(
    file: ByteFile,
    raw: bytes,
    data: NDArray[np.uint8],
    offset: int,
    starts: Column,
    ends: NDArray[np.intp],
    number: int,
    opening: bytes,
    last: bytes,
) -> _Lines:
    first = data[np.maximum(starts - offset, 0).clip(max=len(data) - 1)].copy()
    if opening:
        first[0] = opening[0]
    before = data[np.maximum(ends - 1, 0)].copy()
    if ends[0] == 0:
        before[0] = last[0] if last else 0
    lengths = ends + offset - starts
    widths = lengths + 1
    lengths = lengths - ((before == 13) & (lengths > 0))
    headers = np.flatnonzero((first == ord(">")) & (lengths > 0))
    texts = []
    for index in headers.tolist():
        begin = int(starts[index]) - offset
        texts.append((opening if begin < 0 else b"") + raw[max(begin, 0) : int(ends[index])])
    return _Lines(number, starts, lengths, widths, headers, texts)


class _Scanner:
    """Collects contigs from lines and refuses what no index can describe."""

    def __init__(self, file: ByteFile) -> None:
        self.path = file.path
        self.size = file.size
        self.lines: dict[str, int] = {}
        self.names: list[str] = []
        self.columns: list[tuple[int, int, int, int]] = []
        self.open: _Contig | None = None

    def fail(self, line: int, what: str) -> InputError:
        return InputError(f"{self.path}:{line}: {what}")

    def take(self, lines: _Lines) -> None:
        """Add consecutive whole lines."""
        heads = lines.headers
        if self.open is None:
            self._require_header_first(lines)
        full, width = self._first_lines(lines)
        bases = lines.lengths.copy()
        bases[heads] = 0
        even = (lines.lengths == full) & (lines.widths == width)
        even[heads] = True
        self._require_even(lines, full, even)
        totals = np.concatenate([[0], np.cumsum(bases)])
        sums = np.diff(totals[[0, *heads.tolist(), len(bases)]]).tolist()
        if self.open is not None:
            self.open.length += sums[0]
            if len(heads) == 0 or heads[0] > 0:
                self.open.full, self.open.width = int(full[0]), int(width[0])
        offsets = (lines.starts[heads] + lines.widths[heads]).tolist()
        fulls, widths = (np.append(column, -1)[heads + 1].tolist() for column in (full, width))
        rows = zip(heads.tolist(), lines.texts, offsets, sums[1:], fulls, widths, strict=True)
        for at, text, offset, length, contig_full, contig_width in rows:
            self._close()
            line = lines.first_number + at
            name = self._name(text, line)
            self.open = _Contig(name, line, offset, length, contig_full, contig_width)
        if self.open is not None:
            self.open.even, self.open.blank = bool(even[-1]), not lines.lengths[-1]

    def _require_header_first(self, lines: _Lines) -> None:
        before = lines.lengths[: lines.headers[0]] if lines.headers.size else lines.lengths
        if before.any():
            raise self.fail(
                lines.first_number + int(np.flatnonzero(before)[0]),
                "text before the first '>': this is no FASTA file. A contig begins with '>NAME'.",
            )

    def _first_lines(self, lines: _Lines) -> tuple[Column, Column]:
        """Return, for every line, the bases and bytes of the first line of its contig."""
        count, heads = len(lines.starts), lines.headers
        bounds = np.array([0, *heads.tolist(), count])
        sizes = np.diff(bounds)
        firsts = np.minimum(np.concatenate([[0], heads + 1]), count - 1)
        columns = []
        state = self.open
        for column, known in (
            (lines.lengths, state.full if state else -1),
            (lines.widths, state.width if state else -1),
        ):
            values = column[firsts]
            if known >= 0:
                values[0] = known
            columns.append(np.repeat(values, sizes))
        return columns[0], columns[1]

    def _require_even(self, lines: _Lines, full: Column, even: NDArray[np.bool_]) -> None:
        """Refuse a line longer than its contig's first, and any bases after a shorter line."""
        before = np.concatenate([[self.open.even if self.open else True], even[:-1]])
        bad = ((lines.lengths > full) | ~before) & (lines.lengths > 0)
        bad[lines.headers] = False
        if not bad.any():
            return
        at = int(np.argmax(bad))
        later = lines.headers[lines.headers < at]
        name = self.open.name if self.open else ""
        if later.size:
            words = lines.texts[later.size - 1][1:].split(None, 1)
            name = (words or [b""])[0].decode("utf-8", "replace")
        blank = not lines.lengths[at - 1] if at else self.open is not None and self.open.blank
        if blank:
            raise self.fail(
                lines.first_number + at - 1,
                f"a blank line inside contig {name!r}. Remove it, or rewrite the file with "
                "`seqkit seq` or the like.",
            )
        raise self.fail(
            lines.first_number + at,
            f"contig {name!r} has lines of unequal length: its first has {int(full[at])} bases. "
            "Only a contig's last line may be shorter, and line ends must not be mixed; rewrite "
            "the file with lines of one length (`seqkit seq -w 60`).",
        )

    def _name(self, text: bytes, line: int) -> str:
        words = text[1:].split(None, 1)
        if not words or text[1:2].isspace():
            raise self.fail(line, "a '>' without a name right after it. Give every contig a name.")
        try:
            name = words[0].decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.fail(line, f"the contig name {words[0]!r} is not UTF-8 text.") from error
        if name in self.lines:
            raise self.fail(
                line,
                f"contig {name!r} was already declared in line {self.lines[name]}. "
                "Names must be unique: rename one of the two.",
            )
        self.lines[name] = line
        return name

    def _close(self) -> None:
        contig = self.open
        if contig is None:
            return
        if contig.length > MAX_CONTIG:
            raise self.fail(
                contig.line,
                f"contig {contig.name!r} has {contig.length:,} bp; a bigWig holds at most "
                f"{MAX_CONTIG:,}. Split the contig.",
            )
        if contig.length:
            self.names.append(contig.name)
            self.columns.append((contig.length, contig.offset, contig.full, contig.width))

    def finish(self) -> FastaIndex:
        self._close()
        if not self.columns:
            what = "is empty" if self.size == 0 else "holds no contig with bases"
            raise InputError(f"{self.path} {what}. Give a FASTA file of the genome.")
        return FastaIndex(tuple(self.names), *np.array(self.columns, dtype=np.int64).T.copy())
