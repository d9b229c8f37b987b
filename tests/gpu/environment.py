"""Which machine this is, and what it can do at best."""

import os
import platform
import tempfile
import time
from functools import partial
from importlib.metadata import version

import torch

from tests.gpu.suite import Suite
from tracksmith.runs.device import default_batch_size, device_facts, resolve_device
from tracksmith.runs.precision import in_precision

SECONDS = 25


def run(suite: Suite) -> None:
    resolve_device(str(suite.device))
    names = ("torch", "numpy", "isal", "pysam", "cyvcf2", "pyBigWig", "distributed", "tracksmith")
    versions = {}
    for name in names:
        with suite.step(name):
            versions[name] = version(name)
    suite.say(
        "machine", python=platform.python_version(), cores=len(os.sched_getaffinity(0)),
        **device_facts(suite.device), **versions,
    )  # fmt: skip
    backends = torch.backends
    if suite.cuda:
        suite.check(
            "exact and repeatable arithmetic is switched on",
            not backends.cudnn.allow_tf32 and not backends.cuda.matmul.allow_tf32
            and backends.cudnn.deterministic and not backends.cudnn.benchmark,
        )  # fmt: skip
    windows = (200, 1000, 2048, 196_608)
    batches = {str(window): default_batch_size(str(suite.device), window) for window in windows}
    suite.say("windows a batch by default", **batches)
    _ceilings(suite)


def _ceilings(suite: Suite) -> None:
    size = 512 if suite.tiny else 8192
    for name in ("float32", "tf32", "bf16") if suite.cuda else ("float32",):
        with suite.step(f"product, {name}"), in_precision(name, suite.device):
            spent = suite.seconds(partial(torch.matmul, *_pair(suite, size)), 10)
            suite.say(f"product, {name}", tflops=2 * size**3 / spent / 1e12)
    with suite.step("copy on the device"):
        source = torch.empty(
            1 << (22 if suite.tiny else 30), dtype=torch.uint8, device=suite.device
        )
        target = torch.empty_like(source)
        spent = suite.seconds(lambda: target.copy_(source))
        suite.say("copy on the device", gb_s=2 * source.numel() / spent / 1e9)
    with suite.step("a small operation"):
        few = torch.zeros(64, device=suite.device)
        spent = suite.seconds(lambda: [few.add_(1) for _ in range(1000)])
        suite.say("a small operation", us=spent * 1e3)
    with suite.step("fsync of a part"), tempfile.NamedTemporaryFile(dir=suite.work) as out:
        out.write(bytes(45_000_000 if not suite.tiny else 1_000_000))
        out.flush()
        began = time.perf_counter()
        os.fsync(out.fileno())
        suite.say("fsync of a part", ms=(time.perf_counter() - began) * 1e3)


def _pair(suite: Suite, size: int) -> list[torch.Tensor]:
    return [torch.randn(size, size, device=suite.device) for _ in range(2)]
