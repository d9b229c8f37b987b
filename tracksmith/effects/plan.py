"""A planned run of variants: its models, its genome, the file of variants, all checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeAlias, cast

from tracksmith.effects.records import RecordSource
from tracksmith.effects.region_scorer import region_units
from tracksmith.effects.region_scores import choose_region_scores
from tracksmith.effects.scores import Score, choose_scores
from tracksmith.effects.units import Units, chosen_units
from tracksmith.engine.plan import WindowPlan
from tracksmith.errors import TrustError
from tracksmith.files import digest_of_file
from tracksmith.genome.aliases import ContigNames, read_aliases
from tracksmith.genome.alleles import AlleleReader, OnMismatch
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.fasta import Genome, Notify
from tracksmith.genome.intervals import Interval, Regions
from tracksmith.genome.vcf import VariantFile
from tracksmith.models.card import ModelCard
from tracksmith.models.contract import TrackScore
from tracksmith.models.registry import Registry
from tracksmith.runs.genome import contigs_of, open_genome, planned_regions
from tracksmith.runs.planned import PlannedModel, check_file, open_model, reads_regions
from tracksmith.runs.record import ModelRecord, VariantsRecord
from tracksmith.runs.run import Run

__all__ = ["PlannedRegions", "VariantPlan", "contig_names", "scores_of", "units_for"]

ALIAS, VARIANTS = "alias", "variants"
"""Under which names a run remembers where these files are."""


@dataclass(frozen=True)
class PlannedRegions:
    """A model over regions of a run of variants; ``card`` holds the tracks asked for."""

    planned: PlannedModel

    @property
    def record(self) -> ModelRecord:
        """What ``run.json`` says of the model."""
        return self.planned.record

    @property
    def card(self) -> ModelCard:
        """The card with the tracks that were asked for."""
        return _only(self.planned.full, self.record.tracks)


def _only(card: ModelCard, tracks: Sequence[str]) -> ModelCard:
    """Return the card with these tracks only, also where a partner is not among them."""
    chosen = [track for track in card.tracks if track.id in tracks]
    alone = [
        track if track.rc_partner in tracks else replace(track, rc_partner=None) for track in chosen
    ]
    return replace(card, tracks=tuple(alone))


ScoredModel: TypeAlias = WindowPlan | PlannedRegions


def scores_of(planned: PlannedModel) -> list[Score]:
    """Return the scores of a model, the first one being its headline."""
    names = planned.record.scores
    if reads_regions(planned.full):
        return choose_region_scores(names, planned.model)
    own = {
        name: score for name, score in planned.model.scores.items() if isinstance(score, TrackScore)
    }
    return choose_scores(names, planned.card, own)


def units_for(planned: PlannedModel) -> Units:
    """Return what the scores of a model are taken over."""
    if reads_regions(planned.full):
        return region_units(_only(planned.full, planned.record.tracks))
    return chosen_units(planned.card, set(planned.record.tracks), scores_of(planned))[0]


def contig_names(contigs: Contigs, source: str, alias: Path | None, notify: Notify) -> ContigNames:
    """Return how the contig names of a file of variants are read."""
    aliases = read_aliases(alias, contigs) if alias else None
    return ContigNames(contigs, source, notify, aliases)


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
        self.variants = run.plan.variants or VariantsRecord("vcf", 0)
        self.contigs: Contigs = contigs_of(run.plan.genome)
        self.regions: Regions | None = planned_regions(run, self.contigs)
        planned = [open_model(run, number, registry) for number in range(len(run.plan.models))]
        self.models: Sequence[ScoredModel] = [self._model(model) for model in planned]

    def _model(self, planned: PlannedModel) -> ScoredModel:
        if reads_regions(planned.full):
            return PlannedRegions(planned)
        return WindowPlan(planned, self.contigs, self.regions)

    @property
    def records(self) -> int:
        """Records of the file, or bases of the region to saturate."""
        return self.variants.records

    @property
    def saturated(self) -> Interval | None:
        """The region whose every substitution is scored; None for a file of variants."""
        return None if self.variants.region is None else Interval(*self.variants.region)

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
        path = Path(self.run.places.files[VARIANTS])
        if self.variants.file is None:
            return path
        return check_file(path, self.variants.file, "file of variants")

    @property
    def longest(self) -> int:
        """Length of the longest contig, bp."""
        return int(self.contigs.lengths.max(initial=0))

    def records_of(self, limit: int) -> RecordSource:
        """Return a reader of the file for a model with alleles of up to ``limit`` bp."""
        alias = self.run.places.files.get(ALIAS)
        place = Path(alias) if alias and self.variants.alias else None
        if place and digest_of_file(place) != self.variants.alias:
            raise TrustError(
                f"{alias} is not the file of aliases that was planned. Restore it, or start anew."
            )
        names = contig_names(self.genome.contigs, self.path.name, place, self.notify)
        truncated = self.variants.allow_truncated
        with VariantFile(self.path, allow_truncated=truncated) as file:
            names.declare(file.header.contigs)  # as in planning: MT is chrM if the lengths agree
        mismatch = cast("OnMismatch", self.variants.ref_mismatch)
        reader = AlleleReader(self.genome, names, limit, mismatch)
        return RecordSource(self.path, reader, self.regions, truncated)
