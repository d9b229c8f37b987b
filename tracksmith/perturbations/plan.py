"""A planned run of perturbations: its edits, its readouts, its models, all checked."""

from __future__ import annotations

from tracksmith.genome.fasta import Notify
from tracksmith.models import registry as plugins
from tracksmith.perturbations.inputs import read_inputs
from tracksmith.perturbations.model import model_plans
from tracksmith.perturbations.recipe import Recipe
from tracksmith.runs.codec import decode
from tracksmith.runs.genome import contigs_of, open_genome, planned_regions
from tracksmith.runs.planned import open_models
from tracksmith.runs.run import Run
from tracksmith.runs.versions import refuse_other_plugins, refuse_other_versions

__all__ = ["PerturbPlan"]


class PerturbPlan:
    """A run of perturbations with its models, genome and inputs at hand.

    Raises
    ------
    TrustError
        A model, a weight file, the genome or an input is not the one that was planned.
    """

    def __init__(self, run: Run, notify: Notify) -> None:
        refuse_other_versions(run)
        registry = plugins.load_registry()
        refuse_other_plugins(run, registry)
        self.run = run
        self.contigs = contigs_of(run.plan.genome)
        self.genome = open_genome(run, notify)
        self.recipe = decode(Recipe, run.plan.details, "run.json: details")
        regions = planned_regions(run, self.contigs)
        paths = self.recipe.paths(run.places)
        self.inputs = read_inputs(self.recipe, paths, self.genome, regions, notify)
        self.models = model_plans(open_models(run, registry), self.recipe, self.inputs, self.genome)
