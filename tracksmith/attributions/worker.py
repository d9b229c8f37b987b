"""Computing the parts of a run of explanations."""

from __future__ import annotations

import copy
import time
from typing import Any

import numpy as np

from tracksmith.attributions.differentiable import Differentiable
from tracksmith.attributions.files import write_files
from tracksmith.attributions.methods import Gradient, Integrated, Method
from tracksmith.attributions.mutate import Mutations
from tracksmith.attributions.opened import OpenedRun
from tracksmith.attributions.passes import ByGradients, ByMutations, Explainer
from tracksmith.attributions.plan import ExplainedModel
from tracksmith.attributions.references import References, require_extra
from tracksmith.effects.saturation import SaturationSource
from tracksmith.effects.scorer import Scorer
from tracksmith.engine.guard import guard_windows
from tracksmith.engine.loading import load_forward, load_predictor
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
            model = self.opened.models[number]
            by_mutation = model.asked.method == "ism"
            load = self._mutations if by_mutation else self._gradients
            self._loaded[number] = load(model)
        return self._loaded[number]

    def _mutations(self, model: ExplainedModel) -> tuple[Explainer, list[str]]:
        device, genome = resolve_device(self._device), self.opened.genome
        bases = int(model.steps.first[-1])
        forward, trusted = load_forward(model.plan, device, 4 * bases)
        scorer = Scorer(
            forward, genome, model.targets.scores(), model.folds, model.record.tracks,
            max_allele=1, keep_folds=model.record.folds.spread,
        )  # fmt: skip
        source = SaturationSource(genome, model.regions)
        return ByMutations(Mutations(scorer, source), model.steps), trusted

    def _gradients(self, model: ExplainedModel) -> tuple[Explainer, list[str]]:
        asked = model.asked
        if asked.needs_shuffles:
            require_extra(f"--method {asked.method}")
        device = resolve_device(self._device)
        predictor, trusted = load_predictor(model.plan)
        if device.type != "cpu":  # what networks keep from there has no gradient
            windows = len(model.steps) * model.windows_of_a_step
            guard_windows(model.plan, copy.deepcopy(predictor), device, windows)
        network = Differentiable(model.record, predictor, model.targets, model.windows, device)
        folds = list(dict.fromkeys(name for names in model.folds for name in names))
        network.probe(self._any_stretch(model), folds)
        method = self._method(model, network)
        spread = model.record.folds.spread
        genome, steps = self.opened.genome, model.steps
        return ByGradients(network, method, genome, steps, model.folds, spread), trusted

    def _any_stretch(self, model: ExplainedModel) -> Any:
        """Return random bases to try a network on: those of a region may be N."""
        length = model.windows.placement.length
        return np.random.default_rng(1).choice(np.array([1, 2, 4, 8], np.uint8), length)

    def _method(self, model: ExplainedModel, network: Differentiable) -> Method:
        asked = model.asked
        if asked.method == "gradient":
            return Gradient(network)
        references = References(asked.baseline, asked.references, asked.reference_seed)
        return Integrated(network, references, asked.path_points)

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
            f"{int(model.steps.first[-1]):,} bp in {steps:,} steps by {model.asked.method}, "
            f"{len(model.targets)} targets"
        )
        return ModelCost(record, text, windows, windows * len(record.folds.names), seconds)

    def close(self) -> None:
        """Nothing is held open."""
