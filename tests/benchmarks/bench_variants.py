"""What a variant costs: a nearly free model, and one like BPNet; memory for few and for many.

CPU time of the process (user and system), one compute thread, as the slope
between two numbers of SNVs, so that start-up does not count. Reference and
alternative, both strands, every file written.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from peak import peak_megabytes
from torch import Tensor, nn

from tracksmith.effects import api as effects
from tracksmith.effects.request import VariantRequest
from tracksmith.engine.request import PredictRequest
from tracksmith.models.card import ModelCard, Track, VariantDefaults, WindowGeometry
from tracksmith.models.contract import Model
from tracksmith.models.registry import RegisteredModel, Registry

LENGTH = 4_000_000
GEOMETRY = WindowGeometry(2114, 557, 1000)
TRACKS = (Track("plus", "plus", "+", "minus"), Track("minus", "minus", "-", "plus"))


class Free(nn.Module):
    """Returns two of its input's channels."""

    def forward(self, bases: Tensor) -> Tensor:
        return bases[:, 1:3, 557:1557]


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
        found = layer(image)
        if number == 0:
            return torch.relu_(found)
        if number == 9:
            return torch.nn.functional.softplus(found)
        edge = (image.shape[-1] - found.shape[-1]) // 2
        return torch.relu_(found).add_(image[..., edge : image.shape[-1] - edge])

    @staticmethod
    def _image(bases: Tensor) -> Tensor:
        return bases[:, :, None].contiguous(memory_format=torch.channels_last)

    def forward(self, bases: Tensor) -> Tensor:
        image = self._image(bases)
        for number, layer in enumerate(self.layers):
            image = self._step(number, layer, image)
        return image[:, :, 0]

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


def registry() -> Registry:
    found = {}
    for name, network in (("free", Free), ("dilated", Dilated), ("reaching", Reaching)):
        card = ModelCard(
            name=name, version="1", summary="benchmark", code_licence="MIT",
            weights_licence="MIT", citation="none", geometry=GEOMETRY, tracks=TRACKS,
            variants=VariantDefaults(pseudocount=1.0),
        )  # fmt: skip
        model = Model(card, lambda request, network=network: network())
        found[name] = RegisteredModel(model, "bench", "1", "bench")
    return Registry(found, [])


def write_inputs(folder: Path, variants: int) -> tuple[Path, Path]:
    """Write a genome of random bases and SNVs spread over it."""
    generator = np.random.default_rng(1)
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)
    bases = letters[generator.integers(0, 4, LENGTH)]
    genome, vcf = folder / "genome.fa", folder / "variants.vcf"
    lines = [bases[i : i + 60].tobytes() for i in range(0, LENGTH, 60)]
    genome.write_bytes(b">chr1\n" + b"\n".join(lines) + b"\n")
    places = np.sort(generator.integers(0, LENGTH, variants)).tolist()
    other = dict(zip("ACGT", "CGTA", strict=True))
    with vcf.open("w") as out:
        out.write("##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        for number, place in enumerate(places):
            ref = chr(bases[place])
            out.write(f"chr1\t{place + 1}\trs{number}\t{ref}\t{other[ref]}\t.\tPASS\t.\n")
    return genome, vcf


def run_once(model: str, variants: int) -> dict[str, float]:
    """Score in this process; return CPU seconds of scoring and of finishing, and the peak."""
    effects.load_registry = registry
    with tempfile.TemporaryDirectory() as folder:
        genome, vcf = write_inputs(Path(folder), variants)
        asked = VariantRequest(
            PredictRequest(
                (model,), genome, reverse_complement=True, device="cpu",
                batch_size=64 if model == "dilated" else None,
            ),
            vcf,
        )  # fmt: skip
        out = Path(folder) / "run"
        effects.plan(asked, out)
        before, began = time.process_time(), time.perf_counter()
        effects.work(out, "cpu")
        middle = time.process_time()
        effects.finish(out, device="cpu")
        after, ended = time.process_time(), time.perf_counter()
    peak = peak_megabytes()
    return {
        "score": middle - before, "finish": after - middle, "wall": ended - began, "peak": peak,
    }  # fmt: skip


def measure(model: str, variants: int) -> dict[str, float]:
    """Score in a process of its own."""
    command = [sys.executable, __file__, model, str(variants)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def report(model: str, few: int, many: int) -> float:
    """Print the slope between two numbers of variants; return us of CPU a variant."""
    low, high = measure(model, few), measure(model, many)
    each = {key: (high[key] - low[key]) / (many - few) * 1e6 for key in ("score", "finish", "wall")}
    print(
        f"{model}: {each['score'] + each['finish']:,.1f} us CPU a variant "
        f"({each['score']:,.1f} scoring, {each['finish']:,.1f} files), "
        f"{1e6 / each['wall']:,.0f} variants/s; "
        f"peak {low['peak']:,.0f} MB for {few:,}, {high['peak']:,.0f} MB for {many:,}",
        flush=True,
    )
    return each["score"] + each["finish"]


def check() -> None:
    """Hold both ways to write the network against each other."""
    bases = torch.nn.functional.one_hot(torch.randint(0, 4, (4, 2114))).float().transpose(1, 2)
    other = bases.clone()
    other[:, :, 1057] = bases[:, :, 1057].roll(1, 1)
    plain, fast = Dilated(), Reaching()
    with torch.inference_mode():
        truth = plain(bases), plain(other)
        found = fast.predict_alleles(bases, other, 1057, 1058)
    for one, two in zip(truth, found, strict=True):
        worst = float((one - two).abs().max() / one.abs().max())
        if worst > 1e-5:
            raise SystemExit(f"the two networks differ by {worst:g} of the largest value")


def main() -> None:
    """Print the table, or one figure as JSON where a model and a number are given."""
    if len(sys.argv) > 2:
        print(json.dumps(run_once(sys.argv[1], int(sys.argv[2]))))
        return
    report("free", 10_000, 100_000)
    check()
    plain = report("dilated", 16, 80)
    fast = report("reaching", 32, 160)
    print(
        f"the shortcut for alleles: {plain / fast:.1f} times less CPU than plain windows, batch 64"
    )
    if "--million" in sys.argv:
        report("free", 10_000, 1_000_000)


if __name__ == "__main__":
    main()
