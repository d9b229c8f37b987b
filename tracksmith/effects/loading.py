"""The models of a run of variants, loaded on one device to compare alleles."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from tracksmith.effects.plan import VariantPlan
from tracksmith.effects.planned import PlannedRegions
from tracksmith.effects.region_scorer import RegionScorer
from tracksmith.effects.scorer import Scorer
from tracksmith.errors import UsageError
from tracksmith.progress import Silent
from tracksmith.regions.record import planned_inputs
from tracksmith.regions.work import RegionWork
from tracksmith.runs.device import device_facts, resolve_device

if TYPE_CHECKING:
    import torch

__all__ = ["Scorers"]


class Scorers:
    """What scores alleles by each model of a run, loaded once, when it is first used."""

    def __init__(self, plan: VariantPlan, device: str) -> None:
        self.plan = plan
        self._name = device
        self._loaded: dict[int, Scorer | RegionScorer] = {}
        self._trusted: dict[int, list[str]] = {}

    @cached_property
    def device(self) -> torch.device:
        """The device, looked for when it is needed: files are finished without one."""
        return resolve_device(self._name)

    @cached_property
    def device_facts(self) -> dict[str, str]:
        """What a part's manifest says of it."""
        return device_facts(self.device)

    def __getitem__(self, model: int) -> Scorer | RegionScorer:
        if model not in self._loaded:
            self._loaded[model] = self._load(model)
        return self._loaded[model]

    def load(self, model: int) -> None:
        """Load a model now, with the features of one over regions: a fault shows at once."""
        scorer = self[model]
        if isinstance(scorer, RegionScorer):
            scorer.matrix  # noqa: B018 - made and kept

    def over_windows(self, model: int) -> Scorer:
        """Return the scorer of a model over windows.

        Raises
        ------
        UsageError
            It is a model over regions.
        """
        scorer = self[model]
        if not isinstance(scorer, Scorer):
            raise UsageError(
                "Random variants and tracks around variants need a model over windows."
            )
        return scorer

    def trusted(self, model: int) -> list[str]:
        """Return the sha256 of the weight files of a model that were unpickled."""
        self.load(model)
        return self._trusted[model]

    def _load(self, model: int) -> Scorer | RegionScorer:
        """Load a model, ready to compare alleles; one over windows onto the device."""
        plan, planned, scores = self.plan, self.plan.models[model], self.plan.scores(model)
        limit = planned.record.max_allele
        if isinstance(planned, PlannedRegions):
            work = self._region_work(planned)
            work.forward  # noqa: B018 - weights that do not fit are refused before features are made
            self._trusted[model] = work.trusted
            ids = [track.id for track in work.card.tracks]
            columns = np.array([ids.index(track) for track in planned.record.tracks])
            return RegionScorer(work, scores, columns, limit)
        from tracksmith.engine.loading import load_forward

        forward, self._trusted[model] = load_forward(planned, self.device, 2 * plan.records)
        folds = [planned.folds_for(name) for name in plan.contigs.names]
        wanted = plan.wanted(model)
        return Scorer(forward, plan.genome, scores, folds, wanted, max_allele=limit or None)

    def _region_work(self, planned: PlannedRegions) -> RegionWork:
        """Open the regions of a model and what makes their features."""
        inputs = planned_inputs(planned.record, self.plan.run.places)
        return RegionWork(
            planned.planned, inputs, self.plan.genome, self._name, Silent(), alleles=True
        )
