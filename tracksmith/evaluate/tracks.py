"""Predicted tracks against measured ones: from the pairs of files to numbers and findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tracksmith.evaluate.along import ContigRow, contig_rows
from tracksmith.evaluate.definitions import DEFINITIONS, contig_definition
from tracksmith.evaluate.held_out import Group, HeldOut, groups_of
from tracksmith.evaluate.numbers import Estimate, Moments, pearson, quartiles, spearman
from tracksmith.evaluate.pairs import ModelPairs
from tracksmith.evaluate.profiles import RegionRow, region_rows
from tracksmith.evaluate.results import NumberRow
from tracksmith.evaluate.suspicions import suspicions
from tracksmith.genome.bed import Bed
from tracksmith.genome.contigs import Contigs
from tracksmith.progress import Progress

__all__ = ["TracksOfModel", "evaluate_model", "log_sums"]

PROFILES = ("pearson", "spearman", "jsd")
Values = NDArray[np.float64]


@dataclass
class TracksOfModel:
    """What was found for the tracks of one model."""

    pairs: ModelPairs
    regions: list[RegionRow] = field(default_factory=list)
    contigs: list[ContigRow] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    numbers: list[NumberRow] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    def regions_of(self, unit: str, group: Group | None = None) -> list[RegionRow]:
        """Return the regions of a unit, on the contigs of a group alone."""
        return [
            row
            for row in self.regions
            if row.unit == unit and (group is None or row.region.contig in group.contigs)
        ]


def evaluate_model(
    pairs: ModelPairs, contigs: Contigs, bed: Bed | None, widths: Sequence[int], progress: Progress
) -> TracksOfModel:
    """Compare all tracks of a model, in the regions of a BED file and along whole contigs."""
    outcome = TracksOfModel(pairs)
    name = pairs.model.name
    if bed is not None:
        units = len(pairs.units)
        progress.start(f"{name}: regions", len(bed), "regions")
        for number, row in enumerate(region_rows(pairs, bed)):
            outcome.regions.append(row)
            if number % units == units - 1:
                progress.advance(1)
        progress.finish()
    progress.start(f"{name}: contigs", contigs.bases, "bp")
    outcome.contigs = contig_rows(pairs, contigs, widths, progress.advance)
    progress.finish()
    there = {row.contig for row in outcome.contigs if row.tally.compared}
    there |= {row.region.contig for row in outcome.regions if row.tally.compared}
    in_order = [contig for contig in contigs.names if contig in there]
    outcome.groups = groups_of(HeldOut(pairs.model.record), in_order)
    for unit in pairs.units:
        for group in outcome.groups:
            outcome.numbers += _numbers(outcome, unit.name, group)
    outcome.findings = suspicions(outcome.regions, outcome.contigs, pairs)
    return outcome


def _numbers(outcome: TracksOfModel, unit: str, group: Group) -> Iterator[NumberRow]:
    model = outcome.pairs.model.name
    rows = outcome.regions_of(unit, group)
    if rows:
        for key in PROFILES:
            values = np.array([getattr(row, key) for row in rows])
            estimate = quartiles(values)
            about = DEFINITIONS[f"profile_{key}"]
            yield NumberRow(model, unit, group, about, estimate, len(rows) - estimate.count)
        predicted, measured, left = log_sums(rows)
        for key, made in (("pearson", pearson), ("spearman", spearman)):
            estimate = made(predicted, measured)
            yield NumberRow(model, unit, group, DEFINITIONS[f"quantity_{key}"], estimate, left)
    for width, moments in _moments(outcome.contigs, unit, group):
        estimate = Estimate(moments.pearson, count=moments.count)
        yield NumberRow(model, unit, group, contig_definition(width), estimate)


def log_sums(rows: Sequence[RegionRow]) -> tuple[Values, Values, int]:
    """Return log(1 + sum) of prediction and measurement, and how many regions have none."""
    sums = np.array([(row.predicted_sum, row.measured_sum) for row in rows]).reshape(-1, 2)
    known = (sums > -1).all(axis=1)
    logs = np.log1p(sums[known])
    return logs[:, 0], logs[:, 1], int((~known).sum())


def _moments(rows: Sequence[ContigRow], unit: str, group: Group) -> list[tuple[int, Moments]]:
    together: dict[int, Moments] = {}
    for row in rows:
        if row.unit == unit and row.contig in group.contigs:
            for width, moments in row.moments.items():
                together.setdefault(width, Moments()).merge(moments)
    return sorted(together.items())
