"""Many tracks: what plan, work and finish cost, and how often a manifest is read.

    python tests/benchmarks/bench_many.py [TRACKS ...]

1 Mb in bins of 128 bp, each step in a process of its own. CPU seconds of all threads with start-up,
the first row showing what that is; a track costs what lies between the rows.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from peak import peak_megabytes
from toys import install_toy, write_genome

import tracksmith
from tracksmith.runs.parts import PartStore

BASES = 1_000_000
STEPS = ("plan", "work", "finish")


def step(name: str, tracks: int, folder: Path) -> dict[str, float]:
    """Run one step in this process."""
    install_toy(tracks)
    readings: Counter[int] = Counter()
    read = PartStore.manifest
    PartStore.manifest = lambda store, part: readings.update([part]) or read(store, part)
    out = folder / "run"
    if name == "plan":
        tracksmith.plan("toy", folder / "genome.fa", out, device="cpu")
    elif name == "work":
        tracksmith.work(out)
    else:
        tracksmith.finish(out)
    most = max(readings.values(), default=0)
    return {"cpu": time.process_time(), "peak": peak_megabytes(), "readings": most}


def main() -> None:
    counts = [int(text) for text in sys.argv[1:]] or [1, 100, 1000]
    for tracks in counts:
        with tempfile.TemporaryDirectory() as name:
            write_genome(Path(name) / "genome.fa", [BASES])
            rows = {}
            for verb in STEPS:
                command = [sys.executable, __file__, "--step", verb, str(tracks), name]
                rows[verb] = json.loads(subprocess.check_output(command))
            size = sum(path.stat().st_size for path in Path(name).rglob("*.bw"))
        steps = ", ".join(
            f"{verb} {row['cpu']:.1f} s ({row['peak']:.0f} MB)" for verb, row in rows.items()
        )
        print(
            f"{tracks} tracks, {size / 1e6:.1f} MB: {steps}; "
            f"finish reads a manifest {rows['finish']['readings']:.0f} times (bar 6)",
            flush=True,
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        print(json.dumps(step(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))))
    else:
        main()
