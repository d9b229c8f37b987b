"""Start runs, kill them, start them again; run as a script so that forking is safe.

The parent imports torch but never computes with it, so that its forks start
warm: twenty kills take seconds instead of a minute.
"""

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

from tracksmith.runs.folder import remove_run
from tracksmith.runs.run import Run


def child(verb: str, out: Path, genome: str, environment: dict[str, str]) -> None:
    """Run one verb and leave without coming back."""
    import torch

    torch.set_num_threads(1)
    os.environ.update(environment)
    more = json.loads(os.environ.get("KILL_DRIVER_OPTIONS", "{}"))
    request = verbs.request(("core-promoter",), Path(genome), parts=5, compressor="zlib", **more)
    code = 0
    try:
        if verb == "predict":
            verbs.run_all(request, out)
        elif verb == "plan":
            verbs.plan(request, out)
        elif verb == "work":
            verbs.work(out)
        else:
            verbs.finish(out)
    except BaseException:  # noqa: BLE001 - a fork must not come back
        traceback.print_exc()
        code = 1
    finally:
        os._exit(code)


def attempt(verb: str, out: Path, genome: str, delay: float | None, **environment: str) -> int:
    """Run a verb in a fork, killed after ``delay`` seconds; return its exit code or -9."""
    process = os.fork()
    if process == 0:
        child(verb, out, genome, environment)
    if delay is not None:
        time.sleep(delay)
        os.kill(process, signal.SIGKILL)
    status = os.waitpid(process, 0)[1]
    return os.waitstatus_to_exitcode(status)


def random_kills(out: Path, genome: str, kills: int, seed: int) -> dict[str, object]:
    """Kill ``predict`` at random moments until ``kills`` have hit, then let it end."""
    generator = random.Random(seed)
    began = time.monotonic()
    if attempt("predict", out.with_name("undisturbed"), genome, None):
        raise SystemExit("the undisturbed run failed")
    span = time.monotonic() - began
    hits = 0
    while hits < kills:
        if attempt("predict", out, genome, generator.uniform(0.02, span)) == -signal.SIGKILL:
            hits += 1
        else:
            remove_run(Run.open(out))
    code = attempt("predict", out, genome, None)
    return {"hits": hits, "code": code, "span": span}


def crash_points(out: Path, genome: str, points: list[str]) -> dict[str, list[int]]:
    """Die at each named point in turn, then repeat the command."""
    digests = {}
    for number, point in enumerate(points):
        folder = out.with_name(f"crash-{number}")
        first = attempt("predict", folder, genome, None, TRACKSMITH_CRASH=point)
        second = attempt("predict", folder, genome, None)
        digests[point] = [first, second]
    return digests


def main() -> None:
    """Read what to do from the command line; print a JSON object."""
    mode, out, genome, *rest = sys.argv[1:]
    if mode == "kills":
        result: object = random_kills(Path(out), genome, int(rest[0]), int(rest[1]))
    else:
        result = crash_points(Path(out), genome, rest)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
