"""From items to values: sequences cut, predicted, their readouts summed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracksmith.perturbations.forward import EditForward
from tracksmith.perturbations.model import ModelPlan
from tracksmith.perturbations.pairs import REFERENCE, Item
from tracksmith.perturbations.sequences import Cut, cut_items
from tracksmith.perturbations.spent import Spent

__all__ = ["pieces_of", "predict_items"]


def predict_items(
    model: ModelPlan, forward: EditForward, items: Sequence[Item]
) -> tuple[list[Cut], Spent]:
    """Predict items; return them and what was spent."""
    groups, cuts, equal = [], [], 0
    for group, own, alike in cut_items(model, items):
        groups.append(group)
        cuts += own
        equal += alike
    spent = forward.predict(groups)
    spent.equal = equal
    spent.edited = sum(item.edit != REFERENCE for item in items)
    return cuts, spent


def pieces_of(model: ModelPlan, cut: Cut) -> list[bytes]:
    """Return the value of every track that was asked for, float64, and all bins where drawn."""
    values = cut.reading.values[model.rows]
    first = cut.reading.bins[0]
    bins = values[:, cut.register.bins[0] - first : cut.register.bins[1] - first]
    wide: NDArray[np.float64] = bins.astype(np.float64)
    value = wide.sum(axis=1) if model.reduce == "sum" else wide.mean(axis=1)
    drawn = cut.reading.bins == model.pairs.placer.frame and model.drawn
    return [value.tobytes(), values.tobytes() if drawn else b""]
