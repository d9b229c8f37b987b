"""CPU time of CLIPNET's forward pass against a plain eager implementation, in one run.

``python bench_forward.py [fold_1.h5]``; without a file the weights are random.
Times are ns per genome base: seconds per window / 500 bp of its core.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from tracksmith_clipnet.hdf5 import read_layers
from tracksmith_clipnet.network import SHAPES, Clipnet, Layers

BATCHES = (1, 4, 8, 16, 32, 64)
CORE = 500
ROUNDS = 5


class PlainClipnet(nn.Module):
    """The same network layer by layer: one-dimensional convolutions, nothing folded."""

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        self.weights = {name: torch.from_numpy(values) for name, values in layers.items()}
        for name, weight in self.weights.items():
            if name.startswith("conv1d") and name.endswith("kernel"):
                self.weights[name] = weight.permute(2, 1, 0).contiguous()

    def _norm(self, x: Tensor, number: int) -> Tensor:
        name = "batch_normalization" + (f"_{number}" if number else "")
        parts = ("moving_mean", "moving_variance", "gamma", "beta")
        mean, variance, gamma, beta = (self.weights[f"{name}/{part}"] for part in parts)
        return functional.batch_norm(x, mean, variance, gamma, beta, eps=1e-3)

    def _conv(self, x: Tensor, number: int, dilation: int = 0) -> Tensor:
        name = "conv1d" + (f"_{number}" if number else "")
        weight, bias = self.weights[f"{name}/kernel"], self.weights[f"{name}/bias"]
        return functional.conv1d(x, weight, bias, padding=dilation, dilation=max(dilation, 1))

    def forward(self, bases: Tensor) -> Tensor:
        """Map ``(batch, 4, 1000)`` to ``(batch, 1001)``, as `Clipnet` does."""
        x = functional.elu(self._norm(self._conv(self._norm(bases, 0), 0), 1))
        x = functional.max_pool1d(x, 2)
        x = functional.max_pool1d(functional.relu(self._norm(self._conv(x, 1), 2)), 2)
        x = self._conv(x, 2)
        for block in range(9):
            inner = functional.relu(self._norm(self._conv(x, 3 + block, 2**block), 3 + 2 * block))
            x = functional.relu(self._norm(x + inner, 4 + 2 * block))
        x = functional.max_pool1d(x, 2)
        heads = ((x.transpose(1, 2).flatten(1), "dense", 21), (x.mean(2), "dense_1", 22))
        outputs = [
            self._norm(f @ self.weights[f"{name}/kernel"] + self.weights[f"{name}/bias"], number)
            for f, name, number in heads
        ]
        return functional.relu(torch.cat(outputs, 1))


def random_layers() -> dict[str, np.ndarray]:
    """Return seeded weights of a sensible size."""
    random = np.random.default_rng(0)
    layers = {}
    for name, shape in SHAPES.items():
        if name.endswith("kernel"):
            values = random.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape)
        elif name.endswith(("gamma", "moving_variance")):
            values = random.uniform(0.5, 1.5, shape)
        else:
            values = random.normal(0, 0.1, shape)
        layers[name] = values.astype(np.float32)
    return layers


def measure(calls: dict[str, Callable[[], Tensor]], windows: int) -> dict[str, float]:
    """Return the best CPU time of each call in ns per base, rounds interleaved."""
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(ROUNDS):
        for name, call in calls.items():
            start = time.process_time()
            call()
            best[name] = min(best[name], time.process_time() - start)
    return {name: seconds / windows / CORE * 1e9 for name, seconds in best.items()}


@torch.inference_mode()
def main() -> None:
    """Print one table per thread count."""
    layers = read_layers(Path(sys.argv[1])) if len(sys.argv) > 1 else random_layers()
    plain, folded = PlainClipnet(layers), Clipnet(layers).eval()
    codes = np.random.default_rng(1).integers(0, 4, 1000 + 63 * CORE)
    stretch = torch.from_numpy(2 * np.eye(4, dtype=np.float32)[codes].T.copy())
    windows = stretch.unfold(1, 1000, CORE).transpose(0, 1).contiguous()
    expected = plain(windows)
    off = (folded(windows) - expected).abs().max() / expected.abs().max()
    print(f"largest difference / maximum: {off:.1e}")
    for threads in (1, 2):
        torch.set_num_threads(threads)
        print(f"\n{threads} thread(s), CPU ns/base\nbatch   plain  folded stretch  plain/stretch")
        for batch in BATCHES:
            some, bases = windows[:batch], stretch[:, : 1000 + (batch - 1) * CORE]
            calls: dict[str, Callable[[], Tensor]] = {
                "plain": partial(plain, some),
                "folded": partial(folded, some),
                "stretch": partial(folded.predict_stretch, bases, CORE),
            }
            ns = measure(calls, batch)
            columns = " ".join(f"{value:7.0f}" for value in ns.values())
            print(f"{batch:5d} {columns} {ns['plain'] / ns['stretch']:14.2f}")


if __name__ == "__main__":
    main()
