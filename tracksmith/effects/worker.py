"""Computing the parts of a variant run: records sorted out, scored, written as one part."""

from __future__ import annotations

import time
from typing import Any, Protocol

import numpy as np

from tracksmith.effects.finish import finish_variants
from tracksmith.effects.flags import SWAPPED
from tracksmith.effects.plan import PlannedRegions, VariantPlan
from tracksmith.effects.records import Taken
from tracksmith.effects.region_scorer import RegionScorer
from tracksmith.effects.results import join
from tracksmith.effects.saturation import SaturationSource
from tracksmith.effects.scorer import Scorer
from tracksmith.engine.plan import WindowPlan
from tracksmith.engine.work import load_forward
from tracksmith.files import crash_point
from tracksmith.models.trust import trusting
from tracksmith.progress import Progress, Silent
from tracksmith.regions.reader import planned_inputs
from tracksmith.regions.work import RegionWork
from tracksmith.runs.device import resolve_device
from tracksmith.runs.estimate import ModelCost
from tracksmith.runs.parts import PartStore, PartWriter
from tracksmith.runs.record import Results

__all__ = ["VariantWorker"]

TRIAL_BASES = 1 << 20
"""Windows of a trial read so many bases."""


class Source(Protocol):
    """Where the alleles of a part come from."""

    def take(self, first: int, last: int) -> Taken:
        """Sort out the records ``[first, last)``."""

    def close(self) -> None:
        """Let the file go."""


class VariantWorker:
    """Computes parts of a variant run on one device, keeping loaded models between parts."""

    def __init__(self, plan: VariantPlan, device: str, progress: Progress) -> None:
        self.plan = plan
        self.store = PartStore(plan.run)
        self.name = device
        self.device = resolve_device(device)
        self.progress = progress
        self._scorers: dict[int, Scorer | RegionScorer] = {}
        self._trusted: dict[int, list[str]] = {}
        self._sources: dict[int, Source] = {}

    def scorer(self, model: int) -> Scorer | RegionScorer:
        """Return a model on this worker's device, loaded once."""
        if model not in self._scorers:
            with trusting() as held:
                scorer = self._make_scorer(model)
            self._trusted[model] = held.used
            if isinstance(scorer, RegionScorer):
                self._trusted[model] = scorer.work.trusted
            self._scorers[model] = scorer
        return self._scorers[model]

    def source(self, model: int) -> Source:
        """Return the reader of records for a model."""
        if model not in self._sources:
            region = self.plan.saturated
            if region is not None:
                self._sources[model] = SaturationSource(self.plan.genome, region)
            else:
                self._sources[model] = self.plan.records_of(self.scorer(model).limit)
        return self._sources[model]

    def close(self) -> None:
        """Let the file of variants go."""
        for source in self._sources.values():
            source.close()
        self._sources = {}

    def load(self) -> None:
        """Load every model."""
        for model in range(len(self.plan.models)):
            self.scorer(model)

    def size(self, part: int) -> int:
        """Return how many records a part has."""
        first, last = self.store.items(part)
        return last - first

    def finish(self, progress: Progress) -> Results:
        """Write every file of the run from its parts."""
        return finish_variants(self, progress)

    def compute(self, part: int) -> None:
        """Compute one part and write it, whole or not at all."""
        model = self.store.stage(part).model
        first, last = self.store.items(part)
        scorer = self.scorer(model)
        most_unknown = self.plan.variants.max_n

        def fill(writer: PartWriter) -> dict[str, Any]:
            taken = scorer.admit(self.source(model).take(first, last))
            turned = (taken.rows["flags"] & SWAPPED) > 0
            scored = scorer.score(taken.alleles, turned)
            result = join(taken, scored, scorer.scores, last - first, most_unknown)
            writer.write_chunk(result.to_pieces())
            return {
                "interval": f"records {first + 1}-{last}",
                "device": str(self.device),
                "smallest_batch": scorer.smallest_batch,
                "trusted": self._trusted[model],
            }

        crash_point("part-begin")
        self.store.write(part, fill)
        crash_point("part-end")
        self.progress.advance(last - first)

    def _make_scorer(self, model: int) -> Scorer | RegionScorer:
        """Load a model, ready to compare alleles; one over windows onto the device."""
        plan, planned, scores = self.plan, self.plan.models[model], self.plan.scores(model)
        limit = planned.record.max_allele
        if isinstance(planned, PlannedRegions):
            work = self._region_work(planned)
            work.forward  # noqa: B018 - weights that do not fit are refused before features are made
            ids = [track.id for track in work.card.tracks]
            columns = np.array([ids.index(track) for track in planned.record.tracks])
            return RegionScorer(work, scores, columns, limit)
        forward = load_forward(planned, self.device)
        folds = [planned.folds_for(name) for name in plan.contigs.names]
        return Scorer(forward, plan.genome, scores, folds, plan.wanted(model))

    def _region_work(self, planned: PlannedRegions) -> RegionWork:
        """Open the regions of a model and what makes their features."""
        inputs = planned_inputs(planned.record, self.plan.run.places)
        return RegionWork(
            planned.planned, inputs, self.plan.genome, self.name, Silent(), alleles=True
        )

    def costs(self) -> list[ModelCost]:
        """Return the cost of every model, timing some of the first variants."""
        return [self._cost(number) for number in range(len(self.plan.models))]

    def _cost(self, number: int) -> ModelCost:
        record = self.plan.models[number].record
        alleles = self.plan.variants.alleles
        ways = len(record.shifts) * (2 if record.reverse_complement else 1)
        windows = self.plan.records + alleles
        planned = self.plan.models[number]
        if isinstance(planned, WindowPlan):
            geometry = planned.card.variant_geometry
            if geometry.bin > 1 and not geometry.whole_window:
                windows += self.plan.variants.indels  # these are predicted in two registers
        windows *= ways
        text = f"{alleles:,} alleles of {self.plan.records:,} records"
        passes = windows * len(record.folds.names)
        return ModelCost(record, text, windows, passes, self._trial(number, alleles))

    def _trial(self, number: int, alleles: int) -> float | None:
        """Return the seconds of all alleles; None where the trial found none to score."""
        planned = self.plan.models[number]
        window = 1 << 13
        if isinstance(planned, WindowPlan):
            window = planned.card.variant_geometry.window
        tried = min(self.plan.records, max(4, min(256, TRIAL_BASES // window)))
        scorer = self.scorer(number)
        taken = scorer.admit(self.source(number).take(0, tried))
        count = len(taken.alleles)
        if not count:
            return None
        scorer.score(taken.alleles)
        began = time.perf_counter()
        scorer.score(taken.alleles)
        return (time.perf_counter() - began) / count * alleles
