"""The models of a new run of perturbations, with every default filled in."""

from __future__ import annotations

from collections.abc import Sequence

from tracksmith.engine.record import window_record
from tracksmith.errors import UsageError
from tracksmith.models.registry import Registry
from tracksmith.runs.begin import Context
from tracksmith.runs.planned import ChosenModel, PlannedModel, choose_models, reads_regions
from tracksmith.runs.record import ModelRecord
from tracksmith.runs.request import Request

__all__ = ["draft_models", "refuse_regions"]


def draft_models(
    chosen: Sequence[ChosenModel], context: Context
) -> tuple[list[ModelRecord], list[PlannedModel]]:
    """Return the records of the models, and the models as a plan holds them."""
    records = [window_record(model, context) for model in chosen]
    planned = [
        PlannedModel(model.registered.model, model.card, record, model.weights)
        for model, record in zip(chosen, records, strict=True)
    ]
    return records, planned


def refuse_regions(request: Request, registry: Registry) -> None:
    """Refuse models over regions, before anything else is said of them.

    Raises
    ------
    UsageError
        With the reason.
    """
    for model in choose_models(request, registry):
        if reads_regions(model.card):
            raise UsageError(
                f"{model.card.name} reads a list of regions with their features, not a window of "
                "bases, so that an edit far from a region cannot reach it: `tracksmith perturb` "
                "takes models over windows. `tracksmith variants` scores edits inside its regions."
            )
