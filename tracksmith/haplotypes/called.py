"""What a genotype says of the two haplotypes of a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tracksmith.genome.aliases import ContigNames
from tracksmith.genome.alleles import Allele, AlleleReader, Skipped, trim
from tracksmith.genome.bases import encode
from tracksmith.genome.fasta import Genome
from tracksmith.genome.genotypes import MISSING, Call, CalledRecord
from tracksmith.genome.vcf import VariantRecord

__all__ = [
    "BOTH",
    "DUPLICATE",
    "OVERLAP",
    "UNPHASED",
    "CalledEdit",
    "Caller",
    "callers_of",
]

BOTH = 3
"""Both haplotypes: bit 1 is the first, bit 2 the second."""

OVERLAP, UNPHASED, DUPLICATE = "overlap", "unphased", "duplicate"
"""Why an edit of a person is not applied, beside the reasons that every allele may have."""

_NO_CONTIG = -1
_LONGEST = 1 << 31
"""No allele is too long to be applied."""


class CalledEdit(NamedTuple):
    """One allele that a person carries.

    ``contig`` is the genome's number, -1 for none; ``start``, ``end`` (bp, 0-based) and the
    masks ``bases`` are without what both alleles share. ``carried`` has a bit for each
    haplotype, 0 where nobody knows. ``reason`` says why it is not applied, '' where it is.
    """

    contig: int
    start: int
    end: int
    bases: bytes
    carried: int
    reason: str
    line: int
    phase_set: str
    text: str


@dataclass
class Caller:
    """Turns calls into edits; ``unphased`` says what becomes of heterozygous calls without phase.

    ``counts`` counts the calls that say less than two alleles with their haplotypes.
    ``first`` is the first unphased one, for messages.
    """

    reader: AlleleReader
    unphased: str
    counts: Counter[str] = field(default_factory=Counter)
    first: str = ""
    _counted: bool = True
    _record: VariantRecord | None = None
    _alleles: list[Allele | Skipped] = field(default_factory=list)

    def edits(self, called: CalledRecord, sample: int, *, counted: bool) -> list[CalledEdit]:
        """Return the alleles that one sample has at a record; ``counted`` counts the call."""
        record, call = called.record, called.calls[sample]
        self._counted = counted
        if call.alleles.count(MISSING):
            whole = call.alleles.count(MISSING) == len(call.alleles)
            self._count("missing" if whole else "half_missing")
        if max(call.alleles) <= 0:
            return []
        if record is not self._record:
            self._record, self._alleles = record, list(self.reader.alleles(record))
        if len(call.alleles) == 1:
            self._count("haploid")
            return [self._edit(call, call.alleles[0], BOTH)]
        first, second = (max(number, 0) for number in call.alleles)
        if first == second:
            return [self._edit(call, first, BOTH)]
        if not call.phased:
            return self._without_phase(call, sorted({first, second} - {0}))
        pairs = ((first, 1), (second, 2))
        return [self._edit(call, number, bit) for number, bit in pairs if number]

    def _count(self, what: str) -> None:
        self.counts[what] += self._counted

    def _without_phase(self, call: Call, numbers: Sequence[int]) -> list[CalledEdit]:
        """Return a heterozygous call whose haplotypes nobody knows."""
        self._count("unphased")
        if self._counted and not self.first and self._record is not None:
            self.first = f"{self._record.place} ({call.text}), line {self._record.line}"
        edits = [self._edit(call, number, 0) for number in numbers]
        snvs = all(not e.reason and e.end - e.start == len(e.bases) == 1 for e in edits)
        if self.unphased == "two-hot" and snvs and len({e.start for e in edits}) == 1:
            self._count("two_hot")
            return [self._two_hot(edits, reference=0 in map(_called, call.alleles))]
        return [edit._replace(reason=edit.reason or UNPHASED) for edit in edits]

    def _two_hot(self, edits: Sequence[CalledEdit], *, reference: bool) -> CalledEdit:
        """Return both bases of a heterozygous SNV in one, on both haplotypes."""
        # decision: two-hot-snvs (an indel has no such code)
        mask = 0
        for edit in edits:
            mask |= edit.bases[0]
        if reference:
            contig = self.reader.genome.contigs.names[edits[0].contig]
            mask |= int(self.reader.genome.read(contig, edits[0].start, edits[0].end)[0])
        alts = [edit.text.split("\t")[4] for edit in edits]
        columns = edits[0].text.split("\t")
        text = "\t".join([*columns[:4], ",".join(alts), columns[5]])
        return edits[0]._replace(bases=bytes([mask]), carried=BOTH, text=text)

    def _edit(self, call: Call, number: int, carried: int) -> CalledEdit:
        record = self._alleles[0].record
        allele = next(item for item in self._alleles if item.number == number)
        alt = record.alts[number - 1]
        text = f"{record.contig}\t{record.position + 1}\t{record.id}\t{record.ref}\t{alt}"
        text += f"\t{call.text}"
        contig = self.reader.names.find(record.contig)
        contig = _NO_CONTIG if contig is None else contig
        if isinstance(allele, Skipped):
            start, bases, reason = max(record.position, 0), b"", allele.reason.value
            end = start + len(record.ref)
        else:
            (start, end, bases), reason = _trimmed(allele), ""
        return CalledEdit(
            contig, start, end, bases, carried, reason, record.line, call.phase_set, text
        )


def callers_of(genome: Genome, names: ContigNames, unphased: str, count: int) -> list[Caller]:
    """Return a caller for each of so many people, who share what alleles were looked up."""
    reader = AlleleReader(genome, names, _LONGEST)
    return [Caller(reader, unphased) for _ in range(count)]


def _called(number: int) -> int:
    """Return an allele as it is applied: one that was not called is the reference's."""
    return max(number, 0)


def _trimmed(allele: Allele) -> tuple[int, int, bytes]:
    """Return start, end and new bases without what both alleles share, right end first."""
    # Not `normalised` of genome/edited.py: how far left an edit goes the edits before it say.
    start, old, new = trim(allele.position, allele.ref, allele.alt)
    return start, start + len(old), encode(new).tobytes()
