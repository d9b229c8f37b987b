"""The survey of :mod:`tracksmith.tracks.survey` in compiled code, where that is built.

The library (`onepass.c`, built by `hatch_build.py`) knows nothing of Python: ctypes calls it, and
lets the interpreter's lock go meanwhile. Where it is missing, does not load, or was built from
another source than the one beside it, numpy does the same.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import TracksmithError
from tracksmith.tracks.histogram import CLASSES, HISTOGRAM
from tracksmith.tracks.piece import SECTION, Summary
from tracksmith.tracks.survey import CHUNK, Bins, RawSections, Survey
from tracksmith.tracks.zoom import BINS_PER_RECORD, RECORD

__all__ = ["LIBRARY", "Compiled", "Loaded", "load", "loaded"]

LEAST_ROOM, MOST_ROOM_KEPT = 1 << 16, 1 << 23

# decision: survey-in-c (numpy takes longer than the compression, half of it under the lock)
SOURCE = Path(__file__).with_name("onepass.c")
LIBRARY = SOURCE.with_name("_onepass.dll" if os.name == "nt" else "_onepass.so")


class _Bins(ctypes.Structure):
    _fields_ = (
        ("values", ctypes.c_void_p),
        ("bins", ctypes.c_uint64),
        ("start", ctypes.c_uint64),
        ("end", ctypes.c_uint64),
        ("bin_size", ctypes.c_uint32),
        ("contig", ctypes.c_uint32),
        ("items_per_block", ctypes.c_uint64),
    )


class _Result(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_uint64) for name in ("records", "classes", "sections", "bytes")),
        *((name, ctypes.c_uint64) for name in ("bases", "values")),
        *((name, ctypes.c_double) for name in ("min", "max", "sum", "sum_squares")),
    )


class Compiled:
    """The functions of a library."""

    def __init__(self, library: ctypes.CDLL) -> None:
        place, count = ctypes.c_void_p, ctypes.c_uint64
        self._survey = library.tracksmith_survey
        self._survey.argtypes = (place, place, place, place, count, place, place)
        self._sections = library.tracksmith_sections
        self._sections.argtypes = (place, place, place, count, place, count)

    def survey_bins(self, bins: Bins, items_per_block: int) -> Survey:
        """Survey the values of some bins; see :func:`tracksmith.tracks.survey.survey_bins`.

        The sections lie in memory that the thread's next survey uses again.
        """
        values, grid = bins.values, bins.grid
        given = _Bins(
            values.ctypes.data, len(values), grid.start, bins.end, grid.bin_size, grid.contig,
            items_per_block,
        )  # fmt: skip
        rows, classes = len(values) // BINS_PER_RECORD + 3, min(len(values), CLASSES)
        counted = RECORD.itemsize * rows
        chosen = counted + HISTOGRAM.itemsize * classes
        room, place = _room("survey", chosen + len(values) // CHUNK + 1)
        result = _Result()
        _check(
            self._survey(
                ctypes.byref(given), _zeros(), place, place + counted, classes, place + chosen,
                ctypes.byref(result),
            )
        )  # fmt: skip
        totals = result.min, result.max, result.sum, result.sum_squares
        return Survey(
            _copied(room, RECORD, result.records, 0),
            _copied(room, HISTOGRAM, result.classes, counted),
            Summary(result.bases, result.values, *totals) if result.records else Summary(),
            self._raw_sections(given, place + chosen, result),
        )

    def _raw_sections(self, given: _Bins, dense: int, result: _Result) -> RawSections:
        """Return the sections that a survey counted; ``dense`` is where it chose their kinds."""
        listed = SECTION.itemsize * result.sections
        room, place = _room("sections", listed + result.bytes)
        _check(
            self._sections(
                ctypes.byref(given), dense, place, result.sections, place + listed, result.bytes
            )
        )
        table = _copied(room, SECTION, result.sections, 0)
        return RawSections(room[listed : listed + result.bytes], table)


_kept = threading.local()


def _room(name: str, size: int) -> tuple[memoryview, int]:
    """Return at least so many bytes and where they lie, this thread's own under a name.

    Memory that is given back and taken anew for every piece costs more than the survey.
    """
    room: memoryview | None = _kept.__dict__.get(name)
    if room is None or len(room) < size:
        room = np.empty(max(size, LEAST_ROOM), np.uint8).data
        if size <= MOST_ROOM_KEPT:
            _kept.__dict__[name] = room
    return room, ctypes.addressof(ctypes.c_char.from_buffer(room))


def _zeros() -> int:
    """Return where this thread's counts of all classes lie, which are zero between calls."""
    kept: int | None = _kept.__dict__.get("place of counts")
    if kept is None:
        counts = np.zeros(CLASSES, np.uint32)
        kept = counts.ctypes.data
        _kept.__dict__.update({"counts": counts, "place of counts": kept})
    return kept


def _copied(
    room: memoryview, dtype: np.dtype[np.void], count: int, offset: int
) -> NDArray[np.void]:
    """Return rows as an array of their own."""
    rows = bytearray(room[offset : offset + count * dtype.itemsize])
    return np.frombuffer(rows, dtype, count)


def _check(status: int) -> None:
    if status:
        raise TracksmithError("The compiled encoder was given too little room. Please report it.")


class Loaded(NamedTuple):
    """The compiled code, or None and why it is not used."""

    compiled: Compiled | None
    reason: str = ""


def load(path: Path, source: Path = SOURCE) -> Loaded:
    """Load a library that was built from a source, if it can be used here."""
    if sys.byteorder != "little":
        return Loaded(None, "this processor is big-endian")
    if not path.is_file():
        return Loaded(None, "no C compiler built it when tracksmith was installed")
    try:
        library = ctypes.CDLL(str(path))
        library.tracksmith_checksum.restype = ctypes.c_uint32
        if library.tracksmith_checksum() != zlib.crc32(source.read_bytes()):
            return Loaded(None, f"{path} was built from another source: install tracksmith again")
        return Loaded(Compiled(library))
    except (OSError, AttributeError) as error:
        return Loaded(None, f"{path} does not load ({error}): install tracksmith again")


@functools.cache
def loaded() -> Loaded:
    """Return the library beside this module, loaded once."""
    return load(LIBRARY)
