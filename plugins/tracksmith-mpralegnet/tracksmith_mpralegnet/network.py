"""MPRALegNet's network, its sizes read from the weights, with its BatchNorms folded away.

Weights keep the names of the published checkpoints, without the leading
``model.``. Each BatchNorm but one follows a convolution or a linear layer
without an activation in between; the one that comes first, in ``mapper``, is
followed by a convolution of width 1 without padding. So all can be folded
exactly; that is done in float64. That convolution, the mean over positions and
the first linear layer of the head are linear: they become one layer.

Two things keep rounding small. Linear layers, which read one vector per
sequence, are computed in float64 on a CPU: they are a hundredth of the work and
up to a third of the error. And the last BatchNorm of a block is not folded:
rounding folded weights errs in the same direction at every position, most in these.

Inside, a sequence is an image of height 1 in channels-last order, which is
faster on a CPU than a one-dimensional convolution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["PUBLISHED_POOL", "LegNet", "Sizes", "expected_shapes", "read_sizes"]

EPSILON = 1e-5
"""Of every BatchNorm: torch's default."""
PUBLISHED_POOL = 2
"""Width of every max-pooling in the published configurations; weights do not show it."""

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Sizes:
    """Everything about the network that its weights show.

    ``blocks`` holds channels in, inner channels and channels out of each block.
    """

    inputs: int
    stem: int
    stem_width: int
    width: int
    blocks: tuple[tuple[int, int, int], ...]


def read_sizes(tensors: Tensors) -> Sizes:
    """Read the sizes from the shapes of a few tensors.

    Raises
    ------
    KeyError
        One of them is missing.
    ValueError
        One of them has another number of dimensions.
    """
    stem, inputs, stem_width = tensors["stem.block.0.weight"].shape
    _, _, width = tensors["main.0.0.fn.block.3.weight"].shape
    blocks: list[tuple[int, int, int]] = []
    while f"main.{len(blocks)}.1.block.0.weight" in tensors:
        name = f"main.{len(blocks)}"
        inner, channels, _ = tensors[f"{name}.0.fn.block.0.weight"].shape
        blocks.append((channels, inner, tensors[f"{name}.1.block.0.weight"].shape[0]))
    return Sizes(inputs, stem, stem_width, width, tuple(blocks))


def expected_shapes(sizes: Sizes) -> dict[str, tuple[int, ...]]:
    """Return every tensor of a network of these sizes and its shape."""
    shapes: dict[str, tuple[int, ...]] = {
        "stem.block.0.weight": (sizes.stem, sizes.inputs, sizes.stem_width),
        **_norm_shapes("stem.block.1", sizes.stem),
    }
    channels = sizes.stem
    for number, (_, inner, outputs) in enumerate(sizes.blocks):
        shapes |= _block_shapes(f"main.{number}", channels, inner, outputs, sizes.width)
        channels = outputs
    wide = 2 * channels
    shapes |= {
        **_norm_shapes("mapper.block.0", channels),
        "mapper.block.1.weight": (wide, channels, 1),
        "mapper.block.1.bias": (wide,),
        "head.0.weight": (wide, wide),
        "head.0.bias": (wide,),
        **_norm_shapes("head.1", wide),
        "head.3.weight": (1, wide),
        "head.3.bias": (1,),
    }
    return shapes


def _block_shapes(
    name: str, channels: int, inner: int, outputs: int, width: int
) -> dict[str, tuple[int, ...]]:
    # The squeeze is as many times narrower than the inner width as that is wider than the input.
    squeezed = inner // max(1, inner // channels)
    inside = f"{name}.0.fn.block"
    return {
        f"{inside}.0.weight": (inner, channels, 1),
        **_norm_shapes(f"{inside}.1", inner),
        f"{inside}.3.weight": (inner, 1, width),
        **_norm_shapes(f"{inside}.4", inner),
        f"{inside}.6.fc.0.weight": (squeezed, inner),
        f"{inside}.6.fc.0.bias": (squeezed,),
        f"{inside}.6.fc.2.weight": (inner, squeezed),
        f"{inside}.6.fc.2.bias": (inner,),
        f"{inside}.7.weight": (channels, inner, 1),
        **_norm_shapes(f"{inside}.8", channels),
        f"{name}.1.block.0.weight": (outputs, 2 * channels, width),
        **_norm_shapes(f"{name}.1.block.1", outputs),
    }


def _norm_shapes(name: str, channels: int) -> dict[str, tuple[int, ...]]:
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (channels,) for part in parts}


class LegNet(nn.Module):
    """One checkpoint: one cell line, one training run.

    Parameters
    ----------
    tensors
        Exactly the tensors of `expected_shapes`.
    pools
        Width of the max-pooling after each block, 1 for none; None: 2 each, as published.
    """

    def __init__(self, tensors: Tensors, pools: Sequence[int] | None = None) -> None:
        super().__init__()
        sizes = read_sizes(tensors)
        self.inputs = sizes.inputs
        self.pools = tuple(pools or [PUBLISHED_POOL] * len(sizes.blocks))
        self.stem = _Convolution(*_folded(tensors, "stem.block.0", "stem.block.1"))
        self.blocks = nn.ModuleList(
            _Block(tensors, f"main.{number}") for number in range(len(sizes.blocks))
        )
        self.hidden = _Linear(*_mapper_and_head(tensors))
        self.activity = _linear(tensors, "head.3")

    def forward(self, sequences: Tensor) -> Tensor:
        """Predict sequences of any length that the poolings leave something of.

        Parameters
        ----------
        sequences
            ``(batch, inputs, length)`` float32, rows A, G, C, T and, for a
            network with five inputs, 0 or 1 for forward or reverse complement.

        Returns
        -------
        activity : ``(batch,)`` float32
            log2(RNA/DNA).
        """
        image = sequences.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        image = functional.silu(self.stem(image), inplace=True)
        for block, pool in zip(self.blocks, self.pools, strict=True):
            image = _max_pool(block(image), pool)
        with torch.autocast(image.device.type, enabled=False):
            mean = image.to(self.stem.weight.dtype).mean((2, 3))
            activity: Tensor = self.activity(functional.silu(self.hidden(mean)))
        return activity.to(mean.dtype).squeeze(1)


class _Block(nn.Module):
    """An inverted bottleneck with squeeze and excitation, its input, and a convolution of both."""

    def __init__(self, tensors: Tensors, name: str) -> None:
        super().__init__()
        inside = f"{name}.0.fn.block"
        self.widen = _Convolution(*_folded(tensors, f"{inside}.0", f"{inside}.1"))
        self.depthwise = _Convolution(*_folded(tensors, f"{inside}.3", f"{inside}.4"))
        self.squeeze = _linear(tensors, f"{inside}.6.fc.0")
        self.excite = _linear(tensors, f"{inside}.6.fc.2")
        self.narrow = _Convolution(*_folded(tensors, f"{inside}.7", f"{inside}.8"))
        self.join = _Convolution(tensors[f"{name}.1.block.0.weight"])
        scale, shift = _batch_norm(tensors, f"{name}.1.block.1")
        self.scale, self.shift = _fixed(scale[:, None, None]), _fixed(shift[:, None, None])

    def forward(self, image: Tensor) -> Tensor:
        inner = functional.silu(self.widen(image), inplace=True)
        inner = functional.silu(self.depthwise(inner), inplace=True)
        gate = self.excite(functional.silu(self.squeeze(inner.mean((2, 3)))))
        inner = inner * gate.sigmoid().to(inner.dtype)[:, :, None, None]
        inner = functional.silu(self.narrow(inner), inplace=True)
        image = self.join(torch.cat([inner, image], dim=1))
        scale, shift = self.scale.to(image.dtype), self.shift.to(image.dtype)
        return functional.silu(torch.addcmul(shift, image, scale), inplace=True)


class _Convolution(nn.Module):
    """A convolution that keeps the length; an even width has its odd zero on the right."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        width = weight.shape[2]
        self.left, self.extra = (width - 1) // 2, 1 - width % 2
        self.groups = weight.shape[0] if weight.shape[1] == 1 else 1
        image = weight.float()[:, :, None]
        self.weight = _fixed(image.contiguous(memory_format=torch.channels_last))
        self.bias = None if bias is None else _fixed(bias)

    def forward(self, image: Tensor) -> Tensor:
        if self.extra:
            image = functional.pad(image, (0, self.extra))
        return functional.conv2d(
            image, self.weight, self.bias, padding=(0, self.left), groups=self.groups
        )


class _Linear(nn.Module):
    """A linear layer: float64 on a CPU, float32 on accelerators: many lack more."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight = _fixed(weight, torch.float64)
        self.bias = _fixed(bias, torch.float64)

    def forward(self, features: Tensor) -> Tensor:
        return functional.linear(features.to(self.weight.dtype), self.weight, self.bias)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> _Linear:  # noqa: FBT001 - torch's own
        # What moves a module moves its tensors here; an accelerator may refuse float64.
        if fn(torch.empty(0)).device.type != "cpu":
            self.weight, self.bias = _fixed(self.weight), _fixed(self.bias)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self


def _linear(tensors: Tensors, name: str) -> _Linear:
    return _Linear(tensors[f"{name}.weight"], tensors[f"{name}.bias"])


def _fixed(values: Tensor, dtype: torch.dtype = torch.float32) -> nn.Parameter:
    return nn.Parameter(values.to(dtype), requires_grad=False)


def _max_pool(image: Tensor, width: int) -> Tensor:
    """Return the maximum of each ``width`` positions; what is left over is dropped.

    On channels-last data slices are faster than ``max_pool2d``.
    """
    even = image.shape[-1] // width * width
    pooled = image[..., 0:even:width]
    for offset in range(1, width):
        pooled = torch.maximum(pooled, image[..., offset:even:width])
    return pooled


def _batch_norm(tensors: Tensors, name: str) -> tuple[Tensor, Tensor]:
    """Return a BatchNorm as scale and shift per channel, float64."""
    weight, bias, mean, variance = (
        tensors[f"{name}.{part}"].double()
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = weight / torch.sqrt(variance + EPSILON)
    return scale, bias - mean * scale


def _mapper_and_head(tensors: Tensors) -> tuple[Tensor, Tensor]:
    """Return weight and bias of the first layer that reads the mean over positions, float64."""
    scale, shift = _batch_norm(tensors, "mapper.block.0")
    mapper = tensors["mapper.block.1.weight"].double()[:, :, 0]
    bias = tensors["mapper.block.1.bias"].double() + mapper @ shift
    head, head_bias = _folded(tensors, "head.0", "head.1")
    return head @ (mapper * scale), head @ bias + head_bias


def _folded(tensors: Tensors, layer: str, norm: str) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a layer with the BatchNorm that follows it, float64."""
    scale, shift = _batch_norm(tensors, norm)
    weight = tensors[f"{layer}.weight"].double()
    if f"{layer}.bias" in tensors:
        shift = shift + tensors[f"{layer}.bias"].double() * scale
    return weight * scale.reshape(-1, *[1] * (weight.ndim - 1)), shift
