"""How the work of a model is cut into parts, and what parts and files will take."""

from __future__ import annotations

from collections.abc import Sequence

from tracksmith.perturbations.model import ModelPlan
from tracksmith.runs.estimate import Disk
from tracksmith.runs.record import Stage

__all__ = ["forecast", "stage_of"]

PART_BASES = 1 << 23
"""Windows of a part read about so many bases: the work that a kill can lose."""

ROW_BYTES = 60
"""Of a row of a compressed table, about; of an arc somewhat less."""


def stage_of(model: ModelPlan) -> Stage:
    """Return the parts of a model: so many sequences each that a kill loses little."""
    items = len(model.pairs.items)
    step = max(64, min(4096, PART_BASES // model.windows.tiling.window))
    return Stage(model.number, "perturb", "sequences", tuple(range(0, items, step)), items)


def forecast(models: Sequence[ModelPlan]) -> Disk:
    """Return about what parts and files take."""
    return sum(map(_of_model, models), Disk())


def _of_model(model: ModelPlan) -> Disk:
    tracks, items = len(model.rows), len(model.pairs.items)
    pairs = sum(map(model.pairs.count_of, range(len(model.inputs.readouts))))
    rows = pairs + items * tracks
    first, last = model.pairs.placer.frame
    drawn = 0
    if model.drawn:
        seeds = 1 + max(model.inputs.edits[number].seeds for number in model.drawn)
        drawn = 4 * tracks * (last - first) * seeds * len(model.drawn) * len(model.inputs.readouts)
    files = rows * ROW_BYTES + items * tracks * 2 * ROW_BYTES + 4 * drawn
    return Disk(items * tracks * 8 + drawn, 0 if not rows else files)
