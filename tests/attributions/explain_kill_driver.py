"""Kill runs of explanations at named points and repeat them; a script, so that forks are safe."""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path

import torch

from tracksmith.attributions.kind import Explain
from tracksmith.progress import Silent
from tracksmith.runs import job
from tracksmith.runs.request import Request, make_request


def attempt(request: Request, out: Path, crash: str) -> int:
    """Run it in a fork that dies at the point ``crash``, if any; return its exit code."""
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    code = 1
    try:
        os.environ["TRACKSMITH_CRASH"] = crash
        job.run_all(Explain(), request, out, Silent())
        code = 0
    except BaseException:  # noqa: BLE001 - a fork must not come back
        traceback.print_exc()
    finally:
        os._exit(code)


def main() -> None:
    """Print, by point, the exit codes of the killed command and of the repeated one."""
    genome, folder, *points = sys.argv[1:]
    torch.set_num_threads(1)
    request = make_request(
        models="core-promoter", genome=genome, regions=["demo1:14257-14436", "demo1:25401-25500"],
        method="gradient", device="cpu", tracks=["plus"], hypothetical=True,
    )  # fmt: skip
    outs = {point: Path(folder) / point.replace(":", "-") for point in points}
    codes = {p: [attempt(request, out, p), attempt(request, out, "")] for p, out in outs.items()}
    print(json.dumps(codes))


if __name__ == "__main__":
    main()
