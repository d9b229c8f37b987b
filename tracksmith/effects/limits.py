"""How many alleles of a file may be skipped before its run is refused."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import cast

from tracksmith.effects.sources import records_of
from tracksmith.errors import InputError
from tracksmith.genome.allele_kinds import GVCF_HINT, Reason
from tracksmith.genome.alleles import AlleleReader, OnMismatch, Skipped
from tracksmith.genome.fasta import Genome, Notify, silent
from tracksmith.runs.record import Limits, VariantCounts
from tracksmith.runs.request import Request
from tracksmith.runs.run import Run

__all__ = ["accept_counts", "check_limits", "hold_first_records", "limits_of"]

FIRST = 1_000
"""Records that are looked at."""
LEAST = 20
"""Alleles that say nothing of a genome when there are fewer."""
ANOTHER = 0.5
"""With a larger share of mismatches the genome is another one."""
LONGEST = 1 << 20

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


def hold_first_records(request: Request, genome: Genome, notify: Notify) -> None:
    """Refuse a file most of whose first reference alleles the genome does not have; warn of many.

    On another assembly they differ, of substitutions three in four: whoever gave the wrong
    genome hears of it in a second, not when all is scored. What ``--max-skipped`` lets be
    skipped is let pass.

    Raises
    ------
    InputError
        With the first of them, and what to do.
    """
    if request.variants is None:
        return
    compared, wrong = _compared(request, genome)
    if compared < LEAST or len(wrong) <= request.max_skipped * compared:
        return
    said = (
        f"{request.variants.name}: {len(wrong):,} of the first {compared:,} reference alleles are "
        f"not what {genome.path.name} has there (line {wrong[0].record.line}, "
        f"{wrong[0].record.place}: {wrong[0].detail})."
    )
    if len(wrong) > ANOTHER * compared:
        raise InputError(
            f"{said} The file is of another assembly, or of the other strand: give the FASTA that "
            "it was made with. `--max-skipped 1` scores what fits all the same."
        )
    notify(
        f"NOTE: {said} If more than {100 * request.max_skipped:g} % of all alleles are skipped, "
        "the run is refused at its end; --max-skipped says how many may be."
    )


def _compared(request: Request, genome: Genome) -> tuple[int, list[Skipped]]:
    """Return how many reference alleles were compared, and those that the genome does not have."""
    rule = "skip" if request.ref_mismatch == "error" else request.ref_mismatch
    compared, wrong = 0, list[Skipped]()
    with records_of(request, genome.contigs, silent) as (file, names):
        reader = AlleleReader(genome, names, LONGEST, cast("OnMismatch", rule))
        for record in islice(file, FIRST):
            for allele in islice(reader.alleles(record), 1):
                if not isinstance(allele, Skipped):
                    compared += 1
                elif allele.reason is Reason.REF_MISMATCH:
                    compared += 1
                    wrong.append(allele)
    return compared, wrong
