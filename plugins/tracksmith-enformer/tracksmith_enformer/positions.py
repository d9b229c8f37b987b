"""Features of relative positions, computed rather than read from a table."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["position_features"]


def position_features(tokens: int, features: int) -> Tensor:
    """Return what the network knows of the distance between two tokens.

    Three bases (exponential decay, central mask, gamma density), each also times
    the distance's sign. Every gamma density is divided by its maximum over the
    distances, as in the TensorFlow code that trained the weights. Single
    precision as there: double is no closer to the published model.

    Returns
    -------
    float32, shape (2 tokens - 1, features)
        Row ``d + tokens - 1`` belongs to distance ``d``, key minus query, in tokens.
    """
    each = features // 6
    signed = torch.arange(1 - tokens, tokens, dtype=torch.float32)[:, None]
    distance = signed.abs()
    longest = torch.log2(torch.tensor(float(tokens))).item()
    half_life = 2.0 ** torch.linspace(3.0, longest, each)
    decay = torch.exp(-(torch.log(torch.tensor(2.0)) / half_life) * distance)
    mask = (2.0 ** torch.arange(1, each + 1) - 1 > distance).float()
    mean, deviation = torch.linspace(tokens / each, tokens, each), tokens / (2 * each)
    shape, rate = (mean / deviation) ** 2, mean / deviation**2
    log_density = torch.xlogy(shape - 1, distance) - rate * distance
    density = torch.exp(log_density - (torch.lgamma(shape) - shape * torch.log(rate))) + 1e-8
    bases = torch.cat([decay, mask, density / density.amax(0)], 1)
    return torch.cat([bases, signed.sign() * bases], 1)
