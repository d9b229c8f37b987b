"""Start runs in forks, kill them, start them again; imported by scripts, so that forking is safe.

All imports are done once, before the first fork: a kill takes a moment instead of a start of
Python and torch.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from tracksmith.runs.folder import remove_run
from tracksmith.runs.run import Run

Make = Callable[[Path], object]
"""Makes a run in a folder."""


def attempt(make: Make, out: Path, delay: float | None = None, **environment: str) -> int:
    """Make a run in a fork, killed after ``delay`` seconds; return its exit code or -9."""
    process = os.fork()
    if process == 0:
        _never_back(make, out, environment)
    if delay is not None:
        time.sleep(delay)
        os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _never_back(make: Make, out: Path, environment: dict[str, str]) -> None:
    code = 1
    try:
        os.environ.update(environment)
        make(out)
        code = 0
    except BaseException:  # noqa: BLE001 - a fork must not come back
        traceback.print_exc()
    finally:
        os._exit(code)


def random_kills(make: Make, out: Path, kills: int, seed: int) -> dict[str, object]:
    """Kill at random moments until ``kills`` have hit, then let it end.

    ``parts`` is the largest number of parts that a kill found finished.
    """
    generator = random.Random(seed)
    began = time.monotonic()
    if attempt(make, out.with_name("undisturbed")):
        raise SystemExit("the undisturbed run failed")
    span = time.monotonic() - began
    hits = parts = 0
    while hits < kills:
        if attempt(make, out, generator.uniform(0.02, span)) == -signal.SIGKILL:
            hits += 1
            parts = max(parts, len(list(out.glob("parts/*.json"))))
        else:
            remove_run(Run.open(out))
    return {"hits": hits, "code": attempt(make, out), "span": span, "parts": parts}


def crash_points(make: Make, out: Path, points: list[str]) -> dict[str, list[int]]:
    """Die at each named point in turn, then repeat; return both exit codes by point."""
    codes = {}
    for number, point in enumerate(points):
        run = out.with_name(f"crash-{number}")
        codes[point] = [attempt(make, run, TRACKSMITH_CRASH=point), attempt(make, run)]
    return codes


def main(make_of: Callable[[Path], Make]) -> None:
    """Do what the command line says in the folder that it names; print a JSON object.

    The command line is ``kills OUT FOLDER KILLS SEED`` or ``crash OUT FOLDER POINT...``.
    """
    mode, out, folder, *rest = sys.argv[1:]
    make = make_of(Path(folder))
    if mode == "kills":
        result: object = random_kills(make, Path(out), int(rest[0]), int(rest[1]))
    else:
        result = crash_points(make, Path(out), rest)
    print(json.dumps(result))
