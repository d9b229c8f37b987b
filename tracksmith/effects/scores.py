"""Scores: named ways to compare the tracks of two alleles. Alternative minus reference."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import PluginError, UsageError
from tracksmith.models.card import ModelCard
from tracksmith.models.contract import TrackScore

__all__ = [
    "SCORES",
    "Pairs",
    "Score",
    "ScoreValues",
    "Units",
    "choose_scores",
    "chosen_units",
    "units_of",
]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Units:
    """What a score is taken over: every track, then every pair of strands.

    ``names`` are track ids, a pair as ``plus+minus``; ``pairs`` is int64,
    shape (pairs, 2): the tracks of each pair. ``heads`` are the units among
    which the strongest effect of a variant is looked for: the pairs, and
    tracks without a partner.
    """

    names: tuple[str, ...]
    pairs: NDArray[np.int64]
    heads: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def tracks(self) -> int:
        """Number of tracks, which are the first units."""
        return len(self.names) - len(self.pairs)

    def total(self, per_track: NDArray[np.floating]) -> Values:
        """Sum ``(sets, tracks, variants)`` over the tracks of every unit."""
        first, second = self.pairs.T
        both = per_track[:, first] + per_track[:, second]
        return np.concatenate([per_track, both], axis=1, dtype=np.float64)

    def strongest(self, size: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return, for ``(sets, tracks, variants)``, the track of every unit where it is largest."""
        first, second = (column[:, None] for column in self.pairs.T)
        chosen = np.where(size[:, self.pairs[:, 0]] >= size[:, self.pairs[:, 1]], first, second)
        own = np.broadcast_to(np.arange(size.shape[1])[:, None], size.shape)
        return np.concatenate([own, chosen], axis=1)


def units_of(card: ModelCard) -> Units:
    """Return the units of a card's tracks."""
    ids = [track.id for track in card.tracks]
    partners = card.rc_partners()
    pairs = [(own, other) for own, other in enumerate(partners) if own < other]
    names = [*ids, *(f"{ids[own]}+{ids[other]}" for own, other in pairs)]
    alone = [own for own, other in enumerate(partners) if own == other]
    columns = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Units(tuple(names), columns, (*alone, *range(len(ids), len(names))))


def chosen_units(card: ModelCard, wanted: Collection[str]) -> tuple[Units, list[int]]:
    """Return the units of the wanted tracks alone, and their numbers among all of the card."""
    every = units_of(card)
    kept = [number for number in range(every.tracks) if every.names[number] in wanted]
    place = {number: at for at, number in enumerate(kept)}
    pairs = [
        (number, place[own], place[other])
        for number, (own, other) in enumerate(every.pairs.tolist(), every.tracks)
        if own in place and other in place
    ]
    columns = [*kept, *(number for number, _, _ in pairs)]
    paired = {track for _, *both in pairs for track in both}
    alone = [at for at in range(len(kept)) if at not in paired]
    names = tuple(every.names[number] for number in columns)
    both = np.array([pair[1:] for pair in pairs], np.int64).reshape(-1, 2)
    return Units(names, both, (*alone, *range(len(kept), len(columns)))), columns


@dataclass(frozen=True)
class ScoreValues:
    """A score of every unit and variant, float64 ``(sets, units, variants)``.

    ``reference`` and ``alternative`` are what it compares, ``place`` where it
    was found, in bp from the start of the core; None where that has no meaning.
    NaN marks a score that is not defined.
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
        bin_size: int,
        units: Units,
        card: ModelCard,
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
    found = [
        np.take_along_axis(values, best[..., None], -1)[..., 0].astype(np.float64)
        for values in (pairs.difference, pairs.reference, pairs.alternative)
    ]
    rows = np.arange(best.shape[-1]) if len(pairs.place) > 1 else np.zeros(1, np.int64)
    found.append(pairs.place[rows, best].astype(np.float64))
    owner = pairs.units.strongest(np.abs(found[0]))
    value, reference, alternative, place = (
        np.take_along_axis(array, owner, axis=1) for array in found
    )
    if pairs.outside is not None:
        value[..., pairs.outside.all(axis=-1)] = np.nan
    return ScoreValues(value, reference, alternative, place)


@dataclass(frozen=True)
class Score:
    """A named comparison; ``signed`` says whether positive means more signal.

    ``formula`` uses R and A for the total of the scoring bins of reference and
    alternative (their sum or mean, as the card says), r and a for single bins.
    Where the alleles are exchanged, a ``symmetric`` score turns its sign if it
    is signed, and is the same if not; others have to be computed again.
    """

    name: str
    formula: str
    unit: str
    signed: bool
    compute: Callable[[Pairs], ScoreValues]
    symmetric: bool = True


TRACK_UNIT = "units of the track"
SCORES: Mapping[str, Score] = {
    score.name: score
    for score in (
        Score("log2fc", "log2((A + c) / (R + c))", "log2 ratio", True, _log2fc),
        Score("diff", "A - R", TRACK_UNIT, True, _diff),
        Score("l2", "sqrt(sum((a - r)^2))", TRACK_UNIT, False, _l2),
        Score("shift", "sum(x a) / A - sum(x r) / R", "bp", True, _shift),
        Score("maxabs", "a - r of the bin where |a - r| is largest", TRACK_UNIT, True, _maxabs),
    )
}  # fmt: skip


def choose_scores(
    names: Sequence[str], card: ModelCard, own: Mapping[str, TrackScore]
) -> list[Score]:
    """Return scores by name; those of the plugin win over tracksmith's.

    Raises
    ------
    UsageError
        No such score, or one that this model's tracks cannot have.
    """
    known = {**SCORES, **{name: _from_plugin(name, entry) for name, entry in own.items()}}
    chosen = []
    for name in dict.fromkeys(names):
        if name not in known:
            raise UsageError(f"No score is called {name!r}. Use {', '.join(known)}.")
        if name not in own:
            _refuse_unfit(name, card)
        chosen.append(known[name])
    if not chosen:
        raise UsageError(f"{card.name}: no score was named. Use {', '.join(known)}.")
    return chosen


def _refuse_unfit(name: str, card: ModelCard) -> None:
    signed = [track.id for track in card.tracks if track.signed]
    if signed and name in ("log2fc", "shift"):
        raise UsageError(
            f"--score {name}: the tracks of {card.name} may be negative ({signed[0]}), so a ratio "
            "or a centre of mass has no meaning. Use diff, l2 or maxabs."
        )
    if card.window_geometry.whole_window and name in ("shift", "maxabs"):
        raise UsageError(
            f"--score {name}: {card.name} gives one value a window, which has no place in it. "
            "Use diff, log2fc or l2."
        )


def _from_plugin(name: str, entry: TrackScore) -> Score:
    def compute(pairs: Pairs) -> ScoreValues:
        single = np.stack(
            [
                np.asarray(entry.compute(reference, alternative), dtype=np.float64)
                for reference, alternative in zip(pairs.reference, pairs.alternative, strict=True)
            ]
        )
        if single.shape != pairs.reference.shape[:3]:
            raise PluginError(
                f"The plugin's score {name} returned shape {single.shape[1:]}; "
                f"(tracks, variants) = {pairs.reference.shape[1:3]} is due."
            )
        value = np.full((len(single), len(pairs.units), single.shape[2]), np.nan)
        value[:, : single.shape[1]] = single
        return ScoreValues(value)

    return Score(name, entry.formula, entry.unit, entry.signed, compute, symmetric=False)
