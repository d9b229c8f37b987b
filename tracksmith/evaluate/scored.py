"""Predicted effects of finished runs, put beside the rows of a table of measured ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.pieces import VariantResults
from tracksmith.errors import UsageError
from tracksmith.evaluate.truth import Truth, trimmed
from tracksmith.genome.aliases import ContigNames
from tracksmith.hub.runs import ShownModel, ShownRun, owner_of
from tracksmith.models.scores import REGION_SCORES, WINDOW_SCORES

__all__ = ["Prediction", "predictions_of"]

MOST_TRACKS = 24
"""Tracks that are compared without being named."""


@dataclass
class Prediction:
    """One score of one track of one model, by the rows of the measured table.

    ``effect`` is float64 ``(rows,)``, NaN for a variant that was not scored; ``turned`` says which
    rows have their alleles exchanged. ``signed`` is False for a score that is a size.
    """

    run: ShownRun
    model: ShownModel
    track: str
    score: str
    effect: NDArray[np.float64]
    turned: NDArray[np.bool_]
    contig: NDArray[np.str_]
    unmeasured: int = 0
    signed: bool = True

    @property
    def owner(self) -> str:
        """The model, after the run's label where there are several runs."""
        return owner_of(self.run, self.model)

    @property
    def name(self) -> str:
        """The score and what it is taken over."""
        return f"{self.track} {self.score}"


def predictions_of(
    run: ShownRun, truth: Truth, score: str | None, tracks: Sequence[str], names: ContigNames
) -> list[Prediction]:
    """Read the tables of a run of variants once, and keep what was measured.

    Raises
    ------
    UsageError
        No run of variants, no such score or track, or more tracks than are compared unnamed.
    """
    if run.plan.variants is None or not run.files_of("effects"):
        raise UsageError(
            f"{run.folder} holds no table of effects: evaluate a run that `tracksmith variants` "
            "made of a file."
        )
    return [
        prediction
        for model in run.models
        for prediction in _of_model(run, model, truth, (score, tracks), names)
    ]


def _of_model(
    run: ShownRun,
    model: ShownModel,
    truth: Truth,
    choice: tuple[str | None, Sequence[str]],
    names: ContigNames,
) -> list[Prediction]:
    scores = model.record.scores
    score = choice[0] or scores[0]
    if score not in scores:
        raise UsageError(f"--score {score}: {model.name} has the scores {', '.join(scores)} here.")
    by_track: dict[str, Prediction] = {}
    for piece in VariantResults(run.run).pieces(model.name):
        mine = np.flatnonzero(piece["score"] == score)
        names_of = ("chrom", "pos", "ref", "alt", "track", "value")
        columns = (piece[column][mine].tolist() for column in names_of)
        for contig, position, ref, alt, track, value in zip(*columns, strict=True):
            if track not in by_track:
                by_track[track] = _empty(run, model, track, score, truth)
            _put(by_track[track], truth, (contig, position, ref, alt), value, names)
    if missing := [name for name in choice[1] if name not in by_track]:
        raise UsageError(f"--track {missing[0]}: {model.name} has {', '.join([*by_track][:10])}.")
    if not choice[1] and len(by_track) > MOST_TRACKS:
        raise UsageError(
            f"{model.name} has {len(by_track):,} tracks: name those to compare, such as "
            f"--track {next(iter(by_track))}."
        )
    chosen = [by_track[name] for name in choice[1] or by_track]
    for prediction in chosen:
        score_facts = {**WINDOW_SCORES, **REGION_SCORES}.get(score)
        prediction.signed = (
            bool((prediction.effect < 0).any()) if score_facts is None else score_facts.signed
        )
    return chosen


def _empty(run: ShownRun, model: ShownModel, track: str, score: str, truth: Truth) -> Prediction:
    rows = len(truth.values)
    return Prediction(
        run, model, track, score, np.full(rows, np.nan), np.zeros(rows, np.bool_),
        np.array([key[0] for key in truth.number], np.str_),
    )  # fmt: skip


def _put(
    prediction: Prediction,
    truth: Truth,
    variant: tuple[str, int, str, str],
    value: float,
    names: ContigNames,
) -> None:
    number = names.find(variant[0])
    place = None
    if number is not None:
        place = truth.find(trimmed(names.contigs.names[number], *variant[1:]))
    if place is None:
        prediction.unmeasured += 1
        return
    row, turned = place
    prediction.effect[row], prediction.turned[row] = value, turned
