"""What kinds of alleles there are, and why one is not scored."""

from __future__ import annotations

from enum import Enum

__all__ = ["GVCF_HINT", "REASON_OF_KIND", "Kind", "Reason"]


class Kind(Enum):
    """What an alternative allele is, as written."""

    SNV = "snv"
    MNV = "mnv"
    INSERTION = "insertion"
    DELETION = "deletion"
    COMPLEX = "complex"
    SYMBOLIC = "symbolic"
    BREAKEND = "breakend"
    STAR = "star"
    UNSPECIFIED = "unspecified"
    MISSING = "missing"
    MONOMORPHIC = "monomorphic"
    AMBIGUOUS = "ambiguous"
    INVALID = "invalid"


class Reason(Enum):
    """Why an allele was not scored: a code for tables, and ``text`` for people."""

    UNKNOWN_CONTIG = "unknown_contig"
    OUTSIDE_CONTIG = "outside_contig"
    TELOMERE = "telomere"
    MONOMORPHIC = "monomorphic"
    UNSUPPORTED_ALLELE = "unsupported_allele"
    UNSPECIFIED_ALLELE = "unspecified_allele"
    AMBIGUOUS_ALLELE = "ambiguous_allele"
    INVALID_ALLELE = "invalid_allele"
    NO_CHANGE = "no_change"
    REF_MISMATCH = "ref_mismatch"
    AMBIGUOUS_REFERENCE = "ambiguous_reference"
    TOO_LONG = "too_long"
    TOO_MANY_N = "too_many_n"
    NO_FOLD = "no_fold"
    OUTSIDE_PEAKS = "outside_peaks"
    LENGTH_CHANGE = "length_change"

    @property
    def text(self) -> str:
        """One sentence that says what the code means."""
        return _TEXTS[self]


_TEXTS = {
    Reason.UNKNOWN_CONTIG: "The genome has no contig of this name.",
    Reason.OUTSIDE_CONTIG: "The reference allele passes the end of the contig.",
    Reason.TELOMERE: "Position 0 means the telomere, where no base is.",
    Reason.MONOMORPHIC: "The record has no alternative allele.",
    Reason.UNSUPPORTED_ALLELE: "Symbolic, breakend, '*' and missing alleles have no sequence.",
    Reason.UNSPECIFIED_ALLELE: "<NON_REF>, <*> or <X>, as in a GVCF, stands for any other allele.",
    Reason.AMBIGUOUS_ALLELE: "An allele holds N or another IUPAC code.",
    Reason.INVALID_ALLELE: "An allele is empty or holds characters that are no bases.",
    Reason.NO_CHANGE: "Both alleles are the same.",
    Reason.REF_MISMATCH: "The reference allele is not what the genome has there.",
    Reason.AMBIGUOUS_REFERENCE: "The genome has N or another IUPAC code at the variant.",
    Reason.TOO_LONG: "An allele is longer than the model allows.",
    Reason.TOO_MANY_N: "Too much of the window is unknown.",
    Reason.OUTSIDE_PEAKS: "The allele lies in no region that the model was given.",
    Reason.LENGTH_CHANGE: "The model compares alleles of one length only.",
    Reason.NO_FOLD: "No fold is known not to have seen this contig in training.",
}

GVCF_HINT = (
    "It is a GVCF: most of its records are stretches without a variant. Take out its variants: "
    'bcftools norm -m -any FILE | bcftools view -e \'ALT="<NON_REF>" || ALT="<*>"\' -Oz -o '
    "variants.vcf.gz"
)
"""How to go on with a file most of whose alleles are unspecified."""

REASON_OF_KIND = {
    Kind.SYMBOLIC: Reason.UNSUPPORTED_ALLELE,
    Kind.BREAKEND: Reason.UNSUPPORTED_ALLELE,
    Kind.STAR: Reason.UNSUPPORTED_ALLELE,
    Kind.MISSING: Reason.UNSUPPORTED_ALLELE,
    Kind.UNSPECIFIED: Reason.UNSPECIFIED_ALLELE,
    Kind.MONOMORPHIC: Reason.MONOMORPHIC,
    Kind.AMBIGUOUS: Reason.AMBIGUOUS_ALLELE,
    Kind.INVALID: Reason.INVALID_ALLELE,
}
"""Kinds that have no sequence to score."""
