"""All of ``predict`` against a plain loop with pyBigWig: a nearly free model, same tracks written.

    python tests/benchmarks/bench_predict.py [--megabases 4]

Windows of 2,114 bp, two tracks of the 1,000 bp in the middle, one compute thread. The loop reads
the contig, turns a batch of windows into one-hot float32, calls the network and hands each window's
values to pyBigWig. Slopes between two sizes, so that start-up does not count; CPU time of all
threads; best of the repeats, both in turn. At last, what the values' compression alone takes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pyBigWig
import torch
from torch import Tensor, nn
from toys import write_genome

import tracksmith
from tracksmith.models import registry as plugins
from tracksmith.models.card import ModelCard, Track, WindowGeometry
from tracksmith.models.contract import Model
from tracksmith.models.registry import RegisteredModel, Registry
from tracksmith.tracks import TrackOptions, read_values

WINDOW, CORE, BATCH = 2_114, 1_000, 64
EDGE = (WINDOW - CORE) // 2
REPEATS = 3


class Slice(nn.Module):
    """Mixes a base with its neighbours: nearly free, and values that compress as a network's."""

    def __init__(self) -> None:
        super().__init__()
        weights = torch.randn(2, 4, 9, generator=torch.Generator().manual_seed(1))
        self.register_buffer("weights", weights)

    def forward(self, bases: Tensor) -> Tensor:
        return nn.functional.conv1d(bases[:, :, EDGE - 4 : WINDOW - EDGE + 4], self.weights)


CARD = ModelCard(
    name="slice",
    version="1",
    summary="nearly free",
    code_licence="MIT",
    weights_licence="MIT",
    citation="none",
    geometry=WindowGeometry(WINDOW, EDGE, CORE),
    tracks=(Track("a", "a", signed=True), Track("b", "b", signed=True)),
)


def ours(genome: Path, out: Path) -> None:
    model = Model(CARD, lambda request: Slice())
    registry = Registry({"slice": RegisteredModel(model, "bench", "1", "bench")}, [])
    plugins.load_registry = lambda: registry
    tracksmith.predict("slice", genome, out, device="cpu")


def plain_loop(genome: Path, out: Path) -> None:
    """Write the same tracks window by window, as a script would."""
    network, codes = Slice(), np.full(256, 4)
    codes[np.frombuffer(b"ACGT", np.uint8)] = range(4)
    table = np.eye(5, 4, dtype=np.float32)
    out.mkdir()
    for name, bases in (text.split("\n", 1) for text in genome.read_text()[1:].split(">")):
        bases = bases.replace("\n", "")
        numbers = codes[np.frombuffer(bases.encode(), np.uint8)]
        padded = np.pad(numbers, EDGE, constant_values=4)
        padded = np.pad(padded, (0, -len(numbers) % CORE), constant_values=4)
        starts = range(0, len(numbers), CORE)
        files = [pyBigWig.open(str(out / f"{track}.bw"), "w") for track in "ab"]
        for file in files:
            file.addHeader([(name, len(numbers))])
        for first in range(0, len(starts), BATCH):
            batch = starts[first : first + BATCH]
            windows = np.stack([table[padded[start : start + WINDOW]].T for start in batch])
            with torch.inference_mode():
                outputs = network(torch.from_numpy(windows)).numpy()
            for start, tracks in zip(batch, outputs, strict=True):
                for file, values in zip(files, tracks, strict=True):
                    kept = np.ascontiguousarray(values[: len(numbers) - start])
                    file.addEntries(name, start, values=kept, span=1, step=1)
        for file in files:
            file.close()


def child(way: str, genome: Path, out: Path) -> None:
    torch.set_num_threads(1)
    {"tracksmith": ours, "plain loop": plain_loop}[way](genome, out)
    print(time.process_time())


def slope(way: str, genomes: list[Path], sizes: list[int], folder: Path) -> float:
    """Return CPU nanoseconds a base."""
    seconds = []
    for genome, size in zip(genomes, sizes, strict=True):
        out = folder / f"{way}-{size}-{time.monotonic_ns()}"
        command = [sys.executable, __file__, "--child", way, str(genome), str(out)]
        seconds.append(float(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))
    return (seconds[1] - seconds[0]) / (sizes[1] - sizes[0]) * 1e9


def compression(values: np.ndarray) -> float:
    """Return CPU nanoseconds of compressing a value in sections of 4,096."""
    options, blocks = TrackOptions("isal"), [
        values[first : first + 4096].tobytes() for first in range(0, len(values), 4096)
    ]  # fmt: skip
    times = []
    for _ in range(REPEATS):
        began = time.process_time()
        for block in blocks:
            options.compress(block)
        times.append(time.process_time() - began)
    return min(times) / len(values) * 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabases", type=int, default=4)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        way, genome, out = given.child
        child(way, Path(genome), Path(out))
        return
    sizes = [200_000, given.megabases * 1_000_000]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        genomes = [write_genome(folder / f"{size}.fa", [size]) for size in sizes]
        seconds_of: dict[str, list[float]] = {"tracksmith": [], "plain loop": []}
        for _ in range(REPEATS):
            for way, slopes in seconds_of.items():
                slopes.append(slope(way, genomes, sizes, folder))
        theirs = next(folder.glob(f"plain loop-{sizes[0]}-*")) / "a.bw"
        own = next(folder.glob(f"tracksmith-{sizes[0]}-*")) / "tracks" / "slice.a.bw"
        a, b = (read_values(path, "c0", 0, sizes[0]) for path in (own, theirs))
        a_value = compression(a)
    print(f"largest difference of values: {np.nanmax(abs(a - b)) / np.nanmax(abs(b)):.1e}")
    for way, slopes in seconds_of.items():
        print(f"{way}: {min(slopes):.0f} ns of CPU a base of two tracks")
    best = {way: min(slopes) for way, slopes in seconds_of.items()}
    print(f"ratio: {best['plain loop'] / best['tracksmith']:.1f} (bar 12)")
    print(
        f"compression alone: {2 * a_value:.0f} ns; all of the work over it: "
        f"{best['tracksmith'] / (2 * a_value):.2f} (bar 1.6)"
    )


if __name__ == "__main__":
    main()
