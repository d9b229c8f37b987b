"""What every run over models begins with: models, weights, genome, regions, a plan to fill in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tracksmith.genome.fasta import Genome
from tracksmith.genome.intervals import Regions
from tracksmith.models.card import ModelCard
from tracksmith.models.registry import Registry
from tracksmith.progress import Progress
from tracksmith.runs.device import device_kind, parse_devices
from tracksmith.runs.genome import (
    genome_record,
    region_places,
    region_set,
    regions_text,
    requested_genome,
)
from tracksmith.runs.meaning import check_meaning, refuse_tf32
from tracksmith.runs.planned import (
    ChosenModel,
    choose_model,
    choose_models,
    note_unused,
    reads_regions,
)
from tracksmith.runs.record import ALIAS, ModelRecord, Places, PlanRecord
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
    options = TrackOptions.of(request.compressor, request.precision)
    device = device_kind(parse_devices(request.device)[0])
    genome, regions = requested_genome(request, progress.note)
    refuse_tf32(request, reads, device)
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
    """Return a plan without stages, and where its genome, weights and aliases are."""
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
    saturated = [] if request.saturate is None else [request.saturate]
    places = Places(
        genome=str(context.genome.path.absolute()),
        weights={model.card.name: model.places for model in chosen},
        files={} if request.alias is None else {ALIAS: str(request.alias.absolute())},
        regions=region_places(request.regions, context.genome.contigs),
        chroms=request.chroms,
        clip=request.clip,
        saturate=next(iter(region_places(saturated, context.genome.contigs)), None),
        allow_other_lengths=request.allow_other_lengths,
        parts=request.parts,
    )
    return plan, places


def reads_of(card: ModelCard) -> str:
    """Return ``windows`` or ``regions``: what a model reads."""
    return "regions" if reads_regions(card) else "windows"
