"""Encoding of one piece: its CPU time over that of its compression, and its share under the lock.

Two sizes: a dense chunk of a model with 1-bp bins, and a chunk of a model with thousands of tracks.
The share under the interpreter's lock is the CPU time outside the calls that let it go, which are
the compiled survey and the compressor: an upper bound. Best of the repeats, one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from tracksmith.tracks import TrackOptions, compiled, encode_values, encoding, options
from tracksmith.tracks.survey import survey_bins

SIZES = (262_016, 6_272)
REPEATS, VALUES = 15, 1 << 18
TRACK = TrackOptions("isal")


def best(function: Callable[[], object], times: int) -> float:
    """Return the least CPU time of a call, in seconds."""
    seconds = []
    for _ in range(REPEATS):
        began = time.process_time()
        for _ in range(times):
            function()
        seconds.append((time.process_time() - began) / times)
    return min(seconds)


class Clock:
    """Adds up the CPU time inside calls."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, function: Callable[..., object]) -> Callable[..., object]:
        def timed(*given: object) -> object:
            began = time.thread_time()
            try:
                return function(*given)
            finally:
                self.seconds += time.thread_time() - began

        return timed


def share_under_lock(values: np.ndarray, times: int) -> float:
    """Return the share of the time of encoding that is spent outside calls without the lock."""
    clock, code = Clock(), compiled.load(compiled.LIBRARY).compiled
    code._survey, code._sections = clock.around(code._survey), clock.around(code._sections)
    compress = clock.around(options.compress_function(TRACK.compressor))
    kept = encoding.loaded, encoding.compress_function
    encoding.loaded = lambda: compiled.Loaded(code)
    encoding.compress_function = lambda name: compress
    shares = []
    try:
        for _ in range(REPEATS):
            clock.seconds, began = 0.0, time.thread_time()
            for _ in range(times):
                encode(values)
            shares.append(1 - clock.seconds / (time.thread_time() - began))
    finally:
        encoding.loaded, encoding.compress_function = kept
    return min(shares)


def encode(values: np.ndarray) -> bytes:
    return encode_values(values, 0, 1, 1 << 30, TRACK, contig=0).to_bytes()


def with_numpy(values: np.ndarray) -> bytes:
    kept, encoding.loaded = encoding.loaded, lambda: compiled.Loaded(None)
    try:
        return encode(values)
    finally:
        encoding.loaded = kept


def main() -> None:
    if compiled.loaded().compiled is None:
        print(f"no compiled encoder here: {compiled.loaded().reason}")
        return
    a_value = {}
    for size in SIZES:
        values = np.random.default_rng(0).normal(size=size).astype(np.float32)
        times = max(1, VALUES // size)
        raw = survey_bins(encoding.Bins(values, encoding.BinGrid(0, 0, 1), size), 4096).sections
        blocks = [
            bytes(raw.content[at : at + length])
            for at, length in zip(raw.table["offset"].tolist(), raw.table["size"].tolist(),
                                  strict=True)
        ]  # fmt: skip
        ours = best(lambda values=values: encode(values), times)
        numpys = best(lambda values=values: with_numpy(values), times)
        alone = best(lambda blocks=blocks: list(map(TRACK.compress, blocks)), times)
        a_value[size] = ours / size
        print(
            f"{size:,} values: {ours / size * 1e9:.1f} ns each, "
            f"{ours / alone:.2f} of the compression alone; with numpy {numpys / alone:.2f}; "
            f"under the lock {share_under_lock(values, times):.1%} (bar 5 %)"
        )
    print(f"a value of the small piece over one of the large: "
          f"{a_value[SIZES[1]] / a_value[SIZES[0]]:.2f} (bar 1.5)")  # fmt: skip


if __name__ == "__main__":
    main()
