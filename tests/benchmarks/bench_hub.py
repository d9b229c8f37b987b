"""Building and checking a hub of many tracks, beside copying its files.

    python tests/benchmarks/bench_hub.py [--tracks 500] [--full]

Every track has a bigWig of its own of 1 Mb. Seconds are wall time within one process.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from tracksmith.hub.build import build_hub
from tracksmith.hub.check import check_hub
from tracksmith.models.card import Track

CONTIGS = {"chr1": 600_000, "chr2": 400_000}


def builders() -> ModuleType:
    """Return the module of the hub's tests, which makes runs without an engine."""
    path = Path(__file__).parents[1] / "hub" / "conftest.py"
    spec = importlib.util.spec_from_file_location("hub_conftest", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def make_run(folder: Path, count: int) -> Path:
    """Make a finished run of ``count`` tracks."""
    names = [f"t{number}" for number in range(count)]
    tracks = tuple(
        Track(name, f"Track {name}", assay=f"assay {i % 5}", cell_type=f"cell {i % 100}")
        for i, name in enumerate(names)
    )
    made = builders().RunBuilder(folder, contigs=CONTIGS).model("big", tracks).bigwig(names[0])
    first = folder / "tracks" / "big.t0.bw"
    for name in names[1:]:
        path = f"tracks/big.{name}.bw"
        shutil.copyfile(first, folder / path)
        made.files.append(replace(made.files[0], track=name, path=path))
    return Path(made.write())


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tracks", type=int, default=500)
    parser.add_argument("--full", action="store_true", help="also read all of every bigWig")
    chosen = parser.parse_args()
    count = chosen.tracks
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "run"
        folder.mkdir()
        run = make_run(folder, count)
        hub, copied = run / "hub", Path(parent) / "copy"
        times = {"build": seconds(lambda: build_hub([run], hub, "a@example.org"))}
        times["build again"] = seconds(lambda: build_hub([run], hub, "a@example.org"))
        times["copy the hub"] = seconds(lambda: shutil.copytree(hub, copied))
        times["check"] = seconds(lambda: check_hub(hub))
        if chosen.full:
            times["check --full"] = seconds(lambda: check_hub(hub, full=True))
    print(f"{count:,} tracks")
    for name, taken in times.items():
        print(f"{name:14}{taken:8.2f} s{taken / times['copy the hub']:8.1f} x copying")


if __name__ == "__main__":
    main()
