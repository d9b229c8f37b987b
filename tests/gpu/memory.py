"""A device with little memory: halved batches, or a sentence; never a trace."""

import subprocess
import sys

import numpy as np
import torch

from tests.gpu.models import random_clipnet, write_genome
from tests.gpu.suite import Suite, difference
from tracksmith.engine.forward import Forward, ForwardOptions
from tracksmith.engine.tiling import tile
from tracksmith.engine.windows import Stretch
from tracksmith.errors import ResourceError
from tracksmith.models.contract import Predictor
from tracksmith.runs.batch import BatchSize
from tracksmith.runs.failures import device_faults_told

SECONDS = 45


def run(suite: Suite) -> None:
    span = 8_000 if suite.tiny else 262_000
    expected = _forward(suite, span)
    if not suite.cuda:
        suite.say("little memory", skipped="needs a GPU")
        return
    suite.say("peak of a chunk", mb=torch.cuda.max_memory_allocated() >> 20)
    total = torch.cuda.mem_get_info()[1]
    for megabytes in (900, 400, 200, 60, 4):
        with suite.step(f"{megabytes} MB"):
            torch.cuda.empty_cache()
            torch.cuda.set_per_process_memory_fraction((megabytes << 20) / total)
            try:
                with device_faults_told(suite.device):
                    differences = difference(_forward(suite, span), expected)
                suite.check(f"{megabytes} MB", differences["of_max"] < 1e-5, **differences)
            except ResourceError as error:
                suite.check(f"{megabytes} MB", "Out of memory" in str(error), said=str(error)[:300])
            finally:
                torch.cuda.set_per_process_memory_fraction(1.0)
    _beside_a_full_device(suite)


def _forward(suite: Suite, span: int):
    """Predict one chunk by one fold in a batch of 2,048 windows."""
    from tracksmith_clipnet.network import rescale
    from tracksmith_clipnet.plugin import LCL

    predictor = Predictor({"1": random_clipnet(1)}, to_tracks=rescale(1e-3, calibrate=False))
    tiling = tile(LCL.window_geometry)
    forward = Forward(LCL, predictor, tiling, suite.device, BatchSize(2048), ForwardOptions())
    low, high = forward.reach(0, span)
    codes = np.array([1, 2, 4, 8], np.uint8)[np.random.default_rng(5).integers(0, 4, high - low)]
    return forward.predict(Stretch(codes, low), 0, span, ["1"])


def _beside_a_full_device(suite: Suite) -> None:
    """Start a command while this process holds nearly all memory."""
    if suite.fixtures is None:
        return
    genome = write_genome(suite.work / "small.fa", 200_000)
    for megabytes in (3000, 600, 200):
        with suite.step(f"a command where {megabytes} MB are free", 12):
            torch.cuda.empty_cache()
            free = torch.cuda.mem_get_info()[0]
            taken = torch.empty(free - (megabytes << 20), dtype=torch.uint8, device=suite.device)
            out = suite.work / f"beside-{megabytes}"
            done = subprocess.run(
                [
                    sys.executable, "-c", "from tracksmith.cli import main; main()", "predict",
                    "-m", "clipnet-lcl", "-g", str(genome), "-d", str(suite.device), "-o", str(out),
                    "--weights", str(suite.fixtures / "clipnet/folds"), "--folds", "mean:1,2,3",
                ],
                capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            del taken
            good = done.returncode in (0, 5) and "fault of tracksmith" not in done.stderr
            good = good and "Traceback" not in done.stderr
            said = done.stderr.strip().splitlines()[-3:]
            suite.check(
                f"a command where {megabytes} MB are free", good, code=done.returncode, said=said
            )
