"""Alleles: what kind they are, whether they fit the genome, and their normal form.

Every alternative allele of a record ends as an :class:`Allele` or as a
:class:`Skipped` with a reason code; nothing is dropped silently.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from tracksmith.errors import InputError, UsageError
from tracksmith.genome.aliases import ContigNames
from tracksmith.genome.allele_kinds import GVCF_HINT, REASON_OF_KIND, Kind, Reason
from tracksmith.genome.bases import Masks, decode, encode
from tracksmith.genome.fasta import Genome
from tracksmith.genome.vcf import VariantRecord

__all__ = [
    "GVCF_HINT",
    "Allele",
    "AlleleReader",
    "Kind",
    "OnMismatch",
    "Reason",
    "Skipped",
    "classify",
    "normalise",
    "trim",
]

_BASES = re.compile(r"[ACGTacgt]+")
_AMBIGUOUS = re.compile(r"[ACGTURYSWKMBDHVNacgturyswkmbdhvn]+")
_UNSPECIFIED = ("<NON_REF>", "<*>", "<X>")
"""How GATK, VCF 4.3 and old samtools write "any other allele"."""
_STEP = 200
_READ_AHEAD = 1 << 14

OnMismatch: TypeAlias = Literal["error", "skip", "use-alt-as-ref"]
BaseReader: TypeAlias = Callable[[int, int], Masks]
"""Reads ``[start, end)`` of one contig, 0-based: :meth:`Genome.read` of a contig."""


_MASK_OF_BASE = {base: int(encode(base)[0]) for base in "ACGT"}


@dataclass(frozen=True, slots=True)
class Allele:
    """One alternative allele that can be scored.

    ``contig`` is the genome's name, ``position`` 0-based; ``ref`` and ``alt``
    are upper case, as given but for case. ``number`` counts the record's
    alternative alleles from 1. ``swapped`` says that the alleles changed places,
    since the alternative is what the genome has.
    """

    record: VariantRecord
    number: int
    contig: str
    position: int
    ref: str
    alt: str
    kind: Kind
    swapped: bool = False

    @property
    def end(self) -> int:
        """Place after the last reference base, 0-based."""
        return self.position + len(self.ref)

    def __str__(self) -> str:
        return f"{self.contig}:{self.position + 1}:{self.ref}>{self.alt}"


@dataclass(frozen=True, slots=True)
class Skipped:
    """One alternative allele (0: the record has none) that cannot be scored, and why."""

    record: VariantRecord
    number: int
    reason: Reason
    detail: str

    @property
    def alt(self) -> str:
        """The allele as written, '.' where the record has none."""
        return self.record.alts[self.number - 1] if self.number else "."


def classify(ref: str, alt: str) -> Kind:
    """Say what an alternative allele is, from its text alone (VCF 4.3, section 1.6.1).

    An insertion or deletion only adds or removes bases, in one place; anything
    else that changes the length is complex.
    """
    if alt == ".":
        return Kind.MISSING
    if alt == "*":
        return Kind.STAR
    if alt in _UNSPECIFIED:
        return Kind.UNSPECIFIED
    if "[" in alt or "]" in alt or (len(alt) > 1 and "." in (alt[0], alt[-1])):
        return Kind.BREAKEND
    if alt.startswith("<") and alt.endswith(">"):
        return Kind.SYMBOLIC
    if not (_BASES.fullmatch(ref) and _BASES.fullmatch(alt)):
        both = _AMBIGUOUS.fullmatch(ref) and _AMBIGUOUS.fullmatch(alt)
        return Kind.AMBIGUOUS if both else Kind.INVALID
    return _kind_of_bases(ref.upper(), alt.upper())


def _kind_of_bases(ref: str, alt: str) -> Kind:
    if len(ref) == len(alt):
        return Kind.SNV if len(ref) == 1 else Kind.MNV
    _, left, right = trim(0, ref, alt)
    if left and right:
        return Kind.COMPLEX
    return Kind.INSERTION if len(alt) > len(ref) else Kind.DELETION


def trim(position: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Remove the bases that both alleles share, right end first; one may become empty."""
    shared = 0
    for one, other in zip(reversed(ref), reversed(alt), strict=False):
        if one != other:
            break
        shared += 1
    ref, alt = ref[: len(ref) - shared], alt[: len(alt) - shared]
    shared = 0
    for one, other in zip(ref, alt, strict=False):
        if one != other:
            break
        shared += 1
    return position + shared, ref[shared:], alt[shared:]


def normalise(read: BaseReader, position: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Return the one way to write a variant: trimmed, and as far left as it goes.

    As ``bcftools norm`` and vt (Tan et al., Bioinformatics 31:2202, 2015): an
    allele is never empty, the base before is kept (at a contig's start the base
    after), and everything else that both share goes.

    Parameters
    ----------
    read
        Reads bases of the contig, by start and end.
    position
        0-based place of the first reference base.
    ref, alt
        Letters of bases; ``ref`` is what the genome has.
    """
    position, ref, alt = trim(position, ref.upper(), alt.upper())
    if not ref and not alt:
        raise ValueError("both alleles are the same")
    if ref and alt:
        return position, ref, alt
    moved = alt or ref
    position, moved = _roll_left(read, position, moved)
    ref, alt = (moved, "") if ref else ("", moved)
    if position:
        base = decode(read(position - 1, position))
        return position - 1, base + ref, base + alt
    base = decode(read(len(ref), len(ref) + 1)).replace("-", "")
    return 0, ref + base, alt + base


def _roll_left(read: BaseReader, position: int, moved: str) -> tuple[int, str]:
    """Move inserted or deleted bases left while the sequence stays the same."""
    turns = 0  # how far the bases have turned round, instead of copying them each time
    length = len(moved)
    while position:
        start = max(0, position - _STEP)
        before = decode(read(start, position))
        for base in reversed(before):
            if base != moved[(length - 1 - turns) % length]:
                break
            turns += 1
            position -= 1
        else:
            continue
        break
    cut = length - turns % length
    return position, moved[cut:] + moved[:cut]


class AlleleReader:
    """Turns records into alleles that fit the genome, or into skipped ones with a reason.

    Parameters
    ----------
    genome
        What the reference alleles are held against.
    names
        Maps the contig names of the file.
    limit
        Longest allele, reference or alternative, in bp, without the bases that both share.
    on_mismatch
        What becomes of a reference allele that the genome does not have:
        ``skip``, ``error``, or ``use-alt-as-ref``, which swaps the two where the
        genome has the alternative.
    """

    def __init__(
        self,
        genome: Genome,
        names: ContigNames,
        limit: int,
        on_mismatch: OnMismatch = "skip",
    ) -> None:
        if on_mismatch not in ("skip", "error", "use-alt-as-ref"):
            raise UsageError(
                f"--ref-mismatch {on_mismatch!r}: choose skip, error or use-alt-as-ref."
            )
        self.genome = genome
        self.names = names
        self.limit = limit
        self.on_mismatch = on_mismatch
        self._read_ahead = ("", 0, np.empty(0, dtype=np.uint8))

    def alleles(self, record: VariantRecord) -> Iterator[Allele | Skipped]:
        """Yield one result for every alternative allele, or one where there is none.

        Raises
        ------
        InputError
            A reference allele differs from the genome and ``on_mismatch`` is ``error``.
        """
        problem = self._record_problem(record)
        if problem is not None:
            for number in range(1, len(record.alts) + 1) if record.alts else (0,):
                yield Skipped(record, number, *problem)
            return
        if not record.alts:
            yield Skipped(record, 0, Reason.MONOMORPHIC, Reason.MONOMORPHIC.text)
        for number in range(1, len(record.alts) + 1):
            yield self._allele(record, number)

    def _record_problem(self, record: VariantRecord) -> tuple[Reason, str] | None:
        contig = self.names.find(record.contig)
        if contig is None:
            return Reason.UNKNOWN_CONTIG, f"contig {record.contig!r}"
        if record.position < 0:
            return Reason.TELOMERE, Reason.TELOMERE.text
        length = int(self.genome.contigs.lengths[contig])
        end = record.position + len(record.ref)
        if end > length:
            return Reason.OUTSIDE_CONTIG, f"ends at {end:,}, the contig at {length:,}"
        return None

    def _allele(self, record: VariantRecord, number: int) -> Allele | Skipped:
        ref, alt = record.ref.upper(), record.alts[number - 1].upper()
        kind = classify(ref, alt)
        if kind in REASON_OF_KIND:
            detail = record.alts[number - 1][:60]
            return Skipped(record, number, REASON_OF_KIND[kind], f"{kind.value}: {detail}")
        if ref == alt:
            return Skipped(record, number, Reason.NO_CHANGE, Reason.NO_CHANGE.text)
        longest = _longest(ref, alt, self.limit)
        if longest > self.limit:
            detail = f"{longest:,} bp, the limit is {self.limit:,}"
            return Skipped(record, number, Reason.TOO_LONG, detail)
        return self._against_genome(record, number, ref, alt, kind)

    def _against_genome(
        self, record: VariantRecord, number: int, ref: str, alt: str, kind: Kind
    ) -> Allele | Skipped:
        contig = self.names.contigs.names[self.names.find(record.contig) or 0]
        bases = self._bases(contig, record.position, len(ref))
        if _fits(bases, ref):
            if not _is_exact(bases, ref, alt):
                return _ambiguous(record, number, bases)
            return Allele(record, number, contig, record.position, ref, alt, kind)
        detail = f"REF is {_short(ref)}, the genome has {_short(decode(bases))}"
        if self.on_mismatch == "error":
            raise InputError(
                f"{self.names.source}:{record.line}: {record.place}: {detail}. Is the file of "
                "another assembly or strand? --ref-mismatch skip leaves such records out."
            )
        if self.on_mismatch == "use-alt-as-ref":
            bases = self._bases(contig, record.position, len(alt))
            if _fits(bases, alt):
                if not _is_exact(bases, alt, ref):
                    return _ambiguous(record, number, bases)
                kind = classify(alt, ref)
                place = record.position
                return Allele(record, number, contig, place, alt, ref, kind, swapped=True)
        return Skipped(record, number, Reason.REF_MISMATCH, detail)

    def _bases(self, contig: str, start: int, length: int) -> Masks:
        """Read bases through a stretch read ahead: records mostly come sorted."""
        known, first, stretch = self._read_ahead
        if contig != known or not first <= start <= first + len(stretch) - length:
            first = start
            stretch = self.genome.read(contig, first, first + max(length, _READ_AHEAD))
            self._read_ahead = (contig, first, stretch)
        return stretch[start - first : start - first + length]


def _fits(bases: Masks, allele: str) -> bool:
    """Whether every base of ``allele`` is one that the genome's code there allows."""
    if len(allele) == 1:  # most of them, at a tenth of the time
        return bool(int(bases[0]) & _MASK_OF_BASE[allele])
    return bool(np.all(bases & encode(allele)))


def _is_exact(bases: Masks, ref: str, alt: str) -> bool:
    """Whether the genome has ``ref`` to the letter where the alleles differ."""
    first, changed, _ = trim(0, ref, alt)
    return bool(np.array_equal(bases[first : first + len(changed)], encode(changed)))


def _ambiguous(record: VariantRecord, number: int, bases: Masks) -> Skipped:
    detail = f"REF is {_short(record.ref)}, the genome has {_short(decode(bases))}"
    return Skipped(record, number, Reason.AMBIGUOUS_REFERENCE, detail)


def _longest(ref: str, alt: str, limit: int) -> int:
    """Return the length of the longer allele, in normal form where ``limit`` asks for it."""
    longest = max(len(ref), len(alt))
    if longest <= limit:
        return longest
    _, ref, alt = trim(0, ref, alt)
    return max(len(ref), len(alt)) + (not ref or not alt)  # an empty one keeps a base beside


def _short(allele: str) -> str:
    return allele if len(allele) <= 40 else f"{allele[:37]}..."
