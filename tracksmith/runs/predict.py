"""Runs that predict tracks: each model over the windows of a genome, or over a list of regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tracksmith.errors import UsageError
from tracksmith.models import registry as plugins
from tracksmith.models.registry import Registry
from tracksmith.progress import Progress
from tracksmith.runs.begin import base_plan, begin, reads_of
from tracksmith.runs.estimate import Disk, ModelCost
from tracksmith.runs.genome import open_genome
from tracksmith.runs.kind import Draft, Overlapping, Worker
from tracksmith.runs.parts import PartStore
from tracksmith.runs.planned import open_models
from tracksmith.runs.reader import ModelDraft, ModelWorker, Opened, Reader
from tracksmith.runs.record import Results
from tracksmith.runs.request import PREDICT, Request
from tracksmith.runs.run import Run
from tracksmith.runs.versions import refuse_other_plugins, refuse_other_versions

__all__ = ["Models", "Predict"]


@dataclass(frozen=True)
class Predict:
    """The kind of run that writes tracks; each model goes to its reader, windows or regions."""

    readers: Mapping[str, Reader]
    name: str = PREDICT

    def draft(self, request: Request, registry: Registry, progress: Progress) -> Draft:
        """See :meth:`tracksmith.runs.kind.Kind.draft`."""
        chosen, context = begin(request, registry, progress)
        drafts = [
            self.readers[reads_of(model.card)].draft(model, number, context)
            for number, model in enumerate(chosen)
        ]
        _refuse_equal_paths(drafts)
        models = [draft.record for draft in drafts]
        plan, places = base_plan(self.name, request, context, chosen, models)
        stages = tuple(stage for draft in drafts for stage in draft.stages)
        files = {key: path for draft in drafts for key, path in draft.places.items()}
        return Draft(
            replace(plan, stages=stages),
            replace(places, files={**places.files, **files}),
            tuple(path for draft in drafts for path, _ in draft.files),
            sum((draft.disk for draft in drafts), Disk()),
            context.texts,
            cure="fewer tracks with -t, a smaller region with -r, fewer digits with "
            "--precision 10bits",
        )

    def open(self, run: Run, device: str, progress: Progress) -> Worker:
        """See :meth:`tracksmith.runs.kind.Kind.open`."""
        return Models(self.readers, run, device, progress)

    def finishes_on(self, run: Run) -> str:
        """Finish it anywhere: parts are joined, no network runs."""
        return "cpu"

    def accept(self, run: Run) -> None:
        """Accept it: nothing but its files matters."""


class Models:
    """The models of a run side by side; each part goes to its model."""

    def __init__(
        self, readers: Mapping[str, Reader], run: Run, device: str, progress: Progress
    ) -> None:
        refuse_other_versions(run)
        registry = plugins.load_registry()
        refuse_other_plugins(run, registry)
        self.store = PartStore(run, self._shape)
        genome = open_genome(run, progress.note)
        opened = Opened(run, self.store, genome, device, progress)
        self.models: list[ModelWorker] = []
        for number, planned in enumerate(open_models(run, registry)):
            self.models.append(readers[reads_of(planned.card)].open(planned, number, opened))

    def _shape(self, part: int) -> tuple[int, int] | None:
        shape = getattr(self._model(part), "shape", None)
        return None if shape is None else shape(part)

    def _model(self, part: int) -> ModelWorker:
        return self.models[self.store.stage(part).model]

    def load(self) -> None:
        """Load the networks."""
        for model in self.models:
            model.load()

    def compute(self, part: int) -> None:
        """Compute one part, by its model."""
        self._model(part).compute(part)

    @property
    def side_by_side(self) -> int:
        """How many parts may be computed at a time."""
        return min(getattr(model, "side_by_side", 1) for model in self.models)

    def stop(self) -> None:
        """Have the parts under way given up."""
        for model in self.models:
            if isinstance(model, Overlapping):
                model.stop()

    def size(self, part: int) -> int:
        """Return how many units a part has."""
        return self._model(part).size(part)

    def finish(self, progress: Progress) -> Results:
        """Write the files of all models."""
        records = self.store.run.plan.models
        results = [model.finish(progress) for model in self.models]
        return Results(
            tuple(file for result in results for file in result.files),
            {
                record.name: result.bases
                for record, result in zip(records, results, strict=True)
                if result.bases is not None
            },
        )

    def costs(self) -> list[ModelCost]:
        """Return the cost of every model, after a trial."""
        return [model.cost() for model in self.models]

    def close(self) -> None:
        """Nothing is held open."""


def _refuse_equal_paths(drafts: Sequence[ModelDraft]) -> None:
    """Model and track are joined by a dot, which names may hold: two files could be one."""
    owners: dict[str, str] = {}
    for path, owner in (pair for draft in drafts for pair in draft.files):
        if path in owners:
            raise UsageError(
                f"{owners[path]} and {owner} would both be written to {path}. "
                "Predict them in two runs, or leave one out with --tracks."
            )
        owners[path] = owner
