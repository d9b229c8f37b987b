"""Variants from VCF, BCF or a table, in the file's order; nothing is dropped.

The eight fixed columns are read here, strictly and with line numbers (VCF 4.3,
section 1.4); samples and the values of INFO are never parsed. Positions are
0-based in a record and 1-based in every message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from tracksmith.errors import InputError
from tracksmith.files import Closing
from tracksmith.genome.aliases import ContigNames
from tracksmith.genome.bcf import Site, read_bcf_header, read_bcf_sites
from tracksmith.genome.contigs import MAX_CONTIG, shown
from tracksmith.genome.kinds import kind_of_bytes
from tracksmith.genome.numbers import clipped_number
from tracksmith.genome.stream import ByteStream
from tracksmith.genome.variant_table import UNNAMED_COLUMNS, table_columns

__all__ = ["VariantFile", "VariantRecord", "VcfHeader", "check_assembly"]

Format: TypeAlias = Literal["vcf", "bcf", "table"]

# decision: own-vcf-reader (cyvcf2 ends the interpreter on broken lines)
_COLUMNS = [b"#CHROM", b"POS", b"ID", b"REF", b"ALT", b"QUAL", b"FILTER", b"INFO"]
_TABLE_SUFFIX = re.compile(r"\.(tsv|txt|tab)(\.b?gz)?$", re.IGNORECASE)
_MAX_POSITION = 2**31 - 1
_RECORD = re.compile(rb"[!-~]+\t[0-9]{1,9}(?:\t[ -~]*){3}\t")
"""The first five columns of nearly every line: printable ASCII, a position below 10**9."""
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), 127)}


class VariantRecord(NamedTuple):
    """One record: ``position`` is 0-based, -1 where POS is 0 (a telomere).

    ``line`` is the line number, for BCF the number of the record, from 1.
    ``alts`` is empty where ALT is ``.``; alleles are as written, unchecked.
    Text that is not UTF-8 is kept by ``surrogateescape``.
    """

    line: int
    contig: str
    position: int
    id: str
    ref: str
    alts: tuple[str, ...]

    @property
    def place(self) -> str:
        """``contig:position``, 1-based."""
        return f"{self.contig}:{self.position + 1}"


@dataclass
class VcfHeader:
    """The header lines as they are, without line ends, ``#CHROM`` last.

    ``contigs`` maps every declared contig to its length in bp, None where not given, and
    2**32 where it is longer than any contig may be.
    """

    lines: list[bytes] = field(default_factory=list)
    contigs: dict[str, int | None] = field(default_factory=dict)

    @property
    def columns(self) -> int:
        """Columns of every record."""
        return self.lines[-1].count(b"\t") + 1 if self.lines else 0

    def add_contig(self, line: bytes) -> None:
        """Remember the contig that a ``##contig`` line declares."""
        name = re.match(rb"##contig=<(?:.*?,)?ID=([^,>]+)", line)
        length = re.search(rb"[<,]length=(\d+)\s*[,>]", line)
        if name:
            text = name[1].decode("utf-8", "surrogateescape")
            self.contigs[text] = clipped_number(length[1], MAX_CONTIG) if length else None


class VariantFile(Closing):
    """Reads variants, once and forwards; ``-`` is standard input.

    VCF (plain, gzip, bgzip) and BCF are told by their content. A table has
    tab-separated columns contig, 1-based position, reference and alternative
    allele, and maybe an id: named in a first line, or in that order; it is told
    by its suffix ``.tsv``, ``.txt`` or ``.tab``, or by ``format``.

    Attributes
    ----------
    header : VcfHeader
        Empty for a table.
    format : str
        ``vcf``, ``bcf`` or ``table``.
    name : str
        The file, for messages.

    Raises
    ------
    InputError
        No such file, no header, not a variant file: with its first bytes. While
        reading: a line that is not a record, with its number; a file cut short,
        with what was read last.
    """

    def __init__(
        self,
        path: str | Path,
        format: Format | None = None,
        allow_truncated: bool = False,
    ) -> None:
        self._stream = ByteStream(path, allow_truncated)
        self._path = path
        self.name = self._stream.name
        self.header = VcfHeader()
        self._lines = enumerate(self._stream.lines(), 1)
        self._pending: tuple[int, bytes] | None = None
        self._columns: dict[str, int] = {}
        try:
            self.format: Format = format or self._sniff(str(path))
            if self.format == "vcf":
                self._read_header()
            elif self.format == "bcf":
                self._read_bcf_header()
        except BaseException:
            self._stream.close()
            raise

    def _sniff(self, path: str) -> Format:
        magic = self._stream.peek(64)
        if magic.startswith(b"BCF"):
            return "bcf"
        known = magic.startswith((b"##fileformat", b"\t".join(_COLUMNS)))
        return "table" if _TABLE_SUFFIX.search(path) and not known else "vcf"

    def fail(self, line: int, what: str) -> InputError:
        """Return the error for one line."""
        return InputError(f"{self.name}:{line}: {what}")

    def __iter__(self) -> Iterator[VariantRecord]:
        if self.format == "table":
            yield from self._table()
        elif self.format == "bcf":
            for record, _ in self._bcf(with_lines=False):
                yield record
        else:
            for record, _ in self.lines():
                yield record

    def lines(self) -> Iterator[tuple[VariantRecord, bytes]]:
        """Yield every record with its line of VCF as it is, line end included.

        Those of a BCF, which has no lines, are made by htslib.
        """
        if self.format == "bcf":
            yield from self._bcf(with_lines=True)
            return
        if self.format == "table":
            raise InputError(f"{self.name} is a table; only a VCF or BCF has lines of VCF.")
        columns = self.header.columns
        for number, raw in self._data():
            record = self._record(number, raw, columns)
            self._stream.place = f"line {number} ({record.place})"
            yield record, raw

    def _data(self) -> Iterator[tuple[int, bytes]]:
        if self._pending is not None:
            yield self._pending
        for number, raw in self._lines:
            if raw.strip():
                yield number, raw

    def _record(self, number: int, raw: bytes, columns: int) -> VariantRecord:
        match = _RECORD.match(raw)
        if match is None or raw.count(b"\t") + 1 != columns:
            return self._odd_record(number, raw, columns)
        contig, position, name, ref, alt, _ = match[0].decode("ascii").split("\t")
        alts = () if alt == "." else tuple(alt.split(","))
        return VariantRecord(number, contig, int(position) - 1, name, ref, alts)

    def _odd_record(self, number: int, raw: bytes, columns: int) -> VariantRecord:
        """Read a line that holds more than printable ASCII, or say why it is no record."""
        parts = raw.split(b"\t", 5)
        if len(parts) < 6 or raw.count(b"\t") + 1 != columns:
            raise self.fail(number, _wrong_columns(raw, columns))
        position = self._position(number, parts[1])
        contig, name, ref, alt = (
            _visible(part.decode("utf-8", "surrogateescape")) for part in (parts[0], *parts[2:5])
        )
        if not contig:
            raise self.fail(number, "CHROM is empty.")
        alts = () if alt == "." else tuple(alt.split(","))
        return VariantRecord(number, contig, position - 1, name, ref, alts)

    def _position(self, number: int, text: bytes) -> int:
        if not text.isdigit():
            shown_text = text[:40].decode("utf-8", "replace")
            raise self.fail(
                number, f"POS is {shown_text!r}; it must be a whole number, 1-based (0: telomere)."
            )
        position = clipped_number(text, _MAX_POSITION)
        if position > _MAX_POSITION:
            raise self.fail(
                number,
                f"POS {text[:40].decode()} is above {_MAX_POSITION}, the largest that VCF allows.",
            )
        return position

    def _read_header(self) -> None:
        for number, raw in self._lines:
            line = raw.rstrip(b"\r\n")
            if number == 1 and not line.startswith((b"##fileformat=VCF", b"#CHROM")):
                raise self._no_variant_file(line)
            if line.startswith(b"##"):
                self.header.lines.append(line)
                if line.startswith(b"##contig="):
                    self.header.add_contig(line)
            elif line.startswith(b"#"):
                self._require_columns(number, line)
                self.header.lines.append(line)
                self._stream.place = f"line {number}, the header"
                return
            else:
                raise self.fail(
                    number,
                    f"{_quoted(line)} stands in the header, whose lines begin with '##' and whose "
                    "last begins with '#CHROM'. Was a line broken in two?",
                )
        if not self.header.lines:
            raise self._no_variant_file(b"")
        raise InputError(f"{self.name} has no '#CHROM' line: its header is cut short.")

    def _require_columns(self, number: int, line: bytes) -> None:
        if line.split(b"\t")[:8] == _COLUMNS:
            return
        separated = line.split()[:8] == _COLUMNS
        raise self.fail(
            number,
            "the columns are separated by blanks; VCF needs tabs."
            if separated
            else f"{_quoted(line)}: the columns must be {' '.join(c.decode() for c in _COLUMNS)}.",
        )

    def _no_variant_file(self, line: bytes) -> InputError:
        head = self._stream.head
        if not head:
            return InputError(f"{self.name} is empty. Give a VCF with its header.")
        if not line:
            return InputError(f"{self.name} holds no text: its first line is empty.")
        kind = kind_of_bytes(line)
        if kind is not None:
            return InputError(f"{self.name}: its first bytes, {line[:8].hex(' ')}, are {kind}.")
        if line.count(b"\t") >= 3:
            return InputError(
                f"{self.name} has no header: its first line is {_quoted(line)}. Give a VCF that "
                "begins with '##fileformat=VCF', or a table (contig, position, ref, alt) in a file "
                "called .tsv."
            )
        return InputError(
            f"{self.name} is no VCF: its first bytes are {line[:16].hex(' ')} ({_quoted(line)}). "
            "A VCF begins with '##fileformat=VCF'."
        )

    def _read_bcf_header(self) -> None:
        for line in read_bcf_header(self._stream).split(b"\n"):
            if line.startswith(b"##contig="):
                self.header.add_contig(line)
            if line:
                self.header.lines.append(re.sub(rb",IDX=\d+(?=>$)", b"", line))

    def _bcf(self, *, with_lines: bool) -> Iterator[tuple[VariantRecord, bytes]]:
        sites = read_bcf_sites(self._stream, Path(self._path), with_lines=with_lines)
        for number, site in enumerate(sites, 1):
            record = _from_bcf(number, site)
            self._stream.place = f"record {number} ({record.place})"
            yield record, site.line

    def _table(self) -> Iterator[VariantRecord]:
        for number, raw in self._data():
            parts = raw.rstrip(b"\r\n").decode("utf-8-sig", "surrogateescape").split("\t")
            if not self._columns:
                self._columns, twice = table_columns(parts)
                if twice:
                    raise self.fail(number, f"two columns are the {twice}; name one of them so.")
                if self._columns:
                    continue
            if raw.startswith(b"#"):
                continue
            self._columns = self._columns or UNNAMED_COLUMNS
            record = self._table_record(number, parts)
            self._stream.place = f"line {number} ({record.place})"
            yield record
        if not self._columns:
            raise InputError(f"{self.name} holds no variants: no line but blank ones.")

    def _table_record(self, number: int, parts: list[str]) -> VariantRecord:
        columns = self._columns
        needed = max(columns[name] for name in ("contig", "position", "ref", "alt"))
        if len(parts) <= needed:
            blanks = len(parts) == 1 and len(parts[0].split()) > needed
            raise self.fail(
                number,
                "columns are separated by blanks; give tabs."
                if blanks
                else f"{len(parts)} columns where contig, position, ref and alt are due.",
            )
        position = self._position(
            number, parts[columns["position"]].encode("utf-8", "surrogateescape")
        )
        at = columns.get("id", len(parts))
        name = parts[at] if at < len(parts) else "."
        alt = _visible(parts[columns["alt"]])
        alts = () if alt == "." else tuple(alt.split(","))
        contig, ref = parts[columns["contig"]], parts[columns["ref"]]
        return VariantRecord(
            number, _visible(contig), position - 1, _visible(name), _visible(ref), alts
        )

    def close(self) -> None:
        """Let the file go; again is harmless."""
        self._stream.close()


def _from_bcf(number: int, site: Site) -> VariantRecord:
    alts = tuple(map(_visible, site.alts))
    name, ref = _visible(site.id), _visible(site.ref)
    return VariantRecord(number, site.contig, site.position, name, ref, alts)


def _visible(text: str) -> str:
    """Return a text with control characters escaped: no index or table can hold them."""
    return text if text.isprintable() else text.translate(_CONTROLS)


def _quoted(line: bytes) -> str:
    return repr(line[:40].decode("utf-8", "replace"))


def _wrong_columns(raw: bytes, columns: int) -> str:
    count = raw.count(b"\t") + 1
    if b"\0" in raw[:4096]:
        return "this is no text: it holds a zero byte."
    if raw.startswith(b"#"):
        return "a header line stands among the records. Were two files joined? Use bcftools concat."
    if count == 1 and len(raw.split()) >= 8:
        return "columns are separated by blanks; VCF needs tabs."
    return (
        f"{count} columns where the header has {columns}: {_quoted(raw)}. "
        "The line is cut short or holds stray tabs."
    )


def check_assembly(header: VcfHeader, names: ContigNames) -> None:
    """Hold the contigs that a header declares against the genome's.

    Raises
    ------
    InputError
        A common contig has another length, naming up to five; or contigs are
        declared and none is the genome's.
    """
    common, differing = 0, []
    for name, length in header.contigs.items():
        number = names.find(name, length)
        if number is None:
            continue
        common += 1
        genome_length = int(names.contigs.lengths[number])
        if length is not None and length != genome_length:
            differing.append(
                f"  {name}: {length:,} bp in the file, {genome_length:,} bp in the genome"
            )
    if header.contigs and not common:
        raise names.error(list(header.contigs))
    if differing:
        listed = "\n".join(differing[:5])
        raise InputError(
            f"{names.source} was made on another assembly than the genome: {len(differing)} of "
            f"{common} common contigs differ in length.\n{listed}\nThe genome has "
            f"{shown(names.contigs.names)}. Use the FASTA that the file was made with."
        )
