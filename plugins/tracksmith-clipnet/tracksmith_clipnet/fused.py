"""What follows a convolution, as one kernel of a GPU.

Bias, activation, sum and normalisation each read and write a whole image: on a
GPU that takes as long as the convolution itself. One kernel does the same
operations in the same order and gives the same bits in float32. It is compiled
by torch at its first call; where that fails, or on a CPU, nothing is fused.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

__all__ = ["block_tail", "can_fuse", "pooled_relu"]

log = logging.getLogger(__name__)

BLOCK_TAIL = """
template <typename T> T block_tail(T convolved, T image, T bias, T scale, T shift) {
  T value = convolved + bias;
  value = (value < T(0) ? T(0) : value) + image;
  value = shift + value * scale;
  return value < T(0) ? T(0) : value;
}
"""

POOLED_RELU = """
template <typename T> T pooled_relu(T first, T second, T bias) {
  T value = (second > first || second != second ? second : first) + bias;
  return value < T(0) ? T(0) : value;
}
"""


def block_tail(
    convolved: Tensor, image: Tensor, bias: Tensor, scale: Tensor, shift: Tensor
) -> Tensor:
    """Return ``relu(shift + scale * (relu(convolved + bias) + image))``."""
    return _kernel(BLOCK_TAIL)(convolved, image, bias, scale, shift)


def pooled_relu(first: Tensor, second: Tensor, bias: Tensor) -> Tensor:
    """Return ``relu(maximum(first, second) + bias)``.

    That is the larger of two activations, since neither bias nor activation
    changes which of two values is larger.
    """
    return _kernel(POOLED_RELU)(first, second, bias)


@cache
def can_fuse(device: torch.device) -> bool:
    """Say whether this GPU runs the kernels; compiles both."""
    few = torch.ones(2, device=device)
    try:
        block_tail(few, few, few, few, few)
        pooled_relu(few, few, few)
    except Exception as error:  # noqa: BLE001 - a compiler's faults are of any kind
        log.info("torch could not fuse a kernel (%s); plain operations go on", error)
        return False
    return True


@cache
def _kernel(code: str) -> Callable[..., Tensor]:
    kernel: Callable[..., Tensor] = torch.cuda.jiterator._create_jit_fn(code)
    return kernel
