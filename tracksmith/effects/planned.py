"""The models of a run of variants: recorded when it is planned, found again when it is opened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from tracksmith.effects.region_scorer import region_units
from tracksmith.effects.region_scores import choose_region_scores
from tracksmith.effects.scores import Score, choose_scores
from tracksmith.effects.units import (
    Units,
    chosen_units,
    refuse_parts_of_a_model,
    refuse_without_tracks,
)
from tracksmith.engine.plan import WindowPlan
from tracksmith.engine.record import window_record
from tracksmith.models.card import ModelCard
from tracksmith.models.contract import TrackScore
from tracksmith.regions.record import place_names, region_record
from tracksmith.runs.begin import Context
from tracksmith.runs.planned import ChosenModel, PlannedModel, reads_regions
from tracksmith.runs.record import ModelRecord, Stage

__all__ = [
    "PlannedRegions",
    "ScoredModel",
    "draft_models",
    "larger_batch",
    "note_dtype",
    "scores_of",
    "stage_of",
    "units_for",
]

PART_BASES = 1 << 23
"""Windows of a part read about so many bases: the work that a kill can lose."""

SHORT_WINDOW, SHORT_BATCHES = 4096, 4
"""Windows up to so many bp get so many times the default batch of the engine."""

REGION_WINDOW = 1 << 13
"""What a variant of a model over regions counts as, in bases."""


@dataclass(frozen=True)
class PlannedRegions:
    """A model over regions of a run of variants; ``card`` holds the tracks asked for."""

    planned: PlannedModel

    @property
    def record(self) -> ModelRecord:
        """What ``run.json`` says of the model."""
        return self.planned.record

    @property
    def card(self) -> ModelCard:
        """The card with the tracks that were asked for."""
        return _only(self.planned.full, self.record.tracks)


def _only(card: ModelCard, tracks: Sequence[str]) -> ModelCard:
    """Return the card with these tracks only, also where a partner is not among them."""
    chosen = [track for track in card.tracks if track.id in tracks]
    alone = [
        track if track.rc_partner in tracks else replace(track, rc_partner=None) for track in chosen
    ]
    return replace(card, tracks=tuple(alone))


ScoredModel: TypeAlias = WindowPlan | PlannedRegions


def scores_of(planned: PlannedModel) -> list[Score]:
    """Return the scores of a model, the first one being its headline."""
    names = planned.record.scores
    if reads_regions(planned.full):
        return choose_region_scores(names, planned.model)
    own = {
        name: score for name, score in planned.model.scores.items() if isinstance(score, TrackScore)
    }
    return choose_scores(names, planned.card, own)


def units_for(planned: PlannedModel) -> Units:
    """Return what the scores of a model are taken over."""
    if reads_regions(planned.full):
        return region_units(_only(planned.full, planned.record.tracks))
    return chosen_units(planned.card, set(planned.record.tracks), scores_of(planned))[0]


def draft_models(
    chosen: Sequence[ChosenModel], context: Context
) -> tuple[list[PlannedModel], dict[str, str]]:
    """Return the models of a new run with their scores, and where their inputs are.

    Raises
    ------
    TracksmithError
        Of the kind that fits: a score that a model does not have (UsageError) ...
    """
    models: list[PlannedModel] = []
    places: dict[str, str] = {}
    for model in chosen:
        record, files = _record(model, context)
        models.append(PlannedModel(model.registered.model, model.card, record, model.weights))
        places |= files
    return models, places


def _record(chosen: ChosenModel, context: Context) -> tuple[ModelRecord, dict[str, str]]:
    """Return the record of a model with its scores, and where its inputs are."""
    model_request, card = context.request.of(chosen.card.name), chosen.card
    names = model_request.scores or card.default_scores
    if context.request.saturate is not None:
        names = names[:1]  # its tracks hold one score
    files: dict[str, str] = {}
    if reads_regions(card):
        record, inputs = region_record(chosen, context)
        files = place_names(card.name, inputs)
    else:
        record = larger_batch(window_record(chosen, context), context.device)
    record = replace(
        record, scores=names, max_allele=model_request.max_allele or card.variants.max_allele
    )
    planned = PlannedModel(chosen.registered.model, card, record, chosen.weights)
    scores = scores_of(planned)
    if not reads_regions(card):
        every = [track.id for track in card.tracks]
        refuse_parts_of_a_model(card.name, scores, record.tracks, every)
    if context.request.saturate is not None:
        refuse_without_tracks(card.name, scores)
    return replace(record, scores=tuple(score.name for score in scores)), files


def larger_batch(record: ModelRecord, device: str) -> ModelRecord:
    """Enlarge the default batch of a short window on a CPU: alleles come by the hundred.

    Where variants have a window of their own, as many bases make a batch.
    """
    if record.batch_chosen:
        return record
    window = record.card.variant_geometry.window
    longer = max(1, record.card.window_geometry.window // window)
    short = device == "cpu" and window <= SHORT_WINDOW
    return replace(record, batch_size=record.batch_size * longer * (SHORT_BATCHES if short else 1))


def stage_of(number: int, model: ModelRecord, records: int) -> Stage:
    """Return the parts of a model: so many records each that a kill loses little."""
    window = REGION_WINDOW
    if not reads_regions(model.card):
        window = model.card.variant_geometry.window
    step = max(64, min(4096, PART_BASES // window))
    return Stage(number, "variants", "variants", tuple(range(0, records, step)), records)


def note_dtype(models: Iterable[PlannedModel], context: Context) -> None:
    """Tell where the precision of the arithmetic is too coarse for differences."""
    coarse = sorted({model.record.dtype for model in models} - {"float32"})
    if coarse:
        context.progress.note(
            f"NOTE: --dtype {coarse[0]} is too coarse for many effects of variants, "
            "which are small differences of large numbers."
        )
