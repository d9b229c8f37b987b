"""Percentiles of scores from counts that merge exactly and need little memory.

A score is counted under the upper bits of its size as a float32 (exponent and
7 bits of mantissa): scores that agree to 0.8 % share a class, and a class has
one percentile.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["CLASSES", "Ranks"]

CLASSES = 1 << 15
PENDING = 1 << 18


class Ranks:
    """How often which size of a score occurs, column by column.

    A column is one score of one unit.
    """

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.keys = np.empty(0, np.int64)
        self.counts = np.empty(0, np.int64)
        self._pending: list[NDArray[np.int64]] = []
        self._waiting = 0

    def add(self, values: NDArray[np.float32]) -> None:
        """Count values, float32 ``(variants, columns)``; NaN is left out."""
        keys = _keys(values)
        keys = keys[~np.isnan(values)]
        self._pending.append(keys)
        self._waiting += keys.size
        if self._waiting > PENDING:
            self._merge()

    def _merge(self) -> None:
        if not self._pending:
            return
        values, counts = np.unique(np.concatenate(self._pending), return_counts=True)
        keys, place = np.unique(np.concatenate([self.keys, values]), return_inverse=True)
        total = np.bincount(place, np.concatenate([self.counts, counts]), minlength=len(keys))
        self.keys, self.counts = keys, total.astype(np.int64)
        self._pending, self._waiting = [], 0

    def percentiles(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what percentage of the counted values is strictly smaller in size.

        Values of the same class are not smaller, so 0 has the percentile 0. NaN where the value
        is NaN or its column is empty.

        Parameters
        ----------
        values
            float32 ``(variants, columns)``.
        """
        self._merge()
        before = np.concatenate([[0], np.cumsum(self.counts)])
        edges = before[np.searchsorted(self.keys, np.arange(self.columns + 1) * CLASSES)]
        keys = _keys(values)
        smaller = before[np.searchsorted(self.keys, keys, side="left")] - edges[:-1]
        total = np.diff(edges)
        share = np.divide(100.0 * smaller, total, out=np.full(keys.shape, np.nan), where=total > 0)
        # Files show two decimals: 100 stands where every counted value is smaller.
        share[(smaller < total) & (share > 99.99)] = 99.99
        share[np.isnan(values)] = np.nan
        single: NDArray[np.float32] = share.astype(np.float32)
        return single

    def to_arrays(self) -> dict[str, NDArray[np.int64]]:
        """Return what :meth:`from_arrays` takes."""
        self._merge()
        columns = np.array([self.columns], np.int64)
        return {"columns": columns, "keys": self.keys, "counts": self.counts}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[np.int64]]) -> Ranks:
        """Make it from what :meth:`to_arrays` returned."""
        ranks = cls(int(arrays["columns"][0]))
        ranks.keys, ranks.counts = arrays["keys"], arrays["counts"]
        return ranks


def _keys(values: NDArray[np.float32]) -> NDArray[np.int64]:
    patterns = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    sizes = (patterns & np.uint32(0x7FFFFFFF)) >> np.uint32(16)
    return sizes.astype(np.int64) + np.arange(values.shape[1], dtype=np.int64) * CLASSES
