"""bedGraph, compressed and indexed (bgzip, tabix), for programs that read no bigWig."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracksmith.files import aside
from tracksmith.genome.bgzf_writer import BgzfWriter, index_suffix, write_tabix_index
from tracksmith.tracks.bigwig import TrackData, TrackSummary, write_bigwig
from tracksmith.tracks.options import TrackOptions
from tracksmith.tracks.reader import open_track

__all__ = ["BedGraph"]

BYTES_PER_VALUE = 9
"""Upper estimate of a line of random values, compressed."""

STEP = 1 << 20
"""Bases that are turned into text at once."""


@dataclass(frozen=True)
class BedGraph:
    """Equal neighbours are one line; see :class:`tracksmith.tracks.formats.TrackFormat`."""

    name: str = "bedgraph"
    suffix: str = ".bedGraph.gz"
    shown: bool = False

    def write(self, path: Path, data: TrackData, options: TrackOptions) -> TrackSummary:
        """Write the values as a bigWig holds them, and the index beside them."""
        longest = max((length for _, length in data.contigs), default=0)
        with aside(path) as temporary:
            track = temporary.with_name(f"{temporary.name}.bw")
            try:
                # decision: bedgraph-from-bigwig (two formats of a track cannot disagree)
                summary = write_bigwig(track, *data, options)
                with BgzfWriter(temporary, options.compress_text) as out:
                    for line in _lines(track, data.contigs):
                        out.write(line)
            finally:
                track.unlink(missing_ok=True)
            with aside(path.with_name(self.beside(path.name, longest)[0])) as index:
                write_tabix_index(temporary, index, "bed", longest)
        return summary

    def beside(self, path: str, longest: int) -> tuple[str, ...]:
        """Return the tabix index."""
        return (f"{path}{index_suffix(longest)}",)

    def forecast(self, values: int, options: TrackOptions) -> int:
        """See :class:`tracksmith.tracks.formats.TrackFormat`."""
        return BYTES_PER_VALUE * values + (1 << 16)


def _lines(track: Path, contigs: Sequence[tuple[str, int]]) -> Iterator[bytes]:
    with open_track(track) as handle:
        for name, length in contigs:
            for start, end, value in _joined(handle, name, length):
                yield f"{name}\t{start}\t{end}\t{value:.9g}\n".encode()


def _joined(handle: Any, name: str, length: int) -> Iterator[tuple[int, int, float]]:
    """Yield the intervals of a contig, equal neighbours as one."""
    last: tuple[int, int, float] | None = None
    for first in range(0, length, STEP):
        for start, end, value in handle.intervals(name, first, min(first + STEP, length)) or ():
            if last is not None and start < last[1]:
                continue  # it reaches over the border of a step and was there already
            if last is not None and last[1] == start and last[2] == value:
                last = (last[0], end, value)
                continue
            if last is not None:
                yield last
            last = (start, end, value)
    if last is not None:
        yield last
