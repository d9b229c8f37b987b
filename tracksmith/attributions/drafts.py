"""The models of a new run of explanations: recorded, refused where they do not fit."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from tracksmith.attributions.alleles import Alleles
from tracksmith.attributions.outputs import skipped_path
from tracksmith.attributions.plan import ExplainedModel, Recipe, functions_of
from tracksmith.effects.planned import larger_batch
from tracksmith.effects.sources import requested_records, source_places, survey_source
from tracksmith.engine.folds import check_mean_only
from tracksmith.engine.record import window_record
from tracksmith.errors import InputError, UsageError
from tracksmith.runs.begin import Context
from tracksmith.runs.estimate import Disk
from tracksmith.runs.planned import ChosenModel, PlannedModel, reads_regions
from tracksmith.runs.record import VariantsRecord
from tracksmith.runs.request import Request
from tracksmith.tracks.formats import FORMATS

__all__ = [
    "MOST_ALLELES", "allele_places", "disk_of", "draft_model", "refuse_equal_names",
    "refuse_unfit", "variants_asked",
]  # fmt: skip

ARRAY_BYTES = 17
"""Of a base of a target in the arrays: four float32, and its share of the one-hot bases."""


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


def draft_model(
    chosen: ChosenModel, recipe: Recipe, context: Context, variants: VariantsRecord | None
) -> ExplainedModel:
    """Return a model of a new run.

    Raises
    ------
    UsageError
        It reads regions, or cannot be explained in the way that was asked for.
    """
    card = chosen.card
    if reads_regions(card):
        raise UsageError(
            f"{card.name} reads a list of regions, not bases: `explain` is for models over "
            "windows. `tracksmith variants --saturate` scores its bases."
        )
    record = window_record(chosen, context)
    if record.dtype in ("bf16", "fp16"):
        raise UsageError(
            f"--dtype {record.dtype} is too coarse for what single bases add. Leave it out."
        )
    if recipe.method == "ism":
        record = larger_batch(record, context.device)
    else:  # each fold is explained by itself, and then the mean is taken
        names = record.folds.names
        check_mean_only(card, record.options, record.folds.rule, names, spread=True)
    said = context.request.of(card.name)
    record = replace(record, scores=functions_of(card, said.scores))
    if variants is not None:
        record = replace(record, max_allele=said.max_allele or card.variants.max_allele)
    planned = PlannedModel(chosen.registered.model, card, record, chosen.weights)
    model = ExplainedModel(planned, recipe, context.genome.contigs, context.regions)
    model.targets  # noqa: B018 - what does not fit is refused
    return model if variants is None else _with_alleles(model, variants, context)


def _with_alleles(
    model: ExplainedModel, variants: VariantsRecord, context: Context
) -> ExplainedModel:
    """Return the model with the alleles of the file that it can explain."""
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


def disk_of(model: ExplainedModel, context: Context) -> Disk:
    """Return what a model needs on disk."""
    bases, targets = int(model.steps.first[-1]), len(model.targets)
    spread = model.record.folds.spread
    parts = bases * targets * 4 * (5 if spread else 4) + 400 * len(model.steps) * targets
    files = FORMATS["bigwig"].forecast(bases, context.options) * targets * (2 if spread else 1)
    if model.alleles is not None:  # two steps for each, in three tracks, and rows of tables
        files = 2 * files + 400 * (len(model.alleles) * targets + len(model.alleles.skipped))
    if model.recipe.hypothetical:
        files += len(model.steps) * model.steps.longest * targets * ARRAY_BYTES
    return Disk(parts, files + 200 * len(model.steps) * targets)


def refuse_equal_names(names: list[str]) -> None:
    """Refuse targets with one file: names are joined by dots, which they may hold themselves."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UsageError(
                f"Two targets would both be written to {name}. Explain them in two runs, or leave "
                "one out with --tracks or --score."
            )
        seen.add(name)
