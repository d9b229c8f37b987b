"""From records of a file to alleles that can be scored, each with its own identity kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.flags import SWAPPED
from tracksmith.effects.stretches import Alleles
from tracksmith.genome.aliases import ContigNames
from tracksmith.genome.allele_kinds import REASON_OF_KIND
from tracksmith.genome.alleles import (
    Allele,
    AlleleReader,
    Kind,
    Reason,
    Skipped,
    classify,
    normalise,
)
from tracksmith.genome.bases import encode
from tracksmith.genome.fasta import Genome
from tracksmith.genome.intervals import Regions
from tracksmith.genome.vcf import VariantFile, VariantRecord

__all__ = [
    "ROW",
    "RecordSource",
    "SkippedAllele",
    "Taken",
    "count_unscorable",
    "is_within",
    "skipped_rows",
]

ROW = np.dtype(
    [
        ("record", "<i8"),
        ("allele", "<i4"),
        ("contig", "<i4"),
        ("position", "<i8"),
        ("start", "<i8"),
        ("end", "<i8"),
        ("unknown", "<f4"),
        ("flags", "<u1"),
    ]
)
"""A scored allele: number of its record in the file (from 0) and of the allele in the record
(from 1), contig by number, the record's position, the interval to show (bp, 0-based), the
share of N in the window, flags."""

WINDOW_BASES = 1 << 14
MASKS = dict(zip("ACGTacgt", (1, 2, 4, 8) * 2, strict=True))
SINGLE = [bytes([mask]) for mask in range(16)]


class SkippedAllele(NamedTuple):
    """An allele that is not scored: its record (from 0), its number in it, code, line."""

    record: int
    allele: int
    reason: str
    line: str


@dataclass
class Taken:
    """Records sorted out: rows of alleles to score, and lines on those that are not.

    ``texts`` holds contig, position, id, ref, alt and line of every row as the
    file has them, joined by tabs; ``outside`` counts records outside the
    regions asked for.
    """

    rows: NDArray[np.void]
    alleles: Alleles
    texts: list[str]
    skipped: list[SkippedAllele] = field(default_factory=list)
    outside: int = 0

    def without(self, dropped: NDArray[np.bool_], reason: Reason, detail: str) -> Taken:
        """Return the same with some rows moved to the skipped ones."""
        if not dropped.any():
            return self
        kept = np.flatnonzero(~dropped)
        skipped = [*self.skipped, *skipped_rows(self.rows, self.texts, dropped, reason, detail)]
        alleles = Alleles(
            self.alleles.contig[kept],
            self.alleles.position[kept],
            self.alleles.length[kept],
            [self.alleles.alternative[row] for row in kept.tolist()],
        )
        texts = [self.texts[row] for row in kept.tolist()]
        return Taken(self.rows[kept], alleles, texts, skipped, self.outside)


def skipped_rows(
    rows: NDArray[np.void],
    texts: list[str],
    dropped: NDArray[np.bool_],
    reason: Reason,
    detail: str,
) -> Iterator[SkippedAllele]:
    """Yield what is said of rows that are not scored after all."""
    for row in np.flatnonzero(dropped).tolist():
        record, allele = int(rows["record"][row]), int(rows["allele"][row])
        yield SkippedAllele(record, allele, reason.value, skipped_line(texts[row], reason, detail))


def skipped_line(text: str, reason: Reason, detail: str) -> str:
    """Return a line of skipped.tsv: line, contig, position, id, ref, alt, reason, detail."""
    identity, _, line = text.rpartition("\t")
    clean = detail.replace("\t", " ").replace("\n", " ")
    return f"{line}\t{identity}\t{reason.value}\t{clean}"


def count_unscorable(record: VariantRecord, reasons: Counter[str]) -> None:
    """Count the alleles of a record that have no sequence, whatever the genome and the model."""
    if not record.alts:
        reasons[Reason.MONOMORPHIC.value] += 1
    for alt in record.alts:
        if (record.ref + alt).strip("ACGTacgt"):  # nearly none, and only these can be of such kinds
            reason = REASON_OF_KIND.get(classify(record.ref, alt))
            if reason is not None:
                reasons[reason.value] += 1


def is_within(regions: Regions, contig: int, record: VariantRecord) -> bool:
    """Say whether a record lies in the regions that were asked for."""
    return regions.touches(contig, record.position, record.position + len(record.ref))


class RecordSource:
    """Reads a file of variants once, forwards, and hands out its records by number.

    Parameters
    ----------
    path
        VCF, BCF or table.
    regions
        Records elsewhere are counted and left out; None takes all.
    """

    def __init__(
        self,
        path: Path,
        reader: AlleleReader,
        regions: Regions | None,
        *,
        allow_truncated: bool = False,
    ) -> None:
        self.path = path
        self.reader = reader
        self.regions = regions
        self._allow_truncated = allow_truncated
        self._next = 0
        self._window = _Window(reader.genome)
        self._records: Iterator[VariantRecord] | None = None
        self._file: VariantFile | None = None

    def take(self, first: int, last: int) -> Taken:
        """Sort out the records ``[first, last)``, by number from 0."""
        if self._records is None or first < self._next:
            self.close()
            self._file = VariantFile(self.path, allow_truncated=self._allow_truncated)
            self._records, self._next = iter(self._file), 0
        while self._next < first:
            next(self._records)
            self._next += 1
        sorter = _Sorter(self.reader, self._window)
        outside = 0
        for number in range(first, last):
            record = next(self._records)
            if self._is_wanted(record):
                sorter.add(number, record)
            else:
                outside += 1
        self._next = last
        return sorter.taken(outside)

    def _is_wanted(self, record: VariantRecord) -> bool:
        if self.regions is None:
            return True
        contig = self.reader.names.find(record.contig)
        return contig is not None and is_within(self.regions, contig, record)

    def close(self) -> None:
        """Let the file go."""
        if self._file is not None:
            self._file.close()
        self._file = self._records = None


class _Window:
    """One base of the genome at a time, from stretches that are read at once."""

    def __init__(self, genome: Genome) -> None:
        self._genome = genome
        self._contig, self._start, self._bases = -1, 0, b""

    def base(self, contig: int, position: int) -> int:
        """Return the mask of a base; 0 outside the contig."""
        at = position - self._start
        if contig != self._contig or not 0 <= at < len(self._bases):
            name = self._genome.contigs.names[contig]
            self._contig, self._start, at = contig, position, 0
            self._bases = self._genome.read(name, position, position + WINDOW_BASES).tobytes()
        return self._bases[at]


class _Sorter:
    """Collects the alleles of records."""

    def __init__(self, reader: AlleleReader, window: _Window) -> None:
        self.reader = reader
        self.names: ContigNames = reader.names
        self.window = window
        self.rows: list[tuple[int | float, ...]] = []
        self.texts: list[str] = []
        self.places: list[tuple[int, int, int]] = []
        self.alternatives: list[bytes] = []
        self.skipped: list[SkippedAllele] = []

    def add(self, number: int, record: VariantRecord) -> None:
        """Take one record; a plain SNV by a way that is shorter and ends the same."""
        if not self._add_snv(number, record):
            self._add_any(number, record)

    def _add_snv(self, number: int, record: VariantRecord) -> bool:
        """Take a record with one SNV that fits the genome; say whether it was one."""
        if len(record.alts) != 1 or record.position < 0:
            return False
        ref, alt = MASKS.get(record.ref), MASKS.get(record.alts[0])
        contig = self.names.find(record.contig)
        if ref is None or alt is None or alt == ref or contig is None:
            return False
        position = record.position
        if self.window.base(contig, position) != ref:  # also N, which is skipped with a reason
            return False
        self.rows.append((number, 1, contig, position, position, position + 1, 0, 0))
        self.texts.append(
            f"{record.contig}\t{position + 1}\t{record.id}\t{record.ref}\t{record.alts[0]}"
            f"\t{record.line}"
        )
        self.places.append((contig, position, 1))
        self.alternatives.append(SINGLE[alt])
        return True

    def _add_any(self, number: int, record: VariantRecord) -> None:
        for allele in self.reader.alleles(record):
            alt = record.alts[allele.number - 1] if allele.number else "."
            text = (
                f"{record.contig}\t{record.position + 1}\t{record.id}\t{record.ref}\t{alt}"
                f"\t{record.line}"
            )
            if isinstance(allele, Skipped):
                line = skipped_line(text, allele.reason, allele.detail)
                code = allele.reason.value
                self.skipped.append(SkippedAllele(number, allele.number, code, line))
            else:
                self._add_allele(number, allele, text)

    def _add_allele(self, number: int, allele: Allele, text: str) -> None:
        contig = self.names.contigs.index(allele.contig)
        position, ref, alt = allele.position, allele.ref, allele.alt
        start, end = position, position + len(ref)
        if allele.kind is not Kind.SNV:
            start, end = _shown(position, ref, alt)
            genome, name = self.reader.genome, allele.contig
            position, ref, alt = normalise(
                lambda low, high: genome.read(name, low, high), position, ref, alt
            )
        flags = SWAPPED if allele.swapped else 0
        self.rows.append((number, allele.number, contig, allele.position, start, end, 0, flags))
        self.texts.append(text)
        self.places.append((contig, position, len(ref)))
        self.alternatives.append(encode(alt).tobytes())

    def taken(self, outside: int) -> Taken:
        places = np.array(self.places, np.int64).reshape(-1, 3)
        alleles = Alleles(places[:, 0], places[:, 1], places[:, 2], self.alternatives)
        rows = np.array(self.rows, dtype=ROW)
        return Taken(rows, alleles, self.texts, self.skipped, outside)


def _shown(position: int, ref: str, alt: str) -> tuple[int, int]:
    """Return the interval of the bases that change; an insertion is shown at the base before."""
    first = _shared(ref, alt)
    last = len(ref) - _shared(ref[first:][::-1], alt[first:][::-1])
    if last > first:
        return position + first, position + last
    anchor = max(0, position + first - 1)
    return anchor, anchor + 1


def _shared(one: str, other: str) -> int:
    """Return how many letters two alleles begin with alike."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
