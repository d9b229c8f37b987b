"""Many short contigs against one long: CPU time of all of ``predict`` a base.

400 scaffolds of 2 kb, and one contig of as many bases, each after a first run in the same process,
so that imports do not count; best of the repeats.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from toys import install_toy, write_genome

import tracksmith

SCAFFOLDS, LENGTH, REPEATS = 400, 2_000, 3
RUNS = {"one contig": [SCAFFOLDS * LENGTH], "scaffolds": [LENGTH] * SCAFFOLDS}


def main() -> None:
    import torch

    torch.set_num_threads(1)
    install_toy(2, window=1024, bin_size=1)
    cost: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for attempt in range(REPEATS + 1):
            for what, lengths in RUNS.items():
                genome = write_genome(folder / f"{what}.fa", lengths)
                began = time.process_time()
                tracksmith.predict("toy", genome, folder / f"{what}-{attempt}", device="cpu")
                took = (time.process_time() - began) / sum(lengths) * 1e9
                if attempt:
                    cost[what] = min(took, cost.get(what, took))
    for what, nanoseconds in cost.items():
        print(f"{what}: {nanoseconds:.0f} ns of CPU a base")
    print(f"ratio: {cost['scaffolds'] / cost['one contig']:.1f} (bar 1.5)")


if __name__ == "__main__":
    main()
