"""CPU seconds of Enformer's two shortcuts against plain windows, as ratios of one run.

A narrow network of the published geometry (196,608 bp, stride 114,688 bp) with
seeded random weights, one thread. Plain windows and shortcut take turns, and the
best of the repeats counts, so that what else the machine does matters less.

    python benchmarks/bench_stretch.py [--windows 20] [--width 192] [--depth 2] [--heads 2]
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from tracksmith_enformer.network import Enformer
from tracksmith_enformer.weights import Sizes, layout

WINDOW, STRIDE, BINS = 196_608, 114_688, 896
PUBLISHED = (768, 768, 896, 1024, 1152, 1280, 1536)


def network(width: int, depth: int, heads: int) -> Enformer:
    """Return a network whose channels are the published ones, scaled to ``width``."""
    channels = tuple(max(round(c * width / 1536 / 16), 1) * 16 for c in PUBLISHED)
    value = channels[-1] // heads
    key = max(round(64 * width / 1536), 16)
    sizes = Sizes(channels, depth, heads, key, value, max(value // 6, 1) * 6, (("human", 8),))
    random = torch.Generator().manual_seed(0)
    tensors = {}
    for name, shape in layout(sizes).items():
        values = torch.randn(shape, generator=random) / max(torch.Size(shape[1:]).numel(), 1) ** 0.5
        tensors[name] = values.abs() + 0.5 if name.endswith("running_var") else values
    return Enformer(tensors, sizes, WINDOW, BINS, "human")


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """Return CPU seconds and the result."""
    start = time.process_time()
    result = function(*arguments)
    return time.process_time() - start, result


def off(outputs: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the largest difference relative to the largest value."""
    return float((outputs - expected).abs().max() / expected.max())


def stretch(net: Enformer, windows: int) -> tuple[float, float, float]:
    """Return CPU seconds plain and shared, and the error."""
    length = WINDOW + (windows - 1) * STRIDE
    codes = torch.randint(0, 4, (length,), generator=torch.Generator().manual_seed(1))
    bases = torch.nn.functional.one_hot(codes, 4).T.float().contiguous()
    shared, outputs = timed(net.predict_stretch, bases, STRIDE)
    plain = error = 0.0
    for number, window in enumerate(bases.unfold(1, WINDOW, STRIDE).transpose(0, 1)):
        seconds, expected = timed(net, window[None])
        plain += seconds
        error = max(error, off(outputs[number], expected[0]))
    return plain, shared, error


def alleles(net: Enformer, pairs: int) -> tuple[float, float, float]:
    """Return CPU seconds plain and spliced, and the error, over single-base changes."""
    plain = spliced = error = 0.0
    for seed in range(pairs):
        codes = torch.randint(0, 4, (WINDOW,), generator=torch.Generator().manual_seed(seed))
        changed = codes.clone()
        place = WINDOW // 2 - 1
        changed[place] = (codes[place] + 1) % 4
        one, other = (torch.nn.functional.one_hot(c, 4).T[None].float() for c in (codes, changed))
        seconds, outputs = timed(net.predict_alleles, one, other, place, place + 1)
        spliced += seconds
        for result, bases in zip(outputs, (one, other), strict=True):
            seconds, expected = timed(net, bases)
            plain += seconds
            error = max(error, off(result, expected))
    return plain, spliced, error


def best(repeats: int, function: Callable[..., Any], *arguments: Any) -> tuple[float, ...]:
    """Return the smallest times and the largest error of several runs."""
    runs = [function(*arguments) for _ in range(repeats)]
    plain, fast, error = zip(*runs, strict=True)
    return min(plain), min(fast), max(error)


def main() -> None:
    """Print one line for each shortcut."""
    parser = argparse.ArgumentParser()
    options = {"windows": 20, "pairs": 5, "width": 192, "depth": 2, "heads": 2, "repeats": 2}
    for name, default in options.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with torch.inference_mode():
        net = network(arguments.width, arguments.depth, arguments.heads)
        net(torch.zeros(1, 4, WINDOW))
        print(
            f"width {arguments.width}, depth {arguments.depth}, heads {arguments.heads}, one thread"
        )
        results = {
            f"stretch of {arguments.windows} windows": best(
                arguments.repeats, stretch, net, arguments.windows
            ),
            f"{arguments.pairs} pairs of alleles": best(
                arguments.repeats, alleles, net, arguments.pairs
            ),
        }
    for name, (plain, fast, error) in results.items():
        print(
            f"{name}: plain {plain:.2f} CPU-s, shortcut {fast:.2f} CPU-s, "
            f"ratio {plain / fast:.2f}, largest difference {error:.1e} of the maximum"
        )
    unit = 1e6 if sys.platform != "darwin" else 1e9
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit:.2f} GB")


if __name__ == "__main__":
    main()
