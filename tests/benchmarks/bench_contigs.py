"""Many short contigs against one long: CPU time of all of ``predict`` a base, start-up taken off.

400 scaffolds of 2 kb, and one contig of as many bases; a run of one scaffold is the start-up.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from toys import install_toy, write_genome

import tracksmith

SCAFFOLDS, LENGTH, REPEATS = 400, 2_000, 3
RUNS = {
    "start-up": [LENGTH],
    "one contig": [SCAFFOLDS * LENGTH],
    "scaffolds": [LENGTH] * SCAFFOLDS,
}


def measure(name: str, folder: Path) -> float:
    command = [sys.executable, __file__, name, str(folder)]
    return min(float(subprocess.check_output(command)) for _ in range(REPEATS))


def child(name: str, folder: Path) -> None:
    """Predict one of the genomes; print CPU seconds."""
    install_toy(2, window=1024, bin_size=1)
    genome = write_genome(folder / f"{name}.fa", RUNS[name])
    with tempfile.TemporaryDirectory() as out:
        tracksmith.predict("toy", genome, Path(out) / "run", device="cpu")
    print(time.process_time())


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = {name: measure(name, Path(folder)) for name in RUNS}
    bases = SCAFFOLDS * LENGTH
    cost = {
        name: (seconds - found["start-up"]) / bases * 1e9
        for name, seconds in found.items()
        if name != "start-up"
    }
    for name, nanoseconds in cost.items():
        print(f"{name}: {nanoseconds:.0f} ns of CPU a base")
    print(f"ratio: {cost['scaffolds'] / cost['one contig']:.1f} (bar 1.5)")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        child(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
