"""The models of a new run of explanations: recorded, refused where they do not fit."""

from __future__ import annotations

from dataclasses import replace

from tracksmith.attributions.allele_drafts import with_alleles
from tracksmith.attributions.plan import ExplainedModel, functions_of
from tracksmith.attributions.recipe import Recipe
from tracksmith.effects.planned import larger_batch
from tracksmith.engine.folds import check_mean_only
from tracksmith.engine.record import window_record
from tracksmith.errors import UsageError
from tracksmith.runs.begin import Context
from tracksmith.runs.estimate import Disk
from tracksmith.runs.planned import ChosenModel, PlannedModel, reads_regions
from tracksmith.runs.record import VariantsRecord
from tracksmith.tracks.formats import FORMATS

__all__ = ["disk_of", "draft_model", "refuse_equal_names"]

ARRAY_BYTES = 17
"""Of a base of a target in the arrays: four float32, and its share of the one-hot bases."""


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
    return model if variants is None else with_alleles(model, variants, context)


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
