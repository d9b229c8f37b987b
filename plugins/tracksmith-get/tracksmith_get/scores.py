"""The effect of an allele on expression, as a ratio of transcripts per million."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracksmith.plugin import RegionEffect

__all__ = ["log2fc"]

PSEUDOCOUNT = 1.0
"""Added to 10^x - 1, in TPM, before the logarithm."""


def log2fc(
    reference: NDArray[np.float32], alternative: NDArray[np.float32], own: int
) -> RegionEffect:
    """Compare the values at the variant's own peak; see :class:`tracksmith.plugin.RegionScore`."""
    low, high = 10.0 ** reference[:, own] - 1, 10.0 ** alternative[:, own] - 1
    return RegionEffect(np.log2((high + PSEUDOCOUNT) / (low + PSEUDOCOUNT)), low, high)
