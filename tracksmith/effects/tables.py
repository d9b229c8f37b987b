"""The full table: one line for every variant, unit (track or pair of strands) and score."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.flags import FLAG_TEXTS
from tracksmith.effects.results import PartResult
from tracksmith.effects.survey import ModelFacts

__all__ = ["COLUMNS", "SKIPPED_COLUMNS", "TableLines", "number_texts"]

COLUMNS = (
    "chrom", "pos", "end", "id", "ref", "alt", "line", "allele", "model", "track", "score",
    "value", "sd", "percentile", "pvalue", "reference", "alternative", "at", "nFraction", "flags",
)  # fmt: skip
"""``pos``, ``end`` (of the reference allele) and ``at`` are 1-based; ``value`` is alternative minus
reference. A number that is not defined is an empty field, so that readers take the column for
numbers; texts that are absent are '.', as in VCF. ``pvalue`` is empty without a background."""

SKIPPED_COLUMNS = (
    "line", "chrom", "pos", "id", "ref", "alt", "reason", "detail", "model",
)  # fmt: skip


def number_texts(values: NDArray[np.floating], missing: str = "") -> list[str]:
    """Return numbers with six digits, and ``missing`` for NaN."""
    flat = values.ravel().tolist()
    if not flat:
        return []
    return ("%.6g\n" * len(flat) % tuple(flat)).replace("nan", missing).split("\n")[:-1]


class TableLines:
    """Writes the results of one model as lines."""

    def __init__(self, model: ModelFacts) -> None:
        self.model = model.name
        names, units = [score.name for score in model.scores], model.units
        self._labels = [f"{units.names[unit]}\t{names[score]}\t" for score, unit in model.cells]
        self._cells = np.array([score * len(units) + unit for score, unit in model.cells])

    def blocks(
        self,
        result: PartResult,
        percentiles: NDArray[np.float32],
        p_values: NDArray[np.float32],
    ) -> Iterator[str]:
        """Yield the lines of one row after the other.

        ``percentiles`` and ``p_values`` are float32 ``(rows, scores * units)``.
        """
        scored, rows = result.scored, result.rows
        value, reference, alternative, rank, p = (
            number_texts(self._own(array))
            for array in (scored.value, scored.reference, scored.alternative, percentiles, p_values)
        )
        spread = [""] * len(value)
        if scored.spread is not None:
            spread = number_texts(self._own(scored.spread))
        place = ["" if at < 0 else str(at + 1) for at in self._own(scored.place).tolist()]
        unknown = number_texts(rows["unknown"])
        alleles, flags = rows["allele"].tolist(), rows["flags"].tolist()
        labels, width = self._labels, len(self._labels)
        for row, text in enumerate(result.texts):
            contig, position, name, ref, rest = text.split("\t", 4)
            end = int(position) + len(ref) - 1
            head = f"{contig}\t{position}\t{end}\t{name}\t{ref}\t{rest}\t{alleles[row]}"
            head = f"{head}\t{self.model}\t"
            tail = f"\t{unknown[row]}\t{FLAG_TEXTS[flags[row]]}\n"
            at = row * width
            cells = zip(
                labels,
                value[at : at + width],
                spread[at : at + width],
                rank[at : at + width],
                p[at : at + width],
                reference[at : at + width],
                alternative[at : at + width],
                place[at : at + width],
                strict=True,
            )
            lines = [
                f"{head}{label}{v}\t{sd}\t{rank}\t{p}\t{r}\t{a}\t{where}{tail}"
                for label, v, sd, rank, p, r, a, where in cells
            ]
            yield "".join(lines)

    def _own(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the values of the cells that there are, row by row."""
        cells = math.prod(values.shape[1:])  # reshape cannot tell it where there are no rows
        own: NDArray[Any] = values.reshape(len(values), cells)[:, self._cells].ravel()
        return own
