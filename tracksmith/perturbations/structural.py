"""Perturbations of a VCF: alleles with bases, and symbolic ones whose place INFO gives.

``<DEL> <DUP> <INV> <INS>`` take END, or SVLEN; breakends within a contig become the deletion or
tandem duplication that they stand for. What has no such meaning is skipped with a reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tracksmith.genome.bases import decode
from tracksmith.genome.contigs import MAX_CONTIG
from tracksmith.genome.numbers import clipped_number
from tracksmith.genome.stream import ByteStream
from tracksmith.genome.vcf import VariantFile, VariantRecord
from tracksmith.perturbations.rows import Maker, Row

__all__ = ["SkippedEdit", "is_variant_file", "read_variants"]

_SYMBOLIC = re.compile(r"<(DEL|DUP|INV|INS)(:[^>]*)?>", re.IGNORECASE)
_WHOLE = re.compile(r"[0-9]+")
_BASES = re.compile(r"[ACGTNacgtn]+")
_BREAKEND = re.compile(
    r"(?P<before>[ACGTNacgtn.]*)(?P<bracket>[\[\]])(?P<contig>[^\[\]:]+):(?P<at>[0-9]{1,10})"
    r"[\[\]](?P<after>[ACGTNacgtn.]*)"
)
_OPERATION = {"DEL": "delete", "DUP": "duplicate", "INV": "invert"}
_INSERTED = ("SVINSSEQ", "INSSEQ", "SEQ")
"""Keys of INFO under which callers write the bases of an insertion."""


@dataclass(frozen=True)
class SkippedEdit:
    """A record that gives no perturbation, and why."""

    name: str
    place: str
    reason: str


def is_variant_file(path: Path) -> bool:
    """Say whether a file is VCF or BCF, by its first bytes."""
    with ByteStream(path) as stream:
        return stream.peek(64).startswith((b"##fileformat", b"#CHROM\tPOS", b"BCF"))


def read_variants(path: Path, maker: Maker) -> Iterator[Row | SkippedEdit]:
    """Yield a row, or why there is none, for every alternative allele of a VCF or BCF.

    Raises
    ------
    InputError
        A line is no record, with its number.
    """
    junctions: set[tuple[str, int, int, str]] = set()
    with VariantFile(path) as file:
        for record, line in file.lines():
            info, place = _info(line), f"{path}:{record.line}"
            known = maker.names.find(record.contig) is not None
            if not record.alts or not known:
                what = "it has no alternative allele" if known else "no such contig in the genome"
                yield SkippedEdit(record.id, place, what)
                continue
            for number, alternative in enumerate(record.alts, 1):
                row = _Allele(record, number, alternative, info, place).row(maker)
                if isinstance(row, Row) and ("[" in alternative or "]" in alternative):
                    key = (row.contig, row.start, row.end, row.operation)
                    if key in junctions:
                        row = SkippedEdit(row.name, place, "the mate of an earlier breakend")
                    junctions.add(key)
                yield row


def _info(line: bytes) -> dict[str, str]:
    text = line.rstrip(b"\r\n").decode("utf-8", "replace").split("\t")[7]
    pairs = (item.partition("=") for item in text.split(";"))
    return {key: value for key, _, value in pairs}


@dataclass(frozen=True)
class _Allele:
    """One alternative allele of a record."""

    record: VariantRecord
    number: int
    alternative: str
    info: dict[str, str]
    place: str

    @property
    def name(self) -> str:
        """The record's id, or its place and alleles."""
        several = f".{self.number}" if len(self.record.alts) > 1 else ""
        if self.record.id not in (".", ""):
            return f"{self.record.id}{several}"
        ref, alt = (
            text if len(text) <= 20 else f"{text[:8]}..{len(text)}"
            for text in (self.record.ref, self.alternative)
        )
        return f"{self.record.place}:{ref}>{alt}" + several * (".." in ref + alt)

    def row(self, maker: Maker) -> Row | SkippedEdit:
        """Return what the allele does to the genome, or why that cannot be told."""
        if match := _SYMBOLIC.fullmatch(self.alternative):
            return self._symbolic(match[1].upper())
        if match := _BREAKEND.fullmatch(self.alternative):
            return self._breakend(match)
        if _BASES.fullmatch(self.alternative) and _BASES.fullmatch(self.record.ref):
            return self._plain(maker)
        return self._skipped(f"{self.alternative[:40]} has no sequence")

    def _skipped(self, reason: str) -> SkippedEdit:
        return SkippedEdit(self.name, self.place, reason)

    def _row(self, start: int, end: int, operation: str, bases: str = "") -> Row:
        return Row(self.place, self.record.contig, start, end, operation, self.name, bases)

    def _plain(self, maker: Maker) -> Row | SkippedEdit:
        start, ref = self.record.position, self.record.ref.upper()
        contig = maker.names.require(self.record.contig, self.place)
        end = start + len(ref)
        if start < 0 or end > int(maker.genome.contigs.lengths[contig]):
            return self._skipped("its reference allele passes the end of the contig")
        there = decode(maker.genome.read(maker.genome.contigs.names[contig], start, end))
        if there != ref:
            return self._skipped(f"REF is {ref[:20]}, the genome has {there[:20]}")
        if self.alternative.upper() == ref:
            return self._skipped("both alleles are the same")
        return self._trimmed(start, ref, self.alternative.upper())

    def _trimmed(self, start: int, ref: str, alt: str) -> Row:
        """Return the row without the bases at the end that both alleles share.

        Else a base that is still there would be taken for a deleted one: CA>A deletes the C. A
        first base that both share stays, as it does in VCF.
        """
        kept = int(ref[0] == alt[0])
        while min(len(ref), len(alt)) > kept and ref[-1] == alt[-1]:
            ref, alt = ref[:-1], alt[:-1]
        operation = "replace" if ref and alt else "delete" if ref else "insert"
        return self._row(start, start + len(ref), operation, alt)

    def _symbolic(self, kind: str) -> Row | SkippedEdit:
        # POS is the base before the event, so that its first base is at POS, counted from 0.
        start = self.record.position + 1
        if kind == "INS":
            return self._insertion(start)
        end = self._end(start)
        if end is None:
            return self._skipped("INFO gives neither END nor SVLEN")
        if end <= start:
            return self._skipped(f"it ends at {end}, where it does not begin before")
        return self._row(start, end, _OPERATION[kind])

    def _end(self, start: int) -> int | None:
        """Return the end in bp, 0-based, by END or by SVLEN."""
        end = self.info.get("END", "")
        if _WHOLE.fullmatch(end):
            return clipped_number(end, MAX_CONTIG)
        lengths = self.info.get("SVLEN", "").split(",")
        text = lengths[min(self.number, len(lengths)) - 1].lstrip("-")
        return start + clipped_number(text, MAX_CONTIG) if _WHOLE.fullmatch(text) else None

    def _insertion(self, start: int) -> Row | SkippedEdit:
        bases = next((self.info[key] for key in _INSERTED if self.info.get(key)), "")
        if _BASES.fullmatch(bases):
            return self._row(start, start, "insert", bases)
        return self._skipped("INFO does not give the bases that are inserted (SVINSSEQ, SEQ)")

    def _breakend(self, match: re.Match[str]) -> Row | SkippedEdit:
        """Return the deletion or tandem duplication that one junction within a contig makes."""
        if match["contig"] != self.record.contig:
            return self._skipped("a breakend to another contig makes another chromosome")
        here, there = self.record.position, int(match["at"]) - 1
        before, after, bracket = match["before"], match["after"], match["bracket"]
        if bool(before) == bool(after) or (bracket == "[") != bool(before):
            return self._skipped("one junction of an inversion: give the inversion as <INV>")
        # t[p[ goes on at p from here on; ]p]t came from p before this base.
        left, right = (here, there) if before else (there, here)
        if len((before or after).strip(".")) > 1:
            return self._skipped("bases are inserted at the junction")
        if left < right:
            return self._row(left + 1, right, "delete") if left + 1 < right else self._no_change()
        return self._row(right, left + 1, "duplicate")

    def _no_change(self) -> SkippedEdit:
        return self._skipped("the junction joins what is joined already")
