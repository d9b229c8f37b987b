"""A planned run of variants: its models, its genome, the file of variants, all checked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from tracksmith.effects.planned import PlannedRegions, ScoredModel, scores_of, units_for
from tracksmith.effects.records import RecordSource
from tracksmith.effects.scores import Score
from tracksmith.effects.sources import (
    open_records,
    planned_alias,
    planned_file,
    planned_variants,
)
from tracksmith.effects.units import Units
from tracksmith.engine.plan import WindowPlan
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.fasta import Genome, Notify
from tracksmith.genome.intervals import Regions
from tracksmith.models import registry as plugins
from tracksmith.models.registry import Registry
from tracksmith.runs.genome import contigs_of, open_genome, planned_regions
from tracksmith.runs.planned import PlannedModel, open_models, reads_regions
from tracksmith.runs.run import Run
from tracksmith.runs.versions import refuse_other_plugins, refuse_other_versions

__all__ = ["VariantPlan"]


class VariantPlan:
    """A run of variants with its models, genome and file at hand.

    Raises
    ------
    TrustError
        A model, a weight file, the genome or the file of variants is not the
        one that was planned.
    """

    def __init__(self, run: Run, registry: Registry, notify: Notify) -> None:
        self.run = run
        self.notify = notify
        self.variants = planned_variants(run)
        self.contigs: Contigs = contigs_of(run.plan.genome)
        self.regions: Regions | None = planned_regions(run, self.contigs)
        self.models: Sequence[ScoredModel] = [
            self._model(model) for model in open_models(run, registry)
        ]

    @classmethod
    def open(cls, run: Run, notify: Notify) -> VariantPlan:
        """Open a planned run with the versions and plugins that it was planned with."""
        refuse_other_versions(run)
        registry = plugins.load_registry()
        refuse_other_plugins(run, registry)
        return cls(run, registry, notify)

    def _model(self, planned: PlannedModel) -> ScoredModel:
        if reads_regions(planned.full):
            return PlannedRegions(planned)
        return WindowPlan(planned, self.contigs, self.regions)

    @property
    def records(self) -> int:
        """Records of the file, or bases of the regions to saturate."""
        return self.variants.records

    @property
    def saturated(self) -> Regions | None:
        """The regions whose every substitution is scored; None for a file of variants."""
        return self.regions if self.variants.saturation else None

    def scores(self, model: int) -> list[Score]:
        """Return the scores of a model, the first one being its headline."""
        return scores_of(self.models[model].planned)

    def units(self, model: int) -> Units:
        """Return what the scores of a model are taken over."""
        return units_for(self.models[model].planned)

    def wanted(self, model: int) -> set[str]:
        """Return the tracks that were asked for; their partners are computed with them."""
        return set(self.models[model].record.tracks)

    @cached_property
    def genome(self) -> Genome:
        """The genome, checked against the plan."""
        return open_genome(self.run, self.notify)

    @cached_property
    def path(self) -> Path:
        """The file of variants, checked against the plan."""
        return planned_file(self.run)

    @cached_property
    def alias(self) -> Path | None:
        """The file of aliases, checked against the plan; None without one."""
        return planned_alias(self.run, self.variants)

    @property
    def has_background(self) -> bool:
        """Whether effects are ranked among others than the alleles of the file."""
        return bool(self.variants.background) or "background" in self.run.plan.details

    @property
    def longest(self) -> int:
        """Length of the longest contig, bp."""
        return int(self.contigs.lengths.max(initial=0))

    def records_of(self, limit: int) -> RecordSource:
        """Return a reader of the file for a model with alleles of up to ``limit`` bp."""
        return open_records(self.path, self.run, self.genome, self.regions, limit, self.notify)
