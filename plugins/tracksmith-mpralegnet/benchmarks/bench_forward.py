"""CPU time of MPRALegNet's forward pass against a plain eager implementation, in one run.

``python bench_forward.py CHECKPOINT``; sizes as in the checkpoint, poolings 2 wide.
Times are microseconds per sequence of 230 bp; a window is two sequences, one a strand.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from tracksmith_mpralegnet.checkpoint import PREFIX, read_checkpoint

from tracksmith.models.safe_load import load_tensors

BATCHES = (1, 4, 16, 64, 128)
ROUNDS = 5


class PlainLegNet(nn.Module):
    """The same network layer by layer: one-dimensional convolutions, nothing folded."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        loaded = load_tensors(path, legacy=True)
        self.tensors = {name.removeprefix(PREFIX): values for name, values in loaded.items()}

    def _norm(self, x: Tensor, name: str) -> Tensor:
        parts = ("running_mean", "running_var", "weight", "bias")
        mean, variance, weight, bias = (self.tensors[f"{name}.{part}"] for part in parts)
        return functional.batch_norm(x, mean, variance, weight, bias)

    def _conv(self, x: Tensor, name: str, groups: int = 1) -> Tensor:
        bias = self.tensors.get(f"{name}.bias")
        return functional.conv1d(
            x, self.tensors[f"{name}.weight"], bias, padding="same", groups=groups
        )

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return functional.linear(x, self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"])

    def _layer(self, x: Tensor, name: str, number: int, groups: int = 1) -> Tensor:
        x = self._conv(x, f"{name}.{number}", groups)
        return functional.silu(self._norm(x, f"{name}.{number + 1}"))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, 4, length)`` to ``(batch,)``, as `LegNet` does."""
        x = self._layer(x, "stem.block", 0)
        block = 0
        while f"main.{block}.1.block.0.weight" in self.tensors:
            name = f"main.{block}.0.fn.block"
            inner = self._layer(x, name, 0)
            inner = self._layer(inner, name, 3, groups=inner.shape[1])
            gate = functional.silu(self._linear(inner.mean(2), f"{name}.6.fc.0"))
            inner = inner * self._linear(gate, f"{name}.6.fc.2").sigmoid()[:, :, None]
            x = torch.cat([self._layer(inner, name, 7), x], dim=1)
            x = functional.max_pool1d(self._layer(x, f"main.{block}.1.block", 0), 2)
            block += 1
        x = self._conv(self._norm(x, "mapper.block.0"), "mapper.block.1").mean(2)
        x = functional.silu(self._norm(self._linear(x, "head.0"), "head.1"))
        return self._linear(x, "head.3").squeeze(1)


def measure(networks: list[nn.Module], sequences: Tensor) -> list[float]:
    """Return the best CPU time of each network in us per sequence, rounds interleaved."""
    best = [float("inf")] * len(networks)
    for _ in range(ROUNDS):
        for number, network in enumerate(networks):
            start = time.process_time()
            network(sequences)
            best[number] = min(best[number], time.process_time() - start)
    return [seconds / len(sequences) * 1e6 for seconds in best]


@torch.inference_mode()
def main() -> None:
    """Print one table per thread count."""
    path = Path(sys.argv[1])
    networks = [PlainLegNet(path), read_checkpoint(path, None, both_strands=True).eval()]
    codes = torch.randint(0, 4, (max(BATCHES), 230), generator=torch.Generator().manual_seed(1))
    sequences = functional.one_hot(codes, 4).transpose(1, 2).float().contiguous()
    plain, folded = (network(sequences) for network in networks)
    print(f"largest difference: {(plain - folded).abs().max():.1e}")
    for threads in (1, 2):
        torch.set_num_threads(threads)
        print(f"\n{threads} thread(s), CPU us/sequence\nbatch   plain  folded  ratio")
        for batch in BATCHES:
            us = measure(networks, sequences[:batch])
            print(f"{batch:5d} {us[0]:7.0f} {us[1]:7.0f} {us[0] / us[1]:6.2f}")


if __name__ == "__main__":
    main()
