"""A planned run of explanations with its models and its genome at hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from tracksmith.attributions.plan import ExplainedModel, Recipe
from tracksmith.errors import TrustError
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.fasta import Genome
from tracksmith.models import registry as plugins
from tracksmith.runs.genome import contigs_of, open_genome, planned_regions
from tracksmith.runs.planned import open_models
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
        regions = planned_regions(run, self.contigs)
        if regions is None:
            raise TrustError(f"{run.folder} was planned without regions. Start anew.")
        self.regions = regions
        self.models = [
            ExplainedModel(planned, self.recipe, self.contigs, regions)
            for planned in open_models(run, registry)
        ]

    @cached_property
    def genome(self) -> Genome:
        """The genome, checked against the plan."""
        return open_genome(self.run, self.notify)
