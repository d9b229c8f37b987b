"""Runs that predict tracks: each model over the windows of a genome, or over a list of regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from tracksmith.errors import UsageError
from tracksmith.genome.contigs import browser_problems
from tracksmith.genome.fasta import Genome
from tracksmith.genome.intervals import Regions
from tracksmith.genome.regions import resolve_regions
from tracksmith.models.card import ModelCard
from tracksmith.models.registry import Registry, load_registry
from tracksmith.progress import Progress
from tracksmith.runs.device import device_kind, parse_devices
from tracksmith.runs.estimate import Disk, ModelCost
from tracksmith.runs.genome import genome_record, open_genome, region_set, regions_text
from tracksmith.runs.kind import Draft, Worker
from tracksmith.runs.meaning import check_meaning
from tracksmith.runs.parts import PartStore
from tracksmith.runs.planned import (
    ChosenModel,
    PlannedModel,
    choose_model,
    choose_models,
    note_unused,
    open_model,
    reads_regions,
)
from tracksmith.runs.record import (
    BaseCounts,
    FileEntry,
    ModelRecord,
    Places,
    PlanRecord,
    Results,
    Stage,
)
from tracksmith.runs.request import PREDICT, Request
from tracksmith.runs.run import Run
from tracksmith.runs.versions import (
    installed_versions,
    refuse_other_plugins,
    refuse_other_versions,
)
from tracksmith.tracks.options import TrackOptions

__all__ = [
    "Context",
    "ModelDraft",
    "ModelResults",
    "ModelWorker",
    "Predict",
    "Reader",
    "base_plan",
    "begin",
]


class Context(NamedTuple):
    """What the models of a new run share: the genome, and what was asked of all of them."""

    request: Request
    genome: Genome
    regions: Regions | None
    device: str
    options: TrackOptions
    cards: tuple[ModelCard, ...]
    progress: Progress

    @property
    def texts(self) -> dict[str, str]:
        """The regions asked for, as the file that lies beside ``run.json``."""
        return regions_text(self.regions)


@dataclass(frozen=True)
class ModelDraft:
    """One model of a new run: its record, its stages, the names of its files, its disk."""

    record: ModelRecord
    stages: tuple[Stage, ...]
    files: tuple[str, ...]
    disk: Disk
    places: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelResults:
    """The finished files of one model, and the bases that it read where that is counted."""

    files: Sequence[FileEntry]
    bases: BaseCounts | None = None


class ModelWorker(Protocol):
    """One model of a run, opened on one device; see :class:`tracksmith.runs.kind.Worker`."""

    def load(self) -> None:
        """Load the networks."""

    def compute(self, part: int) -> None:
        """Compute one part and write it."""

    def size(self, part: int) -> int:
        """Return how many units a part has."""

    def finish(self, progress: Progress) -> ModelResults:
        """Write the model's files."""

    def cost(self) -> ModelCost:
        """Return what the model costs, after a trial."""


class Opened(NamedTuple):
    """What the models of a planned run share while it is open."""

    run: Run
    store: PartStore
    genome: Genome
    device: str
    progress: Progress


class Reader(Protocol):
    """How models that read windows, or those that read regions, are planned and opened."""

    def draft(self, chosen: ChosenModel, number: int, context: Context) -> ModelDraft:
        """Fill in every default of a model and cut its work into parts."""

    def open(self, planned: PlannedModel, number: int, opened: Opened) -> ModelWorker:
        """Open a planned model."""


@dataclass(frozen=True)
class Predict:
    """The kind of run that writes tracks; each model goes to its reader, windows or regions."""

    readers: Mapping[str, Reader]
    name: str = PREDICT

    def draft(self, request: Request, registry: Registry, progress: Progress) -> Draft:
        """See :meth:`tracksmith.runs.kind.Kind.draft`."""
        chosen, context = begin(request, registry, progress)
        drafts = [
            self.readers[_reads(model.card)].draft(model, number, context)
            for number, model in enumerate(chosen)
        ]
        _refuse_equal_paths(drafts)
        models = [draft.record for draft in drafts]
        plan, places = base_plan(self.name, request, context, chosen, models)
        stages = tuple(stage for draft in drafts for stage in draft.stages)
        files = {key: path for draft in drafts for key, path in draft.places.items()}
        return Draft(
            replace(plan, stages=stages),
            replace(places, files=files),
            tuple(name for draft in drafts for name in draft.files),
            sum((draft.disk for draft in drafts), Disk()),
            context.texts,
            cure="fewer tracks with -t, a smaller region with -r, fewer digits with "
            "--precision 10bits",
        )

    def open(self, run: Run, device: str, progress: Progress) -> Worker:
        """See :meth:`tracksmith.runs.kind.Kind.open`."""
        return _Worker(self.readers, run, device, progress)

    def accept(self, run: Run) -> None:
        """Accept it: nothing but its files matters."""


def begin(
    request: Request, registry: Registry, progress: Progress
) -> tuple[list[ChosenModel], Context]:
    """Open what every kind of run begins with: models, weights, genome, regions.

    Raises
    ------
    TracksmithError
        Of the kind that fits.
    """
    registered = choose_models(request, registry)
    reads = {item.card.name: _reads(item.card) for item in registered}
    check_meaning(request, reads, progress.note)
    _check_numbers(request)
    options = TrackOptions.of(request.compressor, request.precision)
    device = device_kind(parse_devices(request.device)[0])
    genome = Genome.open(request.genome, notify=progress.note)
    for warning in browser_problems(genome.contigs):
        progress.note(warning)
    regions = resolve_regions(
        request.regions, request.chroms, genome, progress.note,
        alias=request.alias, clip=request.clip,
    )  # fmt: skip
    chosen = [choose_model(item, request, progress.note) for item in registered]
    cards = tuple(model.card for model in chosen)
    return chosen, Context(request, genome, regions, device, options, cards, progress)


def base_plan(
    kind: str,
    request: Request,
    context: Context,
    chosen: Sequence[ChosenModel],
    models: Sequence[ModelRecord],
) -> tuple[PlanRecord, Places]:
    """Return a plan without stages, and where its genome and weights are."""
    note_unused(models, context.progress.note)
    plan = PlanRecord(
        kind=kind,
        genome=genome_record(context.genome),
        models=tuple(models),
        stages=(),
        device=context.device,
        compressor=context.options.compressor,
        versions=installed_versions(),
        precision=request.precision,
        regions=region_set(context.regions),
    )
    places = Places(
        genome=str(context.genome.path.resolve()),
        weights={model.card.name: model.places for model in chosen},
        regions=_asked_regions(request),
    )
    return plan, places


class _Worker:
    """The models of a run side by side; each part goes to its model."""

    def __init__(
        self, readers: Mapping[str, Reader], run: Run, device: str, progress: Progress
    ) -> None:
        refuse_other_versions(run)
        registry = load_registry()
        refuse_other_plugins(run, registry)
        self.store = PartStore(run, self._shape)
        genome = open_genome(run, progress.note)
        opened = Opened(run, self.store, genome, device, progress)
        self.models: list[ModelWorker] = []
        for number in range(len(run.plan.models)):
            planned = open_model(run, number, registry)
            self.models.append(readers[_reads(planned.card)].open(planned, number, opened))

    def _shape(self, part: int) -> tuple[int, int] | None:
        shape = getattr(self._model(part), "shape", None)
        return None if shape is None else shape(part)

    def _model(self, part: int) -> ModelWorker:
        return self.models[self.store.stage(part).model]

    def load(self) -> None:
        for model in self.models:
            model.load()

    def compute(self, part: int) -> None:
        self._model(part).compute(part)

    def size(self, part: int) -> int:
        return self._model(part).size(part)

    def finish(self, progress: Progress) -> Results:
        records = self.store.run.plan.models
        results = [model.finish(progress) for model in self.models]
        return Results(
            tuple(entry for result in results for entry in result.files),
            {
                record.name: result.bases
                for record, result in zip(records, results, strict=True)
                if result.bases is not None
            },
        )

    def costs(self) -> list[ModelCost]:
        return [model.cost() for model in self.models]

    def close(self) -> None:
        """Nothing is held open."""


def _reads(card: ModelCard) -> str:
    return "regions" if reads_regions(card) else "windows"


def _asked_regions(request: Request) -> tuple[str, ...]:
    """Return the regions as they were asked for, to be shown."""
    peaks = [str(values["peaks"]) for values in request.own.values() if values.get("peaks")]
    return (*request.regions, *request.chroms, *peaks)


def _check_numbers(request: Request) -> None:
    numbers = [(request.parts, "--parts")]
    numbers += [(request.of(name).batch_size, "--batch-size") for name in request.models]
    for value, flag in numbers:
        if value is not None and value < 1:
            raise UsageError(f"{flag} {value}: give 1 or more.")


def _refuse_equal_paths(drafts: Sequence[ModelDraft]) -> None:
    """Model and track are joined by a dot, which names may hold: two files could be one."""
    owners: dict[str, str] = {}
    for draft in drafts:
        for path in draft.files:
            if path in owners:
                raise UsageError(
                    f"{owners[path]} and {draft.record.name} would both write {path}. "
                    "Predict them in two runs, or leave a track out with --tracks."
                )
            owners[path] = draft.record.name
