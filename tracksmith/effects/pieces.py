"""The results of a finished run, for tables larger than memory: read back piece by piece."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.tables import COLUMNS
from tracksmith.errors import UsageError
from tracksmith.runs.record import VariantCounts
from tracksmith.runs.run import Run

__all__ = ["VariantResults"]

WHOLE = ("pos", "end", "line", "allele", "at")
REAL = ("value", "sd", "percentile", "pvalue", "reference", "alternative", "nFraction")


@dataclass(frozen=True)
class VariantResults:
    """A finished run of variants.

    Attributes
    ----------
    run
        Its folder, files and request.
    """

    run: Run

    @property
    def counts(self) -> Mapping[str, VariantCounts]:
        """What became of the records and alleles, by model; the numbers add up."""
        return self.run.results.counts if self.run.results else {}

    def pieces(
        self, model: str | None = None, rows: int = 100_000
    ) -> Iterator[dict[str, NDArray[Any]]]:
        """Yield the table in pieces of up to ``rows`` rows: arrays by column.

        Numbers are float64, NaN where there is none; positions are 1-based
        int64, 0 where there is none; the rest is text.

        Parameters
        ----------
        model
            Which model's table; may be left out when the run has one.
        """
        path = self.run.folder / self._table(model)
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
            next(lines)
            while piece := list(islice(lines, rows)):
                columns = zip(*(line.rstrip("\n").split("\t") for line in piece), strict=True)
                yield {
                    name: _column(name, texts) for name, texts in zip(COLUMNS, columns, strict=True)
                }

    def _table(self, model: str | None) -> str:
        tables = {file.model: file.path for file in self.run.files if file.kind == "effects"}
        if model is None and len(tables) == 1:
            model = next(iter(tables))
        if model not in tables:
            raise UsageError(f"Name one of the models of this run: {', '.join(tables) or 'none'}.")
        return str(tables[model])


def _column(name: str, texts: tuple[str, ...]) -> NDArray[Any]:
    if name in REAL:
        return np.array([float(text or "nan") for text in texts])
    if name in WHOLE:
        return np.array([int(text or 0) for text in texts], np.int64)
    return np.array(texts, dtype=np.str_)
