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
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tracksmith.plugin import PluginError
from tracksmith_enformer.positions import position_features
from tracksmith_enformer.weights import Sizes

__all__ = ["Enformer"]

GELU = 1.702
EPS = 1e-5
"""Of batch and layer normalisation."""
PIECE_TOKENS = 2048
"""Sequence goes through the tower in pieces of so many tokens: memory does not grow with it."""
CPU_ELEMENTS, GPU_ELEMENTS = 1 << 20, 1 << 26
"""Of the largest intermediate of the tower: what a CPU's cache holds; 256 MB of a GPU's memory."""
CPU_QUERIES, GPU_QUERIES = 128, 512
"""Rows of the attention matrix that are made at once."""
GPU_WINDOWS = 4
"""Windows of a stretch that go through the transformer together."""
BLOCK = {
    "norm": "0.fn.0.weight",
    "norm_bias": "0.fn.0.bias",
    "query": "0.fn.1.to_q.weight",
    "keys": "0.fn.1.to_k.weight",
    "value": "0.fn.1.to_v.weight",
    "relative": "0.fn.1.to_rel_k.weight",
    "content_bias": "0.fn.1.rel_content_bias",
    "position_bias": "0.fn.1.rel_pos_bias",
    "out": "0.fn.1.to_out.weight",
    "out_bias": "0.fn.1.to_out.bias",
    "mlp_norm": "1.fn.0.weight",
    "mlp_norm_bias": "1.fn.0.bias",
    "widen": "1.fn.1.weight",
    "widen_bias": "1.fn.1.bias",
    "narrow": "1.fn.4.weight",
    "narrow_bias": "1.fn.4.bias",
}
"""Tensors of a transformer block: our name, the published one."""


def _full(x: Tensor) -> Tensor:
    """Return ``x`` in single precision at least."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


class _Weights(nn.Module):
    """A module over fixed tensors: they move with the module and are never trained."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, **tensors: Tensor) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)


class NormGelu(_Weights):
    """``1.702 gelu(batch_norm(x))``: whoever reads it divides its own weights by 1.702."""

    def __init__(self, tensors: Mapping[str, Tensor], key: str) -> None:
        parts = ("weight", "bias", "running_mean", "running_var")
        weight, bias, mean, variance = (tensors[f"{key}.{part}"].double() for part in parts)
        scale = GELU * weight / (variance + EPS).sqrt()
        super().__init__(scale=scale.float(), shift=(GELU * bias - mean * scale).float())

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(..., channels)`` to the same shape."""
        return F.silu(torch.addcmul(self.shift, x, self.scale), inplace=True)


class Stage(_Weights):
    """One halving of the length: convolution, residual 1x1 convolution, attention pooling."""

    def __init__(self, tensors: Mapping[str, Tensor], key: str) -> None:
        stem = key == "stem"
        convolution = f"{key}.0" if stem else f"{key}.0.2"
        kernel = tensors[f"{convolution}.weight"].unsqueeze(2) / (1.0 if stem else GELU)
        super().__init__(
            kernel=kernel.contiguous(memory_format=torch.channels_last),
            bias=tensors[f"{convolution}.bias"],
            mix=tensors[f"{key}.1.fn.2.weight"][:, :, 0] / GELU,
            mix_bias=tensors[f"{key}.1.fn.2.bias"],
            pool=tensors[f"{key}.2.to_attn_logits.weight"][:, :, 0, 0],
        )
        self.before = nn.Identity() if stem else NormGelu(tensors, f"{key}.0.0")
        self.between = NormGelu(tensors, f"{key}.1.fn.0")
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
        h = _full(image.squeeze(2).transpose(1, 2))
        h += F.linear(self.between(h), self.mix, self.mix_bias)
        even, odd = h[:, 0::2], h[:, 1::2]
        difference = even - odd
        share = torch.sigmoid(_full(F.linear(difference, self.pool)))
        torch.addcmul(odd, share, difference, out=out)


class Block(_Weights):
    """A transformer block: attention with relative positions, then a ReLU network."""

    def __init__(self, tensors: Mapping[str, Tensor], key: str, sizes: Sizes) -> None:
        parts = {name: tensors[f"{key}.{part}"] for name, part in BLOCK.items()}
        # The scale of the dot product belongs to the query, before the biases are added.
        super().__init__(**parts | {"query": parts["query"] * sizes.key**-0.5})
        self.heads, self.features = sizes.heads, sizes.features
        self._kept: tuple[object, Tensor] | None = None

    def forward(self, x: Tensor, first: int, last: int) -> Tensor:
        """Map all tokens, ``(batch, n, channels)``, to the block's tokens ``[first, last)``."""
        y = F.layer_norm(x, x.shape[-1:], self.norm, self.norm_bias, EPS)
        x = x[:, first:last] + F.linear(self._attend(y, first, last), self.out, self.out_bias)
        y = F.layer_norm(x, x.shape[-1:], self.mlp_norm, self.mlp_norm_bias, EPS)
        wide = F.relu(F.linear(y, self.widen, self.widen_bias), inplace=True)
        return x + F.linear(wide, self.narrow, self.narrow_bias)

    def _attend(self, y: Tensor, first: int, last: int) -> Tensor:
        """Return the heads' values side by side for the queries ``[first, last)``."""
        query = self._by_head(F.linear(y[:, first:last], self.query))
        content, position = query + self.content_bias, query + self.position_bias
        keys = self._by_head(F.linear(y, self.keys)).transpose(-1, -2).contiguous()
        value = self._by_head(F.linear(y, self.value)).contiguous()
        relative = self._relative_keys(y.shape[1])
        # One head at a time stays in a CPU's cache; a GPU wants few and large kernels.
        step = self.heads if y.is_cuda else 1
        mixed = []
        for head in range(0, self.heads, step):
            some = (slice(None), slice(head, head + step))
            near = relative[some[1]]
            mixed.append(_mix(content[some], position[some], keys[some], value[some], near, first))
        return torch.cat(mixed, 1).transpose(1, 2).flatten(2)

    def _by_head(self, x: Tensor) -> Tensor:
        """View ``(batch, n, heads * size)`` as ``(batch, heads, n, size)``."""
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def _relative_keys(self, tokens: int) -> Tensor:
        """Return ``(heads, key, 2 tokens - 1)``, made at the first call."""
        weight = self.relative
        wanted = (tokens, weight.device, weight.dtype)
        if self._kept is None or self._kept[0] != wanted:
            with torch.autocast(weight.device.type, enabled=False):
                features = position_features(tokens, self.features).to(weight)
                keys = F.linear(features, weight)
            self._kept = (wanted, keys.T.reshape(self.heads, -1, len(keys)).contiguous())
        return self._kept[1]


def _mix(
    content: Tensor, position: Tensor, keys: Tensor, value: Tensor, relative: Tensor, first: int
) -> Tensor:
    """Return the attention-weighted values, ``(batch, heads, queries, size)``.

    ``content`` and ``position`` are the queries for either kind of key, from token ``first`` on.
    """
    tokens, last = keys.shape[-1], first + content.shape[2]
    rows = GPU_QUERIES if keys.is_cuda else CPU_QUERIES
    mixed = []
    for start in range(first, last, rows):
        stop = min(start + rows, last)
        some = (slice(None), slice(None), slice(start - first, stop - first))
        distances = relative[..., tokens - stop : 2 * tokens - 1 - start]
        logits = _full(content[some] @ keys)
        logits += _by_key(position[some] @ distances, tokens)
        mixed.append(logits.softmax(-1) @ value)
    return torch.cat(mixed, 2)


def _by_key(near: Tensor, tokens: int) -> Tensor:
    """View ``(batch, heads, rows, tokens + rows - 1)``, by distance, as ``(..., rows, tokens)``.

    A row starts with the distance from the last query to the first key, so each
    row's first key lies one column before that of the row above.
    """
    near = near.contiguous()
    *outer, rows, columns = near.shape
    strides = (*near.stride()[:-2], columns - 1, 1)
    return near.as_strided((*outer, rows, tokens), strides, near.storage_offset() + rows - 1)


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
        self.end = _Weights(
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
            Equal outside the columns ``[first, last)``.

        Returns
        -------
        reference, alternative : float32, shape (batch, rows, bins)
        """
        self._check(reference, self.window)
        self._check(alternative, self.window)
        before = self._tokens(reference)
        after = before
        if first < last:
            start = max(first - self.reach, 0) // self.bin
            stop = min((last - 1 + self.reach) // self.bin + 1, self.tokens)
            after = before.clone()
            after[:, start:stop] = self._piece(alternative, start, stop)
        one, other = self._predict(torch.cat([before, after])).chunk(2)
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
