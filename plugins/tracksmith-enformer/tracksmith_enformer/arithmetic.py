"""What the layers share: fixed weights, the normalisation with its GELU, and precision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["EPS", "GELU", "NormGelu", "Weights", "full", "reuses_memory"]

GELU = 1.702
EPS = 1e-5
"""Of batch and layer normalisation."""


def full(x: Tensor) -> Tensor:
    """Return ``x`` in single precision at least."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def reuses_memory(x: Tensor) -> bool:
    """Say whether to compute in the memory of intermediates: on a CPU new memory costs time.

    Autocast knows no operation that writes to given memory.
    """
    return x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")


class Weights(nn.Module):
    """A module over fixed tensors: they move with the module and are never trained."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, **tensors: Tensor) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)


class NormGelu(Weights):
    """``1.702 gelu(batch_norm(x))``: whoever reads it divides its own weights by 1.702.

    ``offset`` per channel, where given, is in ``x`` and does not belong there.
    """

    def __init__(
        self, tensors: Mapping[str, Tensor], key: str, offset: Tensor | None = None
    ) -> None:
        parts = ("weight", "bias", "running_mean", "running_var")
        weight, bias, mean, variance = (tensors[f"{key}.{part}"].double() for part in parts)
        scale = GELU * weight / (variance + EPS).sqrt()
        if offset is not None:
            mean = mean + offset
        super().__init__(scale=scale.float(), shift=(GELU * bias - mean * scale).float())

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(..., channels)`` to the same shape."""
        return F.silu(torch.addcmul(self.shift, x, self.scale), inplace=True)
