"""The command of the suite; see the package."""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import torch

from tests.gpu import environment, laws, memory, parity, rates, tracks, variants
from tests.gpu.suite import LateError, Suite

SECTIONS = {
    module.__name__.rpartition(".")[2]: module
    for module in (environment, parity, laws, memory, tracks, rates, variants)
}


def main(arguments: list[str] | None = None) -> int:
    """Run the sections; return 1 where something is bad."""
    given = _arguments(arguments)
    device = torch.device(given.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("No CUDA device: nothing to check. Give --device cpu --tiny to try the suite itself.")
        return 0
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", 0)
    given.out.mkdir(parents=True, exist_ok=True)
    place = "/dev/shm" if device.type == "cuda" and Path("/dev/shm").is_dir() else None
    with (
        tempfile.TemporaryDirectory(dir=place) as work,
        (given.out / "results.jsonl").open("w") as log,
    ):
        fixtures = given.fixtures and given.fixtures.resolve()
        suite = Suite(device, fixtures, Path(work), given.tiny, given.budget, log)
        _guard(suite)
        for name in given.sections.split(","):
            _run(suite, name, given.patience)
        return int(suite.table() > 0)


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.gpu")
    parser.add_argument("--out", type=Path, default=Path("gpu-out"))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="Small sizes, to try the suite itself.")
    parser.add_argument("--fixtures", type=Path, help="Folder with outputs of the original models.")
    parser.add_argument("--budget", type=float, default=420.0, help="Seconds for all sections.")
    parser.add_argument("--patience", type=float, default=1.0, help="Factor on a section's time.")
    parser.add_argument("--sections", default=",".join(SECTIONS))
    return parser.parse_args(arguments)


def _run(suite: Suite, name: str, patience: float) -> None:
    module = SECTIONS[name]
    suite.section, began = name, time.perf_counter()
    suite.until = began + module.SECONDS * patience
    signal.signal(signal.SIGALRM, _too_late)
    signal.setitimer(signal.ITIMER_REAL, max(1.0, suite.left + 15))
    try:
        with suite.step(name):
            module.run(suite)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    suite.say("section took", seconds=time.perf_counter() - began)


def _too_late(number: int, frame: object) -> None:
    raise LateError("stopped: the section's time is long over")


def _guard(suite: Suite) -> None:
    """Leave, with all that is known, where even a signal does not end a section."""

    def leave() -> None:
        with contextlib.suppress(Exception):
            suite.table()
        os._exit(3)

    timer = threading.Timer(suite.budget + 60, leave)
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    sys.exit(main())
