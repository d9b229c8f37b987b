"""Computing the parts of a run of explanations."""

from __future__ import annotations

import time
from typing import Any

from tracksmith.attributions.files import write_files
from tracksmith.attributions.loading import load_explainer
from tracksmith.attributions.opened import OpenedRun
from tracksmith.attributions.passes import Explainer
from tracksmith.files import crash_point
from tracksmith.progress import Progress
from tracksmith.runs.device import device_facts, resolve_device
from tracksmith.runs.estimate import ModelCost
from tracksmith.runs.parts import PartStore, PartWriter
from tracksmith.runs.record import Results
from tracksmith.runs.run import Run

__all__ = ["ExplainWorker"]


class ExplainWorker:
    """Computes parts of a run on one device, keeping loaded models between parts."""

    def __init__(self, run: Run, device: str, progress: Progress) -> None:
        self.opened = OpenedRun(run, progress.note)
        self.store = PartStore(run)
        for stage, model in enumerate(self.opened.models):
            self.store.check_items(stage, len(model.steps))
        self.progress = progress
        self._device = device
        self._loaded: dict[int, tuple[Explainer, list[str]]] = {}

    def load(self) -> None:
        """Load every model, and find out whether it can be explained this way."""
        for number in range(len(self.opened.models)):
            self._model(number)

    def _model(self, number: int) -> tuple[Explainer, list[str]]:
        if number not in self._loaded:
            device = resolve_device(self._device)
            model, genome = self.opened.models[number], self.opened.reader(number)
            self._loaded[number] = load_explainer(model, genome, device)
        return self._loaded[number]

    def size(self, part: int) -> int:
        """Return how many bases a part has."""
        first, last = self.store.items(part)
        edges = self.opened.models[self.store.stage(part).model].steps.first
        return int(edges[last] - edges[first])

    def compute(self, part: int) -> None:
        """Compute one part and write it, whole or not at all."""
        number = self.store.stage(part).model
        model = self.opened.models[number]
        first, last = self.store.items(part)
        explainer, trusted = self._model(number)

        def fill(writer: PartWriter) -> dict[str, Any]:
            for start in range(first, last, model.together):
                for step in explainer.explain(start, min(last, start + model.together)):
                    writer.write_chunk(step.to_pieces())
            return {
                "interval": f"steps {first + 1}-{last}",
                **device_facts(resolve_device(self._device)),
                "smallest_batch": model.record.batch_size,
                "trusted": trusted,
            }

        crash_point("part-begin")
        self.store.write(part, fill)
        crash_point("part-end")
        self.progress.advance(self.size(part))

    def finish(self, progress: Progress) -> Results:
        """Write every file from the parts."""
        return Results(tuple(write_files(self.opened, self.store, progress)))

    def costs(self) -> list[ModelCost]:
        """Return the cost of every model, after a trial of the first steps."""
        return [self._cost(number) for number in range(len(self.opened.models))]

    def _cost(self, number: int) -> ModelCost:
        model = self.opened.models[number]
        explainer, _ = self._model(number)
        tried = min(model.together, len(model.steps))
        explainer.explain(0, tried)
        began = time.perf_counter()
        explainer.explain(0, tried)
        seconds = (time.perf_counter() - began) / tried * len(model.steps)
        record, steps = model.record, len(model.steps)
        ways = len(record.shifts) * (2 if record.reverse_complement else 1)
        windows = steps * model.windows_of_a_step * ways
        text = (
            f"{int(model.steps.first[-1]):,} bp in {steps:,} steps by {model.recipe.method}, "
            f"{len(model.targets)} targets"
        )
        return ModelCost(record, text, windows, windows * len(record.folds.names), seconds)

    def close(self) -> None:
        """Nothing is held open."""
