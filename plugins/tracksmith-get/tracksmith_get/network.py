"""The GET region transformer and its checkpoints.

Needs torch; imported only when a model is loaded.

Written from the published description of the architecture (Fu et al., Nature
2025, doi:10.1038/s41586-024-08391-z) and from the names and shapes of the
tensors in the published files; no code of the authors is used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tracksmith.errors import InputError

__all__ = ["RegionTransformer", "build", "canonical_tensors"]

HEAD_WIDTH = 64
"""Channels per attention head in every published model; no tensor states it."""


class Attention(nn.Module):
    """Multi-head self-attention; queries and values have a bias, keys have none."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(width))
        self.v_bias = nn.Parameter(torch.zeros(width))
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, tokens, width)`` to the same shape."""
        bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        parts = F.linear(x, self.qkv.weight, bias)
        parts = parts.reshape(*x.shape[:2], 3, self.heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return out


class FeedForward(nn.Module):
    """Two linear layers around the exact (error function) GELU."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, tokens, width)`` to the same shape."""
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class Block(nn.Module):
    """A pre-normalised transformer block."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = FeedForward(width, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, tokens, width)`` to the same shape."""
        x = x + self.attn(self.norm1(x))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class Encoder(nn.Module):
    """Transformer blocks and a last normalisation."""

    def __init__(self, width: int, depth: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(width, heads, hidden) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, tokens, width)`` to the same shape."""
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.norm(x)
        return out


class RegionTransformer(nn.Module):
    """Features of neighbouring regions to one value per region and track.

    Regions have no position: their order does not matter, and any number of
    them works.

    Parameters
    ----------
    features
        Columns per region: motif clusters, then accessibility as the last.
    width, depth, heads, hidden
        Channels, blocks, attention heads, channels inside the feed-forward part.
    tracks
        Values per region.
    accessibility
        What happens to the last column inside the network. ``given``: nothing.
        ``ones``: it is set to 1 (the accessibility model must not see it).
        ``window``: it is divided by its maximum over the window.
    """

    def __init__(
        self,
        features: int,
        width: int,
        depth: int,
        heads: int,
        hidden: int,
        tracks: int,
        accessibility: str = "given",
    ) -> None:
        super().__init__()
        self.features = features
        self.tracks = tracks
        self.accessibility = accessibility
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.region_embed = nn.ModuleDict({"embed": nn.Linear(features, width)})
        self.encoder = Encoder(width, depth, heads, hidden)
        self.head_exp = nn.ModuleDict({"head": nn.Linear(width, tracks)})

    def forward(self, x: Tensor) -> Tensor:
        """Predict regions.

        Parameters
        ----------
        x
            float32, ``(batch, regions, features)``.

        Returns
        -------
        Tensor
            float32, ``(batch, regions, tracks)``, never negative.
        """
        return F.softplus(self.head_exp["head"](self.encode(x)[:, 1:]))

    def encode(self, x: Tensor) -> Tensor:
        """Return the normalised tokens ``(batch, 1 + regions, width)``, class token first."""
        h = self.region_embed["embed"](self._with_accessibility(x))
        h = torch.cat([self.cls_token.expand(len(h), -1, -1), h], dim=1)
        out: Tensor = self.encoder(h)
        return out

    def _with_accessibility(self, x: Tensor) -> Tensor:
        if self.accessibility == "given":
            return x
        column = x[..., -1:]
        if self.accessibility == "ones":
            column = torch.ones_like(column)
        else:
            column = column / column.amax(dim=1, keepdim=True).clamp_min(1e-12)
        return torch.cat([x[..., :-1], column], dim=-1)


def build(
    tensors: Mapping[str, Tensor],
    source: str,
    heads: int | None = None,
    accessibility: str = "given",
) -> RegionTransformer:
    """Return the network of a checkpoint, in evaluation mode; every size is read from the tensors.

    Parameters
    ----------
    tensors
        The state dict of any published layout.
    source
        The file's name, for messages.
    heads
        Attention heads; None means one per 64 channels, as in all published models.

    Raises
    ------
    InputError
        The layout is unknown, a tensor is missing, left over or of a wrong
        shape, or the number of heads cannot be told.
    """
    state = canonical_tensors(tensors, source)
    try:
        width = state["cls_token"].shape[-1]
        hidden = state["encoder.blocks.0.mlp.fc1.weight"].shape[0]
        features = state["region_embed.embed.weight"].shape[1]
        tracks = state["head_exp.head.weight"].shape[0]
    except (KeyError, IndexError) as error:
        raise InputError(
            f"{source} is no complete GET model: {error} is missing or has no shape. "
            "Download the file again, or choose another checkpoint."
        ) from None
    numbers = _block_numbers(state)
    if min(width, hidden, features, tracks) < 1 or numbers != set(range(len(numbers))):
        raise InputError(
            f"{source} is no complete GET model: it has {len(numbers)} blocks up to number "
            f"{max(numbers):.6g}, {width} channels, {hidden} inside a block, {features} features, "
            f"{tracks} tracks. Download the file again, or choose another checkpoint."
        )
    number = _heads(width, heads, source)
    with torch.device("meta"):  # no room is made before every shape has been compared
        network = RegionTransformer(
            features, width, len(numbers), number, hidden, tracks, accessibility
        )
    _load_strictly(network, state, source)
    return network.eval()


def canonical_tensors(tensors: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """Rename a published state dict to this network's names; LoRA pairs are merged.

    Known layouts, told apart by their names alone: the first release's
    fine-tuned file (``blocks.0...``, ``head.weight``), Lightning files
    (``model.`` before every name), Lightning files with low-rank adapters, and
    this network's own names.

    Raises
    ------
    InputError
        The file is a pre-trained model, which predicts no expression, or has
        no known layout.
    """
    state = dict(tensors)
    if state and all(name.startswith("model.") for name in state):
        state = {name.removeprefix("model."): value for name, value in state.items()}
    state = _merge_adapters(state, source)
    if "head.weight" in state and "blocks.0.norm1.weight" in state:
        state = {_from_first_release(name): value for name, value in state.items()}
    _refuse_what_predicts_nothing(state, source)
    # Fine-tuning may carry pre-training's own tensors along; they play no part in a prediction.
    return {n: v for n, v in state.items() if n != "mask_token" and not n.startswith("head_mask.")}


_FIRST_RELEASE = (
    (re.compile(r"^encoder\.head\."), "head_mask."),
    (re.compile(r"^encoder\.(?=cls_token$|region_embed\.)"), ""),
    (re.compile(r"^region_embed\.proj\."), "region_embed.embed."),
    (re.compile(r"^blocks\."), "encoder.blocks."),
    (re.compile(r"^fc_norm\."), "encoder.norm."),
    (re.compile(r"^head\."), "head_exp.head."),
)


def _from_first_release(name: str) -> str:
    for pattern, replacement in _FIRST_RELEASE:
        name = pattern.sub(replacement, name)
    return name


def _refuse_what_predicts_nothing(state: Mapping[str, Tensor], source: str) -> None:
    if "head_exp.head.weight" in state:
        return
    if any(name.startswith(("encoder.head.", "head_mask.", "encoder.cls_token")) for name in state):
        raise InputError(
            f"{source} is a pre-trained GET model: it fills in masked motif features and has no "
            "head for expression or accessibility. Choose a fine-tuned checkpoint "
            "(for example finetune_fetal_adult_leaveout_astrocyte/checkpoint-best.pth)."
        )
    shown = ", ".join(sorted(state)[:5]) or "no tensor at all"
    raise InputError(
        f"{source} is no GET region model: its tensors have none of the known layouts "
        f"(first names: {shown}). Choose a fine-tuned GET checkpoint (.pth or .ckpt)."
    )


_ADAPTED = re.compile(r"(?P<layer>.+)\.parametrizations\.weight\.(?P<leaf>.+)")


def _merge_adapters(state: dict[str, Tensor], source: str) -> dict[str, Tensor]:
    """Replace each weight with a low-rank adapter by ``original + B A / rank`` (alpha 1)."""
    merged: dict[str, Tensor] = {}
    adapted: dict[str, dict[str, Tensor]] = {}
    for name, value in state.items():
        match = _ADAPTED.fullmatch(name)
        if match:
            adapted.setdefault(match["layer"], {})[match["leaf"]] = value
        else:
            merged[name] = value
    for layer, leaves in adapted.items():
        known = {"original", "0.lora_A", "0.lora_B"}
        if not known <= set(leaves) <= known | {"0.lora_dropout_mask"}:
            raise InputError(
                f"{source}: layer {layer} is parametrised by {', '.join(sorted(leaves))}; known is "
                "one low-rank adapter per layer (original, 0.lora_A, 0.lora_B). "
                "Merge the adapters where the file was made and save it anew."
            )
        original, down, up = leaves["original"], leaves["0.lora_A"], leaves["0.lora_B"]
        if up.shape[-1] != down.shape[0] or (up.shape[0], down.shape[-1]) != original.shape:
            raise InputError(
                f"{source}: layer {layer} has a weight of shape {tuple(original.shape)}, but its "
                f"adapter has {tuple(up.shape)} times {tuple(down.shape)}. Download it again."
            )
        merged[f"{layer}.weight"] = original + (up @ down) / down.shape[0]
    return merged


def _block_numbers(state: Mapping[str, Tensor]) -> set[int]:
    matches = (re.match(r"encoder\.blocks\.(\d{1,9})\.", name) for name in state)
    return {int(match[1]) for match in matches if match}


def _heads(width: int, heads: int | None, source: str) -> int:
    if heads is None and width % HEAD_WIDTH == 0:
        return width // HEAD_WIDTH
    if heads is None or width % heads:
        raise InputError(
            f"{source} has {width} channels, which {heads or HEAD_WIDTH} "
            f"{'heads' if heads else 'channels a head'} do not divide, and no tensor states the "
            "number of attention heads. Give the right one with `--option heads=N`."
        )
    return heads


def _load_strictly(network: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    own = network.state_dict()
    problems = [f"{name} is missing" for name in own.keys() - state.keys()]
    problems += [f"{name} is unknown" for name in state.keys() - own.keys()]
    problems += [
        f"{name} has shape {tuple(state[name].shape)}, not {tuple(own[name].shape)}"
        for name in own.keys() & state.keys()
        if state[name].shape != own[name].shape
    ]
    if problems:
        listed = "\n".join(f"  - {problem}" for problem in sorted(problems)[:10])
        raise InputError(
            f"{source} is no GET region model; {len(problems)} tensors differ:\n{listed}\n"
            "Download the file again, or choose a published layout."
        )
    network.to_empty(device="cpu")
    network.load_state_dict({name: value.float() for name, value in state.items()})
