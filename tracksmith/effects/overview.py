"""The results of a model, read through once before its files are written."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.background import made_background
from tracksmith.effects.background_scores import classes_of
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
    if not model.has_background:
        return ModelResults(plan, number, store, overview, overview.ranks)
    stored = made_background(
        model, lambda: job.scorer(number), lambda: _places(store, number), job.progress.note
    )
    job.backgrounds[number] = stored
    classes = classes_of(model, stored)
    return ModelResults(plan, number, store, overview, stored.ranks, classes)


def _places(store: PartStore, number: int) -> NDArray[np.int64]:
    """Return contig and position of all rows of a model, int64 (2, rows)."""
    none = np.empty((2, 0), np.int64)
    places = [
        np.stack([result.rows[name].astype(np.int64) for name in ("contig", "position")])
        for result in read_results(store, number)
    ]
    return np.concatenate([none, *places], axis=1)
