"""How many alleles of a file may be skipped before its run is refused."""

from __future__ import annotations

from collections import Counter

from tracksmith.errors import InputError
from tracksmith.genome.allele_kinds import GVCF_HINT, Reason
from tracksmith.runs.record import Limits, VariantCounts
from tracksmith.runs.request import Request
from tracksmith.runs.run import Run

__all__ = ["accept_counts", "check_limits", "limits_of"]

WRONG_GENOME = {
    reason.value for reason in (Reason.REF_MISMATCH, Reason.UNKNOWN_CONTIG, Reason.OUTSIDE_CONTIG)
}
"""Reasons for skipping that another assembly would give."""


def check_limits(limits: Limits, counts: VariantCounts, name: str, *, kept: bool = True) -> None:
    """Refuse a run with too many skipped alleles, before any file is written.

    ``kept`` says that there are scored parts, which a repeated command finds.

    Raises
    ------
    InputError
        With the counts by reason and what to do.
    """
    skipped, total = counts.alleles_skipped, counts.alleles_skipped + counts.alleles_scored
    if not skipped or (not limits.strict and skipped <= limits.most_skipped * total):
        return
    reasons = ", ".join(f"{n:,} {code}" for code, n in Counter(counts.reasons).most_common())
    again = "Repeat" if kept else "Use"
    hint = f"{again} `tracksmith variants` without --strict to go on without them."
    if not limits.strict:
        hint = "`tracksmith variants` with --max-skipped 1 goes on without them" + (
            "; what is scored so far is kept." if kept else "."
        )
        if counts.reasons.keys() & WRONG_GENOME:
            hint = f"Is it the right genome (assembly, strand)? {hint}"
    if Reason.UNSPECIFIED_ALLELE.value in counts.reasons:
        hint = f"{GVCF_HINT} Or: {hint}"
    raise InputError(
        f"{name}: {skipped:,} of {total:,} alleles cannot be scored ({reasons}). {hint}"
    )


def limits_of(request: Request) -> Limits:
    """Return how many alleles a request lets be skipped."""
    return Limits(request.strict, request.max_skipped)


def accept_counts(run: Run) -> None:
    """Hold the counts of a finished run against the limits of this command.

    Raises
    ------
    InputError
        As :func:`check_limits`.
    """
    if run.results is None or run.plan.variants is None:
        return
    for counts in run.results.counts.values():
        check_limits(run.limits, counts, run.plan.variants.name)
