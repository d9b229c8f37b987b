"""How far the folds of a model lie apart."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["standard_deviation", "without_overflow"]


def standard_deviation(folds: Tensor) -> Tensor:
    """Return the standard deviation (n - 1) over the first axis; NaN for a single fold.

    Of folds very far apart it is infinite: see :func:`without_overflow`.
    """
    if len(folds) < 2:
        return torch.full_like(folds[0], torch.nan)
    return folds.std(dim=0)


def without_overflow(deviations: NDArray[np.float32], folds: Tensor) -> NDArray[np.float32]:
    """Return standard deviations of finite folds, computed anew where some are not finite.

    The squares overflow long before their root does.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if len(folds) < 2 or np.isfinite(deviations.sum()):
            return deviations
    return folds.cpu().double().std(dim=0).float().numpy()
