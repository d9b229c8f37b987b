"""The first records of a file held against the genome, before anything is computed.

On another assembly most reference alleles differ: of substitutions three in four.
Whoever gave the wrong genome hears of it in a second, not when all is scored.
"""

from __future__ import annotations

from itertools import islice
from typing import cast

from tracksmith.effects.sources import records_of
from tracksmith.errors import InputError
from tracksmith.genome.alleles import AlleleReader, OnMismatch, Reason, Skipped
from tracksmith.genome.fasta import Genome, silent
from tracksmith.progress import Progress
from tracksmith.runs.request import Request

__all__ = ["hold_first_records"]

FIRST = 1_000
"""Records that are looked at."""
LEAST = 20
"""Alleles that say nothing of a genome when there are fewer."""
ANOTHER = 0.5
"""With a larger share of mismatches the genome is another one."""
LONGEST = 1 << 20


def hold_first_records(request: Request, genome: Genome, progress: Progress) -> None:
    """Refuse a file most of whose first reference alleles the genome does not have; warn of many.

    What ``--max-skipped`` lets be skipped is let pass.

    Raises
    ------
    InputError
        With the first of them, and what to do.
    """
    if request.variants is None:
        return
    compared, wrong = 0, list[Skipped]()
    with records_of(request, genome.contigs, silent) as (file, names):
        rule = "skip" if request.ref_mismatch == "error" else request.ref_mismatch
        reader = AlleleReader(genome, names, LONGEST, cast("OnMismatch", rule))
        for record in islice(file, FIRST):
            for allele in islice(reader.alleles(record), 1):
                is_wrong = isinstance(allele, Skipped) and allele.reason is Reason.REF_MISMATCH
                compared += is_wrong or not isinstance(allele, Skipped)
                wrong += [allele] if isinstance(allele, Skipped) and is_wrong else []
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
    progress.note(
        f"NOTE: {said} If more than {100 * request.max_skipped:g} % of all alleles are skipped, "
        "the run is refused at its end; --max-skipped says how many may be."
    )
