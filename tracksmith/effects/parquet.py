"""The full table as Parquet, where pyarrow is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.flags import FLAG_TEXTS
from tracksmith.effects.results import PartResult
from tracksmith.effects.survey import ModelResults
from tracksmith.effects.tables import COLUMNS

__all__ = ["has_parquet", "write_parquet"]


def has_parquet() -> bool:
    """Say whether pyarrow is installed."""
    return importlib.util.find_spec("pyarrow") is not None


def write_parquet(path: Path, model: ModelResults) -> None:
    """Write one row group per part; the columns are those of the table, NULL for no value."""
    import pyarrow
    import pyarrow.parquet

    schema = _schema(pyarrow)
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in _batches(pyarrow, schema, model):
            writer.write_batch(batch)


def _schema(pyarrow: Any) -> Any:
    text, words = pyarrow.string(), pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    kinds = {
        "allele": pyarrow.int32(), "id": text, "ref": text, "alt": text,
    }  # fmt: skip
    kinds |= dict.fromkeys(("pos", "end", "line", "at"), pyarrow.int64())
    kinds |= dict.fromkeys(("chrom", "model", "track", "score", "flags"), words)
    return pyarrow.schema([(name, kinds.get(name, pyarrow.float32())) for name in COLUMNS])


def _batches(pyarrow: Any, schema: Any, model: ModelResults) -> Iterator[Any]:
    for result in model.parts():
        if len(result.rows):
            columns = _Columns(pyarrow, result, model.cells, len(model.units))
            yield pyarrow.record_batch(
                columns.all(model, model.percentiles(result), model.p_values(result)), schema=schema
            )


class _Columns:
    """Makes the columns of one part: every row repeated for every score and unit that it has."""

    def __init__(
        self, pyarrow: Any, result: PartResult, cells: Sequence[tuple[int, int]], units: int
    ) -> None:
        self.pyarrow = pyarrow
        self.result = result
        rows, score, unit = len(result.rows), *np.array(cells, np.int32).T
        self.cells = score * units + unit
        self.row = np.repeat(np.arange(rows, dtype=np.int32), len(cells))
        self.score, self.unit = np.tile(score, rows), np.tile(unit, rows)

    def all(
        self,
        model: ModelResults,
        percentiles: NDArray[np.float32],
        p_values: NDArray[np.float32],
    ) -> list[Any]:
        """Return all columns in the order of the schema."""
        rows, scored = self.result.rows, self.result.scored
        fields = [_readable(text).split("\t") for text in self.result.texts]
        chrom, position, name, ref, alt, line = zip(*fields, strict=True)
        start = np.array(position, np.int64)
        place = self._own(scored.place) + 1
        return [
            self._words(chrom),
            self._numbers(start),
            self._numbers(start + [len(bases) - 1 for bases in ref]),
            *(self._texts(column) for column in (name, ref, alt)),
            self._numbers(np.array(line, np.int64)),
            self._numbers(rows["allele"].astype(np.int32)),
            self._coded(np.zeros_like(self.row), [model.name]),
            self._coded(self.unit, model.units.names),
            self._coded(self.score, [score.name for score in model.scores]),
            self._floats(scored.value),
            self._floats(scored.spread),
            self._floats(percentiles),
            self._floats(p_values),
            self._floats(scored.reference),
            self._floats(scored.alternative),
            self.pyarrow.array(place, mask=place == 0),
            self._numbers(rows["unknown"].astype(np.float32)),
            self._coded(rows["flags"][self.row].astype(np.int32), FLAG_TEXTS),
        ]

    def _own(self, values: NDArray[Any]) -> NDArray[Any]:
        own: NDArray[Any] = values.reshape(len(values), -1)[:, self.cells].ravel()
        return own

    def _words(self, values: Sequence[str]) -> Any:
        distinct = list(dict.fromkeys(values))
        number = {word: at for at, word in enumerate(distinct)}
        codes = np.array([number[word] for word in values], np.int32)
        return self._coded(codes[self.row], distinct)

    def _coded(self, codes: NDArray[np.int32], words: Any) -> Any:
        names = self.pyarrow.array(list(words), self.pyarrow.string())
        return self.pyarrow.DictionaryArray.from_arrays(self.pyarrow.array(codes), names)

    def _texts(self, values: Sequence[str]) -> Any:
        return self.pyarrow.array(values, self.pyarrow.string()).take(self.pyarrow.array(self.row))

    def _numbers(self, values: NDArray[Any]) -> Any:
        return self.pyarrow.array(values[self.row])

    def _floats(self, values: NDArray[np.float32] | None) -> Any:
        if values is None:
            return self.pyarrow.nulls(len(self.row), self.pyarrow.float32())
        flat = self._own(values)
        return self.pyarrow.array(flat, mask=np.isnan(flat))


def _readable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
