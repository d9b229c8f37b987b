"""What a part of a variant run holds: scored rows and skipped alleles, as bytes and back."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.flags import SWAPPED, UNKNOWN
from tracksmith.effects.records import SkippedAllele, Taken, skipped_rows
from tracksmith.effects.scored import Scored
from tracksmith.effects.scores import Score
from tracksmith.errors import TrustError
from tracksmith.genome.allele_kinds import Reason
from tracksmith.runs.parts import PartStore

__all__ = ["PartResult", "join", "read_results"]


@dataclass
class PartResult:
    """The results of consecutive records of one model.

    ``rows`` has the dtype ``ROW``; ``texts`` their identity in the file;
    ``scored`` their scores; ``skipped`` what is not scored;
    ``records`` how many were read, ``outside`` how many of them lie outside the
    regions asked for.
    """

    rows: NDArray[np.void]
    texts: list[str]
    scored: Scored
    skipped: list[SkippedAllele]
    records: int
    outside: int

    def to_pieces(self) -> list[bytes]:
        """Return one piece per column, always the same bytes for the same result."""
        head = {"records": self.records, "outside": self.outside, "skipped": self.skipped}
        scored = self.scored
        spread = scored.spread if scored.spread is not None else np.empty(0, np.float32)
        arrays = (
            self.rows, scored.value, scored.reference, scored.alternative, spread, scored.place,
        )  # fmt: skip
        text = "\n".join(self.texts).encode("utf-8", "surrogateescape")
        return [json.dumps(head).encode(), text, *map(_array_bytes, arrays)]

    @classmethod
    def from_pieces(cls, pieces: list[bytes]) -> PartResult:
        """Read what :meth:`to_pieces` wrote."""
        head = json.loads(pieces[0])
        rows, value, reference, alternative, spread, place = map(_array, pieces[2:])
        text = pieces[1].decode("utf-8", "surrogateescape")
        scored = Scored(
            value,
            reference,
            alternative,
            spread if spread.ndim == 3 else None,
            place,
            rows["unknown"],
            rows["flags"],
        )
        skipped = [SkippedAllele(*fields) for fields in head["skipped"]]
        texts = text.split("\n") if len(rows) else []
        return cls(rows, texts, scored, skipped, head["records"], head["outside"])


PIECES = 8
"""Pieces of a part."""


def _array_bytes(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _array(raw: bytes) -> Any:
    try:
        return np.load(io.BytesIO(raw), allow_pickle=False)
    except ValueError as error:
        raise TrustError(f"A part of the run is corrupted: {error}. Compute it again.") from None


def join(
    taken: Taken, scored: Scored, scores: Sequence[Score], records: int, most_unknown: float
) -> PartResult:
    """Put the scores of alleles beside their rows; too much N in the window skips a row.

    Where reference and alternative changed places, the scores are turned round,
    so that they always compare the record's own alternative with its reference.
    """
    rows = taken.rows
    rows["unknown"] = scored.unknown
    rows["flags"] |= scored.flags
    rows["flags"] |= np.where(scored.unknown > 0, UNKNOWN, 0).astype(np.uint8)
    turned = (rows["flags"] & SWAPPED) > 0
    if turned.any():
        signed = np.array([score.signed and score.symmetric for score in scores])
        cells = np.ix_(turned, signed)
        scored.value[cells] = 0 - scored.value[cells]  # not times -1, which makes -0 of 0
        cells = np.ix_(turned, np.array([score.symmetric for score in scores]))
        old = scored.reference[cells]
        scored.reference[cells] = scored.alternative[cells]
        scored.alternative[cells] = old
    blind = scored.unknown > most_unknown
    skipped = list(taken.skipped)
    if blind.any():
        detail = f"more than {most_unknown:g} of the window is N"
        skipped += skipped_rows(rows, taken.texts, blind, Reason.TOO_MANY_N, detail)
    kept = np.flatnonzero(~blind)
    texts = [taken.texts[row] for row in kept.tolist()]
    skipped.sort(key=lambda allele: allele.record)
    return PartResult(rows[kept], texts, scored.chosen(kept), skipped, records, taken.outside)


def read_results(store: PartStore, model: int) -> Iterator[PartResult]:
    """Yield the parts of a model in the order of the file, one in memory at a time."""
    columns = [store.pieces(model, piece) for piece in range(PIECES)]
    for pieces in zip(*columns, strict=True):
        yield PartResult.from_pieces([data for _, data in pieces])
