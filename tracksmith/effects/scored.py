"""The scores of alleles, while they are in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.windows import Positions

__all__ = ["Scored"]


@dataclass
class Scored:
    """Scores of alleles, in their order.

    ``value``, ``reference``, ``alternative``, ``spread`` are float32, shape
    (alleles, scores, units); ``place`` is the 0-based position in the contig
    that a score names, -1 where it names none, int64 of the same shape.
    ``unknown`` is the share of N in the window, float32; ``flags`` are bits of
    :mod:`tracksmith.effects.flags`, uint8. ``each``, where it is kept, holds the scores of
    every fold, float32 (folds, alleles, scores, units).
    """

    value: NDArray[np.float32]
    reference: NDArray[np.float32]
    alternative: NDArray[np.float32]
    spread: NDArray[np.float32] | None
    place: NDArray[np.int64]
    unknown: NDArray[np.float32]
    flags: NDArray[np.uint8]
    each: NDArray[np.float32] | None = None

    @classmethod
    def empty(cls, alleles: int, scores: int, units: int, *, spread: bool) -> Scored:
        """Return room for results, all of it undefined."""
        shape = (alleles, scores, units)
        value, reference, alternative = (np.full(shape, np.nan, np.float32) for _ in range(3))
        return cls(
            value,
            reference,
            alternative,
            np.full(shape, np.nan, np.float32) if spread else None,
            np.full(shape, -1, np.int64),
            np.zeros(alleles, np.float32),
            np.zeros(alleles, np.uint8),
        )

    def cells(self) -> NDArray[np.float32]:
        """Return the scores, float32 ``(alleles, scores * units)``."""
        alleles, scores, units = self.value.shape
        return self.value.reshape(alleles, scores * units)

    def chosen(self, rows: Positions) -> Scored:
        """Return some alleles only."""
        spread = None if self.spread is None else self.spread[rows]
        arrays = (self.value, self.reference, self.alternative)
        value, reference, alternative = (array[rows] for array in arrays)
        place, unknown, flags = self.place[rows], self.unknown[rows], self.flags[rows]
        return Scored(value, reference, alternative, spread, place, unknown, flags)
