"""Reading bigWig files with pyBigWig: the reader that is not ours."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyBigWig
from numpy.typing import NDArray

from tracksmith.errors import InputError
from tracksmith.tracks.head import read_local_head

__all__ = [
    "OpenTrack",
    "open_track",
    "read_contigs",
    "read_entries",
    "read_summary",
    "read_values",
]

Statistic = Literal["mean", "min", "max", "coverage", "std", "sum"]


@contextmanager
def open_track(path: Path) -> Iterator[Any]:
    """Open a bigWig or bigBed for reading; what the library says of damage is an InputError.

    Raises
    ------
    InputError
        The file is missing, neither of the two, or damaged.
    """
    if not path.is_file():
        raise InputError(f"There is no track file {path}.")
    # The library crashes, and the command with it, on a head that is not sound or totals of NaN.
    totals = read_local_head(path).summary
    if totals is not None and not all(map(math.isfinite, totals)):
        raise InputError(f"{path}: its totals are no numbers. Make it anew from its values.")
    try:
        handle = pyBigWig.open(str(path))
    except RuntimeError as error:
        raise InputError(f"{path} cannot be read as bigWig or bigBed: {error}.") from error
    try:
        with _damage_told(path):
            yield handle
    finally:
        handle.close()


@contextmanager
def _damage_told(path: Path, where: str = "") -> Iterator[None]:
    try:
        yield
    except (RuntimeError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}{where} is damaged or cut short ({error}). Make it or fetch it again."
        ) from error


class OpenTrack:
    """A bigWig that stays open for many reads, which are not checked one by one.

    Raises
    ------
    InputError
        As :func:`open_track`, or the file is a bigBed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stack = ExitStack()
        self._handle = self._stack.enter_context(open_track(path))
        if not self._handle.isBigWig():
            self.close()
            raise InputError(f"{path} is a bigBed. Give a bigWig: it holds a value for each base.")
        self.contigs: dict[str, int] = self._handle.chroms()
        """The contigs that the file lists, with lengths in bp."""

    def close(self) -> None:
        """Let the file go."""
        self._stack.close()

    def values(self, contig: str, start: int, end: int) -> NDArray[np.float64]:
        """Return one float64 per base of ``[start, end)``, NaN where there is no value.

        Raises
        ------
        InputError
            A block of the file cannot be read.
        """
        if start >= end:
            return np.empty(0, np.float64)
        with _damage_told(self.path, f", {contig}:{start + 1}-{end},"):
            values = self._handle.values(contig, start, end, numpy=True)
        return np.asarray(values, np.float64)

    def extremes(self, contig: str) -> tuple[float, float] | None:
        """Return the smallest and largest value of a contig, None where it has none."""
        length = self.contigs[contig]
        with _damage_told(self.path, f", {contig},"):
            low, high = (self._handle.stats(contig, 0, length, type=t)[0] for t in ("min", "max"))
        return None if low is None or high is None else (float(low), float(high))


def read_contigs(path: Path) -> dict[str, int]:
    """Return the contigs that a track lists, with lengths in bp."""
    with open_track(path) as handle:
        contigs: dict[str, int] = handle.chroms()
        return contigs


def read_values(path: Path, contig: str, start: int, end: int) -> NDArray[np.float32]:
    """Return one float32 per base of ``[start, end)``, NaN where there is no value.

    Raises
    ------
    InputError
        The file cannot be read, lacks the contig, or the interval is not inside it.
    """
    with open_track(path) as handle:
        _check_interval(handle, path, contig, start, end)
        return np.asarray(handle.values(contig, start, end), np.float32)


def read_summary(
    path: Path,
    contig: str,
    start: int,
    end: int,
    bins: int = 1,
    statistic: Statistic = "mean",
    *,
    exact: bool = False,
) -> NDArray[np.float64]:
    """Summarise ``[start, end)`` in ``bins`` equal parts; NaN where there is no value.

    From the zoom levels unless ``exact``, which reads every value.

    Raises
    ------
    InputError
        As :func:`read_values`.
    """
    with open_track(path) as handle:
        _check_interval(handle, path, contig, start, end)
        values = handle.stats(contig, start, end, type=statistic, nBins=bins, exact=exact)
        return np.array([np.nan if value is None else value for value in values], np.float64)


def _check_interval(handle: Any, path: Path, contig: str, start: int, end: int) -> None:
    length = handle.chroms(contig)
    if length is None:
        raise InputError(f"{path} has no contig {contig!r}.")
    if not 0 <= start < end <= length:
        raise InputError(
            f"{contig}:{start}-{end} (0-based) does not lie inside the contig, "
            f"which has {length} bp in {path}."
        )


def read_entries(path: Path, contig: str, start: int, end: int) -> list[tuple[int, int, str]]:
    """Return the rows of a bigBed that touch ``[start, end)``: start, end, the other columns.

    Raises
    ------
    InputError
        The file cannot be read, or is a bigWig.
    """
    with open_track(path) as handle:
        if not handle.isBigBed():
            raise InputError(f"{path} is a bigWig. Give a bigBed.")
        if handle.chroms(contig) is None:
            return []
        with _damage_told(path, f", {contig}:{start + 1}-{end},"):
            rows = handle.entries(contig, start, end) or ()
        return [tuple(row) for row in rows]
