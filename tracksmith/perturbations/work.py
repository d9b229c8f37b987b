"""The parts of a run of perturbations: sequences cut, predicted, their readouts written."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tracksmith.files import crash_point
from tracksmith.perturbations.finish import finish_perturbations
from tracksmith.perturbations.forward import EditForward
from tracksmith.perturbations.model import ModelPlan
from tracksmith.perturbations.plan import PerturbPlan
from tracksmith.perturbations.predict import pieces_of, predict_items
from tracksmith.progress import Progress
from tracksmith.runs.device import device_facts, resolve_device
from tracksmith.runs.estimate import ModelCost
from tracksmith.runs.parts import PartStore, PartWriter
from tracksmith.runs.record import Results
from tracksmith.runs.run import Run

if TYPE_CHECKING:
    import torch

__all__ = ["PerturbWorker"]

TRIED = 8
"""Sequences of a trial."""


class PerturbWorker:
    """Computes parts of a run of perturbations on one device; loaded models are kept."""

    def __init__(self, run: Run, device: str, progress: Progress) -> None:
        self.plan = PerturbPlan(run, progress.note)
        self.store = PartStore(run)
        for model in self.plan.models:
            self.store.check_items(model.number, len(model.pairs.items))
        self.progress = progress
        self._device = device
        self._loaded: dict[int, EditForward] = {}
        self._trusted: dict[int, list[str]] = {}

    @cached_property
    def device(self) -> torch.device:
        """The device, looked for when it is needed: files are finished without one."""
        return resolve_device(self._device)

    def load(self) -> None:
        """Load every model."""
        for model in self.plan.models:
            self._forward(model)

    def _forward(self, model: ModelPlan) -> EditForward:
        if model.number not in self._loaded:
            from tracksmith.engine.loading import load_forward

            windows = len(model.pairs.items)
            forward, trusted = load_forward(model.windows, self.device, windows)
            low = min(way.delta for way in model.pairs.placer.ways)
            self._loaded[model.number] = EditForward(forward, low)
            self._trusted[model.number] = trusted
        return self._loaded[model.number]

    def size(self, part: int) -> int:
        """Return how many sequences a part has."""
        first, last = self.store.items(part)
        return last - first

    def compute(self, part: int) -> None:
        """Compute one part and write it, whole or not at all."""
        model = self.plan.models[self.store.stage(part).model]
        first, last = self.store.items(part)

        def fill(writer: PartWriter) -> dict[str, Any]:
            forward = self._forward(model)
            cuts, spent = predict_items(model, forward, model.pairs.items[first:last])
            for cut in cuts:
                writer.write_chunk(pieces_of(model, cut))
            return {
                "interval": f"sequences {first + 1}-{last}",
                **device_facts(self.device),
                "smallest_batch": forward.forward.batch.smallest,
                "trusted": self._trusted[model.number],
                "spent": spent.as_facts(),
            }

        crash_point("part-begin")
        self.store.write(part, fill)
        crash_point("part-end")
        self.progress.advance(last - first)

    def finish(self, progress: Progress) -> Results:
        """Write every file of the run from its parts."""
        return finish_perturbations(self.plan, self.store, progress)

    def costs(self) -> list[ModelCost]:
        """Return the cost of every model, after a trial."""
        return [self._cost(model) for model in self.plan.models]

    def _cost(self, model: ModelPlan) -> ModelCost:
        items, ways = model.pairs.items, len(model.pairs.placer.ways)
        edits, readouts = len(self.plan.inputs.edits), len(self.plan.inputs.readouts)
        text = f"{edits:,} edits read in {readouts:,} readouts, {len(items):,} sequences in reach"
        seconds = 0.0 if items else None
        if items:
            forward, tried = self._forward(model), items[:TRIED]
            predict_items(model, forward, tried)
            began = time.perf_counter()
            predict_items(model, forward, tried)
            seconds = (time.perf_counter() - began) / len(tried) * len(items)
        windows = len(items) * ways
        passes = windows * len(model.record.folds.names)
        return ModelCost(model.record, text, windows, passes, seconds)

    def close(self) -> None:
        """Nothing is held open."""
