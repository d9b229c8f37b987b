"""Scores: named ways to compare the tracks of two alleles. Alternative minus reference."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.units import Units
from tracksmith.errors import UsageError
from tracksmith.models.card import ModelCard
from tracksmith.models.contract import TrackScore
from tracksmith.models.own_scores import ask
from tracksmith.models.scores import WINDOW_SCORES, ScoreFacts

__all__ = ["SCORES", "Pairs", "Score", "ScoreValues", "choose_scores", "headline_of"]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class ScoreValues:
    """A score of every unit and variant, float64 ``(sets, units, variants)``.

    ``reference`` and ``alternative`` are what it compares, ``place`` where it
    was found, in bp from the start of the core; None, or NaN, where that has no meaning.
    NaN marks a score that is not defined. The units are those of the card, the model as a whole
    behind them, where the score is taken of it.
    """

    value: Values
    reference: Values | None = None
    alternative: Values | None = None
    place: Values | None = None


class Pairs:
    """The matched bins of both alleles.

    Parameters
    ----------
    reference, alternative
        float32 ``(sets, tracks, variants, bins)``: corresponding bins; where
        one allele has no base there, its value is 0, and both are 0 where a
        variant has fewer bins than others.
    place
        int64 ``(variants, bins)`` or ``(1, bins)``: where the bin lies, in bp
        from the start of the core.
    bin_size
        bp.
    scored
        Bins of the reference that are compared: a mean divides by them.

    ``outside`` marks bins that lie beyond the contig, where no place can be
    named: bool, shape (variants, bins); None where there are none.
    """

    outside: NDArray[np.bool_] | None = None

    def __init__(
        self,
        reference: NDArray[np.float32],
        alternative: NDArray[np.float32],
        place: NDArray[np.int64],
        units: Units,
        card: ModelCard,
        *,
        bin_size: int,
        scored: int,
    ) -> None:
        self.reference = reference
        self.alternative = alternative
        self.place = place
        self.bin_size = bin_size
        self.units = units
        self.pseudocount = card.variants.pseudocount
        self._scale = 1.0 / scored if card.variants.reduce == "mean" else 1.0

    def exchanged(self) -> Pairs:
        """Return the same bins with reference and alternative exchanged."""
        other = copy.copy(self)
        other.reference, other.alternative = self.alternative, self.reference
        for computed in ("difference", "totals"):
            other.__dict__.pop(computed, None)
        return other

    @cached_property
    def difference(self) -> NDArray[np.float32]:
        """Alternative minus reference, bin by bin."""
        return self.alternative - self.reference

    @cached_property
    def totals(self) -> tuple[Values, Values]:
        """Sum or mean of every unit, as the card reduces it: reference, alternative."""
        reference, alternative = (
            self.units.total(values.sum(-1, dtype=np.float64)) * self._scale
            for values in (self.reference, self.alternative)
        )
        return reference, alternative

    def centre(self, values: NDArray[np.float32]) -> Values:
        """Return the mean position of a unit's signal, bp; NaN without positive signal."""
        middle = self.place + self.bin_size / 2
        moments = self.units.total(np.einsum("stvb,vb->stv", values, self._every(middle)))
        weight = self.units.total(values.sum(-1, dtype=np.float64))
        return np.divide(moments, weight, out=np.full_like(moments, np.nan), where=weight > 0)

    @property
    def shape(self) -> tuple[int, ...]:
        """Sets, tracks, variants, bins."""
        return self.reference.shape

    def place_of(self, bins: NDArray[np.int64]) -> Values:
        """Return where ``(units, variants)`` bins lie, bp; NaN for none and beyond the contig."""
        rows = np.arange(bins.shape[1]) if len(self.place) > 1 else np.zeros(1, np.int64)
        place = np.where(bins < 0, np.nan, self.place[rows, bins])
        if self.outside is not None:
            place[self.outside[np.arange(bins.shape[1]), bins]] = np.nan
        return place

    def _every(self, place: NDArray[np.floating]) -> NDArray[np.floating]:
        return np.broadcast_to(place, self.reference.shape[2:])


def _log2fc(pairs: Pairs) -> ScoreValues:
    reference, alternative = pairs.totals
    low = np.minimum(reference, alternative) + pairs.pseudocount
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (alternative + pairs.pseudocount) / (reference + pairs.pseudocount)
        value = np.where(low > 0, np.log2(ratio), np.nan)
    return ScoreValues(value, reference, alternative)


def _diff(pairs: Pairs) -> ScoreValues:
    reference, alternative = pairs.totals
    return ScoreValues(alternative - reference, reference, alternative)


def _l2(pairs: Pairs) -> ScoreValues:
    squares = np.einsum("stvb,stvb->stv", pairs.difference, pairs.difference, dtype=np.float64)
    return ScoreValues(np.sqrt(pairs.units.total(squares)))


def _shift(pairs: Pairs) -> ScoreValues:
    reference, alternative = pairs.centre(pairs.reference), pairs.centre(pairs.alternative)
    return ScoreValues(alternative - reference, reference, alternative)


def _maxabs(pairs: Pairs) -> ScoreValues:
    size = np.abs(pairs.difference)
    best = (size if pairs.outside is None else np.where(pairs.outside, -1, size)).argmax(-1)
    strongest = [
        np.take_along_axis(values, best[..., None], -1)[..., 0].astype(np.float64)
        for values in (pairs.difference, pairs.reference, pairs.alternative)
    ]
    rows = np.arange(best.shape[-1]) if len(pairs.place) > 1 else np.zeros(1, np.int64)
    strongest.append(pairs.place[rows, best].astype(np.float64))
    owner = pairs.units.strongest(np.abs(strongest[0]))
    value, reference, alternative, place = (
        np.take_along_axis(array, owner, axis=1) for array in strongest
    )
    if pairs.outside is not None:
        value[..., pairs.outside.all(axis=-1)] = np.nan
    return ScoreValues(value, reference, alternative, place)


@dataclass(frozen=True)
class Score(ScoreFacts):
    """A named comparison: what it means, and how to compute it of all its units."""

    compute: Callable[[Pairs], ScoreValues] = field(kw_only=True)

    @classmethod
    def of(cls, meaning: ScoreFacts, compute: Callable[[Pairs], ScoreValues]) -> Score:
        """Return the score of these facts."""
        return cls(**vars(meaning), compute=compute)


SCORES: Mapping[str, Score] = {
    name: Score.of(WINDOW_SCORES[name], compute)
    for name, compute in (
        ("log2fc", _log2fc),
        ("diff", _diff),
        ("l2", _l2),
        ("shift", _shift),
        ("maxabs", _maxabs),
    )
}


def choose_scores(
    names: Sequence[str], card: ModelCard, own: Mapping[str, TrackScore]
) -> list[Score]:
    """Return scores by name: tracksmith's, and those of the plugin's own.

    Raises
    ------
    UsageError
        No such score, or one that this model's tracks cannot have.
    """
    known = {**SCORES, **{name: _from_plugin(name, score) for name, score in own.items()}}
    chosen = []
    for name in dict.fromkeys(names):
        if name not in known:
            raise UsageError(f"No score is called {name!r}. Use {', '.join(known)}.")
        reason = card.unfit(known[name])
        if reason:
            fitting = [other for other in known if not card.unfit(known[other])]
            raise UsageError(
                f"--score {name} does not fit {card.name}: {reason}. Use {', '.join(fitting)}."
            )
        chosen.append(known[name])
    if not chosen:
        raise UsageError(f"{card.name}: no score was named. Use {', '.join(known)}.")
    return chosen


def headline_of(scores: Sequence[ScoreFacts], card: ModelCard) -> list[int]:
    """Return the scores, by number, among which the strongest effect of a variant is looked for.

    Those of the card's headline, if the first one is among them; else the first one.
    """
    group = card.variants.headline
    if scores[0].name not in group:
        return [0]
    return [number for number, score in enumerate(scores) if score.name in group]


def _from_plugin(name: str, score: TrackScore) -> Score:
    meaning = score.score_facts(name)

    def compute(pairs: Pairs) -> ScoreValues:
        every = pairs.units
        shape = (len(pairs.reference), every.tracks + len(every.pairs) + 1, *pairs.shape[2:3])
        value, reference, alternative, place = (np.full(shape, np.nan) for _ in range(4))
        firsts = {"tracks": 0, "pairs": every.tracks, "model": shape[1] - 1}
        for kind in score.units:
            if kind == "pairs" and not len(every.pairs):
                continue
            for number in range(shape[0]):
                bins = pairs.reference[number], pairs.alternative[number]
                record = ask(name, score, kind, bins, every.pairs)
                rows = slice(firsts[kind], firsts[kind] + len(record.value))
                value[number, rows] = record.value
                if record.reference is not None:
                    reference[number, rows] = record.reference
                if record.alternative is not None:
                    alternative[number, rows] = record.alternative
                if record.bin is not None:
                    place[number, rows] = pairs.place_of(record.bin.astype(np.int64))
        return ScoreValues(value, reference, alternative, place)

    return Score.of(meaning, compute)
