"""The results of a model, read through once before its files are written."""

from __future__ import annotations

from tracksmith.effects.background import background_ranks
from tracksmith.effects.outputs import FilesJob
from tracksmith.effects.plan import VariantPlan
from tracksmith.effects.results import read_results
from tracksmith.effects.summary import LISTED
from tracksmith.effects.survey import ModelFacts, ModelResults, survey
from tracksmith.errors import TracksmithError
from tracksmith.runs.parts import PartStore

__all__ = ["model_results"]


def model_results(plan: VariantPlan, number: int, store: PartStore, job: FilesJob) -> ModelResults:
    """Return the parts of a model with their counts, order, strongest effects and ranks.

    The ranks are those among random variants where these were asked for, else in the file.

    Raises
    ------
    TracksmithError
        A record ended nowhere, or twice.
    """
    model = ModelFacts(plan, number)
    tops = [int(text[4:]) for text in plan.variants.around if text.startswith("top:")]
    overview = survey(read_results(store, number), model, max(LISTED, *tops, 0))
    counts = overview.counts
    if plan.saturated is None and not (counts.adds_up and counts.records == plan.records):
        raise TracksmithError(
            f"The counts of {model.name} do not add up: {counts.record} for "
            f"{plan.records} records. This is a fault of tracksmith: please report it."
        )
    ranks = overview.ranks
    if model.background:
        ranks = background_ranks(model, job.scorer(number), job.progress.note)
    return ModelResults(plan, number, store, overview, ranks)
