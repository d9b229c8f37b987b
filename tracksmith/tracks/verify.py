"""A second reader's look at a finished file before it gets its name."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import InputError, TracksmithError
from tracksmith.tracks.piece import Summary
from tracksmith.tracks.pyramid import ZOOM_RATIO, ZoomLevel
from tracksmith.tracks.reader import open_track

__all__ = ["Probe", "Row", "verify_bigbed", "verify_bigwig"]

Probe: TypeAlias = tuple[int, int, int, float]
"""Contig index, start, end and the one value of all bases between."""

Row: TypeAlias = tuple[int, int, int, bytes]
"""Contig index, start, end and the text of the other columns."""

MEAN_TOLERANCE = 1e-5  # of the largest value: a zoom record's sum is a float32
LARGEST_INTEGER = 1 << 62
FEWEST_SAMPLES, BYTES_A_SAMPLE = 4, 1 << 16
"""Fewer samples of a small file, which is one of thousands: each inflates a block."""


def verify_bigwig(
    path: Path,
    contigs: Sequence[tuple[str, int]],
    totals: Summary,
    samples: Sequence[Probe],
    levels: Sequence[tuple[ZoomLevel, list[NDArray[np.void]]]],
) -> None:
    """Read a finished bigWig with pyBigWig and compare it with what was written.

    Parameters
    ----------
    samples : sequence of Probe
        Values that the file must hold, bit for bit; one is looked up for every 64 kB.
    levels : sequence of (ZoomLevel, records)
        Records four times as coarse as the level: what its summaries must be.

    Raises
    ------
    TracksmithError
        Anything differs; the message names the first difference.
    """
    with _reading(path, contigs) as handle:
        _check_totals(handle.header(), totals, len(levels))
        most = max(FEWEST_SAMPLES, path.stat().st_size // BYTES_A_SAMPLE)
        for contig, start, end, value in samples[:: -(-len(samples) // most) or 1]:
            _check_sample(handle, contigs[contig][0], (start, end), value)
        for level, records in levels:
            for record in records:
                _check_record(handle, contigs, level.reduction, record)


def verify_bigbed(
    path: Path,
    contigs: Sequence[tuple[str, int]],
    depth: Summary,
    declaration: str,
    samples: Sequence[Row],
) -> None:
    """Read a finished bigBed with pyBigWig and compare it with what was written.

    Raises
    ------
    TracksmithError
        Anything differs; the message names the first difference.
    """
    with _reading(path, contigs) as handle:
        if _text_of(handle.SQL()) != declaration:
            raise _differs("its table is declared otherwise")
        if handle.header()["nBasesCovered"] != depth.bases:
            raise _differs(f"it covers other than {depth.bases} bases")
        for contig, start, end, text in samples:
            name = contigs[contig][0]
            records = handle.entries(name, start, end) or ()
            if (start, end, text.decode()) not in records:
                raise _differs(f"the row {name}:{start}-{end} is missing or changed")


@contextmanager
def _reading(path: Path, contigs: Sequence[tuple[str, int]]) -> Iterator[Any]:
    """Yield the open file, whose contigs must be these; what cannot be read differs."""
    try:
        with open_track(path) as handle:
            if handle.chroms() != dict(contigs):
                raise _differs("its contigs are not those of the genome")
            yield handle
    except InputError as error:
        raise _differs(str(error)) from error


def _text_of(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _differs(reason: str) -> TracksmithError:
    return TracksmithError(
        f"A finished track does not read back as it was written: {reason}. It was not given its "
        "name. Check the disk and repeat the command; if it happens again, report it."
    )


def _check_totals(header: dict[str, Any], totals: Summary, levels: int) -> None:
    if header["nBasesCovered"] != totals.bases or header["nLevels"] != levels:
        raise _differs(
            f"{header['nBasesCovered']} bases in {header['nLevels']} zoom levels, "
            f"not {totals.bases} in {levels}"
        )
    if totals.bases == 0:
        return
    # the reader gives these four as whole numbers
    names = ("minVal", "maxVal", "sumData", "sumSquared")
    for name, value in zip(names, totals[2:], strict=True):
        if abs(value) < LARGEST_INTEGER and header[name] != int(value):
            raise _differs(f"{name} is {header[name]}, not {value}")


def _check_sample(handle: Any, name: str, span: tuple[int, int], value: float) -> None:
    values = np.asarray(handle.values(name, *span), np.float32)
    if not (values == np.float32(value)).all():
        raise _differs(f"{name}:{span[0]}-{span[1]} holds {values[0]}, not {value}")


def _check_record(
    handle: Any, contigs: Sequence[tuple[str, int]], reduction: int, record: NDArray[np.void]
) -> None:
    """Ask for the aligned stretch of four cells around a record; it is read from this level."""
    name, length = contigs[int(record["contig"])]
    width = reduction * ZOOM_RATIO
    start = int(record["start"]) // width * width
    end = min(start + width, length)
    mean = float(record["sum"]) / int(record["count"])
    low, high = float(record["min"]), float(record["max"])
    statistics = [handle.stats(name, start, end, type=kind)[0] for kind in ("min", "max", "mean")]
    tolerance = MEAN_TOLERANCE * max(abs(low), abs(high))
    if statistics[:2] != [low, high] or not math.isclose(
        statistics[2], mean, rel_tol=0, abs_tol=tolerance
    ):
        raise _differs(
            f"zoom level {reduction} gives minimum, maximum and mean {statistics} for "
            f"{name}:{start}-{end}, not {[low, high, mean]}"
        )
