"""Attributions by mutation: every substitution of a base, scored as variants are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.saturation import SaturationSource
from tracksmith.effects.scorer import Scorer

__all__ = ["Mutations"]

BASES = 4


@dataclass(frozen=True)
class Mutations:
    """Every substitution of some regions, by a loaded model.

    The letter of a base is minus the mean effect of the three substitutions there; what another
    letter would have is minus the mean effect of the three from it.
    """

    scorer: Scorer
    source: SaturationSource

    def explain(
        self, first: int, last: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Return what the letters of the bases ``[first, last)`` add, counted through all regions.

        Returns
        -------
        hypothetical, spread
            float64 ``(targets, 4, bases)``, NaN where the genome has no A, C, G or T; and the
            standard deviation over folds of the letter that is there, ``(targets, bases)``,
            None where it is not asked for.
        """
        taken = self.scorer.admit(self.source.take(first, last))
        rows = taken.rows
        scored = self.scorer.score(taken.alleles)
        place = (rows["record"] - first, rows["allele"] - 1)
        hypothetical = _letters(scored.value, place, last - first)
        if scored.each is None:
            return hypothetical, None
        each = np.stack([_letters(values, place, last - first) for values in scored.each])
        there = _there(place, last - first)
        single = np.where(there, each, 0).sum(2)
        single[:, :, ~there.any(0)] = np.nan
        return hypothetical, spread_of(single)


def spread_of(each: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard deviation (n - 1) over the first axis; NaN of fewer than two values."""
    known = ~np.isnan(each)
    count = known.sum(0)
    some = np.maximum(count, 1)
    mean = np.where(known, each, 0).sum(0) / some
    squares = (np.where(known, each - mean, 0) ** 2).sum(0)
    deviation = np.sqrt(squares / np.maximum(count - 1, 1))
    spread: NDArray[np.float64] = np.where(count > 1, deviation, np.nan)
    return spread


def _there(place: tuple[NDArray[np.int64], NDArray[np.int64]], bases: int) -> NDArray[np.bool_]:
    """Say which letter is there, bool ``(4, bases)``: the one that is no substitution."""
    changed = np.zeros((BASES, bases), np.bool_)
    changed[place[1], place[0]] = True
    there: NDArray[np.bool_] = ~changed & (changed.sum(0) == BASES - 1)
    return there


def _letters(
    values: NDArray[np.float32], place: tuple[NDArray[np.int64], NDArray[np.int64]], bases: int
) -> NDArray[np.float64]:
    """Return hypothetical contributions from effects, ``(alleles, scores, units)``."""
    alleles, scores, units = values.shape
    effects = np.zeros((scores * units, BASES, bases))
    effects[:, place[1], place[0]] = values.reshape(alleles, -1).T
    others = effects.sum(1, keepdims=True) - effects
    contributions: NDArray[np.float64] = effects - others / (BASES - 1)
    contributions[:, :, ~_there(place, bases).any(0)] = np.nan
    return contributions
