"""Chunks of a model over a genome, and parts made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracksmith.engine.tiling import Tiling
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.intervals import Regions

__all__ = ["ChunkTable", "make_chunks", "part_starts"]

PART_BASES = 4 << 20
"""Bases of a part unless the user says how many parts: the work that a kill can lose."""


@dataclass(frozen=True)
class ChunkTable:
    """The chunks to predict, in genome order.

    ``contig`` (index) and ``start`` (bp) are int64, shape (chunks,); ``span``
    is the length in bp of every chunk but a contig's last; ``bases`` counts
    what was asked for in each chunk.
    """

    contig: NDArray[np.int64]
    start: NDArray[np.int64]
    bases: NDArray[np.int64]
    span: int

    def __len__(self) -> int:
        return len(self.contig)

    def interval(self, chunk: int, contigs: Contigs) -> tuple[int, int, int]:
        """Return contig index, start and end (bp, clipped to the contig) of a chunk."""
        contig, start = int(self.contig[chunk]), int(self.start[chunk])
        return contig, start, min(start + self.span, int(contigs.lengths[contig]))


def make_chunks(contigs: Contigs, regions: Regions | None, span: int) -> ChunkTable:
    """Return the chunks that overlap the regions (None: the whole genome)."""
    if regions is None:
        counts = -(-contigs.lengths // span)
        contig = np.repeat(np.arange(len(contigs), dtype=np.int64), counts)
        first = np.repeat(np.cumsum(counts) - counts, counts)
        start = (np.arange(len(contig), dtype=np.int64) - first) * span
        bases = np.minimum(contigs.lengths[contig] - start, span)
        return ChunkTable(contig, start, bases, span)
    tables = [
        _chunks_of(index, *regions.contig_arrays(index), span)
        for index in range(len(contigs))
        if len(regions.contig_arrays(index)[0])
    ]
    columns = [np.concatenate(column) for column in zip(*tables, strict=True)]
    return ChunkTable(columns[0], columns[1], columns[2], span)


def _chunks_of(
    index: int, starts: NDArray[np.int64], ends: NDArray[np.int64], span: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    first, last = starts // span, (ends - 1) // span
    counts = last - first + 1
    owner = np.repeat(np.arange(len(starts)), counts)
    number = first[owner] + np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    overlap = np.minimum(ends[owner], (number + 1) * span) - np.maximum(
        starts[owner], number * span
    )
    chunks, where = np.unique(number, return_inverse=True)
    bases = np.bincount(where, weights=overlap).astype(np.int64)
    return np.full(len(chunks), index, dtype=np.int64), chunks * span, bases


def part_starts(chunks: ChunkTable, tiling: Tiling, parts: int | None) -> list[int]:
    """Return the number of the chunk with which each part begins.

    Parts hold about the same work; a part may hold many small contigs, so that
    a genome of 100,000 scaffolds does not become 100,000 files.
    """
    if not len(chunks):
        return []
    # A region smaller than a core still costs one window.
    weight = np.maximum(chunks.bases, tiling.stride)
    total = int(weight.sum())
    # decision: parts-of-chunks (100,000 scaffolds do not become 100,000 files)
    count = parts or max(1, round(total / PART_BASES))
    count = min(count, len(chunks))
    before = np.cumsum(weight) - weight
    number = before * count // total
    starts = np.searchsorted(number, np.arange(count), side="left")
    # Uneven weights can leave a part without a chunk of its own: fill up from the left.
    fixed = np.maximum(starts, np.arange(count))
    for index in range(count - 1, -1, -1):
        limit = len(chunks) - (count - index)
        fixed[index] = min(int(fixed[index]), limit)
    return [int(x) for x in np.maximum.accumulate(fixed)]
