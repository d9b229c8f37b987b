"""From values to compressed bigWig sections.

Two kinds of section of the bigWig format (Kent et al. 2010) are used: fixed
steps (4 bytes a value) where values differ, bedGraph items (12 bytes, equal
neighbours merged) where they repeat or are sparse.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import InputError, TracksmithError
from tracksmith.tracks.bbi import BED_GRAPH, FIXED_STEP, INTERVAL, LITTLE
from tracksmith.tracks.histogram import count_values
from tracksmith.tracks.options import TrackOptions, round_values
from tracksmith.tracks.piece import SAMPLE, SECTION, EncodedPiece, Summary
from tracksmith.tracks.zoom import (
    BINS_PER_RECORD,
    RECORD,
    BinGrid,
    join_records,
    records_of_bins,
    reduce_records,
)

__all__ = ["LARGEST_VALUE", "SAMPLES", "SectionWriter", "encode_values", "summarise"]

LARGEST_VALUE = 2.0**47
"""Beyond, the sum of squares over a chromosome overflows the float32 of a zoom record."""

LARGEST_CONTIG = 0xFFFFFFFF
CHUNK = 1024  # bins for which one kind of section is chosen
ITEM_COST, VALUE_COST, SECTION_COST = 16, 4, 64  # bytes, roughly
SAMPLES = 3


def encode_values(
    values: NDArray[Any],
    start: int,
    bin_size: int,
    contig_length: int,
    options: TrackOptions,
    *,
    contig: int,
    name: str | None = None,
) -> EncodedPiece:
    """Encode the values of consecutive bins of one contig.

    Parameters
    ----------
    values : float array, shape (bins,)
        NaN is a gap. A float64 is rounded to float32.
    start : int
        First base of the first bin, 0-based, a multiple of ``bin_size``.
    bin_size : int
        Bases per value. Only the contig's last bin may be shorter.
    contig_length : int
        In bp.
    contig, name : int, str
        Index of the contig in the finished file, and what errors call it instead.

    Returns
    -------
    EncodedPiece
        Its bytes depend on the arguments alone.

    Raises
    ------
    InputError
        A value is infinite or beyond 2**47 (1.4e14) in size; a bin lies outside the contig.
    """
    grid = BinGrid(contig, start, bin_size)
    _check_place(np.shape(values), grid, contig_length)
    single = _stored(values, options)
    end = min(start + len(single) * bin_size, contig_length)
    full = (end - start) // bin_size
    zoom = records_of_bins(single[:full], grid)
    writer = SectionWriter(options, grid)
    if short := full < len(single):
        zoom = _with_short_bin(zoom, single[full], grid, (start + full * bin_size, end))
    _check_size(zoom, single, grid, name)
    _encode_bins(writer, single[:full])
    if short:
        writer.last_bin(float(single[full]), start + full * bin_size, end)
    histogram = count_values(single)
    return EncodedPiece(
        grid=grid,
        end=end,
        data=b"".join(writer.blocks),
        sections=np.array(writer.rows, SECTION),
        zoom=zoom,
        histogram=histogram,
        samples=_samples(single, zoom, grid, end),
        summary=summarise(zoom, int(histogram["count"].sum())),
        block_size=writer.block_size,
    )


def _stored(values: NDArray[Any], options: TrackOptions) -> NDArray[np.float32]:
    """Return the values as the file will hold them; what overflows becomes infinite."""
    with np.errstate(over="ignore"):
        return round_values(np.ascontiguousarray(values, dtype=np.float32), options.precision)


def _check_place(shape: tuple[int, ...], grid: BinGrid, contig_length: int) -> None:
    """Refuse bins that are off the grid or outside the contig: the caller is wrong."""
    start, bin_size = grid.start, grid.bin_size
    if len(shape) != 1 or shape[0] == 0:
        raise TracksmithError(f"Values to encode have shape {shape}; one dimension of bins is due.")
    if contig_length > LARGEST_CONTIG:
        raise InputError(
            f"A contig of {contig_length:,} bp does not fit into a bigWig, whose positions have "
            f"32 bits: split contigs above {LARGEST_CONTIG:,} bp."
        )
    if bin_size < 1 or start < 0 or start % bin_size:
        raise TracksmithError(
            f"Bins of {bin_size} bp cannot start at {start}: bins lie at multiples of their size."
        )
    if start + (shape[0] - 1) * bin_size >= contig_length:
        raise InputError(
            f"{shape[0]} bins of {bin_size} bp from {start} pass the end of "
            f"contig {grid.contig} ({contig_length} bp)."
        )


def _check_size(
    zoom: NDArray[np.void], values: NDArray[np.float32], grid: BinGrid, name: str | None
) -> None:
    """Refuse infinite and overflowing values, naming the first."""
    if len(zoom) == 0 or max(-float(zoom["min"].min()), float(zoom["max"].max())) <= LARGEST_VALUE:
        return
    index = int(np.flatnonzero(np.abs(values) > LARGEST_VALUE)[0])
    raise InputError(
        f"The value at {grid.start + index * grid.bin_size:,} bp (0-based) of contig "
        f"{name or grid.contig} is {values[index]}: it must be finite, fit float32 and be at most "
        f"{LARGEST_VALUE:.2g} in size, or the sums of the zoom levels overflow. "
        "Check the model's output or rescale the track; use NaN for no value."
    )


def _with_short_bin(
    zoom: NDArray[np.void], value: np.float32, grid: BinGrid, span: tuple[int, int]
) -> NDArray[np.void]:
    """Add the contig's shorter last bin, which counts for fewer bases."""
    if np.isnan(value):
        return zoom
    start, end = span
    wide, bases = float(value), end - start
    with np.errstate(over="ignore"):
        row = (grid.contig, start, end, bases, value, value, wide * bases, wide * wide * bases)
    both = join_records([zoom, np.array([row], RECORD)])
    return reduce_records(both, BINS_PER_RECORD * grid.bin_size)


def summarise(zoom: NDArray[np.void], values: int) -> Summary:
    """Add up zoom records; ``values`` is the number of bins or intervals."""
    if len(zoom) == 0:
        return Summary()
    return Summary(
        int(zoom["count"].sum(dtype=np.int64)),
        values,
        float(zoom["min"].min()),
        float(zoom["max"].max()),
        math.fsum(zoom["sum"].tolist()),
        math.fsum(zoom["sum_squares"].tolist()),
    )


def _samples(
    values: NDArray[np.float32], zoom: NDArray[np.void], grid: BinGrid, end: int
) -> NDArray[np.void]:
    """Choose a few bins with a value: the first of some zoom records, spread evenly."""
    records = zoom[np.linspace(0, len(zoom) - 1, SAMPLES).astype(np.int64)] if len(zoom) else zoom
    chosen = np.unique((records["start"].astype(np.int64) - grid.start) // grid.bin_size)
    samples = np.empty(len(chosen), SAMPLE)
    samples["start"] = grid.start + chosen * grid.bin_size
    samples["end"] = np.minimum(grid.start + (chosen + 1) * grid.bin_size, end)
    samples["value"] = values[chosen]
    return samples


class SectionWriter:
    """Collects compressed sections and where they lie."""

    def __init__(self, options: TrackOptions, grid: BinGrid) -> None:
        self.options = options
        self.grid = grid
        self.blocks: list[bytes] = []
        self.rows: list[tuple[int, int, int, int]] = []
        self.block_size = 0
        self.offset = 0

    def append(self, start: int, end: int, kind: int, count: int, payload: memoryview) -> None:
        """Compress one section; ``payload`` holds ``count`` items."""
        step = self.grid.bin_size if kind == FIXED_STEP else 0
        head = LITTLE.section.pack(self.grid.contig, start, end, step, step, kind, count)
        block = b"".join((head, payload))
        data = self.options.compress(block)
        self.blocks.append(data)
        self.rows.append((start, end, self.offset, len(data)))
        self.offset += len(data)
        self.block_size = max(self.block_size, len(block))

    def fixed_steps(self, values: NDArray[np.float32], first: int) -> None:
        """Write values without gaps, the first at bin ``first`` of the grid."""
        raw = values.view(np.uint8).data
        items, size = self.options.items_per_block, self.grid.bin_size
        for at in range(0, len(values), items):
            count = min(items, len(values) - at)
            start = self.grid.start + (first + at) * size
            payload = raw[4 * at : 4 * (at + count)]
            self.append(start, start + count * size, FIXED_STEP, count, payload)

    def bedgraph(self, items: NDArray[np.void]) -> None:
        """Write intervals with one value each."""
        raw = memoryview(items.tobytes())
        width, most = INTERVAL.itemsize, self.options.items_per_block
        for at in range(0, len(items), most):
            part = items[at : at + most]
            start, end = int(part["start"][0]), int(part["end"][-1])
            payload = raw[width * at : width * (at + len(part))]
            self.append(start, end, BED_GRAPH, len(part), payload)

    def last_bin(self, value: float, start: int, end: int) -> None:
        """Write the contig's shorter last bin, which no fixed step can hold."""
        if not math.isnan(value):
            self.bedgraph(np.array([(start, end, value)], INTERVAL))


def _encode_bins(writer: SectionWriter, values: NDArray[np.float32]) -> None:
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
            writer.bedgraph(_items(values, valid, changes, (first, last), writer.grid))


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
