"""Variants over a model of regions (GET): the request, and the plan made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from tracksmith.effects.region_scorer import RegionScorer
from tracksmith.effects.scores import Score
from tracksmith.engine.plan import contigs_of
from tracksmith.engine.regions import (
    RegionRequest,
    ResolvedRegions,
    prepare_regions,
    resolve_region_request,
)
from tracksmith.engine.request import Resolved
from tracksmith.errors import TrustError, UsageError
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.intervals import Regions
from tracksmith.models.card import ModelCard
from tracksmith.models.contract import Model
from tracksmith.progress import Progress
from tracksmith.run import Run, differences

__all__ = ["PlannedRegionModel", "RegionPlan", "resolve_over_regions"]


def resolve_over_regions(asked: RegionRequest, progress: Progress) -> Resolved:
    """Return a request over regions in the form of one over windows, without parts."""
    resolved = resolve_region_request(asked, progress)
    if "archetypes" in asked.inputs:
        raise UsageError(
            "An archetype BED is a scan of the reference: no allele changes it. Give --motifs and "
            "--clusters, so that both alleles are scanned."
        )
    places = {"genome": str(asked.genome.resolve()), "region_request": _stored(asked)}
    return Resolved(resolved.request, resolved.versions, places, [], None, resolved.genome)


def _stored(asked: RegionRequest) -> dict[str, Any]:
    """Return a request as JSON; paths become absolute, and consent is left out.

    A run's folder that could say what is trusted could make others run its code.
    """

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return {"path": str(value.resolve())}
        if isinstance(value, Mapping):
            return {key: plain(item) for key, item in value.items()}
        return list(value) if isinstance(value, tuple) else value

    kept = [item.name for item in fields(asked) if item.name != "trust_weights"]
    return {name: plain(getattr(asked, name)) for name in kept}


def _restored(stored: Mapping[str, Any]) -> RegionRequest:
    def value(item: Any) -> Any:
        if isinstance(item, dict):
            if set(item) == {"path"}:
                return Path(item["path"])
            return {key: value(inner) for key, inner in item.items()}
        return tuple(item) if isinstance(item, list) else item

    kept = {name: value(item) for name, item in stored.items() if name != "trust_weights"}
    return RegionRequest(**kept)


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

    def __init__(self, run: Run, progress: Progress) -> None:
        self.run = run
        self.progress = progress
        self.contigs: Contigs = contigs_of(run.request)
        asked = _restored(run.places["region_request"])
        self.resolved: ResolvedRegions = resolve_region_request(asked, progress)
        self._check()
        entry = run.request["models"][0]
        ids = [track["id"] for track in entry["card"]["tracks"]]
        self.models = [
            PlannedRegionModel(self.resolved.model, self.resolved.card.with_tracks(ids), entry)
        ]

    def _check(self) -> None:
        own = ("variants", "models")
        planned = {key: value for key, value in self.run.request.items() if key not in own}
        now = {key: value for key, value in self.resolved.request.items() if key not in own}
        models = dict(self.run.request["models"][0])
        for name in ("scores", "mode"):
            models.pop(name)
        found = differences(planned, now) + differences(models, self.resolved.request["models"][0])
        if found:
            listed = "\n".join(f"  {line}" for line in found[:10])
            raise TrustError(
                f"The inputs are not those that were planned (planned, now):\n{listed}\n"
                "Restore them, or start anew."
            )

    def scorer(self, scores: list[Score]) -> RegionScorer:
        """Load the model and make the features of all peaks."""
        work = prepare_regions(self.resolved, self.progress)
        entry = self.models[0].entry
        ids = [track.id for track in self.resolved.card.tracks]
        columns = np.array([ids.index(track.id) for track in self.models[0].card.tracks])
        limit = self.models[0].card.variants.max_allele
        return RegionScorer(work, scores, entry["mode"], columns, limit)
