"""Profiles: predicted and measured values of each region, and what they have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import InputError
from tracksmith.evaluate.numbers import NAN, jensen_shannon, pearson, spearman
from tracksmith.evaluate.pairs import ModelPairs, Pair, Unit
from tracksmith.genome.bed import Bed
from tracksmith.genome.intervals import Interval

__all__ = [
    "FLAT",
    "GAP",
    "LONGEST",
    "NO_SIGNAL",
    "RegionRow",
    "Tally",
    "binned",
    "profile_of",
    "region_rows",
]

LONGEST = 10_000_000
"""Longest region in bp whose profile is compared: what is held in memory."""

GAP, NO_SIGNAL, FLAT = "no value", "no signal", "flat prediction"
"""Why a region has no profile correlation: no base with both values; a measured profile without a
change, such as 0 throughout; a predicted one without."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Tally:
    """Bases of both tracks: all, with both values, without one of them; of every strand."""

    bases: int = 0
    compared: int = 0
    no_predicted: int = 0
    no_measured: int = 0

    @classmethod
    def of(cls, x: Values, y: Values) -> Tally:
        """Count the bases of predicted and measured values, NaN where there is none."""
        no_x, no_y = np.isnan(x), np.isnan(y)
        compared = int((~(no_x | no_y)).sum())
        return cls(len(x), compared, int(no_x.sum()), int(no_y.sum()))

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.bases + other.bases,
            self.compared + other.compared,
            self.no_predicted + other.no_predicted,
            self.no_measured + other.no_measured,
        )


@dataclass(frozen=True)
class RegionRow:
    """The numbers of one region for one unit.

    ``crossed`` is Pearson's r with the strands of the measurement exchanged, NaN for a single
    track. ``why`` says why there is no correlation, '' where there is one.
    """

    unit: str
    region: Interval
    name: str
    tally: Tally
    pearson: float = NAN
    spearman: float = NAN
    jsd: float = NAN
    predicted_sum: float = NAN
    measured_sum: float = NAN
    crossed: float = NAN
    why: str = ""


@dataclass(frozen=True)
class Profile:
    """Bins with a value in both, float64 ``(bins,)`` each, and the bases counted."""

    predicted: Values
    measured: Values
    tally: Tally


def binned(x: Values, y: Values, start: int, width: int) -> tuple[Values, Values]:
    """Return the means of both over the bases of each bin that have both, bins without left out.

    Bins lie on a grid from the contig's start; ``start`` is where the values begin.
    """
    both = ~(np.isnan(x) | np.isnan(y))
    if width == 1:
        return x[both], y[both]
    number = (np.flatnonzero(both) + start) // width
    number -= start // width
    counts = np.bincount(number)
    there = counts > 0
    means = [np.bincount(number, v[both])[there] / counts[there] for v in (x, y)]
    return means[0], means[1]


def profile_of(pair: Pair, region: Interval, measured: Pair | None = None) -> Profile:
    """Return the profile of a track; ``measured`` is the pair whose measurement is taken."""
    x = pair.predicted.values(region.contig, region.start, region.end)
    y = (measured or pair).measured.values(region.contig, region.start, region.end)
    return Profile(*binned(x, y, region.start, pair.bin), Tally.of(x, y))


def region_rows(model: ModelPairs, bed: Bed) -> Iterator[RegionRow]:
    """Yield the numbers of every region of a BED file, for every unit of a model.

    Raises
    ------
    InputError
        A region is longer than ``LONGEST``.
    """
    strands = {f"{a.output.track_id}+{b.output.track_id}": (a, b) for a, b in model.strands}
    units = model.units
    for region, name in zip(bed, bed.names, strict=True):
        if len(region) > LONGEST:
            raise InputError(
                f"The region {region} has {len(region):,} bp; profiles are compared up to "
                f"{LONGEST:,} bp. Leave --regions out for the numbers of whole contigs."
            )
        for unit in units:
            yield _row(unit, region, name, strands.get(unit.name))


def _row(unit: Unit, region: Interval, name: str, strands: tuple[Pair, Pair] | None) -> RegionRow:
    profiles = [profile_of(pair, region) for pair in unit.pairs]
    x, y = _joined(profiles)
    tally = sum((profile.tally for profile in profiles), Tally())
    row = RegionRow(unit.name, region, name, tally)
    if not len(x):
        return replace(row, why=GAP)
    row = replace(row, predicted_sum=float(x.sum()), measured_sum=float(y.sum()))
    if (y == y[0]).all() or (x == x[0]).all():
        return replace(row, why=NO_SIGNAL if (y == y[0]).all() else FLAT)
    if strands is not None:
        plus, minus = strands
        crossed = [profile_of(plus, region, minus), profile_of(minus, region, plus)]
        row = replace(row, crossed=pearson(*_joined(crossed)).value)
    return replace(
        row,
        pearson=pearson(x, y).value,
        spearman=spearman(x, y).value,
        jsd=jensen_shannon(x, y),
    )


def _joined(profiles: Sequence[Profile]) -> tuple[Values, Values]:
    return (
        np.concatenate([profile.predicted for profile in profiles]),
        np.concatenate([profile.measured for profile in profiles]),
    )
