"""What a run of variants will cost: windows, disk, and after a trial, time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tracksmith.effects.deltas import STATISTICS
from tracksmith.effects.parquet import has_parquet
from tracksmith.effects.records import ROW
from tracksmith.effects.region_plan import RegionPlan
from tracksmith.effects.region_scorer import region_units
from tracksmith.effects.request import ResolvedVariants, SourceSize, reads_regions
from tracksmith.effects.saturation_tracks import BASES
from tracksmith.effects.scored import Scored
from tracksmith.effects.scores import units_of
from tracksmith.effects.worker import VariantWorker
from tracksmith.engine.plan import with_partners
from tracksmith.engine.region_estimate import estimate_regions
from tracksmith.engine.region_work import prepare_regions
from tracksmith.genome.bgzf_writer import index_suffix
from tracksmith.genome.intervals import parse_region
from tracksmith.models.card import ModelCard
from tracksmith.models.registry import Registry
from tracksmith.models.weights import describe
from tracksmith.tracks.options import TrackOptions, forecast_bytes

__all__ = [
    "Need",
    "VariantEstimate",
    "disk_needed",
    "estimate_model",
    "file_names",
    "forecast",
]

# Bytes on disk, half as much again as was measured on random SNVs with 2 and 300 cells each; a
# cell is one score of one track or pair of strands.
TABLE_CELL, PARQUET_CELL, SPREAD_CELL = 26, 20, 16
BED_ROW, STRONGEST_ROW, INFO_VALUE = 160, 30, 12
PART_ROW = 64
LINE = 120
"""A line of the table before it is compressed."""
SMALL_FILES = 1 << 20

TRIAL_BASES = 1 << 20
"""Windows of a trial read so many bases."""


@dataclass(frozen=True)
class Need:
    """Bytes of the parts of one model or run, of its files, and of files while it sorts."""

    parts: int = 0
    files: int = 0
    sorting: int = 0

    def __add__(self, other: Need) -> Need:
        return Need(
            self.parts + other.parts, self.files + other.files, max(self.sorting, other.sorting)
        )


def disk_needed(resolved: ResolvedVariants, registry: Registry) -> int:
    """Return an upper estimate of the bytes that a run takes at its largest."""
    total = sum((forecast(resolved, registry, n) for n in range(len(resolved.parts))), Need())
    return total.parts + total.files + total.sorting


def forecast(resolved: ResolvedVariants, registry: Registry, number: int) -> Need:
    """Return an upper estimate of what one model needs; the first one takes the shared files."""
    size, entry = resolved.size, resolved.request["models"][number]
    card = _card(resolved, registry, entry)
    units = region_units(card) if reads_regions(entry) else units_of(card)
    scores, spread = len(entry["scores"]), entry["folds"]["spread"]
    one = Scored.empty(1, scores, len(units), spread)
    stored = sum(getattr(getattr(one, field.name), "nbytes", 0) for field in fields(one))
    parts = size.alleles * (ROW.itemsize + PART_ROW + stored) + size.text
    facts = resolved.request["variants"]
    if facts["source"]["kind"] == "saturation":
        values = 5 * len(entry["card"]["tracks"]) * size.records
        return Need(parts, forecast_bytes(values, TrackOptions()) + SMALL_FILES)
    cells = size.alleles * scores * len(units)
    cell = TABLE_CELL + PARQUET_CELL * has_parquet() + SPREAD_CELL * spread
    rows = size.alleles * (BED_ROW + STRONGEST_ROW + INFO_VALUE * (scores + 2)) + 4 * size.text
    files = cells * cell + rows + SMALL_FILES + _delta_bytes(resolved, entry, card)
    if not number:
        # Text that was compressed is so again; BCF becomes text.
        files += facts["source"]["size"] * (2 if facts["source"]["kind"] == "bcf" else 1)
    sorting = size.alleles * STRONGEST_ROW
    if not size.sorted:
        sorting = cells * (LINE + size.text // max(1, size.alleles)) + size.alleles * 2 * BED_ROW
    return Need(parts, files, sorting)


def _card(resolved: ResolvedVariants, registry: Registry, entry: Mapping[str, Any]) -> ModelCard:
    """Return the card with the tracks that are computed."""
    name = entry["card"]["name"]
    model = registry.get(name).model
    weights = {
        fold: tuple(Path(path) for path in paths)
        for fold, paths in resolved.places["weights"].get(name, {}).items()
    }
    full = describe(model, weights)
    chosen = [track["id"] for track in entry["card"]["tracks"]]
    return full.with_tracks(chosen) if reads_regions(entry) else with_partners(full, chosen)


def _delta_bytes(resolved: ResolvedVariants, entry: Mapping[str, Any], card: ModelCard) -> int:
    """Return the bytes of the tracks around variants, which hold a value for every base."""
    bases = 0
    alleles = resolved.size.alleles
    if not resolved.request["variants"]["around"]:
        return 0
    core = card.window_geometry.core_length
    for text in resolved.request["variants"]["around"]:
        if text.startswith("top:"):
            bases += core * min(alleles, int(text[4:]))
        else:
            region = parse_region(text, resolved.genome.contigs)
            bases += min(core * alleles, len(region) + 2 * core)
    files = len(STATISTICS) * len(entry["card"]["tracks"])
    return files * forecast_bytes(bases, TrackOptions())


def file_names(resolved: ResolvedVariants) -> list[str]:
    """Return the files that a run will write, by their paths in its folder."""
    facts, longest = resolved.request["variants"], resolved.genome.contigs.lengths.max(initial=0)
    index = index_suffix(int(longest))
    names = []
    for entry in resolved.request["models"]:
        model, tracks = entry["card"]["name"], [track["id"] for track in entry["card"]["tracks"]]
        if facts["source"]["kind"] == "saturation":
            columns = (*BASES, "mean")
            names += [f"ism/{model}.{track}.{base}.bw" for track in tracks for base in columns]
            continue
        kinds = ["tsv.gz", f"tsv.gz{index}", *["parquet"] * has_parquet(), "top.tsv", "bb"]
        kinds.append("absmax.bw")
        if facts["around"]:
            kinds += [f"{track}.{kind}.bw" for track in tracks for kind in STATISTICS]
        names += [f"variants/{model}.{kind}" for kind in kinds]
    if facts["source"]["kind"] == "saturation":
        return names
    shared = ["skipped.tsv", "summary.html"]
    if facts["source"]["kind"] != "table":
        shared += ["annotated.vcf.gz", *[f"annotated.vcf.gz{index}"] * resolved.size.sorted]
    return [*names, *(f"variants/{name}" for name in shared)]


@dataclass(frozen=True)
class VariantEstimate:
    """The cost of one model in a run of variants.

    ``windows`` counts every orientation and is an upper bound: alleles of one
    position share the reference. ``passes`` are windows times folds. ``seconds``
    covers the scoring only; None where the trial found no allele to score.
    """

    model: str
    records: int
    alleles: int
    orientations: int
    windows: int
    passes: int
    seconds: float | None


def estimate_model(worker: VariantWorker, number: int, size: SourceSize) -> VariantEstimate:
    """Return the cost of a model, timing some of the first variants on the worker's device."""
    engine = worker.plan.engine
    planned = worker.plan.models[number]
    windows, folds = size.records + size.alleles, len(planned.entry["folds"]["names"])
    orientations = 1
    if isinstance(engine, RegionPlan):
        work = prepare_regions(engine.resolved.on(str(worker.device)), engine.progress)
        cost = estimate_regions(worker.plan.run.request, work)
        seconds: float | None = cost.feature_seconds + cost.value_seconds / cost.windows * windows
    else:
        options = engine.models[number].options
        orientations = len(options.shifts) * (2 if options.reverse else 1)
        windows *= orientations
        seconds = _trial(worker, number, size)
    return VariantEstimate(
        planned.card.name, size.records, size.alleles, orientations, windows, windows * folds,
        seconds,
    )  # fmt: skip


def _trial(worker: VariantWorker, number: int, size: SourceSize) -> float | None:
    window = worker.plan.models[number].card.window_geometry.window
    tried = min(size.records, max(4, min(256, TRIAL_BASES // window)))
    scorer = worker.scorer(number)
    taken = scorer.admit(worker.source(number).take(0, tried))
    count = len(taken.alleles)
    if not count:
        return None
    scorer.score(taken.alleles)
    began = time.perf_counter()
    scorer.score(taken.alleles)
    return (time.perf_counter() - began) / count * size.alleles
