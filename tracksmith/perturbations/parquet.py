"""The table of pairs as Parquet, where pyarrow is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from tracksmith.perturbations.tables import COLUMNS, NUMBERS, Row

__all__ = ["ParquetTable", "has_parquet"]

REALS = ("reference", "mean", "sd", "effect", "relative", "log2fc")
ROWS_AT_ONCE = 1 << 16


def has_parquet() -> bool:
    """Say whether pyarrow is installed."""
    return importlib.util.find_spec("pyarrow") is not None


class ParquetTable:
    """A table being written; the columns are those of the text, NULL for no value."""

    def __init__(self, path: Path) -> None:
        import pyarrow
        import pyarrow.parquet

        self._pyarrow = pyarrow
        kinds = dict.fromkeys(NUMBERS, pyarrow.int64()) | dict.fromkeys(REALS, pyarrow.float64())
        columns = [(name, kinds.get(name, pyarrow.string())) for name in COLUMNS]
        self._schema = pyarrow.schema(columns)
        self._writer = pyarrow.parquet.ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[Row] = []

    def __enter__(self) -> ParquetTable:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._flush()
        self._writer.close()

    def add(self, rows: Iterable[Row]) -> None:
        """Take rows in the order of the columns."""
        for row in rows:
            self._rows.append(row)
            if len(self._rows) == ROWS_AT_ONCE:
                self._flush()

    def _flush(self) -> None:
        if not self._rows:
            return
        columns = [
            self._pyarrow.array([_value(value) for value in column], field.type)
            for column, field in zip(zip(*self._rows, strict=True), self._schema, strict=True)
        ]
        self._writer.write_batch(self._pyarrow.record_batch(columns, schema=self._schema))
        self._rows = []


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return None if value is None or value != value else value
