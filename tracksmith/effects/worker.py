"""Computing the parts of a variant run: records sorted out, scored, written as one part."""

from __future__ import annotations

import time
from typing import Any, Protocol

from tracksmith.effects.finish import finish_variants
from tracksmith.effects.flags import SWAPPED
from tracksmith.effects.loading import Scorers
from tracksmith.effects.plan import VariantPlan
from tracksmith.effects.records import Taken
from tracksmith.effects.results import join
from tracksmith.effects.saturation import SaturationSource
from tracksmith.engine.plan import WindowPlan
from tracksmith.files import crash_point
from tracksmith.progress import Progress
from tracksmith.runs.estimate import ModelCost
from tracksmith.runs.parts import PartStore, PartWriter
from tracksmith.runs.record import Results
from tracksmith.runs.run import Run

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

    def __init__(self, run: Run, device: str, progress: Progress) -> None:
        self.plan = VariantPlan.open(run, progress.note)
        self.store = PartStore(run)
        for stage in range(len(run.plan.stages)):
            self.store.check_items(stage, self.plan.records)
        self.scorers = Scorers(self.plan, device)
        self.progress = progress
        self._sources: dict[int, Source] = {}

    def source(self, model: int) -> Source:
        """Return the reader of records for a model."""
        if model not in self._sources:
            region = self.plan.saturated
            if region is not None:
                self._sources[model] = SaturationSource(self.plan.genome, region)
            else:
                self._sources[model] = self.plan.records_of(self.scorers[model].limit)
        return self._sources[model]

    def close(self) -> None:
        """Let the file of variants go."""
        for source in self._sources.values():
            source.close()
        self._sources = {}

    def load(self) -> None:
        """Load every model."""
        for model in range(len(self.plan.models)):
            self.scorers.load(model)

    def size(self, part: int) -> int:
        """Return how many records a part has."""
        first, last = self.store.items(part)
        return last - first

    def finish(self, progress: Progress) -> Results:
        """Write every file of the run from its parts."""
        return finish_variants(self.plan, self.store, self.scorers.over_windows, progress)

    def compute(self, part: int) -> None:
        """Compute one part and write it, whole or not at all."""
        model = self.store.stage(part).model
        first, last = self.store.items(part)
        scorer = self.scorers[model]
        most_unknown = self.plan.variants.max_n

        def fill(writer: PartWriter) -> dict[str, Any]:
            taken = scorer.admit(self.source(model).take(first, last))
            turned = (taken.rows["flags"] & SWAPPED) > 0
            scored = scorer.score(taken.alleles, turned)
            result = join(taken, scored, scorer.scores, last - first, most_unknown)
            writer.write_chunk(result.to_pieces())
            return {
                "interval": f"records {first + 1}-{last}",
                **self.scorers.device_facts,
                "smallest_batch": scorer.smallest_batch,
                "trusted": self.scorers.trusted(model),
            }

        crash_point("part-begin")
        self.store.write(part, fill)
        crash_point("part-end")
        self.progress.advance(last - first)

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
        scorer = self.scorers[number]
        taken = scorer.admit(self.source(number).take(0, tried))
        count = len(taken.alleles)
        if not count:
            return None
        scorer.score(taken.alleles)
        began = time.perf_counter()
        scorer.score(taken.alleles)
        return (time.perf_counter() - began) / count * alleles
