"""Values over intervals of any width, instead of bins: read from a bigWig, encoded for one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import InputError, TracksmithError
from tracksmith.genome.contigs import Contigs, check_lengths, shown
from tracksmith.genome.fasta import Notify, silent
from tracksmith.tracks.bbi import INTERVAL
from tracksmith.tracks.encoding import LARGEST_VALUE, compress_sections, thirds
from tracksmith.tracks.histogram import count_values
from tracksmith.tracks.options import TrackOptions, round_values
from tracksmith.tracks.piece import SAMPLE, EncodedPiece
from tracksmith.tracks.reader import open_track
from tracksmith.tracks.survey import SectionWriter, summarise
from tracksmith.tracks.zoom import BINS_PER_RECORD, BinGrid, records_of_intervals

__all__ = ["INTERVAL_BIN", "encode_intervals", "sum_over_intervals"]

INTERVAL_BIN = 16
"""The bin size in bp to write intervals under: the finest zoom level has records of 1,024 bp."""


def encode_intervals(
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    values: NDArray[np.float32],
    contig_length: int,
    options: TrackOptions,
    *,
    contig: int,
) -> EncodedPiece:
    """Encode one value for each of some intervals of one contig; gaps lie between them.

    Give :func:`tracksmith.tracks.bigwig.write_bigwig` the bin size `INTERVAL_BIN`.

    Parameters
    ----------
    starts, ends
        int64, shape (intervals,): bp, 0-based half-open, ascending, disjoint.
    values
        float32, shape (intervals,), all finite. The histogram counts intervals.
    contig_length
        In bp.
    contig
        Index of the contig in the genome.

    Returns
    -------
    piece : EncodedPiece
        Its bytes depend on the arguments alone.

    Raises
    ------
    InputError
        A value is not finite or beyond 1e14 in size.
    TracksmithError
        The intervals are none, out of order, overlap, or pass the contig's end.
    """
    values = round_values(np.ascontiguousarray(values, dtype=np.float32), options.precision)
    _check_intervals(starts, ends, values, contig_length, contig)
    items = np.empty(len(starts), INTERVAL)
    items["start"], items["end"], items["value"] = starts, ends, values
    grid = BinGrid(contig, int(starts[0]) // INTERVAL_BIN * INTERVAL_BIN, INTERVAL_BIN)
    writer = SectionWriter(options.items_per_block, grid)
    writer.bedgraph(items)
    blocks, sections, largest = compress_sections(writer.sections(), options)
    cell = BINS_PER_RECORD * INTERVAL_BIN
    zoom = records_of_intervals(starts, ends, values, contig, cell)
    return EncodedPiece(
        grid=grid,
        end=int(ends[-1]),
        blocks=blocks,
        sections=sections,
        zoom=zoom,
        histogram=count_values(values),
        samples=_samples(items),
        summary=summarise(zoom, len(items)),
        block_size=largest,
    )


def _check_intervals(
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    values: NDArray[np.float32],
    contig_length: int,
    contig: int,
) -> None:
    if not len(starts) == len(ends) == len(values) > 0:
        raise TracksmithError("Intervals to encode need one start, end and value each.")
    ordered = np.all(starts < ends) and np.all(ends[:-1] <= starts[1:])
    if not ordered or starts[0] < 0 or ends[-1] > contig_length:
        raise TracksmithError(
            f"Intervals of contig {contig} must be ascending, disjoint and within 0 to "
            f"{contig_length} bp."
        )
    bad = np.flatnonzero(~(np.abs(values) <= LARGEST_VALUE))
    if bad.size:
        at = int(bad[0])
        raise InputError(
            f"The value of the interval {starts[at]}-{ends[at]} (0-based) of contig {contig} is "
            f"{values[at]}: it must be finite and at most {LARGEST_VALUE:g} in size."
        )


def _samples(items: NDArray[np.void]) -> NDArray[np.void]:
    """Choose the first, middle and last interval."""
    chosen = thirds(len(items))
    samples = np.empty(len(chosen), SAMPLE)
    for name in ("start", "end", "value"):
        samples[name] = items[name][chosen]
    return samples


def sum_over_intervals(
    path: Path,
    contigs: Contigs,
    contig: NDArray[np.int64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    notify: Notify = silent,
) -> NDArray[np.float64]:
    """Return the sum of a bigWig's values over each interval; bases without value count 0.

    Parameters
    ----------
    contig, starts, ends
        int64, shape (intervals,): contig numbers; bp, 0-based half-open.
    notify
        Is told of contigs that the file does not have.

    Returns
    -------
    sums : float64, shape (intervals,)

    Raises
    ------
    InputError
        The file is missing, no bigWig, of another assembly, or has a negative
        or infinite value in an interval.
    """
    with open_track(path) as file:
        if not file.isBigWig():
            raise InputError(f"{path} is a bigBed file; give a bigWig.")
        names = _names(file, path, contigs)
        absent = [contigs.names[n] for n in np.unique(contig) if int(n) not in names]
        if absent:
            notify(f"{path} has no contig {shown(absent)}: intervals there sum to 0.")
        sums = np.zeros(len(starts))
        for row in np.flatnonzero(np.isin(contig, list(names))):
            place = names[int(contig[row])], int(starts[row]), int(ends[row])
            sums[row] = _sum(file, path, *place)
        return sums


def _sum(file: Any, path: Path, name: str, start: int, end: int) -> float:
    values = np.asarray(file.values(name, start, end), np.float64)
    wrong = np.flatnonzero((values < 0) | np.isinf(values))
    if wrong.size:
        at = int(wrong[0])
        raise InputError(
            f"{path} holds {values[at]:g} at {name}:{start + at + 1:,}; a signal is never negative "
            "or infinite. Give coverage or counts, not a logarithm or a ratio."
        )
    return float(np.nansum(values))


def _names(file: Any, path: Path, contigs: Contigs) -> dict[int, str]:
    """Return the file's own name of every contig that it shares with the genome."""
    declared = {name: int(length) for name, length in file.chroms().items()}
    resolved = {name: contigs.resolve(name, length) for name, length in declared.items()}
    own = {target: name for name, target in resolved.items() if target is not None}
    check_lengths(
        {target: declared[name] for target, name in own.items()} or declared, contigs, str(path)
    )
    return {contigs.index(target): name for target, name in own.items()}
