"""How far the folds of a model lie apart."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["standard_deviation"]


def standard_deviation(folds: Tensor) -> Tensor:
    """Return the standard deviation (n - 1) over the first axis; NaN for a single fold."""
    if len(folds) < 2:
        return torch.full_like(folds[0], torch.nan)
    found = folds.std(dim=0)
    if bool(torch.isfinite(found.sum())):
        return found
    # Of folds far apart the squares overflow long before their root does.
    return folds.cpu().double().std(dim=0).float().to(folds.device)
