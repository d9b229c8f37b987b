"""The bigWig writer against pyBigWig: CPU time, memory and file size, as ratios of one run.

    python tests/benchmarks/bench_writer.py [--millions 20] [--repeats 3]

Each job runs in a process of its own: dense 1-bp float32 values, zooms on. CPU
time is user and system time of writing alone (all threads; making the values
and imports left out), the best of the repeats; memory is the process's peak
less what it had before writing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyBigWig
from peak import peak_megabytes

from tracksmith.tracks import TrackOptions, encode_values, parse_precision, write_bigwig
from tracksmith.tracks.piece import EncodedPiece

STEP = 1 << 20
JOBS = [
    ("pyBigWig", None),
    ("zlib", None),
    ("isal", None),
    ("deflate", None),
    ("isal", "10bits"),
    ("deflate", "10bits"),
]


def signal(kind: str, bases: int) -> np.ndarray:
    """Random values of unit scale: independent, or a smoothed walk of peaks."""
    random = np.random.default_rng(0)
    values = random.random(min(bases, 4 * STEP), dtype=np.float32)
    if kind == "smooth":
        window = np.hanning(201) / np.hanning(201).sum()
        values = np.convolve(values, window, "same").astype(np.float32)
    return np.resize(values, bases)


def write_ours(path: Path, values: np.ndarray, options: TrackOptions) -> None:
    """Encode, store and read back each piece as a run does, and join."""
    bases = len(values)

    def pieces():
        for start in range(0, bases, STEP):
            part = values[start : start + STEP]
            piece = encode_values(part, start, 1, bases, options, contig=0)
            yield 0, EncodedPiece.from_bytes(piece.to_bytes())

    write_bigwig(path, [("c", bases)], pieces, 1, options)


def write_theirs(path: Path, values: np.ndarray) -> None:
    """Write with pyBigWig's fastest dense call and its default zooms."""
    handle = pyBigWig.open(str(path), "w")
    handle.addHeader([("c", len(values))])
    for start in range(0, len(values), STEP):
        handle.addEntries("c", start, values=values[start : start + STEP], span=1, step=1)
    handle.close()


def job(writer: str, precision: str | None, kind: str, bases: int) -> dict[str, float]:
    """Run one writer in this process."""
    values = signal(kind, bases)
    before = peak_megabytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.bw"
        start = time.process_time()
        if writer == "pyBigWig":
            write_theirs(path, values)
        else:
            chosen = parse_precision(precision) if precision else None
            write_ours(path, values, TrackOptions(writer, chosen))
        seconds = time.process_time() - start
        size = path.stat().st_size
    peak = peak_megabytes()
    return {"cpu": seconds, "memory": peak - before, "size": size}


def measure(arguments: list[str], repeats: int) -> dict[str, float]:
    """Run a job in fresh processes and keep the quickest."""
    command = [sys.executable, __file__, "--job", *arguments]
    runs = [json.loads(subprocess.check_output(command)) for _ in range(repeats)]
    return min(runs, key=lambda run: run["cpu"])


def main() -> None:
    """Print one table for each kind of signal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--millions", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--job", nargs=4, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.job:
        writer, precision, kind, bases = chosen.job
        print(json.dumps(job(writer, None if precision == "-" else precision, kind, int(bases))))
        return
    bases = chosen.millions * 1_000_000
    for kind in ("noise", "smooth"):
        print(f"\n{chosen.millions} M dense values, {kind}")
        print(f"{'writer':18}{'M values/CPU-s':>15}{'x pyBigWig':>12}{'own MB':>8}{'B/value':>9}")
        peer = None
        for writer, precision in JOBS:
            measured = measure([writer, precision or "-", kind, str(bases)], chosen.repeats)
            peer = peer or measured
            rate, ratio = bases / measured["cpu"] / 1e6, peer["cpu"] / measured["cpu"]
            name = f"{writer} {precision or ''}"
            print(
                f"{name:18}{rate:15.1f}{ratio:12.1f}{measured['memory']:8.0f}"
                f"{measured['size'] / bases:9.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
