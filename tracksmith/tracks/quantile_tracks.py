"""A track as quantiles of itself: where each value stands among all bases of the track."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracksmith.tracks.bigwig import TrackSummary, write_bigwig
from tracksmith.tracks.encoding import encode_values
from tracksmith.tracks.options import TrackOptions
from tracksmith.tracks.piece import EncodedPiece
from tracksmith.tracks.reader import OpenTrack

__all__ = ["Quantiles", "write_quantiles"]

SHIFT = 11
"""Bits of a float32 that are not looked at: sign, exponent and 12 bits of mantissa remain."""

HALF = 1 << (31 - SHIFT)
CHUNK = 1 << 20

Values = NDArray[np.float32]
Advance = Callable[[int], None]


class Quantiles:
    """Counts values in classes that are 1/4096 of a value wide, and tells quantiles.

    The quantile of a value is the share of counted values that are smaller, and half of those of
    its class: between 0 and 1, the same for equal values, in the order of the values.
    """

    def __init__(self) -> None:
        self.counts = np.zeros(2 * HALF, np.int64)

    def add(self, values: Values) -> None:
        """Count float32 values; NaN is left out."""
        known = values[~np.isnan(values)]
        if len(known):
            self.counts += np.bincount(_classes(known), minlength=2 * HALF)

    def table(self) -> Values:
        """Return the quantile of each class, float32."""
        total = max(1, int(self.counts.sum()))
        below = np.cumsum(self.counts) - self.counts
        return ((below + self.counts / 2) / total).astype(np.float32)

    @staticmethod
    def look_up(table: Values, values: Values) -> Values:
        """Return the quantiles of float32 values, NaN where there is none."""
        quantiles: Values = table[_classes(np.nan_to_num(values))]
        quantiles[np.isnan(values)] = np.nan
        return quantiles


def _classes(values: Values) -> NDArray[np.int64]:
    """Return the classes of values, ascending as they do; -0 is 0."""
    patterns = (np.ascontiguousarray(values, np.float32) + np.float32(0)).view(np.uint32)
    size = ((patterns & np.uint32(0x7FFFFFFF)) >> np.uint32(SHIFT)).astype(np.int64)
    return np.where(patterns >> np.uint32(31), HALF - 1 - size, HALF + size)


def write_quantiles(
    source: Path,
    target: Path,
    grid: tuple[int, int],
    options: TrackOptions,
    advance: Advance = lambda bases: None,
) -> TrackSummary:
    """Write a bigWig of the quantiles of another's values, read twice; gaps stay gaps.

    Parameters
    ----------
    grid
        Width of the bins in bp; and -1 where both files hold negated values, else 1.
    advance
        Is told of the bases read, twice those of the contigs.
    """
    bin_size, sign = grid
    track = OpenTrack(source)
    try:
        contigs = list(track.contigs.items())
        counted = Quantiles()
        for name, length in contigs:
            for start, end in _chunks(length, bin_size):
                counted.add(_values(track, name, (start, end), sign))
                advance(end - start)
        table = counted.table()

        def pieces() -> Iterator[tuple[int, EncodedPiece]]:
            for number, (name, length) in enumerate(contigs):
                for start, end in _chunks(length, bin_size):
                    values = _values(track, name, (start, end), sign)[::bin_size]
                    advance(end - start)
                    if not np.isnan(values).all():
                        stored = Quantiles.look_up(table, values) * np.float32(sign)
                        yield (
                            number,
                            encode_values(stored, start, bin_size, length, options, contig=number),
                        )

        return write_bigwig(target, contigs, pieces, bin_size, options)
    finally:
        track.close()


def _chunks(length: int, bin_size: int) -> Iterator[tuple[int, int]]:
    step = max(1, CHUNK // bin_size) * bin_size
    return ((start, min(start + step, length)) for start in range(0, length, step))


def _values(track: OpenTrack, contig: str, span: tuple[int, int], sign: int) -> Values:
    return (track.values(contig, *span) * sign).astype(np.float32)
