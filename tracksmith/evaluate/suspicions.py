"""What may be wrong with a comparison: strands exchanged, a sign turned, zeros left out ..."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tracksmith.evaluate.along import ContigRow
from tracksmith.evaluate.measured import FEW
from tracksmith.evaluate.numbers import Moments, pearson
from tracksmith.evaluate.pairs import ModelPairs
from tracksmith.evaluate.profiles import FLAT, GAP, NO_SIGNAL, RegionRow, Tally

__all__ = ["suspicions"]

CERTAIN = 0.01
"""Largest p of a test on which a suspicion is said."""

FEWEST = 8
"""Profiles below which nothing is said of no relation."""

FAR = 4.0
"""Standard errors at which r along contigs is no accident; bins beside each other are alike."""

CLEARLY = 0.1
"""By how much exchanged strands must agree better, or a turned sign disagree, in units of r."""


def suspicions(
    regions: Sequence[RegionRow], contigs: Sequence[ContigRow], model: ModelPairs
) -> list[str]:
    """Return what is suspicious, in sentences that say what to do."""
    sentences: list[str] = []
    for unit in model.units:
        mine = [row for row in regions if row.unit == unit.name]
        along = [row for row in contigs if row.unit == unit.name]
        name = f"{model.model.name}, {unit.name}"
        sentences += _missing(name, along)
        sentences += _regions_without(name, mine)
        if len(unit.pairs) == 2 and (said := _exchanged(mine, along)):
            sentences.append(f"STRANDS SWAPPED? {name}: {said}")
        if said := _turned(mine, along):
            sentences.append(f"SIGN FLIPPED? {name}: {said}")
        elif said := _unrelated(mine, along):
            sentences.append(f"NO RELATION: {name}: {said}")
    return sentences


def _missing(name: str, along: Sequence[ContigRow]) -> Iterator[str]:
    """Count the bases that were not compared; say where a file may have left out its zeros."""
    total = sum((row.tally for row in along), Tally())
    if not total.bases:
        yield f"{name}: no contig is in both tracks."
        return
    compared = total.compared
    yield (
        f"{name}: {compared:,} of {total.bases:,} bases have both values; {total.no_predicted:,} "
        f"have no predicted, {total.no_measured:,} no measured one. They are left out, not taken "
        "for 0."
    )
    with_prediction = total.bases - total.no_predicted
    if with_prediction and compared < FEW * with_prediction:
        yield (
            f"ZEROS LEFT OUT? {name}: the measured file has a value at {compared:,} of the "
            f"{with_prediction:,} predicted bases ({100 * compared / with_prediction:.2g} %). "
            "Files of counts often leave out 0. If a base without a value had no reads, give "
            "--missing zero; else the numbers are over the covered bases alone."
        )


def _regions_without(name: str, rows: Sequence[RegionRow]) -> Iterator[str]:
    if not rows:
        return
    counts = {why: sum(row.why == why for row in rows) for why in (NO_SIGNAL, FLAT, GAP)}
    gaps = sum(row.why != GAP and row.tally.compared < row.tally.bases for row in rows)
    yield (
        f"{name}: of {len(rows):,} regions, {counts[NO_SIGNAL]:,} had no measured signal (a flat "
        f"profile), {counts[FLAT]:,} a flat prediction and {counts[GAP]:,} no base with both "
        f"values; {gaps:,} others have gaps."
    )
    widths = {len(row.region) for row in rows}
    if len(widths) > 1:
        yield (
            f"{name}: the regions are {min(widths):,} to {max(widths):,} bp wide. Sums grow with "
            "the width in both tracks, which alone makes quantities agree: use one width."
        )


def _exchanged(regions: Sequence[RegionRow], along: Sequence[ContigRow]) -> str:
    """Say so where the measurement of the other strand fits better."""
    both = np.array([(row.pearson, row.crossed) for row in regions]).reshape(-1, 2)
    both = both[~np.isnan(both).any(axis=1)]
    gain = both[:, 1] - both[:, 0]
    if len(gain) and np.any(gain):
        p = float(stats.wilcoxon(gain, alternative="greater").pvalue)
        if p < CERTAIN and np.median(gain) > CLEARLY and np.median(both[:, 1]) > CLEARLY:
            return (
                f"with the measured strands exchanged, the median r of {len(gain):,} profiles is "
                f"{np.median(both[:, 1]):.3f} instead of {np.median(both[:, 0]):.3f} (Wilcoxon "
                f"p = {p:.1g}). Exchange the files of --measured."
            )
    if regions:
        return ""
    straight, crossed = _along(along, "moments"), _along(along, "crossed")
    apart = (_z(crossed) - _z(straight)) / math.sqrt(2)
    if crossed.pearson > max(straight.pearson, 0) + CLEARLY and apart > FAR:
        return (
            f"with the measured strands exchanged, r along the contigs is {crossed.pearson:.3f} "
            f"instead of {straight.pearson:.3f}. Exchange the files of --measured."
        )
    return ""


def _z(moments: Moments) -> float:
    """Return Fisher's z of r in units of its standard error, were the bins independent."""
    r, count = moments.pearson, moments.count
    if math.isnan(r) or count < 4:
        return 0.0
    return math.atanh(max(-0.999999, min(0.999999, r))) * math.sqrt(count - 3)


def _along(rows: Sequence[ContigRow], which: str) -> Moments:
    total = Moments()
    for row in rows:
        widths = sorted(row.moments)
        width = next((w for w in widths if w >= 32), widths[-1]) if widths else 0
        total.merge(row.crossed if which == "crossed" else row.moments.get(width, Moments()))
    return total


def _turned(regions: Sequence[RegionRow], along: Sequence[ContigRow]) -> str:
    """Say so where prediction and measurement go against each other."""
    values = _ranked(regions)
    if len(values):
        p = float(stats.wilcoxon(values, alternative="less").pvalue)
        if p < CERTAIN and np.median(values) < -CLEARLY:
            return (
                f"the median rank correlation of {len(values):,} profiles is "
                f"{np.median(values):.3f} (Wilcoxon p = {p:.1g}): where one rises the other falls. "
                "Is the measured file negated?"
            )
    if regions:
        return ""
    moments = _along(along, "moments")
    if moments.pearson < -CLEARLY and _z(moments) < -FAR:
        return (
            f"r along the contigs is {moments.pearson:.3f}: where one rises the other falls. Is "
            "the measured file negated?"
        )
    return ""


def _unrelated(regions: Sequence[RegionRow], along: Sequence[ContigRow]) -> str:
    """Say so where neither profiles nor quantities nor contigs go together."""
    if not regions:
        moments = _along(along, "moments")
        weak = abs(moments.pearson) <= CLEARLY / 2 or abs(_z(moments)) < FAR
        return f"r along the contigs is {moments.pearson:.3f}." if weak else ""
    values = _ranked(regions)
    if len(values) < FEWEST:
        return ""
    profile = float(stats.wilcoxon(values, alternative="greater").pvalue)
    # Means, not sums: those of wide regions are large in both.
    means = np.array(
        [(r.predicted_sum / r.tally.compared, r.measured_sum / r.tally.compared) for r in regions
         if r.tally.compared]
    )  # fmt: skip
    logs = np.log1p(means[(means > -1).all(axis=1)])
    quantity = pearson(logs[:, 0], logs[:, 1])
    if profile > CERTAIN and not quantity.p < CERTAIN:
        return (
            f"the median rank correlation of {len(values):,} profiles is {np.median(values):.3f} "
            f"(Wilcoxon p = {profile:.2g}) and r of the mean signal {quantity.value:.3f} "
            f"(p = {quantity.p:.2g}). Are these files of the same assembly, assay and cell type?"
        )
    return ""


def _ranked(regions: Sequence[RegionRow]) -> NDArray[np.float64]:
    """Return the rank correlations of profiles, [] where all are 0.

    Unlike Pearson's r of spiky profiles, they lie evenly around 0 where there is no relation.
    """
    values = np.array([row.spearman for row in regions])
    known: NDArray[np.float64] = values[~np.isnan(values)]
    return known if np.any(known) else known[:0]
