"""The kind of run that scores what alleles change: how it is planned and opened."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tracksmith.effects.background_record import (
    BACKGROUND,
    background_asked,
    background_details,
    background_of,
)
from tracksmith.effects.files import names_and_disk
from tracksmith.effects.info_keys import refuse_shared_keys
from tracksmith.effects.limits import (
    accept_counts,
    check_limits,
    hold_first_records,
    limits_of,
)
from tracksmith.effects.meaning import check_request
from tracksmith.effects.planned import draft_models, note_dtype, stage_of
from tracksmith.effects.sources import source_places, survey_source
from tracksmith.effects.worker import VariantWorker
from tracksmith.models.registry import Registry
from tracksmith.progress import Progress
from tracksmith.runs.begin import base_plan, begin
from tracksmith.runs.kind import Draft, Worker
from tracksmith.runs.request import Request
from tracksmith.runs.run import Run

__all__ = ["Variants"]


@dataclass(frozen=True)
class Variants:
    """Scores alleles of a file, or every substitution of regions, by any models."""

    name: str = "variants"

    def draft(self, request: Request, registry: Registry, progress: Progress) -> Draft:
        """See :meth:`tracksmith.runs.kind.Kind.draft`."""
        check_request(request)
        chosen, context = begin(request, registry, progress)
        models, inputs = draft_models(chosen, context)
        contigs = context.genome.contigs
        hold_first_records(request, context.genome, progress.note)
        variants, size = survey_source(request, contigs, context.regions, progress.note)
        background, background_path = background_asked(request, contigs, progress.note)
        if background_path is not None:
            inputs[BACKGROUND] = str(background_path.absolute())
        limits = limits_of(request)
        check_limits(limits, size.unscorable, variants.name, kept=False)
        if variants.source in ("vcf", "bcf"):
            refuse_shared_keys({model.name: model.record.scores for model in models})
        note_dtype(models, context)
        records = [model.record for model in models]
        plan, places = base_plan(self.name, request, context, chosen, records)
        stages = tuple(stage_of(n, model, variants.records) for n, model in enumerate(records))
        ranked = bool(variants.background or background)
        names, disk = names_and_disk(models, variants, size, contigs, background=ranked)
        details = background_details(background)
        return Draft(
            replace(plan, stages=stages, variants=variants, details=details),
            replace(places, files={**places.files, **inputs, **source_places(request)}),
            names,
            disk,
            context.texts,
            limits,
            cure="fewer tracks with -t, fewer scores with --score",
        )

    def open(self, run: Run, device: str, progress: Progress) -> Worker:
        """See :meth:`tracksmith.runs.kind.Kind.open`."""
        return VariantWorker(run, device, progress)

    def finishes_on(self, run: Run) -> str:
        """Return the planned device where random variants or tracks around some are predicted."""
        variants = run.plan.variants
        record = background_of(run.plan)
        drawn = record is not None and record.size
        networks = variants is not None and (variants.background or variants.around or drawn)
        return run.plan.device if networks else "cpu"

    def accept(self, run: Run) -> None:
        """Hold the counts of a finished run against the limits of this command."""
        accept_counts(run)
