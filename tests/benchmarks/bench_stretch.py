"""Two strand bigWigs by a network like BPNet: a simple loop, and the engine without and with hooks.

The loop is what one writes first: windows in batches of 64, values handed to
pyBigWig. CPU time of the process (user and system), one compute thread, as the
slope between two sizes, so that start-up does not count.
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
import pyBigWig
import pysam
import torch
from bench_engine import write_genome
from bpnet import Dilated, Reaching

import tracksmith
from tracksmith.models import registry as plugins
from tracksmith.models.card import ModelCard, Track, WindowGeometry
from tracksmith.models.contract import Model
from tracksmith.models.layout import channels_last
from tracksmith.models.registry import RegisteredModel, Registry

FEW, MANY = 100_000, 300_000
WINDOW, MARGIN, CORE = 2114, 557, 1000
NETWORKS = {
    "engine, network as it is": Dilated,
    "engine, channels_last(network)": lambda: channels_last(Dilated()),
    "engine, predict_stretch": Reaching,
}


def loop(genome: Path, out: Path) -> None:
    """Predict window by window and write with pyBigWig."""
    out.mkdir()
    network = Dilated().eval()
    sequence = pysam.FastaFile(str(genome)).fetch("chr1")
    padded = "N" * MARGIN + sequence + "N" * (CORE + MARGIN)
    letters = np.frombuffer(b"ACGT", np.uint8)
    files = [pyBigWig.open(str(out / f"{name}.bw"), "w") for name in ("plus", "minus")]
    for file in files:
        file.addHeader([("chr1", len(sequence))])
    starts = range(0, len(sequence), CORE)
    for first in range(0, len(starts), 64):
        chosen = starts[first : first + 64]
        rows = np.stack([np.frombuffer(padded[s : s + WINDOW].encode(), np.uint8) for s in chosen])
        bases = torch.from_numpy((rows[:, None] == letters[None, :, None]).astype(np.float32))
        with torch.inference_mode():
            outputs = network(bases).numpy()
        for file, track in zip(files, outputs.transpose(1, 0, 2), strict=True):
            values = track.reshape(-1)[: len(sequence) - chosen[0]]
            file.addEntries("chr1", chosen[0], values=values, span=1, step=1)
    for file in files:
        file.close()


def engine(genome: Path, out: Path, name: str) -> None:
    """Predict with tracksmith."""
    card = ModelCard(
        name="bpnet", version="1", summary="benchmark", code_licence="MIT", weights_licence="MIT",
        citation="none", geometry=WindowGeometry(WINDOW, MARGIN, CORE),
        tracks=(Track("plus", "plus"), Track("minus", "minus")),
    )  # fmt: skip
    model = Model(card, lambda request: NETWORKS[name]())
    registry = Registry({"bpnet": RegisteredModel(model, "bench", "1", "bench")}, [])
    plugins.load_registry = lambda: registry
    tracksmith.predict("bpnet", genome, out, device="cpu")


def run_once(name: str, bases: int) -> float:
    """Return CPU seconds of one job; a short one before it warms the machine up."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        genome = write_genome(folder / "genome.fa", bases)
        began = time.process_time()
        if name in NETWORKS:
            engine(genome, folder / "out", name)
        else:
            loop(genome, folder / "out")
        return time.process_time() - began


def compare(name: str) -> float:
    """Return the largest difference to the loop, as a share of the track's maximum."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        genome = write_genome(folder / "genome.fa", 20_500)
        loop(genome, folder / "loop")
        engine(genome, folder / "engine", name)
        worst = 0.0
        for track in ("plus", "minus"):
            expected, values = (
                pyBigWig.open(str(path)).values("chr1", 0, 20_500, numpy=True)
                for path in (
                    folder / "loop" / f"{track}.bw",
                    next((folder / "engine" / "tracks").glob(f"*{track}.bw")),
                )
            )
            worst = max(worst, float(np.abs(expected - values).max() / expected.max()))
        return worst


def main() -> None:
    """Print the table, or one figure as JSON where a job and a size are given."""
    if len(sys.argv) > 2:
        print(json.dumps(run_once(sys.argv[1], int(sys.argv[2]))))
        return
    first = 0.0
    print("ns of CPU a base, two strands of 1-bp values")
    for name in ("simple loop and pyBigWig", *NETWORKS):
        few, many = (
            json.loads(
                subprocess.run(
                    [sys.executable, __file__, name, str(bases)], check=True, capture_output=True
                ).stdout.splitlines()[-1]
            )
            for bases in (FEW, MANY)
        )
        each = (many - few) / (MANY - FEW) * 1e9
        first = first or each
        differs = f", differs by {compare(name):.1e} of the maximum" if name in NETWORKS else ""
        print(f"{name:32}{each:10,.0f}{first / each:8.1f} x{differs}", flush=True)


if __name__ == "__main__":
    main()
