"""Zoom records: made from bins, and reduced from one level to the next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BINS_PER_RECORD",
    "RECORD",
    "BinGrid",
    "join_records",
    "join_rows",
    "records_of_bins",
    "records_of_intervals",
    "reduce_records",
]

BINS_PER_RECORD = 64
ROWS_AT_ONCE = 512  # 128 KiB of float32: stays in the cache

RECORD = np.dtype(
    [
        ("contig", "<u4"),
        ("start", "<u4"),
        ("end", "<u4"),
        ("count", "<u4"),
        ("min", "<f4"),
        ("max", "<f4"),
        ("sum", "<f8"),
        ("sum_squares", "<f8"),
    ]
)
"""First and last covered base, covered bases, and the moments over bases."""


class BinGrid(NamedTuple):
    """Where values lie: consecutive bins of ``bin_size`` bp of one contig from ``start``."""

    contig: int
    start: int
    bin_size: int


def records_of_bins(values: NDArray[np.float32], grid: BinGrid) -> NDArray[np.void]:
    """Summarise full bins by records of 64 bins, aligned to multiples of 64 bins.

    NaN is a gap; records without a value are left out; a record starts and ends
    at its first and last covered base. Sums run in float64 in a fixed order.
    """
    lead = grid.start // grid.bin_size % BINS_PER_RECORD
    rows = -(-(lead + len(values)) // BINS_PER_RECORD)
    first_base = grid.start - lead * grid.bin_size
    parts = []
    for row in range(0, rows, ROWS_AT_ONCE):
        table = _table(values, row, min(rows, row + ROWS_AT_ONCE), lead)
        base = first_base + row * BINS_PER_RECORD * grid.bin_size
        parts.append(_summarise(table, grid._replace(start=base)))
    return join_records(parts)


def _table(
    values: NDArray[np.float32], first_row: int, last_row: int, lead: int
) -> NDArray[np.float32]:
    """Return bins as columns of 64, shape (64, rows), NaN outside ``values``."""
    first = first_row * BINS_PER_RECORD - lead
    last = last_row * BINS_PER_RECORD - lead
    part = values[max(0, first) : last]
    if len(part) < last - first:
        padded = np.full(last - first, np.nan, np.float32)
        offset = max(0, -first)
        padded[offset : offset + len(part)] = part
        part = padded
    return np.ascontiguousarray(part.reshape(-1, BINS_PER_RECORD).T)


def _summarise(table: NDArray[np.float32], grid: BinGrid) -> NDArray[np.void]:
    """Summarise the columns of a ``(64, rows)`` table into records."""
    records = np.empty(table.shape[1], RECORD)
    records["contig"] = grid.contig
    first = np.arange(table.shape[1], dtype=np.int64) * BINS_PER_RECORD
    last = first + BINS_PER_RECORD
    with np.errstate(invalid="ignore"):
        records["min"] = table.min(axis=0)
    if np.isnan(records["min"]).any():
        valid = ~np.isnan(table)
        count = valid.sum(axis=0)
        first, last = first + valid.argmax(axis=0), last - valid[::-1].argmax(axis=0)
        records["min"] = np.where(valid, table, np.inf).min(axis=0)
        records["max"] = np.where(valid, table, -np.inf).max(axis=0)
        table = np.where(valid, table, np.float32(0))
    else:
        count = np.full(table.shape[1], BINS_PER_RECORD)
        records["max"] = table.max(axis=0)
    # Of 0 and -0 the one that numpy takes depends on the processor; adding 0 turns -0 into 0.
    records["min"] += np.float32(0)
    records["max"] += np.float32(0)
    records["start"] = grid.start + first * grid.bin_size
    records["end"] = grid.start + last * grid.bin_size
    records["count"] = count * grid.bin_size
    wide = table.astype(np.float64)
    with np.errstate(invalid="ignore"):
        records["sum"] = _sum_in_order(wide) * grid.bin_size
        np.multiply(wide, wide, out=wide)
        records["sum_squares"] = _sum_in_order(wide) * grid.bin_size
    kept: NDArray[np.void] = records[count > 0]
    return kept


def _sum_in_order(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum columns row after row; numpy's own sum takes another order for a single column."""
    total: NDArray[np.float64] = table[0].copy()
    for row in table[1:]:
        total += row
    return total


def records_of_intervals(
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    values: NDArray[Any],
    contig: int,
    reduction: int,
) -> NDArray[np.void]:
    """Summarise ascending, disjoint intervals of one contig by cells of ``reduction`` bp.

    Intervals are cut at the cells' borders.
    """
    starts, ends = np.asarray(starts, np.int64), np.asarray(ends, np.int64)
    first = starts // reduction
    cells = -(-ends // reduction) - first
    owner = np.repeat(np.arange(len(starts)), cells)
    number = first[owner] + np.arange(len(owner)) - np.repeat(np.cumsum(cells) - cells, cells)
    wide = np.asarray(values, np.float64)[owner]
    records = np.empty(len(owner), RECORD)
    records["contig"] = contig
    records["start"] = np.maximum(starts[owner], number * reduction)
    records["end"] = np.minimum(ends[owner], (number + 1) * reduction)
    records["count"] = records["end"] - records["start"]
    records["min"] = records["max"] = wide
    records["sum"] = wide * records["count"]
    records["sum_squares"] = wide * wide * records["count"]
    return reduce_records(records, reduction)


def join_records(parts: Iterable[NDArray[np.void]]) -> NDArray[np.void]:
    """Concatenate records."""
    return join_rows(parts, RECORD)


def join_rows(parts: Iterable[NDArray[np.void]], dtype: np.dtype[Any]) -> NDArray[np.void]:
    """Concatenate tables; NumPy's own way takes ten times as long on named fields."""
    return np.frombuffer(b"".join(part.tobytes() for part in parts), dtype)


def reduce_records(records: NDArray[np.void], reduction: int) -> NDArray[np.void]:
    """Merge sorted records whose starts share a multiple of ``reduction`` bp."""
    if len(records) < 2:
        return records
    cells = records["start"] // np.uint64(reduction)
    key = (records["contig"].astype(np.uint64) << np.uint64(32)) | cells
    first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    if len(first) == len(records):
        return records
    last = np.append(first[1:], len(records)) - 1
    merged = np.empty(len(first), RECORD)
    merged["contig"] = records["contig"][first]
    merged["start"] = records["start"][first]
    merged["end"] = records["end"][last]
    merged["count"] = np.add.reduceat(records["count"], first)
    merged["min"] = np.minimum.reduceat(records["min"], first)
    merged["max"] = np.maximum.reduceat(records["max"], first)
    merged["sum"] = np.add.reduceat(records["sum"], first)
    merged["sum_squares"] = np.add.reduceat(records["sum_squares"], first)
    return merged
