"""The kind of run that edits the genome in one place and reads a model in another."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tracksmith.models.registry import Registry
from tracksmith.perturbations.drafts import draft_models, refuse_regions
from tracksmith.perturbations.forecast import forecast, stage_of
from tracksmith.perturbations.inputs import read_inputs
from tracksmith.perturbations.model import model_plans
from tracksmith.perturbations.names import file_names
from tracksmith.perturbations.recipe import check_request, recipe_of
from tracksmith.perturbations.work import PerturbWorker
from tracksmith.progress import Progress
from tracksmith.runs.begin import base_plan, begin
from tracksmith.runs.kind import Draft, Worker
from tracksmith.runs.request import PERTURB, Request
from tracksmith.runs.run import Run

__all__ = ["Perturb"]


@dataclass(frozen=True)
class Perturb:
    """Edits of a table, a BED file, a VCF or tiles, read in readouts by models over windows."""

    name: str = PERTURB

    def draft(self, request: Request, registry: Registry, progress: Progress) -> Draft:
        """See :meth:`tracksmith.runs.kind.Kind.draft`."""
        check_request(request)
        refuse_regions(request, registry)
        chosen, context = begin(request, registry, progress)
        records, planned = draft_models(chosen, context)
        recipe, paths = recipe_of(request)
        inputs = read_inputs(recipe, paths, context.genome, context.regions, progress.note)
        models = model_plans(planned, recipe, inputs, context.genome)
        for model in models:
            if not model.pairs.items:
                progress.note(
                    f"NOTE: no readout of {model.record.name} has an edit in reach that could be "
                    "scored; the table says why."
                )
        plan, places = base_plan(self.name, request, context, chosen, records)
        places_of = {name: str(path.absolute()) for name, path in paths.items()}
        return Draft(
            replace(plan, stages=tuple(map(stage_of, models)), details=recipe.details),
            replace(places, files={**places.files, **places_of}),
            file_names(models),
            forecast(models),
            context.texts,
            cure="fewer tracks with -t, fewer readouts, --table-only",
        )

    def open(self, run: Run, device: str, progress: Progress) -> Worker:
        """See :meth:`tracksmith.runs.kind.Kind.open`."""
        return PerturbWorker(run, device, progress)

    def finishes_on(self, run: Run) -> str:
        """Finish it anywhere: parts are joined, no network runs."""
        return "cpu"

    def accept(self, run: Run) -> None:
        """Accept it: nothing but its files matters."""
