"""What the engine itself costs: a nearly free model, with and without the writer; memory.

Figures are CPU time of the process (user and system), one compute thread, as
the slope between two sizes, so that start-up does not count.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Future
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from peak import peak_megabytes
from torch import Tensor, nn

import tracksmith
from tracksmith.engine.work import WindowWorker
from tracksmith.kinds import kind_of_run
from tracksmith.models import registry as plugins
from tracksmith.models.card import ModelCard, Track, WindowGeometry
from tracksmith.models.contract import Model
from tracksmith.models.registry import RegisteredModel, Registry
from tracksmith.progress import Silent

MEGABASE = 1_000_000


class Slice(nn.Module):
    """Returns two of its input's channels: as good as free."""

    def forward(self, bases: Tensor) -> Tensor:
        return bases[:, :2, 250:750]


CARD = ModelCard(
    name="slice",
    version="1",
    summary="nearly free",
    code_licence="MIT",
    weights_licence="MIT",
    citation="none",
    geometry=WindowGeometry(1000, 250, 500),
    tracks=(Track("a", "a"), Track("c", "c")),
)


def registry() -> Registry:
    model = Model(CARD, lambda request: Slice())
    return Registry({"slice": RegisteredModel(model, "bench", "1", "bench")}, [])


def write_genome(path: Path, bases: int) -> Path:
    generator = np.random.default_rng(1)
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)
    with path.open("wb") as handle:
        handle.write(b">chr1\n")
        for start in range(0, bases, 60 * 10_000):
            count = min(bases - start, 60 * 10_000)
            block = letters[generator.integers(0, 4, count)]
            lines = [block[i : i + 60].tobytes() for i in range(0, count, 60)]
            handle.write(b"\n".join(lines) + b"\n")
    return path


def without_writer(model: WindowWorker) -> None:
    """Make the worker drop its values instead of encoding them."""
    done: Future[bytes] = Future()
    done.set_result(b"")

    def drop(pool, chunk, values):
        return [done] * len(model.plan.outputs)

    model._encode = drop


def cpu_of_parts(genome: Path, out: Path, writer: bool) -> float:
    torch.set_num_threads(1)
    plugins.load_registry = registry
    run = tracksmith.plan("slice", genome, out, device="cpu")
    worker = kind_of_run(run).open(run, "cpu", Silent())
    if not writer:
        without_writer(worker.models[0])
    worker.load()
    began = time.process_time()
    for part in range(len(worker.store)):
        worker.compute(part)
    return time.process_time() - began


def measure_engine(folder: Path) -> None:
    sizes = (4 * MEGABASE, 24 * MEGABASE)
    genomes = [write_genome(folder / f"{size}.fa", size) for size in sizes]
    for writer in (False, True):
        slopes = []
        for attempt in range(3):
            small, large = (
                cpu_of_parts(genome, folder / f"run-{writer}-{attempt}-{size}", writer)
                for genome, size in zip(genomes, sizes, strict=True)
            )
            slopes.append((large - small) / (sizes[1] - sizes[0]) * 1e9)
        what = "engine and encoder, two tracks" if writer else "engine alone"
        shown = ", ".join(f"{slope:.1f}" for slope in sorted(slopes))
        print(f"{what}: {shown} ns of CPU a base (three runs; bar for the engine alone: 50)")


def child(genome: str, out: str) -> None:
    """Predict a whole genome; print peak memory in MB."""
    plugins.load_registry = registry
    torch.set_num_threads(1)
    tracksmith.predict("slice", genome, out, device="cpu")
    peak = peak_megabytes()
    print(json.dumps({"peak": peak, "cpu": time.process_time()}))


def measure_memory(folder: Path) -> None:
    peaks = []
    for size in (2 * MEGABASE, 200 * MEGABASE):
        genome = write_genome(folder / f"memory-{size}.fa", size)
        command = [sys.executable, __file__, str(genome), str(folder / f"memory-{size}")]
        measured = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        peaks.append(measured["peak"])
        print(
            f"predict {size // MEGABASE} Mb: peak {measured['peak']:.0f} MB, "
            f"{measured['cpu']:.1f} s CPU"
        )
    print(f"memory for 200 Mb over 2 Mb: {peaks[1] / peaks[0]:.3f} (bar: within 1.10)")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        measure_engine(Path(folder))
        measure_memory(Path(folder))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        child(*sys.argv[1:])
    else:
        main()
