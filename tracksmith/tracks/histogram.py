"""A histogram that merges exactly and gives quantiles within half a percent.

A value is counted under the upper 16 bits of its float32 pattern (sign,
exponent and 7 mantissa bits), so a class is at most 1/128 of its value wide.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["CLASSES", "HISTOGRAM", "Histogram", "count_values", "quantiles"]

CLASSES = 1 << 16
CHUNK = 1 << 16
FEW = 4096  # below, sorting is quicker than a table of all classes
NOT_FINITE = 0x7F80

HISTOGRAM = np.dtype([("key", "<u2"), ("count", "<u8")])
"""Sparse form: classes that occur, ascending by key."""


def count_values(values: NDArray[np.float32]) -> NDArray[np.void]:
    """Count finite float32 values into the sparse form; NaN is left out."""
    patterns = np.ascontiguousarray(values).view(np.uint32)
    if len(patterns) < FEW:
        keys, counts = np.unique(patterns >> np.uint32(16), return_counts=True)
    else:
        total = np.zeros(CLASSES, np.int64)
        for first in range(0, len(patterns), CHUNK):
            part = np.bincount(patterns[first : first + CHUNK] >> np.uint32(16))
            total[: len(part)] += part
        keys = np.flatnonzero(total)
        counts = total[keys]
    finite = (keys & NOT_FINITE) != NOT_FINITE
    sparse = np.empty(int(finite.sum()), HISTOGRAM)
    sparse["key"], sparse["count"] = keys[finite], counts[finite]
    return sparse


class Histogram:
    """Counts of all classes, to which sparse histograms are added."""

    def __init__(self) -> None:
        self.counts = np.zeros(CLASSES, np.int64)

    def add(self, sparse: NDArray[np.void]) -> None:
        """Add sparse histograms, joined or one; the order of additions does not matter."""
        np.add.at(self.counts, sparse["key"], sparse["count"].astype(np.int64))

    @property
    def total(self) -> int:
        """Number of values counted."""
        return int(self.counts.sum())


def quantiles(histogram: Histogram, probabilities: Sequence[float]) -> list[float]:
    """Return the value at each probability, within 0.4 % of a value of the data.

    The value of rank ``ceil(p * n)`` is looked up and the middle of its class
    given; zero is exact. Without values the answer is NaN.
    """
    keys = np.flatnonzero(histogram.counts)
    keys = np.concatenate([keys[keys >= CLASSES // 2][::-1], keys[keys < CLASSES // 2]])
    if len(keys) == 0:
        return [float("nan")] * len(probabilities)
    reached = np.cumsum(histogram.counts[keys])
    ranks = np.clip(np.ceil(np.asarray(probabilities) * reached[-1]), 1, reached[-1])
    chosen = keys[np.searchsorted(reached, ranks, side="left")].astype(np.uint32)
    middle = ((chosen << np.uint32(16)) | np.uint32(0x8000)).view(np.float32)
    return [
        0.0 if key & 0x7FFF == 0 else float(value)
        for key, value in zip(chosen, middle, strict=True)
    ]
