"""Rows of a bigBed: checked, turned into text without markup, and put in order."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from tracksmith.errors import InputError
from tracksmith.tracks.autosql import AutoSql
from tracksmith.tracks.external_sort import DiskSorter
from tracksmith.tracks.markup import may_hold_markup, without_markup

__all__ = ["PLACE", "BedRow", "row_records", "sorted_records"]

BedRow: TypeAlias = "Sequence[Any]"
"""Contig name, start, end (bp, 0-based half-open), then a value for each further column."""

PLACE = struct.Struct(">III")  # big-endian: bytewise order is the order of positions
BREAKS = re.compile("[\n\r\0]")
MOST_ROW_BYTES = 1 << 20
BATCH_ROWS = 256


class _RowEncoder:
    """Turns a row into a record: contig, start and end, then the text of the other columns."""

    def __init__(self, contigs: Sequence[tuple[str, int]], schema: AutoSql) -> None:
        self.schema = schema
        self.formatters = schema.formatters()
        self.places = {name: (number, size) for number, (name, size) in enumerate(contigs)}
        self.thick = schema.defined >= 8
        batches = schema.batches()
        self.checks = [check for _, check in batches]
        self.format = "\t".join(form for form, _ in batches)

    def encode_all(self, number: int, rows: Sequence[BedRow]) -> list[bytes]:
        """Return the records of rows, the first being row ``number``; the same as one by one."""
        try:
            records = self._quick(rows)
        except (LookupError, ValueError, TypeError, OverflowError):
            records = None
        if records is None:
            return [self.encode(at, row) for at, row in enumerate(rows, number)]
        return records

    def _quick(self, rows: Sequence[BedRow]) -> list[bytes] | None:
        """Encode rows whole columns at a time; None where one of them needs a closer look."""
        if set(map(len, rows)) != {len(self.schema.columns)}:
            return None
        columns = list(zip(*rows, strict=True))
        places = [self.places[name] for name in columns[0]]
        if not self._fit(np.array(columns[1]), np.array(columns[2]), np.array(places), columns):
            return None
        checked = zip(self.checks, columns[3:], strict=True)
        if not all(check(column) for check, column in checked):
            return None
        texts = [self.format % tuple(row[3:]) for row in rows]
        joined = "".join(texts)
        if joined.count("\t") > self.format.count("\t") * len(rows) or BREAKS.search(joined):
            return None
        if may_hold_markup(joined):
            texts = [without_markup(text) for text in texts]
        encoded = [text.encode() for text in texts]
        if max(map(len, encoded)) > MOST_ROW_BYTES:
            return None
        pack = PLACE.pack
        return [
            pack(place[0], start, end) + text
            for place, start, end, text in zip(places, *columns[1:3], encoded, strict=True)
        ]

    def _fit(self, start: Any, end: Any, places: Any, columns: Sequence[Sequence[Any]]) -> bool:
        """Say whether all rows lie in their contig, with their thick part inside."""
        fits = (start >= 0) & (start < end) & (end <= places[:, 1])
        if self.thick:
            first, last = np.array(columns[6]), np.array(columns[7])
            fits &= (start <= first) & (first <= last) & (last <= end)
        return start.dtype.kind + end.dtype.kind == "ii" and bool(fits.all())

    def encode(self, number: int, row: BedRow) -> bytes:
        """Return the record of one row, or raise an InputError that names row and column."""
        if len(row) != len(self.schema.columns):
            raise _wrong(number, row, f"has {len(row)} columns, not {len(self.schema.columns)}")
        name, start, end = row[:3]
        contig, length = self.places.get(name, (-1, 0))
        if contig < 0:
            raise _wrong(number, row, f"lies on a contig {name!r} that the genome does not have")
        if not hasattr(start, "__index__") or not hasattr(end, "__index__"):
            raise _wrong(number, row, "has a start or an end that is not a whole number")
        if start >= end:
            reason = "covers no base; give an insertion the base before it"
            raise _wrong(number, row, reason if start == end else "ends before it starts")
        if start < 0 or end > length:
            raise _wrong(number, row, f"does not lie in 0-{length} of {name}")
        if self.thick and not start <= row[6] <= row[7] <= end:
            raise _wrong(number, row, f"is drawn thick at {row[6]}-{row[7]}, outside itself")
        try:
            texts = [to(value) for to, value in zip(self.formatters, row[3:], strict=True)]
        except (ValueError, TypeError, OverflowError):
            raise self._wrong_field(number, row) from None
        text = "\t".join(texts)
        if text.count("\t") >= max(1, len(texts)) or BREAKS.search(text):
            raise self._wrong_field(number, row)
        encoded = without_markup(text).encode()
        if len(encoded) > MOST_ROW_BYTES:
            raise _wrong(number, row, f"is longer than {MOST_ROW_BYTES} bytes")
        return PLACE.pack(contig, start, end) + encoded

    def _wrong_field(self, number: int, row: BedRow) -> InputError:
        """Find the first column that cannot be written and say why."""
        columns = self.schema.columns[3:]
        for column, to, value in zip(columns, self.formatters, row[3:], strict=True):
            reason = ""
            try:
                text = to(value)
                if "\t" in text or BREAKS.search(text):
                    reason = "has a tab, a line break or a NUL byte"
            except (ValueError, TypeError, OverflowError) as error:
                reason = str(error)
            if reason:
                shown = repr(value)[:60]
                return _wrong(number, row, f"column {column.name} ({column.type}) {shown} {reason}")
        return _wrong(number, row, "cannot be written")


def _wrong(number: int, row: BedRow, reason: str) -> InputError:
    place = ":".join(map(str, row[:1])) + ":" + "-".join(map(str, row[1:3]))
    return InputError(f"Row {number} of a bigBed ({place}, 0-based): {reason}.")


def row_records(
    rows: Iterable[BedRow], contigs: Sequence[tuple[str, int]], schema: AutoSql
) -> Iterator[bytes]:
    """Yield a record for each row: `PLACE`, then the text of the columns after the third.

    What browsers would take for markup is written in other characters
    (:func:`tracksmith.tracks.markup.without_markup`).

    Raises
    ------
    InputError
        A row has the wrong number of columns, lies outside its contig, or a
        value does not fit its column; the message names row and column.
    """
    encoder = _RowEncoder(contigs, schema)
    remaining, number = iter(rows), 1
    while batch := list(islice(remaining, BATCH_ROWS)):
        yield from encoder.encode_all(number, batch)
        number += len(batch)


def in_order(records: Iterable[bytes]) -> Iterator[bytes]:
    """Pass on records that are sorted by contig and start.

    Raises
    ------
    InputError
        One is not.
    """
    before = b""
    for number, record in enumerate(records, 1):
        place = record[:8]
        if place < before:
            contig, start, end = PLACE.unpack_from(record)
            raise InputError(
                f"Row {number} of a bigBed (contig {contig}, {start}-{end}) comes before the row "
                "above it: rows must be sorted by contig, in the genome's order, and start."
            )
        before = place
        yield record


def sorted_records(records: Iterable[bytes], folder: Path) -> Iterator[bytes]:
    """Yield records sorted by contig, start, end and text; memory stays flat."""
    with DiskSorter(folder) as sorter:
        for record in records:
            sorter.add(record)
        yield from sorter
