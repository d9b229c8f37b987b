"""Reading bigWig files with pyBigWig: the reader that is not ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyBigWig
from numpy.typing import NDArray

from tracksmith.errors import InputError

__all__ = ["open_track", "read_contigs", "read_summary", "read_values"]

Statistic = Literal["mean", "min", "max", "coverage", "std", "sum"]


@contextmanager
def open_track(path: Path) -> Iterator[Any]:
    """Open a bigWig or bigBed for reading.

    Raises
    ------
    InputError
        The file is missing or neither of the two.
    """
    if not path.is_file():
        raise InputError(f"There is no track file {path}.")
    try:
        handle = pyBigWig.open(str(path))
    except RuntimeError as error:
        raise InputError(f"{path} cannot be read as bigWig or bigBed: {error}.") from error
    try:
        yield handle
    finally:
        handle.close()


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
