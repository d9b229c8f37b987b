"""A network of BPNet's size and shape, 2,114 bp to 1,000 values, for benchmarks: plain and fast."""

import torch
from torch import Tensor, nn


class Dilated(nn.Module):
    """A stem, eight dilated blocks of 64 channels, a wide head: BPNet's size and shape.

    Written as most are: padded convolutions over the whole window.
    """

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.stem = nn.Conv1d(4, 64, 21, padding=10)
        self.blocks = nn.ModuleList(
            nn.Conv1d(64, 64, 3, padding=2**i, dilation=2**i) for i in range(1, 9)
        )
        self.head = nn.Conv1d(64, 2, 75, padding=37)
        for weight in self.parameters():
            weight.data = torch.randn(weight.shape, generator=generator) * 0.05

    def forward(self, bases: Tensor) -> Tensor:
        hidden = torch.relu(self.stem(bases))
        for block in self.blocks:
            hidden = hidden + torch.relu(block(hidden))
        return torch.nn.functional.softplus(self.head(hidden)[:, :, 557:1557])


class Reaching(nn.Module):
    """The same network as a plugin would offer it.

    Every layer is computed only where a later one needs it, in the layout that
    a CPU likes; of an alternative allele only what the allele reaches.
    """

    def __init__(self) -> None:
        super().__init__()
        plain = Dilated()
        layers = [plain.stem, *plain.blocks, plain.head]
        self.layers = nn.ModuleList(self._cropped(layer) for layer in layers)

    @staticmethod
    def _cropped(layer: nn.Conv1d) -> nn.Conv2d:
        made = nn.Conv2d(
            layer.in_channels, layer.out_channels, (1, layer.kernel_size[0]),
            dilation=(1, layer.dilation[0]),
        )  # fmt: skip
        weight = layer.weight.data[:, :, None]
        made.weight.data = weight.contiguous(memory_format=torch.channels_last)
        made.bias.data = layer.bias.data
        return made

    @staticmethod
    def _step(number: int, layer: nn.Module, image: Tensor) -> Tensor:
        """Run one layer; the blocks in the middle add their input."""
        outputs = layer(image)
        if number == 0:
            return torch.relu_(outputs)
        if number == 9:
            return torch.nn.functional.softplus(outputs)
        edge = (image.shape[-1] - outputs.shape[-1]) // 2
        return torch.relu_(outputs).add_(image[..., edge : image.shape[-1] - edge])

    @staticmethod
    def _image(bases: Tensor) -> Tensor:
        return bases[:, :, None].contiguous(memory_format=torch.channels_last)

    def forward(self, bases: Tensor) -> Tensor:
        image = self._image(bases)
        for number, layer in enumerate(self.layers):
            image = self._step(number, layer, image)
        return image[:, :, 0]

    def predict_stretch(self, bases: Tensor, stride: int) -> Tensor:
        """Every layer sees the bases of neighbouring windows once."""
        values = self(bases[None])[0]
        return values.unfold(1, 1000, stride).transpose(0, 1)

    def predict_alleles(
        self, reference: Tensor, alternative: Tensor, first: int, last: int
    ) -> tuple[Tensor, Tensor]:
        image = self._image(reference)
        patch = self._image(alternative)[..., first:last]
        for number, layer in enumerate(self.layers):
            reach = (layer.kernel_size[1] - 1) * layer.dilation[1]
            length = image.shape[-1] - reach
            low, high = max(0, first - reach), min(length, last)
            around = image[..., low : high + reach].clone(memory_format=torch.channels_last)
            around[..., first - low : last - low] = patch
            patch = self._step(number, layer, around)
            image = self._step(number, layer, image)
            first, last = low, high
        changed = image.clone()
        changed[..., first:last] = patch
        return image[:, :, 0], changed[:, :, 0]


def check() -> None:
    """Hold both ways to write the network against each other."""
    bases = torch.nn.functional.one_hot(torch.randint(0, 4, (4, 2114))).float().transpose(1, 2)
    other = bases.clone()
    other[:, :, 1057] = bases[:, :, 1057].roll(1, 1)
    plain, fast = Dilated(), Reaching()
    with torch.inference_mode():
        truth = plain(bases), plain(other)
        outputs = fast.predict_alleles(bases, other, 1057, 1058)
    for one, two in zip(truth, outputs, strict=True):
        worst = float((one - two).abs().max() / one.abs().max())
        if worst > 1e-5:
            raise SystemExit(f"the two networks differ by {worst:g} of the largest value")
