"""The Enformer network (Avsec et al. 2021, doi:10.1038/s41592-021-01252-x), for inference.

Tensors are position-major, ``(batch, length, channels)``: the layout in which
convolutions over long sequences are fastest on a CPU, and the one that the
transformer wants. The arithmetic is the published one, rearranged where the
result stays the same to rounding:

- ``gelu(y) = y sigmoid(1.702 y) = silu(1.702 y) / 1.702``: the factor goes into the
  normalisation before it and its inverse into the weights after it;
- softmax over the two members of a pooling pair is a sigmoid of the difference
  of their logits, and logits are linear, so the logit is taken of the difference;
- the keys of relative positions depend on the weights alone and are kept;
- the last block computes queries only for the tokens that survive the crop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tracksmith.plugin import PluginError
from tracksmith_enformer.arithmetic import GELU, NormGelu, Weights
from tracksmith_enformer.attention import Block
from tracksmith_enformer.tower import Stage
from tracksmith_enformer.weights import Sizes

__all__ = ["Enformer"]

PIECE_TOKENS = 2048
"""Sequence goes through the tower in pieces of so many tokens: memory does not grow with it."""
GPU_WINDOWS = 4
"""Windows of a stretch that go through the transformer together."""


class Enformer(nn.Module):
    """Enformer over tensors by their published names, with chosen output rows.

    Parameters
    ----------
    tensors
        Every tensor that ``sizes`` calls for; the caller has checked the shapes.
    sizes
        See :class:`Sizes`.
    window
        Bases that the network reads, a multiple of ``sizes.bin``.
    bins
        Tokens in the middle that are predicted.
    head
        Name of the output head.
    rows
        Rows of the head to compute, in order; None for all.
    """

    stretch_windows = 16
    """Windows that the engine gives to one call of :meth:`predict_stretch`."""

    one_reference = True
    """One reference may stand for all alternatives of a call of :meth:`predict_alleles`."""

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        sizes: Sizes,
        window: int,
        bins: int,
        head: str,
        rows: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.window, self.bin, self.tokens = window, sizes.bin, window // sizes.bin
        self.first = (self.tokens - bins) // 2
        self.last = self.first + bins
        names = ["stem", *(f"conv_tower.{i}" for i in range(len(sizes.channels) - 1))]
        stages = [Stage(tensors, name) for name in names]
        self.tower = nn.Sequential(*stages)
        self.reach = sum(stage.reach << number for number, stage in enumerate(stages))
        """Bases on either side of a token that its value depends on; ``margin`` in whole tokens."""
        self.margin = -(-self.reach // self.bin)
        self.blocks = nn.ModuleList(
            Block(tensors, f"transformer.{i}", sizes) for i in range(sizes.depth)
        )
        self.final_norm = NormGelu(tensors, "final_pointwise.1.0")
        chosen = slice(None) if rows is None else torch.tensor(rows, dtype=torch.long)
        final, output = "final_pointwise.1.2", f"_heads.{head}.0"
        self.end = Weights(
            # It reads 1.702 gelu and gives what silu wants, 1.702 x: the factors cancel.
            final=tensors[f"{final}.weight"][:, :, 0],
            final_bias=tensors[f"{final}.bias"] * GELU,
            head=tensors[f"{output}.weight"][chosen] / GELU,
            head_bias=tensors[f"{output}.bias"][chosen],
        )

    def forward(self, bases: Tensor) -> Tensor:
        """Predict windows.

        Parameters
        ----------
        bases : float32, shape (batch, 4, window)
            Channels A, C, G, T; N and what lies outside the contig is 0.

        Returns
        -------
        float32, shape (batch, rows, bins)
        """
        self._check(bases, self.window)
        return self._predict(self._tokens(bases))

    def predict_stretch(self, bases: Tensor, stride: int) -> Tensor:
        """Predict overlapping windows with one pass of the tower for all of them.

        Equal to :meth:`forward` of each window. Only a window's outer ``margin``
        tokens differ from the stretch's, as convolutions see zeros beyond the
        window; short pieces give those.

        Parameters
        ----------
        bases : float32, shape (4, window + (n - 1) stride)
        stride : int
            Bases from one window's start to the next.

        Returns
        -------
        float32, shape (n, rows, bins)
        """
        count = 1 + (bases.shape[-1] - self.window) // stride
        self._check(bases[None], self.window + max(count - 1, 0) * stride)
        windows = bases.unfold(-1, self.window, stride).transpose(0, 1)
        group = GPU_WINDOWS if bases.is_cuda else 1
        if stride % self.bin or stride >= self.window or self.tokens < 2 * self.margin:
            return torch.cat([self.forward(window[None]) for window in windows])
        shared = self._tokens(bases[None])[0]
        tokens = shared.unfold(0, self.tokens, stride // self.bin).transpose(1, 2)
        left, right = self._ends(windows)
        predicted = []
        for start in range(0, count, group):
            some = slice(start, start + group)
            inner = tokens[some, self.margin : -self.margin]
            predicted.append(self._predict(torch.cat([left[some], inner, right[some]], 1)))
        return torch.cat(predicted)

    def predict_alleles(
        self, reference: Tensor, alternative: Tensor, first: int, last: int
    ) -> tuple[Tensor, Tensor]:
        """Predict both alleles; the tower runs again only for tokens that the change reaches.

        Parameters
        ----------
        reference, alternative : float32, shape (batch, 4, window)
            Equal outside the columns ``[first, last)``; there may be one reference for all
            alternatives.

        Returns
        -------
        reference, alternative : float32, shape (batch, rows, bins)
        """
        self._check(reference, self.window)
        self._check(alternative, self.window)
        before = self._tokens(reference)
        after = before.expand(len(alternative), -1, -1)
        if first < last:
            start = max(first - self.reach, 0) // self.bin
            stop = min((last - 1 + self.reach) // self.bin + 1, self.tokens)
            after = after.clone()
            after[:, start:stop] = self._piece(alternative, start, stop)
        predicted = self._predict(torch.cat([before, after]))
        one, other = predicted.split([len(before), len(after)])
        return one, other

    def _tokens(self, bases: Tensor) -> Tensor:
        """Map bases ``(batch, 4, length)`` to tokens ``(batch, length // bin, channels)``."""
        if len(bases) > 1 and not bases.is_cuda:
            # A CPU gains nothing from a batch, and so no value depends on its size.
            return torch.cat([self._tokens(one[None]) for one in bases])
        total = bases.shape[-1] // self.bin
        starts = range(0, total, PIECE_TOKENS)
        return torch.cat([self._piece(bases, i, min(i + PIECE_TOKENS, total)) for i in starts], 1)

    def _piece(self, bases: Tensor, start: int, stop: int) -> Tensor:
        """Return the tokens ``[start, stop)`` of these bases, reading no more than they need."""
        left = max(start - self.margin, 0)
        right = (stop + self.margin) * self.bin
        tokens: Tensor = self.tower(bases[..., left * self.bin : right].transpose(1, 2))
        return tokens[:, start - left : stop - left]

    def _ends(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the first and last ``margin`` tokens of windows ``(n, 4, window)``."""
        left = self._piece(windows, 0, self.margin)
        return left, self._piece(windows, self.tokens - self.margin, self.tokens)

    def _predict(self, tokens: Tensor) -> Tensor:
        """Map the tower's tokens of whole windows to ``(batch, rows, bins)``."""
        if len(tokens) > 1 and not tokens.is_cuda:
            return torch.cat([self._predict(one[None]) for one in tokens])
        *all_but_last, last = self.blocks
        for block in all_but_last:
            tokens = block(tokens, 0, self.tokens)
        kept = last(tokens, self.first, self.last)
        kept = F.silu(F.linear(self.final_norm(kept), self.end.final, self.end.final_bias))
        with torch.autocast(kept.device.type, enabled=False):
            rows = F.linear(kept.to(self.end.head), self.end.head, self.end.head_bias)
            return F.softplus(rows).transpose(1, 2)

    def _check(self, bases: Tensor, length: int) -> None:
        if bases.dim() != 3 or bases.shape[1:] != (4, length):
            raise PluginError(
                f"Enformer reads bases of shape (batch, 4, {length}), not {tuple(bases.shape)}. "
                "Cut windows as its card says."
            )
