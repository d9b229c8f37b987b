"""How much of a CLIPNET run is the network: forward time over whole time on a CPU.

Random weights of the published shapes; the time of a network does not depend
on its weights. CPU seconds of the process; one compute thread.
"""

import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from bench_engine import write_genome
from tracksmith_clipnet.network import SHAPES, Clipnet, rescale
from tracksmith_clipnet.plugin import LCL

import tracksmith
from tracksmith.kinds import kind_of_run
from tracksmith.models import registry as plugins
from tracksmith.models.contract import Model, Predictor
from tracksmith.models.registry import RegisteredModel, Registry
from tracksmith.progress import Silent

GENOME_BASES = 32_000_000
BASES = 3_000_000
"""Predicted: the first megabases of a genome that is large enough for chunks of 1 Mb."""


def random_clipnet(seed: int) -> Clipnet:
    generator = np.random.default_rng(seed)
    layers = {
        name: generator.uniform(0.01, 0.1, shape).astype(np.float32)
        for name, shape in SHAPES.items()
    }
    return Clipnet(layers)


def registry(folds: int) -> Registry:
    networks = {str(fold): random_clipnet(fold) for fold in range(1, folds + 1)}
    predictor = Predictor(networks, to_tracks=rescale(1e-3, calibrate=False))
    paths = dict.fromkeys(networks, ())
    model = Model(LCL, lambda request: predictor, find_weights=lambda path: paths)
    return Registry({LCL.name: RegisteredModel(model, "bench", "1", "bench")}, [])


def measure(genome: Path, out: Path, folds: int) -> None:
    models = registry(folds)
    plugins.load_registry = lambda: models
    region = f"chr1:1-{BASES}"
    run = tracksmith.plan(
        LCL.name, genome, out, regions=region, device="cpu", weights=genome.parent,
        folds="mean:" + ",".join(str(fold) for fold in range(1, folds + 1)),
    )  # fmt: skip
    worker = kind_of_run(run).open(run, "cpu", Silent())
    forward = worker.models[0].forward
    inside = [0.0]

    def timed(function):
        def wrapped(*arguments):
            began = time.thread_time()
            result = function(*arguments)
            inside[0] += time.thread_time() - began
            return result

        return wrapped

    forward._calls._call = timed(forward._calls._call)
    forward.to_tracks = timed(forward.to_tracks)
    began, wall = time.process_time(), time.perf_counter()
    for part in range(len(worker.store)):
        worker.compute(part)
    worker.finish(Silent())
    whole, wall = time.process_time() - began, time.perf_counter() - wall
    print(
        f"CLIPNET, {folds} folds, {BASES / 1e6:g} Mb, tracks written and finished: "
        f"{whole / BASES * 1e9:,.0f} ns of CPU a base, wall {wall:.1f} s; "
        f"forward over whole: {inside[0] / whole:.3f} (bar: 0.95)"
    )


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        genome = write_genome(Path(folder) / "genome.fa", GENOME_BASES)
        for folds in (1, 3, 9):
            measure(genome, Path(folder) / f"run-{folds}", folds)


if __name__ == "__main__":
    main()
