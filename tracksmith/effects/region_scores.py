"""Scores of alleles by a model over regions: those of any model, and the plugin's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.scores import Pairs, Score, ScoreValues
from tracksmith.errors import TracksmithError, UsageError
from tracksmith.models.contract import Model, RegionEffect, RegionScore

__all__ = ["REGION_SCORES", "choose_region_scores", "compute_of"]

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


REGION_SCORES: Mapping[str, RegionScore] = {
    "diff": RegionScore(_own, "a - r at the variant's own region", "units of the track"),
    "strongest": RegionScore(
        _strongest, "a - r of the region of the window where |a - r| is largest",
        "units of the track",
    ),
}  # fmt: skip


def _known(model: Model) -> dict[str, RegionScore]:
    # decision: features-of-alleles (units are the plugin's, so are scores of them)
    own = {name: score for name, score in model.scores.items() if isinstance(score, RegionScore)}
    return {**REGION_SCORES, **own}


def compute_of(model: Model, name: str) -> Compute:
    """Return what computes a score of a model, by its name."""
    return _known(model)[name].compute


def choose_region_scores(names: Sequence[str], model: Model) -> list[Score]:
    """Return scores of a model over regions by name.

    Raises
    ------
    UsageError
        No such score.
    """
    known = _known(model)
    for name in names:
        if name not in known:
            raise UsageError(
                f"No score of {model.card.name}, a model over regions, is called {name!r}. "
                f"Use {', '.join(known)}."
            )
    return [
        Score(name, known[name].formula, known[name].unit, known[name].signed, _elsewhere)
        for name in dict.fromkeys(names)
    ]


def _elsewhere(pairs: Pairs) -> ScoreValues:
    raise TracksmithError("The scores of a model over regions are computed over regions.")
