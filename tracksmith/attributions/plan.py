"""A model of a planned run of explanations: its targets, its steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tracksmith.attributions.alleles import (
    Alleles,
    WithAlleles,
    nearest,
    steps_of_alleles,
    take_alleles,
)
from tracksmith.attributions.recipe import Recipe
from tracksmith.attributions.steps import Steps, Windows, steps_of, windows_of
from tracksmith.attributions.targets import Targets, default_functions
from tracksmith.effects.records import RecordSource
from tracksmith.effects.windows import Frame
from tracksmith.engine.plan import WindowPlan
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.fasta import Genome
from tracksmith.genome.intervals import Regions
from tracksmith.genome.readable import Readable
from tracksmith.models.card import ModelCard
from tracksmith.runs.planned import PlannedModel
from tracksmith.runs.record import ModelRecord, Stage

__all__ = ["ExplainedModel", "functions_of"]

PART_BASES = 1 << 24
"""Windows of a part read about so many bases: the work that a kill can lose."""

BATCH_BASES, MOST_TOGETHER = 1 << 16, 64
"""Steps whose windows go through a network together: so many bases, so many steps at most."""


@dataclass(frozen=True)
class ExplainedModel:
    """One model over windows of a run of explanations, of regions or of ``alleles``."""

    planned: PlannedModel
    recipe: Recipe
    contigs: Contigs
    regions: Regions | None
    alleles: Alleles | None = None

    @property
    def record(self) -> ModelRecord:
        """What ``run.json`` says of the model."""
        return self.planned.record

    @property
    def card(self) -> ModelCard:
        """The card with the tracks that are computed."""
        return self.planned.card

    @cached_property
    def plan(self) -> WindowPlan:
        """The same as a model of windows."""
        return WindowPlan(self.planned, self.contigs, self.regions)

    @cached_property
    def windows(self) -> Windows:
        """How its windows lie."""
        return windows_of(self.record)

    @cached_property
    def targets(self) -> Targets:
        """What is explained."""
        frame: Frame = self.windows.frame
        reduce = self.recipe.reduce or self.card.variants.reduce
        return Targets(self.card, self.record.tracks, self.record.scores, reduce, frame)

    @cached_property
    def steps(self) -> Steps:
        """The steps of all regions, or two for each allele."""
        if self.alleles is not None:
            every, contigs = self.alleles.every, len(self.contigs)
            return steps_of_alleles(every, contigs, self.recipe.flank, self.windows.placement)
        regions = Regions.whole(self.contigs) if self.regions is None else self.regions
        return steps_of(regions, self.windows.longest)

    @cached_property
    def shown(self) -> list[NDArray[np.bool_]]:
        """Which bases of each allele's step tracks show."""
        return [] if self.alleles is None else nearest(self.alleles.every, self.steps)

    @property
    def together(self) -> int:
        """Steps that are explained together; a part is a whole number of these."""
        if self.recipe.method in ("integrated", "deeplift"):
            return 1
        most = min(MOST_TOGETHER, BATCH_BASES // self.windows.placement.window)
        if self.recipe.method == "gradient":
            most = min(most, self.record.batch_size)
        return max(1, most)

    @property
    def windows_of_a_step(self) -> int:
        """Windows that a step of the longest kind needs, of one fold in one orientation."""
        recipe = self.recipe
        each = {
            "ism": 4 * self.steps.longest,
            "gradient": 2,
            "integrated": recipe.references * recipe.path_points * 2,
            "deeplift": recipe.references * 4 * len(self.targets),
        }
        return each[recipe.method]

    @property
    def folds(self) -> list[tuple[str, ...]]:
        """The folds that predict each contig, by its number; behind them, each allele's."""
        folds = [self.plan.folds_for(name) for name in self.contigs.names]
        every = () if self.alleles is None else self.alleles.every
        return folds + [folds[allele.contig] for allele in every]

    def reader(self, genome: Genome) -> Readable:
        """Return what its steps are read from."""
        return genome if self.alleles is None else WithAlleles(genome, self.alleles.every)

    def take(self, source: RecordSource, records: int) -> ExplainedModel:
        """Return the same with the alleles of a file."""
        blind = np.array([not self.plan.folds_for(name) for name in self.contigs.names], np.bool_)
        return replace(self, alleles=take_alleles(source, records, blind))

    def stage(self, number: int) -> Stage:
        """Return the parts of the model: so many steps each that a kill loses little."""
        bases = self.windows_of_a_step * self.windows.placement.window
        chunks = max(1, PART_BASES // max(1, bases * self.together))
        step = chunks * self.together
        count = len(self.steps)
        return Stage(number, "explain", "bp", tuple(range(0, count, step)), count)


def functions_of(card: ModelCard, scores: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is explained of a model: what was asked for, or what its card scores."""
    return tuple(dict.fromkeys(scores)) or default_functions(card)
