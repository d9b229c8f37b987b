"""What encoding needs of the values of a piece: zoom records, histogram, totals, raw sections.

This is the reference, in numpy; `onepass.c` does the same without the interpreter's lock, and
:mod:`tracksmith.tracks.compiled` calls it where it is built. Two kinds of section of the bigWig
format (Kent et al. 2010) are used: fixed steps (4 bytes a value) where values differ, bedGraph
items (12 bytes, equal neighbours merged) where they repeat or are sparse.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracksmith.tracks.bbi import BED_GRAPH, FIXED_STEP, INTERVAL, LITTLE
from tracksmith.tracks.histogram import count_values
from tracksmith.tracks.piece import SECTION, Summary
from tracksmith.tracks.zoom import (
    BINS_PER_RECORD,
    RECORD,
    BinGrid,
    join_records,
    records_of_bins,
    reduce_records,
)

__all__ = ["Bins", "RawSections", "SectionWriter", "Survey", "summarise", "survey_bins"]

CHUNK = 1024  # bins for which one kind of section is chosen
ITEM_COST, VALUE_COST, SECTION_COST = 16, 4, 64  # bytes, roughly


class Bins(NamedTuple):
    """Values (float32) of consecutive bins as a file will hold them, and the base they end at."""

    values: NDArray[np.float32]
    grid: BinGrid
    end: int

    @property
    def full(self) -> int:
        """How many bins are whole: all, or all but a contig's last."""
        return (self.end - self.grid.start) // self.grid.bin_size


class RawSections(NamedTuple):
    """Sections before compression: one after the other, and where each lies (dtype `SECTION`)."""

    content: memoryview
    table: NDArray[np.void]


class Survey(NamedTuple):
    """What one pass over the values gives; see :class:`tracksmith.tracks.piece.EncodedPiece`."""

    zoom: NDArray[np.void]
    histogram: NDArray[np.void]
    summary: Summary
    sections: RawSections


def survey_bins(bins: Bins, items_per_block: int) -> Survey:
    """Survey the values of some bins with numpy.

    Sums of a record run value after value in float64, gaps counting as 0; totals are exact sums
    of those, rounded once. Infinite values give records that the caller must refuse.
    """
    zoom = records_of_bins(bins.values[: bins.full], bins.grid)
    writer = SectionWriter(items_per_block, bins.grid)
    _write_bins(writer, bins.values[: bins.full])
    if bins.full < len(bins.values):
        zoom = _with_short_bin(zoom, bins)
        start = bins.grid.start + bins.full * bins.grid.bin_size
        writer.last_bin(float(bins.values[-1]), start, bins.end)
    histogram = count_values(bins.values)
    summary = summarise(zoom, int(histogram["count"].sum()))
    return Survey(zoom, histogram, summary, writer.sections())


def _with_short_bin(zoom: NDArray[np.void], bins: Bins) -> NDArray[np.void]:
    """Add the contig's shorter last bin, which counts for fewer bases."""
    value, grid = bins.values[-1], bins.grid
    if np.isnan(value):
        return zoom
    start = grid.start + bins.full * grid.bin_size
    wide, bases = float(value), bins.end - start
    value = value + np.float32(0)  # as records_of_bins
    with np.errstate(over="ignore"):
        row = (grid.contig, start, bins.end, bases, value, value, wide * bases, wide * wide * bases)
    both = join_records([zoom, np.array([row], RECORD)])
    return reduce_records(both, BINS_PER_RECORD * grid.bin_size)


def summarise(zoom: NDArray[np.void], values: int) -> Summary:
    """Add up zoom records; ``values`` is the number of bins or intervals."""
    if len(zoom) == 0:
        return Summary()
    sums = [zoom[name].tolist() for name in ("sum", "sum_squares")]
    finite = np.isfinite(zoom["sum_squares"]).all()
    return Summary(
        int(zoom["count"].sum(dtype=np.int64)),
        values,
        float(zoom["min"].min()),
        float(zoom["max"].max()),
        *(math.fsum(row) if finite else math.nan for row in sums),
    )


class SectionWriter:
    """Collects sections before compression and where they lie."""

    def __init__(self, items_per_block: int, grid: BinGrid) -> None:
        self._most = items_per_block
        self._grid = grid
        self._content: list[bytes | memoryview] = []
        self._rows: list[tuple[int, int, int, int]] = []
        self._offset = 0

    def sections(self) -> RawSections:
        """Return what was written."""
        return RawSections(memoryview(b"".join(self._content)), np.array(self._rows, SECTION))

    def _append(self, extent: tuple[int, int], kind: int, count: int, payload: memoryview) -> None:
        """Add one section; ``payload`` holds ``count`` items."""
        step = self._grid.bin_size if kind == FIXED_STEP else 0
        head = LITTLE.section.pack(self._grid.contig, *extent, step, step, kind, count)
        self._content += [head, payload]
        size = len(head) + len(payload)
        self._rows.append((*extent, self._offset, size))
        self._offset += size

    def fixed_steps(self, values: NDArray[np.float32], first: int) -> None:
        """Write values without gaps, the first at bin ``first`` of the grid."""
        raw, size = values.view(np.uint8).data, self._grid.bin_size
        for at in range(0, len(values), self._most):
            count = min(self._most, len(values) - at)
            start = self._grid.start + (first + at) * size
            payload = raw[4 * at : 4 * (at + count)]
            self._append((start, start + count * size), FIXED_STEP, count, payload)

    def bedgraph(self, items: NDArray[np.void]) -> None:
        """Write intervals with one value each."""
        raw = memoryview(items.tobytes())
        width = INTERVAL.itemsize
        for at in range(0, len(items), self._most):
            part = items[at : at + self._most]
            extent = int(part["start"][0]), int(part["end"][-1])
            payload = raw[width * at : width * (at + len(part))]
            self._append(extent, BED_GRAPH, len(part), payload)

    def last_bin(self, value: float, start: int, end: int) -> None:
        """Write the contig's shorter last bin, which no fixed step can hold."""
        if not math.isnan(value):
            self.bedgraph(np.array([(start, end, value)], INTERVAL))


def _write_bins(writer: SectionWriter, values: NDArray[np.float32]) -> None:
    """Write full bins: chunk by chunk the smaller kind, joined with neighbours of its kind."""
    if len(values) == 0:
        return
    valid = ~np.isnan(values)
    changes = np.empty(len(values), bool)
    changes[0] = True
    np.not_equal(values[1:], values[:-1], out=changes[1:])
    dense = _dense_chunks(valid, changes)
    turns = np.flatnonzero(np.diff(dense)) + 1
    edges = [0, *(turns * CHUNK).tolist(), len(values)]
    for first, last in itertools.pairwise(edges):
        if dense[first // CHUNK]:
            for a, b in _runs(valid[first:last]):
                writer.fixed_steps(values[first + a : first + b], first + a)
        else:
            writer.bedgraph(_items(values, valid, changes, (first, last), writer._grid))


def _dense_chunks(valid: NDArray[np.bool_], changes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say for each chunk of bins whether fixed steps are smaller than bedGraph items."""
    runs = np.empty(len(valid), bool)
    runs[0] = valid[0]
    np.greater(valid[1:], valid[:-1], out=runs[1:])
    values, items, sections = (_per_chunk(mask) for mask in (valid, changes & valid, runs))
    sections = np.maximum(sections, values > 0)
    dense: NDArray[np.bool_] = values * VALUE_COST + sections * SECTION_COST <= items * ITEM_COST
    return dense & (values > 0)


def _per_chunk(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count the true bins of every chunk."""
    whole = len(mask) // CHUNK
    counts = np.count_nonzero(mask[: whole * CHUNK].reshape(whole, CHUNK), axis=1)
    if whole * CHUNK < len(mask):
        counts = np.append(counts, np.count_nonzero(mask[whole * CHUNK :]))
    return np.asarray(counts, np.int64)


def _runs(valid: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the stretches ``[first, last)`` without a gap."""
    if valid.all():
        return [(0, len(valid))]
    edges = np.flatnonzero(np.diff(valid, prepend=False, append=False))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _items(
    values: NDArray[np.float32],
    valid: NDArray[np.bool_],
    changes: NDArray[np.bool_],
    span: tuple[int, int],
    grid: BinGrid,
) -> NDArray[np.void]:
    """Merge equal neighbours in bins ``[first, last)`` into bedGraph items."""
    first, last = span
    begins = changes[first:last].copy()
    begins[0] = True
    at = np.flatnonzero(begins) + first
    ends = np.append(at[1:], last)
    kept = valid[at]
    items = np.empty(int(kept.sum()), INTERVAL)
    items["start"] = grid.start + at[kept] * grid.bin_size
    items["end"] = grid.start + ends[kept] * grid.bin_size
    items["value"] = values[at[kept]]
    return items
