"""Computing the parts of a variant run: records sorted out, scored, written as one part."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from tracksmith.effects.flags import SWAPPED
from tracksmith.effects.records import RecordSource, Taken
from tracksmith.effects.region_plan import PlannedRegionModel, RegionPlan
from tracksmith.effects.region_scorer import RegionScorer, choose_region_scores, region_units
from tracksmith.effects.request import contig_names, reads_regions
from tracksmith.effects.results import join
from tracksmith.effects.saturation import SaturationSource
from tracksmith.effects.scorer import Scorer
from tracksmith.effects.scores import Score, choose_scores
from tracksmith.effects.units import Units, chosen_units
from tracksmith.engine.device import resolve_device
from tracksmith.engine.parts import PartStore, PartWriter
from tracksmith.engine.plan import Plan, PlannedModel, check_genome
from tracksmith.engine.work import load_forward
from tracksmith.errors import TrustError
from tracksmith.files import crash_point, digest_of_file
from tracksmith.genome.alleles import AlleleReader
from tracksmith.genome.fasta import Genome, Notify, silent
from tracksmith.genome.intervals import Interval
from tracksmith.genome.vcf import VariantFile
from tracksmith.models.registry import Registry, load_registry
from tracksmith.models.trust import trusting
from tracksmith.progress import Progress, Silent
from tracksmith.run import Run

__all__ = ["VariantPlan", "VariantWorker", "open_variant_worker"]


class VariantPlan:
    """A run of variants with its models, genome and file at hand.

    Raises
    ------
    TrustError
        A model, a weight file, the genome or the file of variants is not the
        one that was planned.
    """

    def __init__(self, run: Run, registry: Registry, notify: Notify = silent) -> None:
        self.run = run
        self.engine: Plan | RegionPlan
        if reads_regions(run.request["models"][0]):
            self.engine = RegionPlan(run, registry, Silent())
        else:
            self.engine = Plan(run, registry)
        self.facts: dict[str, Any] = run.request["variants"]
        self.source: dict[str, Any] = self.facts["source"]
        self.notify = notify

    @property
    def models(self) -> Sequence[PlannedModel | PlannedRegionModel]:
        """The models, in the order of the request."""
        return self.engine.models

    @property
    def records(self) -> int:
        """Records of the file, or bases of the region to saturate."""
        return int(self.source["records"])

    @property
    def saturated(self) -> Interval | None:
        """The region whose every substitution is scored; None for a file of variants."""
        if self.source["kind"] != "saturation":
            return None
        return Interval(self.source["contig"], self.source["start"], self.source["end"])

    def scores(self, model: int) -> list[Score]:
        """Return the scores of a model, the first one being its headline."""
        planned = self.models[model]
        if isinstance(self.engine, RegionPlan):
            return choose_region_scores(planned.entry["scores"])
        return choose_scores(planned.entry["scores"], planned.card, planned.model.scores)

    def units(self, model: int) -> Units:
        """Return what the scores of a model are taken over."""
        card = self.models[model].card
        if isinstance(self.engine, RegionPlan):
            return region_units(card)
        return chosen_units(card, self.wanted(model), self.scores(model))[0]

    def wanted(self, model: int) -> set[str]:
        """Return the tracks that were asked for; their partners are computed with them."""
        return {track["id"] for track in self.models[model].entry["card"]["tracks"]}

    @cached_property
    def genome(self) -> Genome:
        """The genome, checked against the plan."""
        genome = Genome.open(Path(self.run.places["genome"]), notify=self.notify)
        check_genome(genome, self.run.request)
        return genome

    @cached_property
    def path(self) -> Path:
        """The file of variants, checked against the plan."""
        path = Path(self.run.places["variants"])
        if not path.is_file() or digest_of_file(path) != self.source["sha256"]:
            raise TrustError(
                f"{path} is not the file of variants that was planned ({self.source['name']}, "
                f"sha256 {self.source['sha256'][:12]}...). Restore it, or start anew."
            )
        return path

    def records_of(self, limit: int) -> RecordSource:
        """Return a reader of the file for a model with alleles of up to ``limit`` bp."""
        alias = self.run.places.get("alias")
        if alias and digest_of_file(Path(alias)) != self.facts["alias"]:
            raise TrustError(
                f"{alias} is not the file of aliases that was planned. Restore it, or start anew."
            )
        names = contig_names(self.genome.contigs, self.path.name, alias, self.notify)
        truncated = bool(self.facts["allow_truncated"])
        with VariantFile(self.path, allow_truncated=truncated) as file:
            names.declare(file.header.contigs)  # as in planning: MT is chrM if the lengths agree
        reader = AlleleReader(self.genome, names, limit, self.facts["ref_mismatch"])
        return RecordSource(self.path, reader, self.engine.regions, truncated)


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
        self.device = resolve_device(device)
        self.progress = progress
        self._scorers: dict[int, Scorer | RegionScorer] = {}
        self._trusted: dict[int, list[str]] = {}
        self._sources: dict[int, Source] = {}

    def scorer(self, model: int) -> Scorer | RegionScorer:
        """Return a model on this worker's device, loaded once."""
        if model not in self._scorers:
            with trusting() as held:
                self._scorers[model] = make_scorer(self.plan, model, self.device)
            self._trusted[model] = held.used
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

    def records(self, part: int) -> int:
        """Return how many records a part has."""
        first, last = self.store.chunk_range(part, self.plan.records)
        return last - first

    def compute(self, part: int) -> None:
        """Compute one part and write it, whole or not at all."""
        model = self.store.bounds[part][0]
        first, last = self.store.chunk_range(part, self.plan.records)
        scorer = self.scorer(model)
        most_unknown = float(self.plan.facts["max_n"])

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


def open_variant_worker(run: Run, device: str) -> VariantWorker:
    """Open a run of variants for computing its parts on a device."""
    return VariantWorker(VariantPlan(run, load_registry()), device, Silent())


def make_scorer(plan: VariantPlan, model: int, device: Any) -> Scorer | RegionScorer:
    """Load a model, ready to compare alleles; one over windows onto a device."""
    if isinstance(plan.engine, RegionPlan):
        return plan.engine.scorer(plan.scores(model), str(device))
    planned = plan.engine.models[model]
    forward = load_forward(planned, device)
    folds = [planned.folds_for(name) for name in plan.engine.contigs.names]
    return Scorer(forward, plan.genome, plan.scores(model), folds, plan.wanted(model))
