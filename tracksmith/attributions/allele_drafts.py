"""The alleles of a new run of explanations: what may be asked of them, read, counted."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from tracksmith.attributions.alleles import Alleles
from tracksmith.attributions.outputs import skipped_path
from tracksmith.attributions.plan import ExplainedModel
from tracksmith.effects.sources import requested_records, source_places, survey_source
from tracksmith.errors import InputError, UsageError
from tracksmith.runs.begin import Context
from tracksmith.runs.record import VariantsRecord
from tracksmith.runs.request import Request

__all__ = ["MOST_ALLELES", "allele_places", "refuse_unfit", "variants_asked", "with_alleles"]

MOST_ALLELES = 1_000
"""Alleles that are explained in one run: each costs two steps."""


def refuse_unfit(request: Request) -> None:
    """Refuse options without a meaning for what is explained: regions, or alleles.

    Raises
    ------
    UsageError
        With what to leave out, or to give.
    """
    if request.alleles is None:
        own = {
            "--flank": request.flank != 100, "--allow-truncated": request.allow_truncated,
            "--allow-other-lengths": request.allow_other_lengths,
            "--max-allele": any(request.of(model).max_allele for model in request.models),
        }  # fmt: skip
        for flag in (flag for flag, given in own.items() if given):
            raise UsageError(f"{flag} has no meaning without --alleles: leave it out.")
        if not request.regions and not request.chroms:
            raise UsageError(
                "Name what to explain: -r peaks.bed, -r chr1:1,000-1,200, or --alleles FILE."
            )
        return
    other = {
        "--hypothetical": request.hypothetical,
        "--spread": any(request.of(model).spread for model in request.models),
    }
    for flag in (flag for flag, given in other.items() if given):
        raise UsageError(f"{flag} is for regions, not for --alleles: leave it out.")


def _of_variants(request: Request) -> Request:
    """Return the request as one of variants, which has the readers of their file."""
    return replace(request, variants=request.alleles)


def allele_places(request: Request) -> dict[str, str]:
    """Return where the file of alleles is, as a run stores it."""
    return source_places(_of_variants(request))


def variants_asked(request: Request, context: Context) -> VariantsRecord | None:
    """Read the file of alleles once; None where regions are explained.

    Raises
    ------
    InputError
        It is no list of variants, or belongs to another genome.
    UsageError
        It has more alleles than one run explains.
    """
    if request.alleles is None:
        return None
    contigs, notify = context.genome.contigs, context.progress.note
    variants, size = survey_source(_of_variants(request), contigs, context.regions, notify)
    count = size.unscorable.alleles_scored
    if count > MOST_ALLELES:
        raise UsageError(
            f"{request.alleles} has {count:,} alleles here; one run explains up to "
            f"{MOST_ALLELES:,}. Restrict it with -r, or cut the file."
        )
    return variants


def with_alleles(
    model: ExplainedModel, variants: VariantsRecord, context: Context
) -> ExplainedModel:
    """Return the model with the alleles of the file that it can explain.

    Raises
    ------
    InputError
        There is none.
    """
    request, limit = _of_variants(context.request), model.windows.placement.limit
    source = requested_records(request, variants, context.genome, context.regions, limit)
    model = model.take(source, variants.records)
    alleles, name = cast("Alleles", model.alleles), model.record.name
    if not alleles:
        reasons = [line.split("\t", 6)[6].replace("\t", ": ") for line in alleles.skipped]
        why = f" The first: {reasons[0]}" if reasons else ""
        raise InputError(f"{request.alleles} has no allele here that {name} can explain.{why}")
    if alleles.skipped:
        context.progress.note(
            f"{name}: {len(alleles.skipped):,} alleles cannot be explained; see "
            f"{skipped_path(model)}."
        )
    return model
