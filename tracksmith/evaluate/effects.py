"""Predicted against measured effects: correlations, signs, labels, models against each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracksmith.evaluate.definitions import (
    DEFINITIONS,
    difference_definition,
    odds_definition,
)
from tracksmith.evaluate.held_out import MIXED, Group, HeldOut, groups_of
from tracksmith.evaluate.numbers import (
    NAN,
    Estimate,
    auprc,
    auroc,
    bootstrap,
    odds_at_top,
    pearson,
    sign_agreement,
    slope,
    spearman,
)
from tracksmith.evaluate.results import NumberRow
from tracksmith.evaluate.scored import Prediction
from tracksmith.evaluate.truth import Truth

__all__ = ["Resampling", "compared", "differences", "effect_numbers", "effect_suspicions"]

SHARES = (0.01, 0.05, 0.1)
CERTAIN = 0.01
FEWEST = 8

Values = NDArray[np.float64]
Labels = NDArray[np.bool_]


@dataclass(frozen=True)
class Resampling:
    """How many resamples a bootstrap draws, and from which seed."""

    count: int = 1_000
    seed: int = 1


def compared(prediction: Prediction, truth: Truth) -> tuple[Values, Values]:
    """Return predicted and measured effects, float64 ``(rows,)``, NaN where one is missing.

    A measurement of exchanged alleles has its sign turned; one that is compared with a size has
    none.
    """
    measured = np.where(prediction.turned, -truth.values, truth.values)
    if not prediction.signed:
        measured = np.abs(measured)
    known = ~(np.isnan(prediction.effect) | np.isnan(measured))
    return np.where(known, prediction.effect, np.nan), np.where(known, measured, np.nan)


def effect_numbers(
    prediction: Prediction, truth: Truth, resampling: Resampling
) -> Iterator[NumberRow]:
    """Yield the numbers of one prediction in every group of contigs."""
    present = ~np.isnan(prediction.effect)
    there = set(prediction.contig[present].tolist())
    in_order = [contig for contig in prediction.run.contigs.names if contig in there]
    held_out = HeldOut(prediction.model.record)
    for group in groups_of(held_out, in_order):
        rows = np.isin(prediction.contig, sorted(group.contigs))
        yield from _correlations(prediction, truth, group, rows)
        yield from _of_label(prediction, truth, group, rows & present, resampling)


def _correlations(
    prediction: Prediction, truth: Truth, group: Group, rows: Labels
) -> Iterator[NumberRow]:
    if not truth.value:
        return
    x, y = (values[rows] for values in compared(prediction, truth))
    known = ~np.isnan(x)
    x, y, left = x[known], y[known], int((~known).sum())
    made = {
        "effects_pearson": pearson(x, y),
        "effects_spearman": spearman(x, y),
        "effects_slope": slope(x, y),
    }
    if prediction.signed:
        made["sign_agreement"] = sign_agreement(x, y)
    for key, estimate in made.items():
        yield _row(prediction, group, key, estimate, left)


def _row(
    prediction: Prediction, group: Group, key: str, estimate: Estimate, left: int
) -> NumberRow:
    return NumberRow(prediction.owner, prediction.name, group, DEFINITIONS[key], estimate, left)


def _of_label(
    prediction: Prediction, truth: Truth, group: Group, rows: Labels, resampling: Resampling
) -> Iterator[NumberRow]:
    if not truth.label:
        return
    labelled = rows & (truth.labels >= 0)
    left = int((rows & (truth.labels < 0)).sum())
    label, size = truth.labels[labelled] == 1, np.abs(prediction.effect[labelled])
    if not label.any() or label.all():
        return
    drawn = None
    if group.kind != "contig":
        drawn = bootstrap(
            lambda at: np.array([auprc(label[at], size[at]), auroc(label[at], size[at])]),
            len(label), resampling.count, resampling.seed,
        )  # fmt: skip
    for number, (key, made) in enumerate((("auprc", auprc), ("auroc", auroc))):
        low, high = _interval(drawn[:, number]) if drawn is not None else (NAN, NAN)
        estimate = Estimate(made(label, size), low, high, len(label))
        yield _row(prediction, group, key, estimate, left)
    for share in SHARES:
        estimate = odds_at_top(label, size, share)
        about = odds_definition(share)
        yield NumberRow(prediction.owner, prediction.name, group, about, estimate, left)


def _interval(drawn: Values) -> tuple[float, float]:
    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return NAN, NAN
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)


def differences(
    first: Prediction, other: Prediction, truth: Truth, resampling: Resampling
) -> Iterator[NumberRow]:
    """Yield the differences of a prediction from the first one, on variants that both have."""
    both = ~(np.isnan(first.effect) | np.isnan(other.effect))
    words = {HeldOut(p.model.record).together(set(first.contig[both].tolist()))
             for p in (first, other)}  # fmt: skip
    group = Group("all", "all", frozenset(), words.pop() if len(words) == 1 else MIXED)
    name = f"{other.name} minus {first.owner} {first.name}"
    for keys, made, rows in _paired(first, other, truth, both):
        value = made(np.arange(rows))
        drawn = bootstrap(made, rows, resampling.count, resampling.seed)
        for number, key in enumerate(keys):
            column = drawn[:, number][~np.isnan(drawn[:, number])]
            low, high = _interval(column)
            side = min((column <= 0).sum(), (column >= 0).sum())
            p = min(1.0, 2 * (1 + side) / (1 + len(column)))
            estimate = Estimate(float(value[number]), low, high, rows, float(p))
            yield NumberRow(other.owner, name, group, difference_definition(key), estimate)


class _Paired:
    """Two predictions of the same variants, compared with the same truth."""

    def __init__(self, effects: Sequence[Values], truths: Sequence[Values], label: Labels | None):
        self.effects, self.truths, self.label = effects, truths, label

    def __call__(self, at: NDArray[np.int64]) -> Values:
        """Return the numbers of the other prediction minus those of the first."""
        if self.label is None:
            made = [
                (pearson(x[at], y[at]).value, spearman(x[at], y[at]).value)
                for x, y in zip(self.effects, self.truths, strict=True)
            ]
        else:
            label = self.label[at]
            made = [(auprc(label, x[at]), auroc(label, x[at])) for x in self.effects]
        gained: Values = np.array(made[1]) - np.array(made[0])
        return gained


def _paired(
    first: Prediction, other: Prediction, truth: Truth, both: Labels
) -> Iterator[tuple[tuple[str, str], _Paired, int]]:
    if truth.value:
        pairs = [compared(prediction, truth) for prediction in (first, other)]
        known = both & ~np.isnan(pairs[0][1]) & ~np.isnan(pairs[1][1])
        if known.sum() > 3:
            effects, truths = ([pair[n][known] for pair in pairs] for n in (0, 1))
            yield (
                ("effects_pearson", "effects_spearman"),
                _Paired(effects, truths, None),
                int(known.sum()),
            )
    labelled = both & (truth.labels >= 0)
    label = truth.labels[labelled] == 1
    if label.any() and not label.all():
        sizes = [np.abs(prediction.effect[labelled]) for prediction in (first, other)]
        yield ("auprc", "auroc"), _Paired(sizes, sizes, label), len(label)


def effect_suspicions(prediction: Prediction, truth: Truth) -> Iterator[str]:
    """Yield what was left out, and what is suspicious."""
    name = f"{prediction.owner}, {prediction.name}"
    scored = int((~np.isnan(prediction.effect)).sum())
    yield (
        f"{name}: {scored:,} of {len(truth.values):,} measured variants were scored; "
        f"{prediction.unmeasured:,} alleles of the run were not measured; "
        f"{int(prediction.turned.sum()):,} have their alleles exchanged in the table, and their "
        "measured sign is turned."
    )
    x, y = compared(prediction, truth)
    known = ~np.isnan(x)
    if truth.value and known.sum() >= FEWEST:
        r, ranks = pearson(x[known], y[known]), spearman(x[known], y[known])
        if ranks.value < 0 and r.value < 0 and ranks.p < CERTAIN:
            yield (
                f"SIGN FLIPPED? {name}: r is {r.value:.3f} and the rank correlation "
                f"{ranks.value:.3f} (p = {ranks.p:.1g}). Are the measured effects reference minus "
                "alternative? Here all are alternative minus reference."
            )
        elif not (r.p < CERTAIN or ranks.p < CERTAIN):
            yield (
                f"NO RELATION: {name}: r is {r.value:.3f} (p = {r.p:.2g}), the rank correlation "
                f"{ranks.value:.3f} (p = {ranks.p:.2g})."
            )
