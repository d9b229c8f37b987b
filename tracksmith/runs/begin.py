"""What every run over models begins with: models, weights, genome, regions, a plan to fill in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tracksmith.errors import UsageError
from tracksmith.genome.contigs import browser_problems
from tracksmith.genome.fasta import Genome
from tracksmith.genome.intervals import Regions
from tracksmith.genome.regions import resolve_regions
from tracksmith.models.card import ModelCard
from tracksmith.models.registry import Registry
from tracksmith.progress import Progress
from tracksmith.runs.device import device_kind, parse_devices
from tracksmith.runs.genome import genome_record, region_set, regions_text
from tracksmith.runs.meaning import check_meaning
from tracksmith.runs.planned import (
    ChosenModel,
    choose_model,
    choose_models,
    note_unused,
    reads_regions,
)
from tracksmith.runs.record import ModelRecord, Places, PlanRecord
from tracksmith.runs.request import Request
from tracksmith.runs.versions import installed_versions
from tracksmith.tracks.formats import choose_formats
from tracksmith.tracks.options import TrackOptions

__all__ = ["Context", "base_plan", "begin", "reads_of"]


class Context(NamedTuple):
    """What the models of a new run share: the genome, and what was asked of all of them."""

    request: Request
    genome: Genome
    regions: Regions | None
    device: str
    options: TrackOptions
    formats: tuple[str, ...]
    cards: tuple[ModelCard, ...]
    progress: Progress

    @property
    def texts(self) -> dict[str, str]:
        """The regions asked for, as the file that lies beside ``run.json``."""
        return regions_text(self.regions)


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
    reads = {item.card.name: reads_of(item.card) for item in registered}
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
    formats = choose_formats(request.formats)
    return chosen, Context(request, genome, regions, device, options, formats, cards, progress)


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
        formats=context.formats,
        regions=region_set(context.regions),
    )
    places = Places(
        genome=str(context.genome.path.absolute()),
        weights={model.card.name: model.places for model in chosen},
        regions=tuple(map(_absolute, request.regions)),
        chroms=request.chroms,
    )
    return plan, places


def reads_of(card: ModelCard) -> str:
    """Return ``windows`` or ``regions``: what a model reads."""
    return "regions" if reads_regions(card) else "windows"


def _check_numbers(request: Request) -> None:
    numbers = [(request.parts, "--parts")]
    numbers += [(request.of(name).batch_size, "--batch-size") for name in request.models]
    for value, flag in numbers:
        if value is not None and value < 1:
            raise UsageError(f"{flag} {value}: give 1 or more.")


def _absolute(region: str) -> str:
    """Return a region as it was asked for; a file by its whole path."""
    path = Path(region)
    return str(path.absolute()) if path.is_file() else region
