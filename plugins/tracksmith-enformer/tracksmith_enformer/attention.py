"""Enformer's transformer blocks, with relative positions."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from tracksmith_enformer.arithmetic import EPS, Weights, full, reuses_memory
from tracksmith_enformer.positions import position_features
from tracksmith_enformer.weights import Sizes

__all__ = ["Block"]

CPU_QUERIES, GPU_QUERIES = 128, 512
"""Rows of the attention matrix that are made at once."""
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


class Block(Weights):
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
        if reuses_memory(y):
            return _mix_in_place(content, position, keys, value, relative, first).flatten(2)
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
        logits = full(content[some] @ keys)
        logits += _by_key(position[some] @ distances, tokens)
        mixed.append(logits.softmax(-1) @ value)
    return torch.cat(mixed, 2)


def _mix_in_place(
    content: Tensor, position: Tensor, keys: Tensor, value: Tensor, relative: Tensor, first: int
) -> Tensor:
    """Do the same as :func:`_mix` in one piece of memory; ``(batch, queries, heads, size)``."""
    batch, heads, queries, _ = content.shape
    tokens, rows = keys.shape[-1], min(CPU_QUERIES, queries)
    mixed = value.new_empty(batch, queries, heads, value.shape[-1])
    space = value.new_empty(rows * (tokens + rows - 1))
    for one, head in product(range(batch), range(heads)):
        for start in range(0, queries, rows):
            stop = min(start + rows, queries)
            columns = tokens + stop - start - 1
            distances = relative[head].narrow(1, tokens - first - stop, columns)
            near = space[: (stop - start) * columns].view(-1, columns)
            torch.mm(position[one, head, start:stop], distances, out=near)
            logits = _by_key(near, tokens)
            logits.addmm_(content[one, head, start:stop], keys[one, head])
            logits.sub_(logits.amax(-1, keepdim=True)).exp_()
            total = logits.sum(-1, keepdim=True)
            torch.div(logits @ value[one, head], total, out=mixed[one, start:stop, head])
    return mixed


def _by_key(near: Tensor, tokens: int) -> Tensor:
    """View ``(..., rows, tokens + rows - 1)``, by distance, as ``(..., rows, tokens)``, by key.

    A row starts with the distance from the last query to the first key, so each
    row's first key lies one column before that of the row above.
    """
    near = near.contiguous()
    *outer, rows, columns = near.shape
    strides = (*near.stride()[:-2], columns - 1, 1)
    return near.as_strided((*outer, rows, tokens), strides, near.storage_offset() + rows - 1)
