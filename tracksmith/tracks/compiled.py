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
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracksmith.tracks.histogram import CLASSES, HISTOGRAM
from tracksmith.tracks.piece import SECTION, Summary
from tracksmith.tracks.survey import CHUNK, Bins, RawSections, Survey
from tracksmith.tracks.zoom import BINS_PER_RECORD, RECORD

__all__ = ["LIBRARY", "Compiled", "Loaded", "load", "loaded"]

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


class _Found(ctypes.Structure):
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
        self._survey.argtypes = (place, place, place, count, place, place)
        self._sections = library.tracksmith_sections
        self._sections.argtypes = (place, place, place, count, place, count)

    def survey_bins(self, bins: Bins, items_per_block: int) -> Survey:
        """Survey the values of some bins; see :func:`tracksmith.tracks.survey.survey_bins`."""
        values, grid = bins.values, bins.grid
        given = _Bins(
            values.ctypes.data, len(values), grid.start, bins.end, grid.bin_size, grid.contig,
            items_per_block,
        )  # fmt: skip
        rows, classes = len(values) // BINS_PER_RECORD + 3, min(len(values), CLASSES)
        counted = RECORD.itemsize * rows
        chosen = counted + HISTOGRAM.itemsize * classes
        room, place = _room(chosen + len(values) // CHUNK + 1)
        found = _Found()
        _check(
            self._survey(
                ctypes.byref(given), place, place + counted, classes, place + chosen,
                ctypes.byref(found),
            )
        )  # fmt: skip
        totals = found.min, found.max, found.sum, found.sum_squares
        return Survey(
            np.frombuffer(room, RECORD, found.records),
            np.frombuffer(room, HISTOGRAM, found.classes, counted),
            Summary(found.bases, found.values, *totals) if found.records else Summary(),
            self._raw_sections(given, place + chosen, found),
        )

    def _raw_sections(self, given: _Bins, dense: int, found: _Found) -> RawSections:
        """Return the sections that a survey counted; ``dense`` is where it chose their kinds."""
        listed = SECTION.itemsize * found.sections
        room, place = _room(listed + found.bytes)
        _check(
            self._sections(
                ctypes.byref(given), dense, place, found.sections, place + listed, found.bytes
            )
        )
        return RawSections(room.data[listed:], np.frombuffer(room, SECTION, found.sections))


def _room(size: int) -> tuple[NDArray[np.uint8], int]:
    """Return so many bytes and where they lie."""
    room = np.empty(size, np.uint8)
    # a tenth of the time that the array's own attributes take
    return room, ctypes.addressof(ctypes.c_char.from_buffer(room.data)) if size else 0


def _check(status: int) -> None:
    if status:
        raise MemoryError("no memory to encode a piece of a track")


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
