"""Scores of alleles by a model over regions: those of any model, and the plugin's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.scores import Pairs, Score, ScoreValues
from tracksmith.errors import TracksmithError, UsageError
from tracksmith.models import scores as known_scores
from tracksmith.models.contract import Model, RegionEffect, RegionScore

__all__ = ["choose_region_scores", "compute_of"]

Values: TypeAlias = NDArray[np.float32]
Compute: TypeAlias = Callable[[Values, Values, int], RegionEffect]


def _own(reference: Values, alternative: Values, own: int) -> RegionEffect:
    low, high = reference[:, own], alternative[:, own]
    return RegionEffect(high - low, low, high)


def _strongest(reference: Values, alternative: Values, own: int) -> RegionEffect:
    difference = alternative - reference
    region = np.abs(difference).argmax(axis=1)
    value, low, high = (
        np.take_along_axis(array, region[:, None], 1)[:, 0]
        for array in (difference, reference, alternative)
    )
    return RegionEffect(value, low, high, region)


COMPUTES: Mapping[str, Compute] = {"diff": _own, "strongest": _strongest}
"""How the scores of any model over regions are computed."""


def _own_scores(model: Model) -> dict[str, RegionScore]:
    return {name: score for name, score in model.scores.items() if isinstance(score, RegionScore)}


def compute_of(model: Model, name: str) -> Compute:
    """Return what computes a score of a model, by its name."""
    return COMPUTES[name] if name in COMPUTES else _own_scores(model)[name].compute


def choose_region_scores(names: Sequence[str], model: Model) -> list[Score]:
    """Return scores of a model over regions by name.

    Raises
    ------
    UsageError
        No such score.
    """
    own = {name: score.score_facts(name) for name, score in _own_scores(model).items()}
    known = {**known_scores.REGION_SCORES, **own}
    for name in names:
        if name not in known:
            raise UsageError(
                f"No score of {model.card.name}, a model over regions, is called {name!r}. "
                f"Use {', '.join(known)}."
            )
    return [Score.of(known[name], _elsewhere) for name in dict.fromkeys(names)]


def _elsewhere(pairs: Pairs) -> ScoreValues:
    raise TracksmithError("The scores of a model over regions are computed over regions.")
