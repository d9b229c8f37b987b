"""Enformer's convolutions: halvings of the length, bases to tokens."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tracksmith_enformer.arithmetic import GELU, NormGelu, Weights, full, reuses_memory

__all__ = ["Stage"]

CPU_ELEMENTS, GPU_ELEMENTS = 1 << 20, 1 << 26
"""Of the largest intermediate: what a CPU's cache holds; 256 MB of a GPU's memory."""


class Stage(Weights):
    """One halving of the length: convolution, residual 1x1 convolution, attention pooling."""

    def __init__(self, tensors: Mapping[str, Tensor], key: str) -> None:
        stem = key == "stem"
        convolution = f"{key}.0" if stem else f"{key}.0.2"
        kernel = tensors[f"{convolution}.weight"].unsqueeze(2) / (1.0 if stem else GELU)
        # The bias of the 1x1 convolution is added with that before it, where it costs nothing.
        mix_bias = tensors[f"{key}.1.fn.2.bias"]
        super().__init__(
            kernel=kernel.contiguous(memory_format=torch.channels_last),
            bias=tensors[f"{convolution}.bias"] + mix_bias,
            mix=tensors[f"{key}.1.fn.2.weight"][:, :, 0] / GELU,
            pool=tensors[f"{key}.2.to_attn_logits.weight"][:, :, 0, 0],
        )
        self.before = nn.Identity() if stem else NormGelu(tensors, f"{key}.0.0")
        self.between = NormGelu(tensors, f"{key}.1.fn.0", mix_bias)
        self.reach = self.kernel.shape[-1] // 2

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, length, channels in)`` to ``(batch, length // 2, channels out)``.

        Blocks along the length, each with the neighbours that its convolution
        reads, keep what lies between small.
        """
        batch, half, width = x.shape[0], x.shape[1] // 2, len(self.bias)
        out = x.new_empty(batch, half, width, dtype=self.bias.dtype)
        elements = GPU_ELEMENTS if x.is_cuda else CPU_ELEMENTS
        rows = max(elements // (2 * batch * width), 64)
        for start in range(0, half, rows):
            stop = min(start + rows, half)
            self._block(x, 2 * start, 2 * stop, out[:, start:stop])
        return out

    def _block(self, x: Tensor, start: int, stop: int, out: Tensor) -> None:
        """Write what positions ``[start, stop)`` of ``x`` become to ``out``."""
        left, right = start - self.reach, stop + self.reach
        read = self.before(x[:, max(left, 0) : right])
        beyond = (max(-left, 0), max(right - x.shape[1], 0))
        if any(beyond):
            read = F.pad(read, (0, 0, *beyond))
        # (batch, length, channels) seen as an image of one row with channels last: no copy.
        image = F.conv2d(read.transpose(1, 2).unsqueeze(2), self.kernel, self.bias)
        h = full(image.squeeze(2).transpose(1, 2))
        if reuses_memory(h):
            self._pool_in_place(h.contiguous(), out)
        else:
            self._pool(h, out)

    def _pool(self, h: Tensor, out: Tensor) -> None:
        """Write what the residual convolution and pooling make of ``h`` to ``out``."""
        h += F.linear(self.between(h), self.mix)
        even, odd = h[:, 0::2], h[:, 1::2]
        difference = even - odd
        share = torch.sigmoid(full(F.linear(difference, self.pool)))
        torch.addcmul(odd, share, difference, out=out)

    def _pool_in_place(self, h: Tensor, out: Tensor) -> None:
        """Do the same in the memory of two intermediates."""
        between = self.between(h)
        h.flatten(0, 1).addmm_(between.flatten(0, 1), self.mix.T)
        even, odd = h[:, 0::2], h[:, 1::2]
        difference, share = between.view(2, *odd.shape)
        torch.sub(even, odd, out=difference)
        torch.mm(difference.flatten(0, 1), self.pool.T, out=share.flatten(0, 1))
        torch.addcmul(odd, share.sigmoid_(), difference, out=out)
