"""A stretch of one track, encoded: compressed sections and what an index needs.

A piece can be kept in a part file and joined later without being compressed
again: nothing in it depends on where in the finished file it will lie.
"""

from __future__ import annotations

import functools
import math
import struct
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import TrustError
from tracksmith.files import crc32
from tracksmith.tracks.histogram import HISTOGRAM
from tracksmith.tracks.zoom import RECORD, BinGrid

__all__ = ["SAMPLE", "SECTION", "EncodedPiece", "Summary"]

SECTION = np.dtype([("start", "<u4"), ("end", "<u4"), ("offset", "<u8"), ("size", "<u8")])
"""First and last base in bp; place of the compressed bytes inside the piece."""

SAMPLE = np.dtype([("start", "<u4"), ("end", "<u4"), ("value", "<f4")])
"""One bin and its value, to be compared with the finished file."""

MAGIC = b"TSPIECE1"
HEADER = struct.Struct("<8sII5I4IQ2Q4d")
TABLES = (SECTION, RECORD, HISTOGRAM, SAMPLE)


class Summary(NamedTuple):
    """Moments of a track over bases; ``values`` counts bins instead."""

    bases: int = 0
    values: int = 0
    minimum: float = math.inf
    maximum: float = -math.inf
    sum: float = 0.0
    sum_squares: float = 0.0

    def __add__(self, other: Summary) -> Summary:  # type: ignore[override]
        return Summary(
            self.bases + other.bases,
            self.values + other.values,
            min(self.minimum, other.minimum),
            max(self.maximum, other.maximum),
            self.sum + other.sum,
            self.sum_squares + other.sum_squares,
        )

    @property
    def mean(self) -> float:
        """Mean over covered bases; NaN without any."""
        return self.sum / self.bases if self.bases else math.nan


@dataclass(frozen=True)
class EncodedPiece:
    """Consecutive bins of one contig, encoded by :func:`tracksmith.tracks.encode_values`.

    Attributes
    ----------
    grid : BinGrid
        Contig (its index in the genome), first base and bin size in bp.
    end : int
        First base after the piece, at most the contig's length.
    blocks : tuple of bytes
        Compressed sections, in their order: one in each, or all joined.
    sections, zoom, histogram, samples : structured arrays
        Of dtype `SECTION`, `RECORD` (64 bins each, aligned to multiples of 64
        bins), `HISTOGRAM` and `SAMPLE`.
    summary : Summary
        Moments over bases.
    block_size : int
        Bytes of the largest section before compression.
    """

    grid: BinGrid
    end: int
    blocks: tuple[bytes | memoryview, ...]
    sections: NDArray[np.void]
    zoom: NDArray[np.void]
    histogram: NDArray[np.void]
    samples: NDArray[np.void]
    summary: Summary
    block_size: int

    @property
    def nbytes(self) -> int:
        """Length of :meth:`to_bytes`."""
        return HEADER.size + sum(table.nbytes for table in self._tables) + self.size

    @property
    def size(self) -> int:
        """Bytes of all compressed sections."""
        return sum(map(len, self.blocks))

    @property
    def data(self) -> bytes | memoryview:
        """All compressed sections, one after the other."""
        return self.blocks[0] if len(self.blocks) == 1 else b"".join(self.blocks)

    @property
    def _tables(self) -> tuple[NDArray[np.void], ...]:
        return (self.sections, self.zoom, self.histogram, self.samples)

    def to_bytes(self) -> bytes:
        """Serialise; the same piece always gives the same bytes."""
        body = [*(table.tobytes() for table in self._tables), *self.blocks]
        body_checksum = functools.reduce(lambda value, part: crc32(part, value), body, 0)
        fields = (
            *self.grid,
            self.end,
            self.block_size,
            *(len(table) for table in self._tables),
            self.size,
            *self.summary,
        )
        head = HEADER.pack(MAGIC, 0, body_checksum, *fields)
        checksum = struct.pack("<I", crc32(head))
        return b"".join([MAGIC, checksum, head[12:], *body])

    @classmethod
    def from_bytes(cls, buffer: Any) -> EncodedPiece:
        """Read what :meth:`to_bytes` wrote, without copying the data.

        Raises
        ------
        TrustError
            The bytes are not a piece, or were truncated or changed.
        """
        view = memoryview(buffer).cast("B")
        fields = _checked_header(view)
        contig, start, bin_size, end, block_size, *counts, length = fields[:10]
        tables: list[NDArray[np.void]] = []
        offset = HEADER.size
        for dtype, count in zip(TABLES, counts, strict=True):
            tables.append(np.frombuffer(view, dtype, count, offset))
            offset += count * dtype.itemsize
        sections, zoom, histogram, samples = tables
        return cls(
            grid=BinGrid(contig, start, bin_size),
            end=end,
            blocks=(view[offset : offset + length],),
            sections=sections,
            zoom=zoom,
            histogram=histogram,
            samples=samples,
            summary=Summary(*fields[10:]),
            block_size=block_size,
        )


def _checked_header(view: memoryview) -> tuple[Any, ...]:
    """Return the header's fields after both checksums and the length agree."""
    if len(view) < HEADER.size or view[:8] != MAGIC:
        raise _corrupted("it does not begin as a piece does")
    _, checksum, body_checksum, *fields = HEADER.unpack_from(view)
    head = MAGIC + b"\0\0\0\0" + bytes(view[12 : HEADER.size])
    if crc32(head) != checksum:
        raise _corrupted("its header was changed")
    lengths = [dtype.itemsize * n for dtype, n in zip(TABLES, fields[5:9], strict=True)]
    expected = HEADER.size + sum(lengths) + fields[9]
    if len(view) != expected:
        raise _corrupted(f"it has {len(view)} bytes instead of {expected}")
    if crc32(view[HEADER.size :]) != body_checksum:
        raise _corrupted("its checksum does not match")
    return tuple(fields)


def _corrupted(reason: str) -> TrustError:
    return TrustError(
        f"An encoded piece of a track is corrupted: {reason}. "
        "Delete the part file that holds it and compute that part again."
    )
