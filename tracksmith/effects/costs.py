"""What the models of a run of variants cost: windows, forward passes, and time after a trial."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from tracksmith.effects.background import background_is_kept
from tracksmith.effects.loading import Scorers
from tracksmith.effects.plan import VariantPlan
from tracksmith.effects.random_variants import allowed_regions, random_snvs
from tracksmith.effects.records import Taken
from tracksmith.effects.region_scorer import RegionScorer
from tracksmith.effects.scorer import Scorer
from tracksmith.effects.stretches import Alleles
from tracksmith.effects.survey import ModelFacts
from tracksmith.engine.plan import WindowPlan
from tracksmith.errors import InputError
from tracksmith.regions.work import RegionWork, features_of
from tracksmith.regions.worker import trial, window_seconds
from tracksmith.runs.estimate import ModelCost, human_time

__all__ = ["costs_of"]

TRIAL_BASES = 1 << 20
"""Windows of a trial read so many bases."""

Take = Callable[[int, int, int], Taken]
"""Sorts out the records of a model: its number, first and last record."""


def costs_of(plan: VariantPlan, scorers: Scorers, take: Take) -> list[ModelCost]:
    """Return the cost of every model, timing some of the first variants, or some regions.

    It is that of all alleles: those that turn out to be skipped cost nothing.
    """
    return [_cost(plan, number, scorers, take) for number in range(len(plan.models))]


def _cost(plan: VariantPlan, number: int, scorers: Scorers, take: Take) -> ModelCost:
    planned, variants = plan.models[number], plan.variants
    record, scorer = planned.record, scorers[number]
    text = f"{variants.alleles:,} alleles of {plan.records:,} records"
    if isinstance(scorer, RegionScorer):
        return _over_regions(scorer.work, variants.alleles, text)
    more = _random_snvs(plan, number)
    again = _drawn_again(plan)
    text += f", {more:,} random SNVs" * (more > 0)
    text += f", {again:,} for the tracks around them" * (again > 0)
    ways = len(record.shifts) * (2 if record.reverse_complement else 1)
    windows = (plan.records + variants.alleles + 2 * (more + again)) * ways
    if isinstance(planned, WindowPlan):
        geometry = planned.card.variant_geometry
        if geometry.bin > 1 and not geometry.whole_window:
            windows += variants.indels * ways  # these are predicted in two registers
    one = _seconds_per_allele(plan, number, scorer, take)
    seconds = None if one is None else one * (variants.alleles + more + again)
    return ModelCost(record, text, windows, windows * len(record.folds.names), seconds)


def _over_regions(work: RegionWork, alleles: int, text: str) -> ModelCost:
    """Return the cost of a model over regions from a few features and some windows.

    The features of all regions are made once, those of a region again for each of its alleles;
    every allele has a window, and the alleles of a region share that of the reference.
    """
    record, peaks = work.planned.record, work.peaks
    widths = peaks.ends - peaks.starts
    tried, _ = trial(work)
    features = _seconds(lambda: features_of(work, tried)) / widths[tried].sum() * widths.sum()
    windows = alleles + min(alleles, len(peaks))
    seconds = features * (1 + alleles / len(peaks)) + windows * window_seconds(work)
    text += (
        f" and {len(peaks):,} regions of {widths.sum():,} bp in all with "
        f"{len(work.source.names)} features each (about {human_time(features)})"
    )
    passes = windows * len(record.folds.names)
    return ModelCost(record, text, windows, passes, float(seconds))


def _seconds(run: Callable[[], object]) -> float:
    """Return how long the second of two calls takes."""
    run()
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _random_snvs(plan: VariantPlan, number: int) -> int:
    """Return how many random SNVs are scored: none where an earlier run kept their ranks."""
    model = ModelFacts(plan, number)
    if background_is_kept(model):
        return 0
    record = model.background_record
    return model.background if record is None else record.size


def _drawn_again(plan: VariantPlan) -> int:
    """Return how many of the strongest variants are predicted again for tracks around them."""
    tops = [int(text[4:]) for text in plan.variants.around if text.startswith("top:")]
    return min(max(tops, default=0), plan.variants.alleles)


def _seconds_per_allele(plan: VariantPlan, number: int, scorer: Scorer, take: Take) -> float | None:
    """Return the seconds of an allele; None where the genome has no base to try."""
    window = plan.models[number].card.variant_geometry.window
    tried = max(4, min(256, TRIAL_BASES // window))
    alleles = scorer.admit(take(number, 0, min(plan.records, tried))).alleles
    if not len(alleles):
        snvs = _any_snvs(plan, scorer, tried)
        if snvs is None:
            return None
        alleles = snvs
    return _seconds(lambda: scorer.score(alleles)) / len(alleles)


def _any_snvs(plan: VariantPlan, scorer: Scorer, count: int) -> Alleles | None:
    """Return some substitutions: none of the first records of the file can be scored."""
    allowed = np.array([bool(folds) for folds in scorer.folds], np.bool_)
    try:
        return random_snvs(
            plan.genome, allowed_regions(plan.genome, allowed), count, plan.variants.seed
        )
    except InputError:
        return None
