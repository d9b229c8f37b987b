"""What a part keeps of a chunk beside its tracks: cores that were computed, inserted bases."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["CoreTally", "Inserted", "pack", "unpack"]

_HEAD = struct.Struct("<6q")


class CoreTally(NamedTuple):
    """Cores of all haplotypes, how many were not copied, windows computed, windows that span."""

    cores: int
    computed: int
    windows: int
    spanning: int


class Inserted(NamedTuple):
    """The values of the inserted bases of one edit on one haplotype, for each track.

    ``person`` and ``haplotype`` count from 0; ``row`` is the row of the person. ``total`` is
    the sum over bases, ``strongest`` the value that is the furthest from 0; float32
    ``(tracks,)``, NaN where no base has a value.
    """

    person: int
    row: int
    haplotype: int
    total: NDArray[np.float32]
    strongest: NDArray[np.float32]

    @classmethod
    def of(cls, person: int, row: int, haplotype: int, values: NDArray[np.float32]) -> Inserted:
        """Sum up the values ``(tracks, bases)`` of an edit."""
        known = ~np.isnan(values)
        filled = np.where(known, values, np.float32(0))
        at = np.abs(filled).argmax(axis=1)
        none = ~known.any(axis=1)
        total = filled.sum(axis=1, dtype=np.float64).astype(np.float32)
        strongest = filled[np.arange(len(filled)), at]
        total[none], strongest[none] = np.nan, np.nan
        return cls(person, row, haplotype, total, strongest)


def pack(tally: CoreTally, inserted: Sequence[Inserted]) -> bytes:
    """Return both as bytes."""
    tracks = len(inserted[0].total) if inserted else 0
    places = np.array([item[:3] for item in inserted], "<i8").reshape(-1, 3)
    values = np.array([[item.total, item.strongest] for item in inserted], "<f4")
    return _HEAD.pack(*tally, len(inserted), tracks) + places.tobytes() + values.tobytes()


def unpack(data: bytes) -> tuple[CoreTally, list[Inserted]]:
    """Return what :func:`pack` was given."""
    *tally, count, tracks = _HEAD.unpack_from(data)
    places = np.frombuffer(data, "<i8", 3 * count, _HEAD.size).reshape(-1, 3)
    values = np.frombuffer(data, "<f4", 2 * count * tracks, _HEAD.size + places.nbytes)
    items = zip(places.tolist(), values.reshape(count, 2, tracks), strict=True)
    return CoreTally(*tally), [Inserted(*place, *own) for place, own in items]
