"""Computing the parts of a variant run: records sorted out, scored, written as one part."""

from __future__ import annotations

from typing import Any, Protocol

from tracksmith.effects.costs import costs_of
from tracksmith.effects.finish import finish_variants
from tracksmith.effects.flags import SWAPPED
from tracksmith.effects.loading import Scorers
from tracksmith.effects.plan import VariantPlan
from tracksmith.effects.records import Taken
from tracksmith.effects.results import join
from tracksmith.effects.saturation import SaturationSource
from tracksmith.files import crash_point
from tracksmith.progress import Progress
from tracksmith.runs.estimate import ModelCost
from tracksmith.runs.parts import PartStore, PartWriter
from tracksmith.runs.record import Results
from tracksmith.runs.run import Run

__all__ = ["VariantWorker"]


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
        """Return the cost of every model, after a trial."""
        return costs_of(self.plan, self.scorers, lambda n, *records: self.source(n).take(*records))
