"""Kill runs of the GC kind at named points and repeat them; run as a script so that forks are safe.

All imports are done once, before the first fork: a kill takes a moment instead of a start of
Python and torch.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path

from gc_kind import Gc

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
        job.run_all(Gc(), request, out, Silent())
        code = 0
    except BaseException:  # noqa: BLE001 - a fork must not come back
        traceback.print_exc()
    finally:
        os._exit(code)


def main() -> None:
    """Print, by point, the exit codes of the killed command and of the repeated one."""
    genome, bed, folder, *points = sys.argv[1:]
    request = make_request(genome=genome, regions=[bed])
    outs = {point: Path(folder) / point.replace(":", "-") for point in points}
    codes = {p: [attempt(request, out, p), attempt(request, out, "")] for p, out in outs.items()}
    print(json.dumps(codes))


if __name__ == "__main__":
    main()
