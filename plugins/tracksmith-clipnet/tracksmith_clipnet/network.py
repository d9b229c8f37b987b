"""CLIPNET's network with every BatchNorm folded away where that is exact.

A window of 1000 bp gives a profile of 1000 values (500 on the plus strand, then
500 on the minus strand) and a quantity, the PRO-cap signal on both strands.

Layers keep the names of the published files. A BatchNorm that follows a
convolution or a dense layer is folded into it, and so is the one on the input,
because no padding comes between it and the first convolution. The nine that
follow an addition stay, each as one multiplication and one addition per channel.
Folding is done in float64.

Inside, a window is an image of height 1 in channels-last order: on a CPU that is
about twice as fast as a one-dimensional convolution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tracksmith_clipnet.fused import block_tail, can_fuse, pooled_relu

__all__ = ["BATCH_NORM_EPSILON", "SHAPES", "Clipnet", "Layers", "rescale"]

Layers = Mapping[str, NDArray[np.float32]]
"""Weights by ``layer/name``, for instance ``conv1d/kernel``, in Keras' axis order."""

BATCH_NORM_EPSILON = 1e-3
WINDOW = 1000
CORE = 500
CHANNELS = 64
TRUNK_LENGTH = 246
"""Positions that the stem leaves of a window: 1000, -7, halved, -3, halved."""
POOLED_LENGTH = TRUNK_LENGTH // 2
STEM_STEP = 4
"""Bases between neighbouring positions after the stem's two poolings."""
BLOCKS = 9
CALIBRATION = (1.59687745, -0.80203685)
"""Slope and intercept between log10 quantities, fitted by the authors to the mean of the nine
LCL folds (the calibration that their tutorial applies)."""


def _name(layer: str, number: int) -> str:
    return f"{layer}_{number}" if number else layer


def _expected_shapes() -> dict[str, tuple[int, ...]]:
    kernels = {
        "conv1d": (8, 4, CHANNELS),
        "conv1d_1": (4, CHANNELS, 2 * CHANNELS),
        "conv1d_2": (1, 2 * CHANNELS, CHANNELS),
        **{_name("conv1d", 3 + block): (3, CHANNELS, CHANNELS) for block in range(BLOCKS)},
        "dense": (POOLED_LENGTH * CHANNELS, 2 * CORE),
        "dense_1": (CHANNELS, 1),
    }
    widths = [4, CHANNELS, 2 * CHANNELS, *[CHANNELS] * (2 * BLOCKS), 2 * CORE, 1]
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, shape in kernels.items():
        shapes |= {f"{layer}/kernel": shape, f"{layer}/bias": shape[-1:]}
    for number, width in enumerate(widths):
        layer = _name("batch_normalization", number)
        for part in ("gamma", "beta", "moving_mean", "moving_variance"):
            shapes[f"{layer}/{part}"] = (width,)
    return shapes


SHAPES = _expected_shapes()
"""Every array of a published file and its shape."""


class Clipnet(nn.Module):
    """One fold.

    Parameters
    ----------
    layers
        The arrays named in `SHAPES`, float32.
    """

    stretch_windows = 16
    """Few at a time: on a CPU larger batches of the trunk fall out of the cache."""

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        input_scale, input_shift = _batch_norm(layers, 0)
        kernel, bias = _double(layers, "conv1d")
        bias = bias + np.einsum("kio,i->o", kernel, input_shift)
        kernel = kernel * input_scale[:, None]
        self.stem_1 = _convolution(*_fold(kernel, bias, _batch_norm(layers, 1)))
        self.stem_2 = _convolution(*_fold(*_double(layers, "conv1d_1"), _batch_norm(layers, 2)))
        self.stem_3 = _convolution(*_double(layers, "conv1d_2"))
        self.blocks = nn.ModuleList(_Block(layers, number) for number in range(BLOCKS))
        kernel, bias = _fold(*_double(layers, "dense"), _batch_norm(layers, 21))
        # The channels-last trunk flattens to position, then channel: the order of the file.
        self.profile = _Dense(kernel, bias)
        kernel, bias = _fold(*_double(layers, "dense_1"), _batch_norm(layers, 22))
        self.quantity = _Dense(kernel, bias)

    def forward(self, bases: Tensor) -> Tensor:
        """Predict windows.

        Parameters
        ----------
        bases
            ``(batch, 4, 1000)`` float32, rows A, C, G, T; a known base is 2.

        Returns
        -------
        raw : ``(batch, 1001)`` float32
            The profile, plus strand then minus strand, both in ascending
            coordinate and without a scale of its own; last the quantity in RPM.
        """
        return self._heads(self._trunk(self._stem(bases)))

    def predict_stretch(self, bases: Tensor, stride: int) -> Tensor:
        """Predict the windows of ``(4, length)`` bases, ``stride`` bp apart.

        The stem has no padding, so where the stride is a multiple of four
        windows share it; what comes after sees the window's ends and is not shared.

        Returns
        -------
        raw : ``(windows, 1001)`` float32
        """
        if stride % STEM_STEP:
            return self.forward(bases.unfold(1, WINDOW, stride).transpose(0, 1))
        stem = self._stem(bases[None])[0, :, 0]
        windows = stem.unfold(1, TRUNK_LENGTH, stride // STEM_STEP).permute(1, 0, 2).unsqueeze(2)
        return self._heads(self._trunk(windows.contiguous(memory_format=torch.channels_last)))

    def _stem(self, bases: Tensor) -> Tensor:
        """Map ``(batch, 4, length)`` to ``(batch, 64, 1, positions)``, four bases a position."""
        image = bases.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        # Both activations rise with their input, so pooling first changes nothing but the work.
        image = functional.elu(_pool(self.stem_1(image)), inplace=True)
        image = _pooled_relu(self.stem_2, image)
        output: Tensor = self.stem_3(image)
        return output

    def _trunk(self, image: Tensor) -> Tensor:
        """Map ``(batch, 64, 1, 246)`` to ``(batch, 123 * 64)``, position by position."""
        for block in self.blocks:
            image = block(image)
        return _pool(image).permute(0, 2, 3, 1).flatten(1)

    def _heads(self, features: Tensor) -> Tensor:
        """Map ``(batch, 123 * 64)`` to ``(batch, 1001)``, in float32 whatever the trunk runs in."""
        with torch.autocast(features.device.type, enabled=False):
            features = features.float()
            profile = self.profile(features)
            mean = features.reshape(-1, POOLED_LENGTH, CHANNELS).mean(1)
            return functional.relu(torch.cat([profile, self.quantity(mean)], dim=1))


class _Block(nn.Module):
    """A dilated convolution and its input, added, normalised and cut off at zero."""

    scale: Tensor
    shift: Tensor

    def __init__(self, layers: Layers, number: int) -> None:
        super().__init__()
        kernel, bias = _double(layers, _name("conv1d", 3 + number))
        kernel, bias = _fold(kernel, bias, _batch_norm(layers, 3 + 2 * number))
        dilation = 2**number
        if dilation >= TRUNK_LENGTH:
            # The outer taps only ever see padding.
            kernel, dilation = kernel[1:2], 1
        self.convolution = _convolution(kernel, bias, dilation)
        scale, shift = _batch_norm(layers, 4 + 2 * number)
        self.register_buffer("scale", _float32(scale)[:, None, None])
        self.register_buffer("shift", _float32(shift)[:, None, None])

    def forward(self, image: Tensor) -> Tensor:
        if image.is_cuda and can_fuse(image.device):
            return self._fused(image)
        added = functional.relu(self.convolution(image), inplace=True).add_(image)
        # Under autocast the sum is bfloat16: float32 factors would widen the rest of the trunk.
        scale, shift = self.scale.to(added.dtype), self.shift.to(added.dtype)
        return torch.addcmul(shift, added, scale).relu_()

    def _fused(self, image: Tensor) -> Tensor:
        convolved = _without_bias(self.convolution, image)
        channels = [_column(self.convolution), self.scale, self.shift]
        return block_tail(
            convolved, image.to(convolved.dtype), *(part.to(convolved.dtype) for part in channels)
        )


def rescale(epsilon: float, *, calibrate: bool) -> Callable[[Tensor], Tensor]:
    """Return the rule that makes tracks of raw outputs averaged over folds.

    Parameters
    ----------
    epsilon
        Added to the profile's sum before dividing by it. With 0, a profile of
        zeros gives NaN.
    calibrate
        Whether the quantity is first mapped by the authors' calibration of the
        LCL ensemble.

    Returns
    -------
    to_tracks
        Maps ``(batch, 1001)`` to ``(batch, 2, 500)`` float32 in RPM per base:
        plus strand, then minus strand, both in ascending coordinate. Both
        strands together sum to the quantity.
    """

    def to_tracks(raw: Tensor) -> Tensor:
        profile, quantity = raw[:, : 2 * CORE].float(), raw[:, 2 * CORE :].float()
        if calibrate:
            slope, intercept = CALIBRATION
            quantity = quantity.pow(slope) * 10**intercept
        tracks: Tensor = profile / (profile.sum(1, keepdim=True) + epsilon) * quantity
        return tracks.reshape(-1, 2, CORE)

    return to_tracks


def _pool(image: Tensor) -> Tensor:
    """Return the maximum of each pair of positions; an odd last one is dropped.

    On channels-last data this is three times as fast as ``max_pool2d``.
    """
    even = image.shape[-1] // 2 * 2
    return torch.maximum(image[..., 0:even:2], image[..., 1:even:2])


def _pooled_relu(layer: nn.Conv2d, image: Tensor) -> Tensor:
    """Return ``relu`` of a pooled convolution."""
    if image.is_cuda and can_fuse(image.device):
        convolved = _without_bias(layer, image)
        even = convolved.shape[-1] // 2 * 2
        pair = convolved[..., 0:even:2], convolved[..., 1:even:2]
        return pooled_relu(*pair, _column(layer).to(convolved.dtype))
    return functional.relu(_pool(layer(image)), inplace=True)


def _without_bias(layer: nn.Conv2d, image: Tensor) -> Tensor:
    return functional.conv2d(image, layer.weight, None, layer.stride, layer.padding, layer.dilation)


def _column(layer: nn.Conv2d) -> Tensor:
    """Return the bias of a layer as a column of its image."""
    bias: Tensor = cast("Tensor", layer.bias)
    return bias[:, None, None]


def _double(layers: Layers, layer: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return layers[f"{layer}/kernel"].astype(np.float64), layers[f"{layer}/bias"].astype(np.float64)


def _batch_norm(layers: Layers, number: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a BatchNorm as ``scale`` and ``shift`` per channel."""
    gamma, beta, mean, variance = (
        layers[f"{_name('batch_normalization', number)}/{part}"].astype(np.float64)
        for part in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    scale = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
    return scale, beta - mean * scale


def _fold(
    kernel: NDArray[np.float64],
    bias: NDArray[np.float64],
    batch_norm: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fold the BatchNorm that follows a layer into it; output channels are the last axis."""
    scale, shift = batch_norm
    return kernel * scale, bias * scale + shift


def _float32(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def _fixed(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=False)


def _convolution(
    kernel: NDArray[np.float64], bias: NDArray[np.float64], dilation: int = 0
) -> nn.Conv2d:
    """Make a convolution of a Keras kernel ``(width, in, out)``.

    Without ``dilation`` there is no padding; with it the length is kept.
    """
    width, inputs, outputs = kernel.shape
    layer = nn.Conv2d(
        inputs,
        outputs,
        (1, width),
        padding=(0, dilation * (width // 2)),
        dilation=(1, max(dilation, 1)),
        device="meta",  # no random start values
    )
    weight = _float32(kernel.transpose(2, 1, 0))[:, :, None]
    layer.weight = _fixed(weight.contiguous(memory_format=torch.channels_last))
    layer.bias = _fixed(_float32(bias))
    return layer


class _Dense(nn.Module):
    """``features @ kernel + bias`` with the kernel as the file holds it, ``(in, out)``.

    On a CPU this layout is up to a third faster than that of ``nn.Linear``.
    """

    def __init__(self, kernel: NDArray[np.float64], bias: NDArray[np.float64]) -> None:
        super().__init__()
        self.kernel = _fixed(_float32(kernel))
        self.bias = _fixed(_float32(bias))

    def forward(self, features: Tensor) -> Tensor:
        return torch.addmm(self.bias.float(), features, self.kernel.float())
