"""The kind of run that scores what alleles change: how it is planned and opened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tracksmith.effects.files import Outline, file_names
from tracksmith.effects.forecast import forecast
from tracksmith.effects.info_keys import refuse_shared_keys
from tracksmith.effects.limits import check_limits
from tracksmith.effects.plan import ALIAS, VARIANTS, VariantPlan, scores_of
from tracksmith.effects.sources import SourceSize, survey_file, survey_region
from tracksmith.effects.units import refuse_parts_of_a_model, refuse_without_tracks
from tracksmith.effects.worker import VariantWorker
from tracksmith.engine.reader import window_record
from tracksmith.errors import UsageError
from tracksmith.models import registry as plugins
from tracksmith.models.registry import Registry
from tracksmith.progress import Progress
from tracksmith.regions.reader import place_names, region_record
from tracksmith.runs.begin import Context, base_plan, begin
from tracksmith.runs.estimate import Disk
from tracksmith.runs.kind import Draft, Worker
from tracksmith.runs.planned import ChosenModel, PlannedModel, reads_regions
from tracksmith.runs.record import Limits, ModelRecord, Stage, VariantsRecord
from tracksmith.runs.request import Request
from tracksmith.runs.run import Run
from tracksmith.runs.versions import refuse_other_plugins, refuse_other_versions

__all__ = ["Variants"]

PART_BASES = 1 << 23
"""Windows of a part read about so many bases: the work that a kill can lose."""

SHORT_WINDOW, SHORT_BATCHES = 4096, 4
"""Windows up to so many bp get so many times the default batch of the engine."""

REGION_WINDOW = 1 << 13
"""What a variant of a model over regions counts as, in bases."""


@dataclass(frozen=True)
class Variants:
    """Scores alleles of a file, or every substitution of a region, by any models."""

    name: str = "variants"

    def draft(self, request: Request, registry: Registry, progress: Progress) -> Draft:
        """See :meth:`tracksmith.runs.kind.Kind.draft`."""
        _check_switches(request)
        chosen, context = begin(request, registry, progress)
        models: list[ModelRecord] = []
        places: dict[str, str] = {}
        for model in chosen:
            record, files = _record(model, context)
            models.append(record)
            places |= files
        variants, size = _survey(request, context)
        if variants.source in ("vcf", "bcf"):
            refuse_shared_keys({model.name: model.scores for model in models})
        if request.variants is not None:
            places[VARIANTS] = str(request.variants.absolute())
        if request.alias is not None:
            places[ALIAS] = str(request.alias.absolute())
        _note_dtype(models, progress)
        plan, found = base_plan(self.name, request, context, chosen, models)
        stages = [_stage(number, model, variants.records) for number, model in enumerate(models)]
        outline = Outline(variants, int(context.genome.contigs.lengths.max(initial=0)), size.sorted)
        planned = [
            PlannedModel(model.registered.model, model.card, record, model.weights)
            for model, record in zip(chosen, models, strict=True)
        ]
        disk = [forecast(model, variants, size, context.genome.contigs) for model in planned]
        shared = Disk(0, _annotated_bytes(variants))
        return Draft(
            replace(plan, stages=tuple(stages), variants=variants),
            replace(found, files=places),
            file_names(models, outline),
            sum(disk, shared),
            context.texts,
            Limits(request.strict, request.max_skipped),
            cure="fewer tracks with -t, fewer scores with --score",
        )

    def open(self, run: Run, device: str, progress: Progress) -> Worker:
        """See :meth:`tracksmith.runs.kind.Kind.open`."""
        refuse_other_versions(run)
        registry = plugins.load_registry()
        refuse_other_plugins(run, registry)
        return VariantWorker(VariantPlan(run, registry, progress.note), device, progress)

    def accept(self, run: Run) -> None:
        """Hold the counts of a finished run against the limits of this command."""
        if run.results is None or run.plan.variants is None:
            return
        for counts in run.results.counts.values():
            check_limits(run.limits, counts, run.plan.variants.name)


def _check_switches(request: Request) -> None:
    if (request.variants is None) == (request.saturate is None):
        raise UsageError("Give a file of variants, or --saturate REGION instead of it.")
    if request.background < 0:
        raise UsageError(f"--background {request.background}: give the number of random variants.")
    for value, flag, of in ((request.max_n, "--max-n", "window"),
                            (request.max_skipped, "--max-skipped", "alleles")):  # fmt: skip
        if not 0 <= value <= 1:
            raise UsageError(f"{flag} {value:g}: give a share of the {of}, 0 to 1.")
    if request.saturate is not None:
        _refuse_idle(request)


def _refuse_idle(request: Request) -> None:
    """Refuse what a saturated region has no use for."""
    if request.around:
        raise UsageError("--saturate writes tracks of its own: leave out --tracks top:N or REGION.")
    if request.strict or request.max_skipped != Request.max_skipped:
        raise UsageError("--saturate skips no allele: leave out --strict and --max-skipped.")
    asked = [request.of(model) for model in request.models]
    given = {
        "--background": request.background,
        "-r": request.regions,
        "--chroms": request.chroms,
        "--spread": any(one.spread for one in asked),
        "--ref-mismatch": request.ref_mismatch != Request.ref_mismatch,
        "--allow-truncated": request.allow_truncated,
        "--allow-other-lengths": request.allow_other_lengths,
        "a second --score": any(len(one.scores) > 1 for one in asked),
    }
    idle = [name for name, value in given.items() if value]
    if idle:
        raise UsageError(f"--saturate has no use for {', '.join(idle)}: leave it out.")


def _record(chosen: ChosenModel, context: Context) -> tuple[ModelRecord, dict[str, str]]:
    """Return the record of a model with its scores, and where its inputs are."""
    asked, card = context.request.of(chosen.card.name), chosen.card
    names = asked.scores or card.default_scores
    files: dict[str, str] = {}
    if reads_regions(card):
        record, inputs = region_record(chosen, context)
        files = place_names(card.name, inputs)
    else:
        record = _larger_batch(window_record(chosen, context), context.device)
    record = replace(record, scores=names, max_allele=asked.max_allele or card.variants.max_allele)
    planned = PlannedModel(chosen.registered.model, card, record, chosen.weights)
    scores = scores_of(planned)
    if not reads_regions(card):
        every = [track.id for track in card.tracks]
        refuse_parts_of_a_model(card.name, scores, record.tracks, every)
    if context.request.saturate is not None:
        refuse_without_tracks(card.name, scores)
    return replace(record, scores=tuple(score.name for score in scores)), files


def _larger_batch(record: ModelRecord, device: str) -> ModelRecord:
    """Enlarge the default batch of a short window on a CPU: alleles come by the hundred.

    Where variants have a window of their own, as many bases make a batch.
    """
    if record.batch_chosen:
        return record
    window = record.card.variant_geometry.window
    longer = max(1, record.card.window_geometry.window // window)
    short = device == "cpu" and window <= SHORT_WINDOW
    return replace(record, batch_size=record.batch_size * longer * (SHORT_BATCHES if short else 1))


def _survey(request: Request, context: Context) -> tuple[VariantsRecord, SourceSize]:
    contigs, notify = context.genome.contigs, context.progress.note
    if request.variants is None:
        return survey_region(request, contigs, notify)
    return survey_file(request, Path(request.variants), contigs, notify)


def _stage(number: int, model: ModelRecord, records: int) -> Stage:
    window = REGION_WINDOW
    if not reads_regions(model.card):
        window = model.card.variant_geometry.window
    step = max(64, min(4096, PART_BASES // window))
    return Stage(number, "variants", "variants", tuple(range(0, records, step)), records)


def _annotated_bytes(variants: VariantsRecord) -> int:
    """Return the bytes of the annotated copy: text that was compressed is so again, BCF is text."""
    if variants.file is None:
        return 0
    return variants.file.size * (2 if variants.source == "bcf" else 1)


def _note_dtype(models: list[ModelRecord], progress: Progress) -> None:
    coarse = sorted({model.dtype for model in models} - {"float32"})
    if coarse:
        progress.note(
            f"NOTE: --dtype {coarse[0]} is too coarse for many effects of variants, "
            "which are small differences of large numbers."
        )
