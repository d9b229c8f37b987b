"""The bigBed writer against pybigtools: variants of 21 columns, as ratios of one run.

    python tests/benchmarks/bench_bigbed.py [--rows 1000000]

Each job runs in a process of its own and includes turning values into text; CPU
time is user and system time of all threads. pybigtools writes no name index and
declares no standard columns, so its file does less.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pybigtools
from peak import peak_megabytes

from tracksmith.tracks import Column, bed9_schema, write_bigbed

CONTIGS = [("chr1", 240_000_000), ("chr2", 240_000_000)]
EXTRA = [
    Column("lstring", "ref", "Reference allele"),
    Column("lstring", "alt", "Alternative allele"),
    Column("float", "effect", "Effect"),
    Column("float", "absEffect", "Size of the effect"),
    Column("float", "refPred", "Prediction for the reference"),
    Column("float", "altPred", "Prediction for the alternative"),
    Column("string", "topTrack", "Track of the largest effect"),
    Column("float", "percentile", "Rank"),
    Column("uint", "nTracks", "Number of tracks"),
    Column("string", "model", "Model"),
    Column("string", "flags", "Flags"),
    Column("lstring", "_mouseOver", "Tip"),
]
SCHEMA = bed9_schema("variants", "Variant effects", EXTRA)


def rows(count: int) -> Iterator[tuple]:
    """Variants at random places, in no order."""
    random = np.random.default_rng(0)
    places = random.integers(0, 240_000_000 - 1, count).tolist()
    effects = random.normal(size=count).tolist()
    for i, (at, effect) in enumerate(zip(places, effects, strict=True)):
        size = abs(effect)
        yield (
            "chr1" if i % 2 else "chr2", at, at + 1, f"rs{i}", min(1000, int(size * 300)), ".",
            at, at + 1, "202,0,32" if effect > 0 else "5,113,176",
            "A", "G", effect, size, 0.5, 0.5 + effect, "K562_plus", size / 5, 12, "clipnet", "",
            f"A>G {effect:+.3f}",
        )  # fmt: skip


def write_theirs(path: Path, count: int) -> None:
    """Sort in memory, for it cannot, and turn every value into text."""
    entries = sorted(rows(count), key=lambda row: row[:3])
    bed = (
        (*row[:3], "\t".join(f"{v:.6g}" if type(v) is float else str(v) for v in row[3:]))
        for row in entries
    )
    pybigtools.open(str(path), "w").write(dict(CONTIGS), bed, autosql=SCHEMA.text())


def job(writer: str, count: int) -> dict[str, float]:
    """Run one writer in this process."""
    before = peak_megabytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.bb"
        start = time.process_time()
        if writer == "rows alone":
            path.touch()
            for _ in rows(count):
                pass
        elif writer == "pybigtools":
            write_theirs(path, count)
        else:
            write_bigbed(path, CONTIGS, rows(count), SCHEMA, compressor=writer)
        seconds = time.process_time() - start
        size = path.stat().st_size
    peak = peak_megabytes()
    return {"cpu": seconds, "memory": peak - before, "size": size}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--job", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.job:
        print(json.dumps(job(chosen.job, chosen.rows)))
        return
    print(f"{chosen.rows:,} rows of {len(SCHEMA.columns)} columns, unsorted")
    print(f"{'writer':14}{'CPU s':>8}{'x pybigtools':>14}{'own MB':>8}{'file MB':>9}")
    peer = None
    for writer in ("pybigtools", "rows alone", "zlib", "isal", "deflate"):
        command = [sys.executable, __file__, "--job", writer, "--rows", str(chosen.rows)]
        measured = json.loads(subprocess.check_output(command))
        peer = peer or measured
        ratio = peer["cpu"] / measured["cpu"]
        print(
            f"{writer:14}{measured['cpu']:8.1f}{ratio:14.2f}{measured['memory']:8.0f}"
            f"{measured['size'] / 1e6:9.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
