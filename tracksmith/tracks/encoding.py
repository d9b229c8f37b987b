"""From values to compressed bigWig sections: surveyed in one pass, compressed one by one."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import InputError, TracksmithError
from tracksmith.tracks.compiled import loaded
from tracksmith.tracks.options import TrackOptions, compress_function, round_values
from tracksmith.tracks.piece import SAMPLE, EncodedPiece
from tracksmith.tracks.survey import Bins, RawSections, Survey, survey_bins
from tracksmith.tracks.zoom import BinGrid

__all__ = ["LARGEST_VALUE", "compress_sections", "encode_values", "thirds"]

LARGEST_VALUE = 2.0**47
"""Beyond, the sum of squares over a chromosome overflows the float32 of a zoom record."""

LARGEST_CONTIG = 0xFFFFFFFF


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
    values = np.asarray(values)
    _check_place(values.shape, grid, contig_length)
    single = _stored(values, options)
    end = min(start + len(single) * bin_size, contig_length)
    survey = _survey(Bins(single, grid, end), options.items_per_block)
    _check_size(survey, single, grid, name)
    blocks, sections, largest = compress_sections(survey.sections, options)
    return EncodedPiece(
        grid=grid,
        end=end,
        blocks=blocks,
        sections=sections,
        zoom=survey.zoom,
        histogram=survey.histogram,
        samples=_samples(single, survey.zoom, grid, end),
        summary=survey.summary,
        block_size=largest,
    )


def _stored(values: NDArray[Any], options: TrackOptions) -> NDArray[np.float32]:
    """Return the values as the file will hold them; what overflows becomes infinite."""
    single = values
    if single.dtype != np.float32 or not (single.flags.c_contiguous and single.flags.aligned):
        with np.errstate(over="ignore"):
            single = np.array(values, np.float32)
    return round_values(single, options.precision)


def _survey(bins: Bins, items_per_block: int) -> Survey:
    compiled = loaded().compiled
    return (compiled.survey_bins if compiled else survey_bins)(bins, items_per_block)


def compress_sections(
    raw: RawSections, options: TrackOptions
) -> tuple[tuple[bytes, ...], NDArray[np.void], int]:
    """Compress every section; their table is used on.

    Returns
    -------
    blocks : tuple of bytes
        Each section compressed.
    sections : array of dtype `SECTION`
        Where each lies once the blocks are joined.
    largest : int
        Bytes of the largest section before compression.
    """
    compress = compress_function(options.compressor)
    sections, content = raw.table, raw.content
    sizes = sections["size"].tolist()
    blocks, at = [], 0
    for size in sizes:
        blocks.append(compress(content[at : at + size]))
        at += size
    *offsets, _ = itertools.accumulate(map(len, blocks), initial=0)
    sections["size"], sections["offset"] = list(map(len, blocks)), offsets
    return tuple(blocks), sections, max(sizes, default=0)


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
    if not 1 <= bin_size <= LARGEST_CONTIG or start < 0 or start % bin_size:
        raise TracksmithError(
            f"Bins of {bin_size} bp cannot start at {start}: bins lie at multiples of their size."
        )
    if start + (shape[0] - 1) * bin_size >= contig_length:
        raise InputError(
            f"{shape[0]} bins of {bin_size} bp from {start} pass the end of "
            f"contig {grid.contig} ({contig_length} bp)."
        )


def _check_size(
    survey: Survey, values: NDArray[np.float32], grid: BinGrid, name: str | None
) -> None:
    """Refuse infinite and overflowing values, naming the first."""
    if max(-survey.summary.minimum, survey.summary.maximum) <= LARGEST_VALUE:
        return
    index = int(np.flatnonzero(np.abs(values) > LARGEST_VALUE)[0])
    raise InputError(
        f"The value at {grid.start + index * grid.bin_size:,} bp (0-based) of contig "
        f"{name or grid.contig} is {values[index]}: it must be finite, fit float32 and be at most "
        f"{LARGEST_VALUE:.2g} in size, or the sums of the zoom levels overflow. "
        "Check the model's output or rescale the track; use NaN for no value."
    )


def _samples(
    values: NDArray[np.float32], zoom: NDArray[np.void], grid: BinGrid, end: int
) -> NDArray[np.void]:
    """Choose a few bins with a value: the first of some zoom records, spread evenly."""
    every = zoom["start"]
    starts = [int(every[number]) for number in thirds(len(zoom))]
    rows = [
        (start, min(start + grid.bin_size, end), values[(start - grid.start) // grid.bin_size])
        for start in starts
    ]
    return np.array(rows, SAMPLE)


def thirds(count: int) -> list[int]:
    """Return the first, middle and last of so many numbers from 0, each once."""
    return sorted({0, (count - 1) // 2, count - 1}) if count else []
