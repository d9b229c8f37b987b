"""What it costs to begin: CPU seconds of commands that compute nothing, and which load torch.

Best of the repeats, each in a process of its own, with the demonstration's model.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from toys import write_genome

REPEATS = 3
CODE = """
import json, sys, time
from tracksmith.cli import main
try:
    main(json.loads(sys.argv[1]))
except SystemExit:
    pass
print("\\n" + json.dumps([time.process_time(), "torch" in sys.modules]))
"""


def measure(arguments: list[str], repeats: int = REPEATS) -> tuple[float, bool]:
    command = [sys.executable, "-c", CODE, json.dumps(arguments)]
    runs = [
        json.loads(subprocess.run(command, capture_output=True, check=True).stdout.splitlines()[-1])
        for _ in range(repeats)
    ]
    return min(seconds for seconds, _ in runs), runs[0][1]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        genome = write_genome(folder / "genome.fa", [10_000])
        out = str(folder / "run")
        plan = ["plan", "-m", "core-promoter", "-g", str(genome), "-o", out]
        needless = 0
        for arguments in (["--help"], ["models"], ["doctor"], plan, ["status", out], ["work", out],
                          ["finish", out], ["status", out]):  # fmt: skip
            verb = arguments[0]
            once = verb in ("work", "finish")
            seconds, torch = measure(arguments, 1 if once else REPEATS)
            needless += torch and verb != "work"
            print(f"{verb}: {seconds:.2f} s{', loads torch' if torch else ''}", flush=True)
        print(f"commands that load torch without need: {needless} (bar 0)")


if __name__ == "__main__":
    main()
