"""One model of a run of perturbations, with the edits and readouts as its windows see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tracksmith.engine.plan import WindowPlan
from tracksmith.genome.bases import OUTSIDE, N
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.fasta import Genome
from tracksmith.perturbations.inputs import Inputs
from tracksmith.perturbations.pairs import Pairs
from tracksmith.perturbations.places import Placer
from tracksmith.perturbations.recipe import Recipe
from tracksmith.runs.planned import PlannedModel
from tracksmith.runs.record import ModelRecord

__all__ = ["ModelPlan", "model_plans"]


@dataclass(frozen=True)
class ModelPlan:
    """One model of a run, with the pairs of edits and readouts as its windows see them."""

    number: int
    windows: WindowPlan
    recipe: Recipe
    inputs: Inputs
    genome: Genome

    @property
    def record(self) -> ModelRecord:
        """What ``run.json`` says of the model."""
        return self.windows.record

    @property
    def contigs(self) -> Contigs:
        """The contigs of the genome."""
        return self.windows.contigs

    @property
    def reduce(self) -> str:
        """How the bins of a readout become one value: sum or mean."""
        return self.recipe.value or self.windows.card.variants.reduce

    @cached_property
    def rows(self) -> list[int]:
        """The rows of the predicted tracks that were asked for, in their order."""
        ids = [track.id for track in self.windows.card.tracks]
        return [ids.index(track) for track in self.record.tracks]

    @cached_property
    def folds(self) -> list[tuple[str, ...]]:
        """The folds that predict each contig."""
        return [self.windows.folds_for(name) for name in self.contigs.names]

    @cached_property
    def pairs(self) -> Pairs:
        """Which edits are read in which readouts."""
        placer = Placer(self.windows, self.recipe.around)
        return Pairs(
            self.inputs.edits,
            self.inputs.readouts,
            placer,
            frozenset(number for number, folds in enumerate(self.folds) if not folds),
            self._blank(placer),
            self.recipe.within,
        )

    def _blank(self, placer: Placer) -> frozenset[int]:
        """Return the readouts that hold no known base: a run of predictions has a gap there."""
        return frozenset(
            number
            for number, readout in enumerate(self.inputs.readouts)
            if np.isin(
                self.genome.read(self.contigs.names[readout.contig], *placer.place(readout).span),
                (N, OUTSIDE),
            ).all()
        )

    @cached_property
    def drawn(self) -> frozenset[int]:
        """The edits that get tracks of whole windows, by number."""
        names = set(self.recipe.tracks_for)
        return frozenset(n for n, edit in enumerate(self.inputs.edits) if edit.name in names)


def model_plans(
    models: Sequence[PlannedModel], recipe: Recipe, inputs: Inputs, genome: Genome
) -> list[ModelPlan]:
    """Return the models of a run, planned or about to be."""
    return [
        ModelPlan(number, WindowPlan(planned, genome.contigs, None), recipe, inputs, genome)
        for number, planned in enumerate(models)
    ]
