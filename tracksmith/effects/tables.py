"""The full table: one line for every variant, unit (track or pair of strands) and score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.flags import FLAG_TEXTS
from tracksmith.effects.results import PartResult
from tracksmith.effects.scores import Score, Units

__all__ = ["COLUMNS", "SKIPPED_COLUMNS", "TableLines", "number_texts"]

COLUMNS = (
    "chrom", "pos", "id", "ref", "alt", "line", "allele", "model", "track", "score", "value",
    "sd", "percentile", "reference", "alternative", "at", "nFraction", "flags",
)  # fmt: skip
"""``pos`` and ``at`` are 1-based; ``value`` is alternative minus reference; '.' is no value."""

SKIPPED_COLUMNS = (
    "line", "chrom", "pos", "id", "ref", "alt", "reason", "detail", "model",
)  # fmt: skip


def number_texts(values: NDArray[np.floating]) -> list[str]:
    """Return numbers with six digits, '.' for NaN."""
    flat = values.ravel().tolist()
    if not flat:
        return []
    return ("%.6g\n" * len(flat) % tuple(flat)).replace("nan", ".").split("\n")[:-1]


class TableLines:
    """Writes the results of one model as lines."""

    def __init__(self, model: str, scores: Sequence[Score], units: Units) -> None:
        self.model = model
        self._labels = [f"{unit}\t{score.name}\t" for score in scores for unit in units.names]

    def blocks(self, result: PartResult, percentiles: NDArray[np.float32]) -> Iterator[bytes]:
        """Yield the lines of one row after the other, as UTF-8.

        ``percentiles`` is float32 ``(rows, scores * units)``.
        """
        scored, rows = result.scored, result.rows
        value, reference, alternative = (
            number_texts(array) for array in (scored.value, scored.reference, scored.alternative)
        )
        rank = number_texts(percentiles)
        spread = ["."] * len(value) if scored.spread is None else number_texts(scored.spread)
        place = ["." if at < 0 else str(at + 1) for at in scored.place.ravel().tolist()]
        unknown = number_texts(rows["unknown"])
        alleles, flags = rows["allele"].tolist(), rows["flags"].tolist()
        labels, width = self._labels, len(self._labels)
        for row, text in enumerate(result.texts):
            head = f"{text}\t{alleles[row]}\t{self.model}\t"
            tail = f"\t{unknown[row]}\t{FLAG_TEXTS[flags[row]]}\n"
            at = row * width
            cells = zip(
                labels,
                value[at : at + width],
                spread[at : at + width],
                rank[at : at + width],
                reference[at : at + width],
                alternative[at : at + width],
                place[at : at + width],
                strict=True,
            )
            lines = [
                f"{head}{label}{v}\t{sd}\t{p}\t{r}\t{a}\t{where}{tail}"
                for label, v, sd, p, r, a, where in cells
            ]
            yield "".join(lines).encode("utf-8", "backslashreplace")
