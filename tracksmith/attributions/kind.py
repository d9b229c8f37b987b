"""The kind of run that explains predictions: how it is planned and opened."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tracksmith.attributions.allele_drafts import allele_places, refuse_unfit, variants_asked
from tracksmith.attributions.drafts import disk_of, draft_model, refuse_equal_names
from tracksmith.attributions.outputs import file_names
from tracksmith.attributions.recipe import Recipe
from tracksmith.attributions.references import require_extra
from tracksmith.attributions.site_files import motif_places, read_motifs
from tracksmith.attributions.worker import ExplainWorker
from tracksmith.models.registry import Registry
from tracksmith.progress import Progress
from tracksmith.runs.begin import base_plan, begin
from tracksmith.runs.estimate import Disk
from tracksmith.runs.kind import Draft, Worker
from tracksmith.runs.request import EXPLAIN, Request
from tracksmith.runs.run import Run

__all__ = ["Explain"]


@dataclass(frozen=True)
class Explain:
    """Writes how much each base of regions adds to what a model predicts there."""

    name: str = EXPLAIN

    def draft(self, request: Request, registry: Registry, progress: Progress) -> Draft:
        """See :meth:`tracksmith.runs.kind.Kind.draft`."""
        recipe = Recipe.of(request)
        refuse_unfit(request)
        if recipe.needs_shuffles:
            require_extra(f"--method {recipe.method} with shuffled references")
        if request.motifs is not None:
            require_extra("--motifs")
            read_motifs(request.motifs)
        chosen, context = begin(request, registry, progress)
        variants = variants_asked(request, context)
        models = [draft_model(model, recipe, context, variants) for model in chosen]
        records = [model.record for model in models]
        plan, places = base_plan(self.name, request, context, chosen, records)
        names = [name for model in models for name in file_names(model)]
        refuse_equal_names(names)
        stages = tuple(model.stage(number) for number, model in enumerate(models))
        return Draft(
            replace(plan, stages=stages, variants=variants, details=recipe.details()),
            replace(
                places, files={**places.files, **motif_places(request), **allele_places(request)}
            ),
            tuple(names),
            sum((disk_of(model, context) for model in models), Disk()),
            context.texts,
        )

    def open(self, run: Run, device: str, progress: Progress) -> Worker:
        """See :meth:`tracksmith.runs.kind.Kind.open`."""
        return ExplainWorker(run, device, progress)

    def finishes_on(self, run: Run) -> str:
        """Finish it anywhere: parts are joined, no network runs."""
        return "cpu"

    def accept(self, run: Run) -> None:
        """Accept it: nothing but its files matters."""
