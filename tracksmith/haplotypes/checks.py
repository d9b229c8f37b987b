"""What is odd about the people of a file: refused, or said."""

from __future__ import annotations

from collections import Counter

import numpy as np

from tracksmith.errors import InputError
from tracksmith.genome.aliases import ContigNames
from tracksmith.genome.allele_kinds import Reason
from tracksmith.genome.contigs import shown
from tracksmith.genome.fasta import Notify
from tracksmith.genome.vcf import VariantRecord
from tracksmith.haplotypes.called import DUPLICATE, OVERLAP, UNPHASED
from tracksmith.haplotypes.people import Person
from tracksmith.runs.inputs import HaplotypesRecord
from tracksmith.runs.record import Limits

__all__ = ["RecordOrder", "check_person", "note_person"]

_OF_PERSON = (OVERLAP, UNPHASED, DUPLICATE)
_WRONG_GENOME = {
    reason.value for reason in (Reason.REF_MISMATCH, Reason.UNKNOWN_CONTIG, Reason.OUTSIDE_CONTIG)
}
"""Reasons that another assembly would give."""


class RecordOrder:
    """Watches the order and the contigs of records."""

    def __init__(self) -> None:
        self.contig, self.position = "", -1
        self.seen: set[str] = set()
        self.sorted = True

    def see(self, record: VariantRecord) -> None:
        """Take the next record."""
        if record.contig != self.contig:
            self.sorted &= record.contig not in self.seen
            self.seen.add(record.contig)
            self.contig, self.position = record.contig, -1
        self.sorted &= record.position >= self.position
        self.position = record.position

    def tell(self, name: str, names: ContigNames, notify: Notify) -> None:
        """Say what is odd; raises InputError where no contig is the genome's."""
        if self.seen and all(names.find(contig) is None for contig in self.seen):
            raise InputError(
                f"{name}: none of its contigs is one of the genome. The file has "
                f"{shown(sorted(self.seen))}, the genome {shown(names.contigs.names)}. Give the "
                "genome that the variants were called on, or --alias FILE with two columns of "
                "names."
            )
        if not self.sorted:
            notify(f"{name} is not sorted; the edits of each person are sorted before they apply.")


def check_person(person: Person, name: str, record: HaplotypesRecord, limits: Limits) -> None:
    """Refuse a person of whom too much is not known or cannot be applied."""
    unphased = person.counts.get("unphased", 0)
    if unphased and record.unphased == "refuse":
        raise InputError(
            f"{name}: {unphased:,} heterozygous genotypes of {person.name} are not phased, the "
            f"first at {person.first_unphased}: nobody knows on which haplotype their alleles "
            "are. Phase the file (whatshap, SHAPEIT, Beagle), or say what is to become of them: "
            "--unphased reference leaves them out, --unphased two-hot reads both bases of an SNV "
            "at once."
        )
    reasons = {code: n for code, n in person.skipped.items() if code not in _OF_PERSON}
    skipped, total = sum(reasons.values()), int(np.count_nonzero(person.listed))
    if not skipped or (not limits.strict and skipped <= limits.most_skipped * total):
        return
    listed = ", ".join(f"{n:,} {code}" for code, n in Counter(reasons).most_common())
    hint = "Leave out --strict" if limits.strict else "--max-skipped 1"
    wrong = "Is it the right genome (assembly, strand)? " if reasons.keys() & _WRONG_GENOME else ""
    raise InputError(
        f"{name}: {skipped:,} of {total:,} alleles of {person.name} cannot be applied ({listed}). "
        f"{wrong}{hint} to go on without them."
    )


def note_person(person: Person, notify: Notify) -> None:
    """Say how many edits of a person are applied, and what was odd about the others."""
    counts, skipped = person.counts, person.skipped
    lines = [
        (counts.get("missing"), "genotypes that are missing, read as the reference"),
        (counts.get("half_missing"), "with one allele missing, read as the reference"),
        (counts.get("haploid"), "of one copy, which both haplotypes show"),
        (counts.get("two_hot"), "SNVs without phase, read as both bases at once"),
        (skipped.get(UNPHASED), "alleles without phase, left out"),
        (skipped.get(OVERLAP), "that overlap an earlier edit of their haplotype, left out"),
        (skipped.get(DUPLICATE), "that were there already, left out"),
    ]
    said = [f"{what}: {number:,}" for number, what in lines if number]
    others = {code: n for code, n in skipped.items() if code not in _OF_PERSON}
    if others:
        said.append("left out: " + ", ".join(f"{n:,} {code}" for code, n in others.items()))
    if not person.edits:
        said.append("the tracks of both haplotypes are those of the reference")
    if said:
        notify(f"{person.name}: edits that are applied: {person.edits:,}; {'; '.join(said)}.")
