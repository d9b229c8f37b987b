"""Variants over a model of regions (GET): the request, and the plan made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracksmith.effects.region_scorer import RegionScorer
from tracksmith.effects.scores import Score
from tracksmith.engine.plan import contigs_of
from tracksmith.engine.region_request import (
    RegionRequest,
    planned_request,
    resolve_region_request,
)
from tracksmith.engine.region_work import prepare_regions
from tracksmith.engine.request import Resolved
from tracksmith.errors import UsageError
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.intervals import Regions
from tracksmith.models.card import ModelCard
from tracksmith.models.contract import Model
from tracksmith.models.registry import Registry
from tracksmith.progress import Progress
from tracksmith.run import Run

__all__ = ["PlannedRegionModel", "RegionPlan", "resolve_over_regions"]


def resolve_over_regions(asked: RegionRequest, registry: Registry, progress: Progress) -> Resolved:
    """Return a request over regions in the form of one over windows, without parts."""
    resolved = resolve_region_request(asked, registry, progress)
    if "archetypes" in asked.inputs:
        raise UsageError(
            "An archetype BED is a scan of the reference: no allele changes it. Give --motifs and "
            "--clusters, so that both alleles are scanned."
        )
    return Resolved(resolved.request, resolved.versions, resolved.places, [], None, resolved.genome)


@dataclass(frozen=True)
class PlannedRegionModel:
    """The one model of a run over regions; ``card`` holds the tracks that were asked for."""

    model: Model
    card: ModelCard
    entry: Mapping[str, Any]


class RegionPlan:
    """A run over regions with its model at hand; stands where a plan over windows stands.

    Raises
    ------
    TrustError
        A file, the genome or the plugin is not what was planned.
    """

    regions: Regions | None = None

    def __init__(self, run: Run, registry: Registry, progress: Progress) -> None:
        self.run = run
        self.registry = registry
        self.progress = progress
        self.contigs: Contigs = contigs_of(run.request)
        self.resolved = planned_request(run, registry, run.request["device"], progress)
        entry = run.request["models"][0]
        ids = [track["id"] for track in entry["card"]["tracks"]]
        self.models = [
            PlannedRegionModel(self.resolved.model, self.resolved.card.with_tracks(ids), entry)
        ]

    def scorer(self, scores: list[Score], device: str) -> RegionScorer:
        """Load the model onto a device and make the features of all peaks."""
        work = prepare_regions(self.resolved.on(device), self.progress)
        entry = self.models[0].entry
        ids = [track.id for track in self.resolved.card.tracks]
        columns = np.array([ids.index(track.id) for track in self.models[0].card.tracks])
        limit = self.models[0].card.variants.max_allele
        return RegionScorer(work, scores, entry["mode"], columns, limit)
