"""A first pass over the results of a model: counts, ranks, order, the strongest effects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.background_record import BackgroundRecord, background_of
from tracksmith.effects.matched import Classes
from tracksmith.effects.plan import VariantPlan
from tracksmith.effects.planned import PlannedRegions
from tracksmith.effects.ranks import ClassRanks, Ranks
from tracksmith.effects.results import PartResult, read_results
from tracksmith.effects.scores import Score, headline_of
from tracksmith.effects.units import Units
from tracksmith.errors import TrustError
from tracksmith.models.card import ModelCard
from tracksmith.runs.parts import PartStore
from tracksmith.runs.record import VariantCounts
from tracksmith.tracks.histogram import Histogram, count_values

__all__ = [
    "Counts",
    "Headlines",
    "ModelFacts",
    "ModelResults",
    "Survey",
    "headlines",
    "strongest_units",
    "survey",
    "units_shown",
]


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
        skipped = {allele.record for allele in result.skipped}
        self.records += result.records
        self.outside += result.outside
        self.records_scored += len(scored)
        self.records_skipped += len(skipped.difference(scored.tolist()))
        self.alleles_scored += len(result.rows)
        self.reasons.update(allele.reason for allele in result.skipped)

    @property
    def adds_up(self) -> bool:
        """Whether every record ended in a row, in a reason, or outside the regions."""
        return self.records == self.outside + self.records_scored + self.records_skipped

    @property
    def record(self) -> VariantCounts:
        """The counts as a run stores them."""
        return VariantCounts(
            self.records,
            self.outside,
            self.records_scored,
            self.records_skipped,
            self.alleles_scored,
            self.alleles_skipped,
            dict(sorted(self.reasons.items())),
        )


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
    def background(self) -> int:
        """Random SNVs of the genome among which effects are ranked; 0: among others."""
        return 0 if self._over_regions else self.plan.variants.background

    @property
    def background_record(self) -> BackgroundRecord | None:
        """The background that is made from a file, None for another or none."""
        return None if self._over_regions else background_of(self.plan.run.plan)

    @property
    def has_background(self) -> bool:
        """Whether effects are ranked among others than the alleles of the file."""
        return bool(self.background) or self.background_record is not None

    @property
    def _over_regions(self) -> bool:
        return isinstance(self.plan.models[self.number], PlannedRegions)

    @property
    def ranked_among(self) -> str:
        """What the percentiles are percentages of."""
        snvs, record = self.background, self.background_record
        if record is not None:
            return record.text
        return f"{snvs:,} random SNVs of the genome" if snvs else "the alleles of this file"

    @property
    def percentile_text(self) -> str:
        """What a percentile is, in the words of all files."""
        return f"percentage of {self.ranked_among} with a strictly smaller absolute effect"

    @cached_property
    def scores(self) -> list[Score]:
        """The scores, in the order asked for."""
        return self.plan.scores(self.number)

    @cached_property
    def units(self) -> Units:
        """What the scores are taken over."""
        return self.plan.units(self.number)

    @cached_property
    def headline(self) -> list[int]:
        """The scores, by number, among which the strongest effect of a variant is looked for."""
        return headline_of(self.scores, self.card)

    @cached_property
    def cells(self) -> list[tuple[int, int]]:
        """Score and unit, by number, of every value that a row can have."""
        return [
            (number, unit)
            for number, score in enumerate(self.scores)
            for unit in self.units.of(score)
        ]


@dataclass(frozen=True)
class Headlines:
    """The strongest effect of every row, by one of the scores of the headline.

    ``score`` and ``unit`` say where it is, ``track`` which single track of the unit changes most
    (the unit itself, where the score has no tracks), by their numbers: int64 (rows,); ``effect``
    is float32 (rows,), NaN for a row that has no such score.
    """

    score: NDArray[np.int64]
    unit: NDArray[np.int64]
    track: NDArray[np.int64]
    effect: NDArray[np.float32]

    def cell(self, units: int) -> NDArray[np.int64]:
        """Return the place of the effect among ``scores * units`` cells, int64 (rows,)."""
        return self.score * units + self.unit


def headlines(result: PartResult, model: ModelFacts) -> Headlines:
    """Return the strongest effect of every row, over the widest units of each score.

    Where a pair of strands has no value, its tracks stand for themselves.
    """
    scored, rows = result.scored, np.arange(len(result.rows))
    group = np.array(model.headline, np.int64)
    best = [strongest_units(scored.value[:, number], model, number) for number in group]
    effects = np.stack([scored.value[rows, n, unit] for n, unit in zip(group, best, strict=True)])
    size = np.where(np.isnan(effects), -1, np.abs(effects))
    which = size.argmax(axis=0)
    score, unit = group[which], np.stack(best)[which, rows]
    track = unit.copy()
    for number in np.unique(score).tolist():
        mine = np.flatnonzero(score == number)
        if "tracks" in model.scores[number].units:
            track[mine] = _strongest_tracks(scored.value[mine, number], unit[mine], model.units)
    return Headlines(score, unit, track, effects[which, rows])


def units_shown(result: PartResult, model: ModelFacts, heads: Headlines) -> list[NDArray[np.int64]]:
    """Return, for every score, the unit at which a row shows it where it can show but one.

    The unit of the headline, or, for a score that is not taken of it, where it is strongest.
    """
    shown = []
    for number, score in enumerate(model.scores):
        there = np.zeros(len(model.units), np.bool_)
        there[model.units.of(score)] = True
        own = strongest_units(result.scored.value[:, number], model, number)
        shown.append(np.where(there[heads.unit], heads.unit, own))
    return shown


def strongest_units(value: NDArray[np.float32], model: ModelFacts, score: int) -> NDArray[np.int64]:
    """Return the unit where a score, float32 ``(rows, units)``, is largest in size."""
    units, undefined = model.units, np.isnan(value)
    size = np.where(undefined, np.float32(-1), np.abs(value))
    candidates = np.zeros(value.shape, np.bool_)
    candidates[:, units.heads(model.scores[score])] = True
    for number, both in enumerate(units.pairs, units.tracks):
        candidates[:, both] |= undefined[:, number, None] & candidates[:, number, None]
    strongest: NDArray[np.int64] = np.where(candidates, size, np.float32(-2)).argmax(axis=1)
    return strongest


def _strongest_tracks(
    value: NDArray[np.float32], unit: NDArray[np.int64], units: Units
) -> NDArray[np.int64]:
    """Return the track of every row's unit where the score is largest in size."""
    tracks = value[:, : units.tracks]
    size = np.where(np.isnan(tracks), np.float32(-1), np.abs(tracks))
    owner = units.strongest(size.T[None])[0]
    whole = np.full((1, len(unit)), len(units) - 1)
    return np.concatenate([owner, whole])[unit, np.arange(len(unit))]


@dataclass
class ModelResults(ModelFacts):
    """The finished parts of one model and what a first pass found in them.

    ``ranks`` are those of the background, or of the file itself; ``classes`` tells the classes of
    variants where each is ranked within its own.
    """

    store: PartStore
    survey: Survey
    ranks: Ranks | ClassRanks
    classes: Classes | None = None

    def parts(self) -> Iterator[PartResult]:
        """Yield the results part by part, in the order of the file."""
        return read_results(self.store, self.number)

    def percentiles(self, result: PartResult) -> NDArray[np.float32]:
        """Return the percentiles of a part, float32 ``(rows, scores * units)``."""
        cells = result.scored.cells()
        if isinstance(self.ranks, Ranks):
            return self.ranks.percentiles(cells)
        return self.ranks.percentiles(cells, self._classes_of(result))

    def p_values(self, result: PartResult) -> NDArray[np.float32]:
        """Return the p among a background, float32 ``(rows, scores * units)``; NaN without one."""
        cells = result.scored.cells()
        if not self.has_background:
            return np.full(cells.shape, np.nan, np.float32)
        if isinstance(self.ranks, Ranks):
            return self.ranks.p_values(cells)
        return self.ranks.p_values(cells, self._classes_of(result))

    def _classes_of(self, result: PartResult) -> NDArray[np.int64]:
        rows = result.rows
        if self.classes is None:
            raise TrustError("The background is matched, but does not say to which start sites.")
        places = (rows[name].astype(np.int64) for name in ("contig", "position"))
        return self.classes.of(*places)


def survey(results: Iterable[PartResult], model: ModelFacts, most: int) -> Survey:
    """Read all results of a model once; ``most`` is the number of strongest rows to remember."""
    cells = len(model.scores) * len(model.units)
    counts, ranks, effects = Counts(), Ranks(cells), Histogram()
    order = _Order()
    top: list[tuple[float, int, int]] = []
    for result in results:
        counts.add(result)
        ranks.add(result.scored.cells())
        order.add(result.rows)
        effect = headlines(result, model).effect
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
    candidates = [
        (float(size[row]), int(rows["record"][row]), int(rows["allele"][row]))
        for row in chosen.tolist()
    ]
    return sorted([*top, *candidates], key=lambda row: (-row[0], *row[1:]))[:most]


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
