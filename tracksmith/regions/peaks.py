"""The regions of a region model: sorted, disjoint, accessible."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import InputError, UsageError
from tracksmith.genome.bed import Bed, read_bed
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.fasta import Notify, silent
from tracksmith.tracks.intervals import sum_over_intervals

__all__ = ["Overlaps", "Peaks", "PeaksRequest", "read_peaks"]

Integers = NDArray[np.int64]
Overlaps = Literal["refuse", "merge"]


@dataclass(frozen=True)
class PeaksRequest:
    """Where peaks and their accessibility come from.

    ``counts_column`` is a column of the BED file, from 1; ``accessibility`` a
    bigWig: one of the two, or neither.
    """

    peaks: Path
    accessibility: Path | None = None
    counts_column: int | None = None
    overlaps: Overlaps = "refuse"
    alias: Path | None = None
    clip: bool = False


@dataclass(frozen=True, eq=False)
class Peaks:
    """Regions in genome order, no two of which share a base.

    Attributes
    ----------
    contigs
        The genome's contigs.
    contig, starts, ends
        int64, shape (regions,): contig numbers; bp, 0-based half-open.
    names
        The fourth column of the file, '' where there is none.
    signal
        Accessibility, float64 (regions,), above 0; None where none was given.
    """

    contigs: Contigs
    contig: Integers
    starts: Integers
    ends: Integers
    names: tuple[str, ...]
    signal: NDArray[np.float64] | None

    def __len__(self) -> int:
        return len(self.starts)

    def on_contigs(self) -> list[tuple[int, slice]]:
        """Return the contigs that have regions, and which regions these are."""
        numbers, first = np.unique(self.contig, return_index=True)
        bounds = [*first.tolist(), len(self)]
        return [(int(number), slice(bounds[i], bounds[i + 1])) for i, number in enumerate(numbers)]

    def place(self, region: int) -> str:
        """Return a region as text, 1-based, both ends included."""
        name = self.contigs.names[int(self.contig[region])]
        return f"{name}:{int(self.starts[region]) + 1:,}-{int(self.ends[region]):,}"

    def take(self, which: NDArray[np.bool_] | Integers) -> Peaks:
        """Return some regions, by number or by a mask."""
        numbers = np.flatnonzero(which) if which.dtype == np.bool_ else which
        return replace(
            self,
            contig=self.contig[which],
            starts=self.starts[which],
            ends=self.ends[which],
            names=tuple(self.names[int(number)] for number in numbers),
            signal=None if self.signal is None else self.signal[which],
        )


def read_peaks(request: PeaksRequest, contigs: Contigs, notify: Notify = silent) -> Peaks:
    """Read peaks, sort them, settle overlaps, and drop those without any accessibility.

    Peaks that share a base are refused, or with ``overlaps="merge"`` become
    their union, whose count is the sum of theirs. Peaks that only touch stay
    apart. Without accessibility all peaks are kept.

    Raises
    ------
    UsageError
        Both a counts column and a bigWig were given.
    InputError
        The file is malformed (see :func:`tracksmith.genome.bed.read_bed`),
        peaks overlap, a count is no number from 0 on, or no peak is left.
    """
    if request.accessibility is not None and request.counts_column is not None:
        raise UsageError("Give accessibility as a bigWig or as a counts column, not both.")
    bed = read_bed(request.peaks, contigs, notify, request.alias, request.clip)
    counts = None if request.counts_column is None else _counts(bed, request)
    peaks = Peaks(contigs, bed.contig, bed.starts, bed.ends, tuple(bed.names), counts)
    peaks = peaks.take(np.lexsort((peaks.ends, peaks.starts, peaks.contig)))
    peaks = _without_overlaps(peaks, request, notify)
    if request.accessibility is not None:
        signal = sum_over_intervals(
            request.accessibility, contigs, peaks.contig, peaks.starts, peaks.ends, notify
        )
        peaks = replace(peaks, signal=signal)
    return _accessible(peaks, request, notify)


def _counts(bed: Bed, request: PeaksRequest) -> NDArray[np.float64]:
    column = request.counts_column or 0
    if column < 4:
        raise UsageError(
            f"--counts-column {column}: columns are counted from 1, and the first three are the "
            "peak itself. Give 4 or more."
        )
    counts = np.empty(len(bed))
    for row, extra in enumerate(bed.extra):
        text = extra[column - 4] if len(extra) > column - 4 else ""
        try:
            counts[row] = float(text)
        except ValueError:
            counts[row] = np.nan
        if not 0 <= counts[row] < np.inf:
            place = f"{bed.contigs.names[int(bed.contig[row])]}:{int(bed.starts[row]) + 1:,}"
            raise InputError(
                f"{request.peaks}, peak {row + 1} at {place}: column {column} is {text!r}, but a "
                "count is a number from 0 on. Choose the right column with --counts-column."
            )
    return counts


def _without_overlaps(peaks: Peaks, request: PeaksRequest, notify: Notify) -> Peaks:
    reach = _reach(peaks)
    same = peaks.contig[1:] == peaks.contig[:-1]
    fresh = np.concatenate([[True], ~same | (peaks.starts[1:] >= reach[:-1])])
    overlapping = int(np.count_nonzero(~fresh))
    if not overlapping:
        return peaks
    if request.overlaps == "refuse":
        second = int(np.argmin(fresh))
        first = second - 1 - int(np.argmax(reach[:second][::-1] == peaks.ends[:second][::-1]))
        raise InputError(
            f"{request.peaks}: {overlapping:,} of {len(peaks):,} peaks overlap one before them, "
            f"the first {peaks.place(second)} and {peaks.place(first)}. One base cannot have two "
            "values: make the peaks disjoint, or join them with --overlaps merge."
        )
    first_of = np.flatnonzero(fresh)
    last_of = np.append(first_of[1:], len(peaks)) - 1
    notify(f"{request.peaks}: {overlapping:,} overlapping peaks were joined to those before them.")
    signal = None if peaks.signal is None else np.add.reduceat(peaks.signal, first_of)
    names = tuple(
        ",".join(dict.fromkeys(name for name in peaks.names[a : b + 1] if name))
        for a, b in zip(first_of, last_of, strict=True)
    )
    merged = peaks.take(first_of)
    return replace(merged, ends=reach[last_of], names=names, signal=signal)


def _reach(peaks: Peaks) -> Integers:
    """Return the farthest end so far on the region's contig, int64 (regions,)."""
    # Adding more than any position for each contig keeps the maxima apart.
    offset = peaks.contig << 33
    reach: Integers = np.maximum.accumulate(peaks.ends + offset) - offset
    return reach


def _accessible(peaks: Peaks, request: PeaksRequest, notify: Notify) -> Peaks:
    if peaks.signal is None:
        return peaks
    kept = peaks.signal > 0
    closed = len(peaks) - int(np.count_nonzero(kept))
    if closed == len(peaks):
        raise InputError(
            f"{request.peaks}: no peak has any accessibility. Check that the signal belongs to "
            "these peaks and this assembly."
        )
    if closed:
        notify(f"{request.peaks}: {closed:,} of {len(peaks):,} peaks have no signal: left out.")
    return peaks.take(kept)
