"""The kind of run that explains predictions: how it is planned and opened."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tracksmith.attributions.files import file_names
from tracksmith.attributions.plan import Asked, ExplainedModel, functions_of
from tracksmith.attributions.references import require_extra
from tracksmith.attributions.worker import ExplainWorker
from tracksmith.effects.planned import larger_batch
from tracksmith.engine.folds import check_mean_only
from tracksmith.engine.record import window_record
from tracksmith.errors import UsageError
from tracksmith.models.registry import Registry
from tracksmith.progress import Progress
from tracksmith.runs.begin import Context, base_plan, begin
from tracksmith.runs.estimate import Disk
from tracksmith.runs.kind import Draft, Worker
from tracksmith.runs.planned import ChosenModel, PlannedModel, reads_regions
from tracksmith.runs.request import EXPLAIN, Request
from tracksmith.runs.run import Run
from tracksmith.tracks.formats import FORMATS

__all__ = ["Explain"]

ARRAY_BYTES = 17
"""Of a base of a target in the arrays: four float32, and its share of the one-hot bases."""


@dataclass(frozen=True)
class Explain:
    """Writes how much each base of regions adds to what a model predicts there."""

    name: str = EXPLAIN

    def draft(self, request: Request, registry: Registry, progress: Progress) -> Draft:
        """See :meth:`tracksmith.runs.kind.Kind.draft`."""
        asked = Asked.of(request)
        if not request.regions and not request.chroms:
            raise UsageError("Name what to explain: -r peaks.bed, or -r chr1:1,000-1,200.")
        if asked.needs_shuffles:
            require_extra(f"--method {asked.method} with shuffled references")
        chosen, context = begin(request, registry, progress)
        models = [self._model(model, asked, context) for model in chosen]
        records = [model.record for model in models]
        plan, places = base_plan(self.name, request, context, chosen, records)
        names = [name for model in models for name in file_names(model)]
        _refuse_equal_names(names)
        stages = tuple(model.stage(number) for number, model in enumerate(models))
        return Draft(
            replace(plan, stages=stages, details=asked.details()),
            places,
            tuple(names),
            sum((_disk(model, context) for model in models), Disk()),
            context.texts,
        )

    def _model(self, chosen: ChosenModel, asked: Asked, context: Context) -> ExplainedModel:
        """Return a model of a new run.

        Raises
        ------
        UsageError
            It reads regions, or cannot be explained in the way that was asked for.
        """
        card = chosen.card
        if reads_regions(card):
            raise UsageError(
                f"{card.name} reads a list of regions, not bases: `explain` is for models over "
                "windows. `tracksmith variants --saturate` scores its bases."
            )
        record = window_record(chosen, context)
        if record.dtype in ("bf16", "fp16"):
            raise UsageError(
                f"--dtype {record.dtype} is too coarse for what single bases add. Leave it out."
            )
        if asked.method == "ism":
            record = larger_batch(record, context.device)
        else:  # each fold is explained by itself, and then the mean is taken
            names = record.folds.names
            check_mean_only(card, record.options, record.folds.rule, names, spread=True)
        said = context.request.of(card.name).scores
        record = replace(record, scores=functions_of(card, said))
        planned = PlannedModel(chosen.registered.model, card, record, chosen.weights)
        if context.regions is None:
            raise UsageError("Name what to explain: -r peaks.bed, or -r chr1:1,000-1,200.")
        model = ExplainedModel(planned, asked, context.genome.contigs, context.regions)
        model.targets  # noqa: B018 - what does not fit is refused
        return model

    def open(self, run: Run, device: str, progress: Progress) -> Worker:
        """See :meth:`tracksmith.runs.kind.Kind.open`."""
        return ExplainWorker(run, device, progress)

    def finishes_on(self, run: Run) -> str:
        """Finish it anywhere: parts are joined, no network runs."""
        return "cpu"

    def accept(self, run: Run) -> None:
        """Accept it: nothing but its files matters."""


def _disk(model: ExplainedModel, context: Context) -> Disk:
    bases, targets = int(model.steps.first[-1]), len(model.targets)
    spread = model.record.folds.spread
    parts = bases * targets * 4 * (5 if spread else 4) + 400 * len(model.steps) * targets
    files = FORMATS["bigwig"].forecast(bases, context.options) * targets * (2 if spread else 1)
    if model.asked.hypothetical:
        files += len(model.steps) * model.steps.longest * targets * ARRAY_BYTES
    return Disk(parts, files + 200 * len(model.steps) * targets)


def _refuse_equal_names(names: list[str]) -> None:
    """Model, track and function are joined by a dot, which names may hold."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UsageError(
                f"Two targets would both be written to {name}. Explain them in two runs, or leave "
                "one out with --tracks or --score."
            )
        seen.add(name)
