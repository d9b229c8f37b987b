"""Start runs over regions, kill them, start them again; a script, so that forking is safe."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

import verbs
from region_toys import registry, toy

import tracksmith.regions.work as work
from tracksmith.models import registry as plugins
from tracksmith.runs.folder import remove_run
from tracksmith.runs.run import Run

work.FEATURE_BASES, work.PART_WINDOWS = 400, 2
FOUND = registry(toy())
plugins.load_registry = lambda: FOUND


def child(out: Path, folder: Path, environment: dict[str, str]) -> None:
    """Predict and leave without coming back."""
    os.environ.update(environment)
    request = verbs.request(
        "toy", folder / "genome.fa", peaks=folder / "peaks.bed", batch_size=2, compressor="zlib"
    )
    code = 0
    try:
        verbs.run_all(request, out)
    except BaseException:  # noqa: BLE001 - a fork must not come back
        traceback.print_exc()
        code = 1
    finally:
        os._exit(code)


def attempt(out: Path, folder: Path, delay: float | None, **environment: str) -> int:
    """Predict in a fork, killed after ``delay`` seconds; return its exit code or -9."""
    process = os.fork()
    if process == 0:
        child(out, folder, environment)
    if delay is not None:
        time.sleep(delay)
        os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def random_kills(out: Path, folder: Path, kills: int, seed: int) -> dict[str, object]:
    """Kill at random moments until ``kills`` have hit, then let it end."""
    generator = random.Random(seed)
    began = time.monotonic()
    if attempt(out.with_name("undisturbed"), folder, None):
        raise SystemExit("the undisturbed run failed")
    span = time.monotonic() - began
    hits = most = 0
    while hits < kills:
        if attempt(out, folder, generator.uniform(0.02, span)) == -signal.SIGKILL:
            hits += 1
            most = max(most, len(list(out.glob("parts/*.json"))))
        else:
            remove_run(Run.open(out))
    return {"hits": hits, "code": attempt(out, folder, None), "span": span, "parts": most}


def crash_points(out: Path, folder: Path, points: list[str]) -> dict[str, list[int]]:
    """Die at each named point in turn, then repeat the command."""
    digests = {}
    for number, point in enumerate(points):
        run = out.with_name(f"crash-{number}")
        first = attempt(run, folder, None, TRACKSMITH_CRASH=point)
        digests[point] = [first, attempt(run, folder, None)]
    return digests


def main() -> None:
    """Read what to do from the command line; print a JSON object."""
    mode, out, folder, *rest = sys.argv[1:]
    if mode == "kills":
        result: object = random_kills(Path(out), Path(folder), int(rest[0]), int(rest[1]))
    else:
        result = crash_points(Path(out), Path(folder), rest)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
