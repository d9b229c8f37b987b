"""Percentiles of scores from counts that merge exactly and need little memory.

A score is counted under the upper bits of its size as a float32 (exponent and
7 bits of mantissa): scores that agree to 0.8 % share a class, and a class has
one percentile.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["CLASSES", "ClassRanks", "Ranks"]

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
        smaller, total = self._counted(values)
        share = np.divide(
            100.0 * smaller, total, out=np.full(values.shape, np.nan), where=total > 0
        )
        # Files show two decimals: 100 stands where every counted value is smaller.
        share[(smaller < total) & (share > 99.99)] = 99.99
        share[np.isnan(values)] = np.nan
        single: NDArray[np.float32] = share.astype(np.float32)
        return single

    def p_values(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (1 + n) / (1 + all), n of all counted values being at least as large in size.

        Values of the same class are as large, so no p is too small. NaN where the value is.

        Parameters
        ----------
        values
            float32 ``(variants, columns)``.
        """
        smaller, total = self._counted(values)
        p = (1.0 + total - smaller) / (1.0 + total)
        p[np.isnan(values) | (total == 0)] = np.nan
        single: NDArray[np.float32] = p.astype(np.float32)
        return single

    def _counted(self, values: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return how many counted values are smaller in size, and how many there are by column."""
        self._merge()
        before = np.concatenate([[0], np.cumsum(self.counts)])
        edges = before[np.searchsorted(self.keys, np.arange(self.columns + 1) * CLASSES)]
        smaller = before[np.searchsorted(self.keys, _keys(values), side="left")] - edges[:-1]
        return smaller, np.diff(edges)

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


class ClassRanks:
    """Ranks of variants of several classes: each is ranked within its own."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.by_class: dict[int, Ranks] = {}

    def add(self, values: NDArray[np.float32], classes: NDArray[np.int64]) -> None:
        """Count values, float32 ``(variants, columns)``, of variants of these classes."""
        for number in np.unique(classes).tolist():
            ranks = self.by_class.setdefault(number, Ranks(self.columns))
            ranks.add(values[classes == number])

    def percentiles(
        self, values: NDArray[np.float32], classes: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return the percentile of each variant in its class; NaN in one that is not there."""
        return self._in_classes(values, classes, Ranks.percentiles)

    def p_values(
        self, values: NDArray[np.float32], classes: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return the p of each variant in its class; NaN in one that is not there."""
        return self._in_classes(values, classes, Ranks.p_values)

    def _in_classes(
        self,
        values: NDArray[np.float32],
        classes: NDArray[np.int64],
        made: Callable[[Ranks, NDArray[np.float32]], NDArray[np.float32]],
    ) -> NDArray[np.float32]:
        result = np.full(values.shape, np.nan, np.float32)
        for number in np.unique(classes).tolist():
            mine = classes == number
            if number in self.by_class:
                result[mine] = made(self.by_class[number], values[mine])
        return result

    def to_arrays(self) -> dict[str, NDArray[np.int64]]:
        """Return what :meth:`from_arrays` takes."""
        arrays = {"columns": np.array([self.columns]), "classes": np.array([*self.by_class])}
        for number, ranks in self.by_class.items():
            own = ranks.to_arrays()
            arrays |= {f"{name}_{number}": own[name] for name in ("keys", "counts")}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[np.int64]]) -> ClassRanks:
        """Make it from what :meth:`to_arrays` returned."""
        made = cls(int(arrays["columns"][0]))
        for number in arrays["classes"].tolist():
            own = {name: arrays[f"{name}_{number}"] for name in ("keys", "counts")}
            made.by_class[number] = Ranks.from_arrays({"columns": arrays["columns"], **own})
        return made


def _keys(values: NDArray[np.float32]) -> NDArray[np.int64]:
    patterns = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    sizes = (patterns & np.uint32(0x7FFFFFFF)) >> np.uint32(16)
    return sizes.astype(np.int64) + np.arange(values.shape[1], dtype=np.int64) * CLASSES
