"""A planned run of explanations with its models and its genome at hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from tracksmith.attributions.plan import ExplainedModel
from tracksmith.attributions.recipe import Recipe
from tracksmith.effects.sources import open_records, planned_file
from tracksmith.errors import TrustError
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.fasta import Genome, silent
from tracksmith.genome.readable import Readable
from tracksmith.models import registry as plugins
from tracksmith.runs.genome import contigs_of, open_genome, planned_regions
from tracksmith.runs.planned import PlannedModel, open_models
from tracksmith.runs.run import Run
from tracksmith.runs.versions import refuse_other_plugins, refuse_other_versions

__all__ = ["OpenedRun"]


class OpenedRun:
    """A run opened with the versions and plugins that it was planned with.

    Raises
    ------
    TrustError
        A model, a weight file, the genome or the regions are not those that were planned.
    """

    def __init__(self, run: Run, notify: Callable[[str], None]) -> None:
        refuse_other_versions(run)
        registry = plugins.load_registry()
        refuse_other_plugins(run, registry)
        self.run, self.notify = run, notify
        self.recipe = Recipe.read(run.plan.details)
        self.contigs: Contigs = contigs_of(run.plan.genome)
        self.regions = planned_regions(run, self.contigs)
        if self.regions is None and run.plan.variants is None:
            raise TrustError(f"{run.folder} was planned without regions. Start anew.")
        self.models = [self._model(planned) for planned in open_models(run, registry)]

    def _model(self, planned: PlannedModel) -> ExplainedModel:
        model = ExplainedModel(planned, self.recipe, self.contigs, self.regions)
        variants = self.run.plan.variants
        if variants is None:
            return model
        path, limit = planned_file(self.run), model.windows.placement.limit
        source = open_records(path, self.run, self.genome, self.regions, limit, silent)
        return model.take(source, variants.records)

    def reader(self, number: int) -> Readable:
        """Return what the steps of a model are read from."""
        return self.models[number].reader(self.genome)

    @cached_property
    def genome(self) -> Genome:
        """The genome, checked against the plan."""
        return open_genome(self.run, self.notify)
