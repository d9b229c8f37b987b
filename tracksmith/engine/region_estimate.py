"""What a region run will cost: windows, disk, and after a trial, time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracksmith.engine.region_work import RegionWork, feature_pieces, features_of

__all__ = ["RegionEstimate", "disk_needed", "estimate_regions", "part_bytes", "rehearse"]

TRIAL_BASES = 20_000
"""Bases of regions whose features are made for a trial."""

FILE_BYTES = 1 << 17
"""Header, indexes and zoom levels of a small track, and the other small files."""

REGION_BYTES = 48
"""Upper estimate of what a region takes in a track, with its zoom records."""

CELL_BYTES = 16
"""A number in the table, as text."""


@dataclass(frozen=True)
class RegionEstimate:
    """The cost of a run; ``bytes`` are of the finished files, seconds of the two stages."""

    model: str
    regions: int
    bases: int
    columns: int
    windows: int
    bytes: int
    feature_seconds: float
    value_seconds: float


def file_bytes(request: Mapping[str, Any], work: RegionWork) -> int:
    """Return an upper estimate of the finished files' size in bytes."""
    regions, tracks = len(work.peaks), len(request["models"][0]["card"]["tracks"])
    contig = max(map(len, work.peaks.contigs.names))
    names = sum(map(len, work.peaks.names))
    table = regions * (contig + (tracks + 3) * CELL_BYTES) + names
    return tracks * (regions * REGION_BYTES + FILE_BYTES) + table + FILE_BYTES


def part_bytes(work: RegionWork) -> int:
    """Return the size of the parts in bytes: features and values, as float32."""
    return 4 * len(work.peaks) * (len(work.source.names) + work.forward.tracks)


def disk_needed(request: Mapping[str, Any], work: RegionWork) -> int:
    """Return an upper estimate of the bytes of parts and files together."""
    return file_bytes(request, work) + part_bytes(work)


def estimate_regions(request: Mapping[str, Any], work: RegionWork) -> RegionEstimate:
    """Return the cost of a run, timing some features and some windows on the device."""
    peaks, forward = work.peaks, work.forward
    bases = int((peaks.ends - peaks.starts).sum())
    tried = _first_regions(work)
    tried_bases = int((peaks.ends - peaks.starts)[tried].sum())
    features = _seconds(lambda: features_of(work, tried)) / tried_bases * bases
    length = int(work.placed.length[0])
    lanes = 1 if forward.lanes is None else forward.lanes.number
    count = min(len(work.placed), lanes * forward.batch.windows)
    rows = np.ones((count, length, len(work.source.names)), np.float32)
    values = _seconds(lambda: forward.windows(rows)) / count * len(work.placed)
    return RegionEstimate(
        forward.name, len(peaks), bases, len(work.source.names), len(work.placed),
        file_bytes(request, work), features, values,
    )  # fmt: skip


def rehearse(work: RegionWork) -> None:
    """Take a few regions all the way: what is wrong with inputs or options fails here."""
    tried = _first_regions(work)
    signal = None if work.peaks.signal is None else work.peaks.signal[tried]
    matrix, _ = work.source.normalise(features_of(work, tried), signal, work.normalisers)
    work.forward.windows(matrix[None])


def _first_regions(work: RegionWork) -> slice:
    """Return the first regions, of one contig, that make up the bases of a trial."""
    piece = next(feature_pieces(work.peaks))
    ends = np.cumsum((work.peaks.ends - work.peaks.starts)[piece])
    count = int(np.searchsorted(ends, TRIAL_BASES)) + 1
    return slice(piece.start, min(piece.start + count, piece.stop))


def _seconds(run: Callable[[], object]) -> float:
    """Return how long the second of two calls takes."""
    run()
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
