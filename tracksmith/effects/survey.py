"""A first pass over the results of a model: counts, ranks, order, the strongest effects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.ranks import Ranks
from tracksmith.effects.results import PartResult, read_results
from tracksmith.effects.scores import Score, Units
from tracksmith.effects.worker import VariantPlan
from tracksmith.engine.parts import PartStore
from tracksmith.models.card import ModelCard
from tracksmith.tracks.histogram import Histogram, count_values

__all__ = ["Counts", "Headlines", "ModelFacts", "ModelResults", "Survey", "headlines", "survey"]


@dataclass
class Counts:
    """What became of the records and alleles of a file, for one model."""

    records: int = 0
    outside: int = 0
    records_scored: int = 0
    records_skipped: int = 0
    alleles_scored: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def alleles_skipped(self) -> int:
        """Alleles, or records without one, that were not scored."""
        return sum(self.reasons.values())

    def add(self, result: PartResult) -> None:
        """Count a part."""
        scored = np.unique(result.rows["record"])
        skipped = {entry.record for entry in result.skipped}
        self.records += result.records
        self.outside += result.outside
        self.records_scored += len(scored)
        self.records_skipped += len(skipped.difference(scored.tolist()))
        self.alleles_scored += len(result.rows)
        self.reasons.update(entry.reason for entry in result.skipped)

    @property
    def adds_up(self) -> bool:
        """Whether every record ended in a row, in a reason, or outside the regions."""
        return self.records == self.outside + self.records_scored + self.records_skipped

    def to_dict(self) -> dict[str, int | dict[str, int]]:
        """Return the counts as plain values."""
        return {
            "records": self.records,
            "records_outside_regions": self.outside,
            "records_scored": self.records_scored,
            "records_skipped": self.records_skipped,
            "alleles_scored": self.alleles_scored,
            "alleles_skipped": self.alleles_skipped,
            "reasons": dict(sorted(self.reasons.items())),
        }


@dataclass(frozen=True)
class Headlines:
    """The strongest effect of every row: its unit, and the effect by the first score.

    ``unit`` and ``track``, the single track of it that changes most, are int64,
    ``effect`` float32, all of shape (rows,). A row whose first score is nowhere
    defined has the effect NaN.
    """

    unit: NDArray[np.int64]
    track: NDArray[np.int64]
    effect: NDArray[np.float32]


def headlines(result: PartResult, units: Units) -> Headlines:
    """Return the strongest effect of every row, over pairs of strands and tracks without one.

    Where a pair has no value, its tracks stand for themselves.
    """
    value = result.scored.value[:, 0]
    undefined = np.isnan(value)
    size = np.where(undefined, np.float32(-1), np.abs(value))
    rows = np.arange(len(value))
    candidates = np.zeros(value.shape, np.bool_)
    candidates[:, list(units.heads)] = True
    for number, both in enumerate(units.pairs, units.tracks):
        candidates[:, both] |= undefined[:, number, None]
    best = np.where(candidates, size, np.float32(-2))
    unit = best.argmax(axis=1) if len(rows) else rows
    track = units.strongest(size[:, : units.tracks].T[None])[0]
    return Headlines(unit, track[unit, rows], value[rows, unit])


@dataclass
class Survey:
    """What a first pass over the results of a model found.

    ``effects`` counts the headline effects, with their sign; ``top`` lists
    (size of the effect, record, allele) of the strongest rows. ``sorted`` says whether the
    records come contig by contig with ascending positions, ``in_genome_order`` whether the
    intervals to show ascend in the order of the genome.
    """

    counts: Counts
    ranks: Ranks
    effects: Histogram
    sorted: bool
    in_genome_order: bool
    largest: float
    top: list[tuple[float, int, int]]


@dataclass
class ModelFacts:
    """One model of a run, by its number."""

    plan: VariantPlan
    number: int

    @property
    def card(self) -> ModelCard:
        """The card with the computed tracks."""
        return self.plan.models[self.number].card

    @property
    def name(self) -> str:
        """The model's name."""
        return self.card.name

    @property
    def ranked_among(self) -> str:
        """What the percentiles are percentages of."""
        snvs = self.plan.facts["background"]["snvs"]
        return f"{snvs:,} random SNVs of the genome" if snvs else "the alleles of this file"

    @property
    def percentile_text(self) -> str:
        """What a percentile is, in the words of all files."""
        return f"percentage of {self.ranked_among} with a strictly smaller absolute effect"

    @property
    def scores(self) -> list[Score]:
        """The scores, the headline first."""
        return self.plan.scores(self.number)

    @property
    def units(self) -> Units:
        """What the scores are taken over."""
        return self.plan.units(self.number)


@dataclass
class ModelResults(ModelFacts):
    """The finished parts of one model and what a first pass found in them.

    ``ranks`` are those of the background, or of the file itself.
    """

    store: PartStore
    survey: Survey
    ranks: Ranks

    def parts(self) -> Iterator[PartResult]:
        """Yield the results part by part, in the order of the file."""
        return read_results(self.store, self.number)

    def percentiles(self, result: PartResult) -> NDArray[np.float32]:
        """Return the percentiles of a part, float32 ``(rows, scores * units)``."""
        return self.ranks.percentiles(result.scored.cells())


def survey(results: Iterable[PartResult], scores: int, units: Units, most: int) -> Survey:
    """Read all results of a model once; ``most`` is the number of strongest rows to remember."""
    counts, ranks, effects = Counts(), Ranks(scores * len(units)), Histogram()
    order = _Order()
    top: list[tuple[float, int, int]] = []
    for result in results:
        counts.add(result)
        ranks.add(result.scored.cells())
        order.add(result.rows)
        effect = headlines(result, units).effect
        effects.add(count_values(effect))
        top = _strongest(top, effect, result, most)
    largest = top[0][0] if top else 0.0
    return Survey(counts, ranks, effects, order.kept, order.in_genome_order, largest, top)


def _strongest(
    top: list[tuple[float, int, int]], effect: NDArray[np.float32], result: PartResult, most: int
) -> list[tuple[float, int, int]]:
    size = np.abs(effect)
    floor = top[-1][0] if len(top) >= most else 0.0
    chosen = np.flatnonzero(size >= floor)
    rows = result.rows
    found = [
        (float(size[row]), int(rows["record"][row]), int(rows["allele"][row]))
        for row in chosen.tolist()
    ]
    return sorted([*top, *found], key=lambda entry: (-entry[0], *entry[1:]))[:most]


class _Order:
    """Whether rows come contig by contig with ascending positions."""

    def __init__(self) -> None:
        self.kept = self.in_genome_order = True
        self._before = 0
        self._seen: set[int] = set()
        self._last = (-1, -1)

    def add(self, rows: NDArray[np.void]) -> None:
        if not len(rows):
            return
        # A contig is shorter than 2^32 bp: see the limits of a bigWig.
        places = (rows["contig"].astype(np.int64) << 32) + rows["start"]
        self.in_genome_order &= bool((np.diff(places, prepend=self._before) >= 0).all())
        self._before = int(places[-1])
        if self.kept:
            self._follow(rows)

    def _follow(self, rows: NDArray[np.void]) -> None:
        contigs, positions = rows["contig"], rows["position"]
        turns = np.flatnonzero(np.diff(contigs)) + 1
        falls = np.flatnonzero(np.diff(positions) < 0) + 1
        new = contigs[turns].tolist()
        if int(contigs[0]) == self._last[0]:
            self.kept &= int(positions[0]) >= self._last[1]
        else:
            new.insert(0, int(contigs[0]))
        self.kept &= bool(np.isin(falls, turns).all())
        self.kept &= not self._seen.intersection(new) and len(set(new)) == len(new)
        self._seen.update(new)
        self._last = (int(contigs[-1]), int(positions[-1]))
