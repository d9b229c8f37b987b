"""How much disk a run of variants needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from tracksmith.effects.deltas import STATISTICS, delta_paths
from tracksmith.effects.parquet import has_parquet
from tracksmith.effects.planned import units_for
from tracksmith.effects.records import ROW
from tracksmith.effects.saturation_tracks import saturation_paths
from tracksmith.effects.scored import Scored
from tracksmith.effects.sources import SourceSize
from tracksmith.effects.units import units_of
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.intervals import parse_region
from tracksmith.runs.estimate import Disk
from tracksmith.runs.planned import PlannedModel, reads_regions
from tracksmith.runs.record import VariantsRecord
from tracksmith.tracks.options import TrackOptions, forecast_bytes

__all__ = ["forecast"]

# Bytes on disk, half as much again as was measured on random SNVs with 2 and 300 cells each; a
# cell is one score of one track or pair of strands.
TABLE_CELL, PARQUET_CELL, SPREAD_CELL = 26, 20, 16
BED_ROW, STRONGEST_ROW, INFO_VALUE = 160, 30, 12
PART_ROW = 64
LINE = 120
"""A line of the table before it is compressed."""
SMALL_FILES = 1 << 20


def forecast(
    models: Sequence[PlannedModel], variants: VariantsRecord, size: SourceSize, contigs: Contigs
) -> Disk:
    """Return an upper estimate of the bytes that a run needs."""
    own = [_of_model(model, variants, size, contigs) for model in models]
    return sum(own, Disk(0, _annotated_bytes(variants)))


def _annotated_bytes(variants: VariantsRecord) -> int:
    """Return the bytes of the annotated copy: text that was compressed is so again, BCF is text."""
    if variants.file is None:
        return 0
    return variants.file.size * (2 if variants.source == "bcf" else 1)


def _of_model(
    planned: PlannedModel, variants: VariantsRecord, size: SourceSize, contigs: Contigs
) -> Disk:
    """Return an upper estimate of the bytes that one model needs, without the shared files."""
    record = planned.record
    units = units_for(planned) if reads_regions(planned.full) else units_of(planned.card)
    scores, spread = len(record.scores), record.folds.spread
    one = Scored.empty(1, scores, len(units), spread=spread)
    stored = sum(getattr(getattr(one, field.name), "nbytes", 0) for field in fields(one))
    parts = size.alleles * (ROW.itemsize + PART_ROW + stored) + size.text
    if variants.saturation:
        values = len(saturation_paths(record)) * size.records
        return Disk(parts, forecast_bytes(values, TrackOptions()) + SMALL_FILES)
    cells = size.alleles * scores * len(units)
    cell = TABLE_CELL + PARQUET_CELL * has_parquet() + SPREAD_CELL * spread
    rows = size.alleles * (BED_ROW + STRONGEST_ROW + INFO_VALUE * (scores + 2)) + 4 * size.text
    files = cells * cell + rows + SMALL_FILES + _delta_bytes(planned, variants, contigs)
    sorting = size.alleles * STRONGEST_ROW
    if not size.sorted:
        sorting = cells * (LINE + size.text // max(1, size.alleles)) + size.alleles * 2 * BED_ROW
    return Disk(parts, files, sorting)


def _delta_bytes(planned: PlannedModel, variants: VariantsRecord, contigs: Contigs) -> int:
    """Return the bytes of the tracks around variants, which hold a value for every base."""
    if not delta_paths(planned.record, variants):
        return 0
    bases = 0
    core = planned.card.variant_geometry.core_length
    for text in variants.around:
        if text.startswith("top:"):
            bases += core * min(variants.alleles, int(text[4:]))
        else:
            region = parse_region(text, contigs)
            bases += min(core * variants.alleles, len(region) + 2 * core)
    files = len(STATISTICS) * len(planned.record.tracks)
    return files * forecast_bytes(bases, TrackOptions())
