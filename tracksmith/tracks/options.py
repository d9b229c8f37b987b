"""How tracks are stored: compression, block size, and how much precision is kept."""

from __future__ import annotations

import functools
import importlib.util
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import UsageError

__all__ = [
    "Compressor",
    "Precision",
    "TrackOptions",
    "compress_function",
    "default_compressor",
    "forecast_bytes",
    "parse_precision",
    "round_values",
]

Compressor: TypeAlias = Literal["zlib", "isal", "deflate"]
Compress: TypeAlias = Callable[[Any], bytes]

MANTISSA_BITS = 23
MAX_ITEMS = 65_535  # the count of a section is an unsigned 16-bit integer

# Bytes per value of dense noise in a finished file, zooms and indexes left out.
BITS_BYTES = {23: 3.70, 15: 3.01, 12: 2.68, 10: 2.33, 8: 1.93, 7: 1.65, 5: 1.30, 0: 0.50}
DECIMAL_BYTES = {6: 3.70, 4: 2.97, 3: 1.89, 2: 0.85, 1: 0.27, 0: 0.20}
ZOOM_BYTES = 0.45  # a record of 32 bytes for 64 values and a third more for the levels above
FILE_BYTES = 4_096


@dataclass(frozen=True)
class Precision:
    """How much of each value is kept: ``amount`` mantissa bits or decimals."""

    kind: Literal["bits", "decimals"]
    amount: int

    def __post_init__(self) -> None:
        highest = MANTISSA_BITS if self.kind == "bits" else 6
        if not 0 <= self.amount <= highest:
            raise UsageError(
                f"A precision of {self.amount} {self.kind} is not possible: "
                f"choose 0 to {highest} {self.kind}."
            )

    def __str__(self) -> str:
        return f"{self.amount}{self.kind}"


def parse_precision(text: str) -> Precision:
    """Read ``"10bits"`` (mantissa bits) or ``"2decimals"``.

    Raises
    ------
    UsageError
        The text is neither, or the number is out of range.
    """
    match = re.fullmatch(r"(\d{1,3})\s*(bits?|decimals?)", text.strip().lower())
    if match is None:
        raise UsageError(
            f"Cannot read the precision {text!r}: write a number of mantissa bits such as "
            "'10bits' (relative error 0.05 %) or a number of decimals such as '2decimals'."
        )
    return Precision("bits" if match[2].startswith("bit") else "decimals", int(match[1]))


def round_values(values: NDArray[np.float32], precision: Precision | None) -> NDArray[np.float32]:
    """Round float32 values half to even; NaN stays NaN, a value may become infinite.

    Mantissa bits bound the relative error at ``2**-(bits + 1)``, decimals the
    absolute error at half a unit of the last decimal.
    """
    if precision is None:
        return values
    if precision.kind == "decimals":
        # adding 0 turns -0 into 0
        return (np.round(values.astype(np.float64), precision.amount) + 0.0).astype(np.float32)
    dropped = MANTISSA_BITS - precision.amount
    if dropped == 0:
        return values
    bits = values.view(np.uint32)
    half = np.uint32((1 << (dropped - 1)) - 1)
    rounded = bits >> np.uint32(dropped)
    rounded &= np.uint32(1)
    rounded += bits
    rounded += half
    rounded &= np.uint32(0xFFFFFFFF ^ ((1 << dropped) - 1))
    result: NDArray[np.float32] = rounded.view(np.float32)
    gaps = np.isnan(values)
    if gaps.any():
        result[gaps] = np.nan
    return result


SMALL_BLOCK = 4096
"""Bytes below which a block is compressed by zlib: it takes microseconds there."""


@functools.cache
def default_compressor() -> Compressor:
    """Return the fastest installed compressor: isal, then deflate, then zlib."""
    for name in ("isal", "deflate"):
        if importlib.util.find_spec(name) is not None:
            return name
    return "zlib"


@functools.cache
def compress_function(compressor: Compressor) -> Compress:
    """Return a function from a buffer to a zlib stream; it releases the GIL.

    Levels are low: on the noise of a network's output they cost time and save
    less than 3 %.

    Raises
    ------
    UsageError
        The library is unknown or not installed.
    """
    try:
        if compressor == "zlib":
            return functools.partial(zlib.compress, level=1)
        if compressor == "isal":
            from isal import isal_zlib

            def compress(buffer: Any) -> bytes:
                # decision: small-blocks-by-zlib (isal does not always choose the same matches)
                if memoryview(buffer).nbytes < SMALL_BLOCK:
                    return zlib.compress(buffer, 1)
                return bytes(isal_zlib.compress(buffer, 2))

            return compress
        if compressor == "deflate":
            import deflate

            return lambda buffer: bytes(deflate.zlib_compress(buffer, 1))
    except ImportError as error:
        raise UsageError(
            f"The compressor {compressor!r} is not installed: `pip install {compressor}`, "
            "or choose zlib, which is always there."
        ) from error
    raise UsageError(f"No compressor is called {compressor!r}: choose isal, deflate or zlib.")


@dataclass(frozen=True)
class TrackOptions:
    """How one track is stored.

    ``items_per_block`` is the number of values of a full section, the unit
    that a reader fetches and inflates. The bytes of a file depend on every
    field here, on the values, and on nothing else.
    """

    compressor: Compressor = "zlib"
    precision: Precision | None = None
    items_per_block: int = 4096

    def __post_init__(self) -> None:
        if not 1 <= self.items_per_block <= MAX_ITEMS:
            raise UsageError(
                f"items_per_block is {self.items_per_block}; a section holds 1 to {MAX_ITEMS}."
            )

    @classmethod
    def of(cls, compressor: str | None, precision: str | None = None) -> TrackOptions:
        """Return the options that a compressor's name (None: the fastest) and a precision give.

        Raises
        ------
        UsageError
            There is no such compressor or precision.
        """
        chosen = cast("Compressor", compressor or default_compressor())
        compress_function(chosen)
        return cls(
            compressor=chosen, precision=None if precision is None else parse_precision(precision)
        )

    def compress(self, buffer: Any) -> bytes:
        """Compress one block into a zlib stream."""
        return compress_function(self.compressor)(buffer)

    def compress_text(self, buffer: Any) -> bytes:
        """Compress a block of text into a zlib stream: smaller where zlib does it anyway."""
        # decision: quick-text (a table a third larger, in a fifteenth of the time)
        return zlib.compress(buffer, 6) if self.compressor == "zlib" else self.compress(buffer)


def forecast_bytes(values: int, options: TrackOptions) -> int:
    """Forecast the size in bytes of a bigWig of ``values`` dense values.

    The rates were measured on random values of unit scale, the worst case for
    mantissa bits; for decimals the size depends on the scale of the data, and
    tracks with gaps, zeros or repeats come out smaller.
    """
    precision = options.precision or Precision("bits", MANTISSA_BITS)
    table = BITS_BYTES if precision.kind == "bits" else DECIMAL_BYTES
    known = sorted(table)
    rate = float(np.interp(precision.amount, known, [table[amount] for amount in known]))
    return FILE_BYTES + round(values * (rate + ZOOM_BYTES))
