"""The tables of a run of perturbations: every pair, the strongest, what became of each edit."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.models.card import Track
from tracksmith.perturbations.model import ModelPlan
from tracksmith.perturbations.pairs import NO, Pair
from tracksmith.perturbations.results import ReadoutResults

__all__ = ["COLUMNS", "NUMBERS", "TOP_COLUMNS", "PairRows", "Top", "edits_table"]

COLUMNS = (
    "edit", "op", "chrom", "start", "end", "readout", "readoutStart", "readoutEnd", "model",
    "track", "inReach", "why", "distance", "value", "bins", "reference", "mean", "sd", "seeds",
    "effect", "relative", "log2fc",
)  # fmt: skip
"""Positions count from 0, half-open. ``reference`` is without the edit, ``mean`` with it, over its
seeds; ``effect`` is mean minus reference, ``relative`` effect over reference, ``log2fc`` the
logarithm of mean over reference, both with the card's pseudocount. A number that is not defined is
an empty field; a text that is absent is '.'."""

NUMBERS = (
    "start", "end", "readoutStart", "readoutEnd", "distance", "bins", "seeds",
)  # fmt: skip
"""The columns of whole numbers."""

TOP_COLUMNS = (
    "chrom", "pos", "end", "name", "op", "readout", "track", "effect", "log2fc", "distance", "span",
)  # fmt: skip
"""``pos`` counts from 1; ``span`` is the region that holds both the edit and the readout."""

TOP = 200

Row = tuple[Any, ...]
"""The values of a table's columns; None where there is none."""


@dataclass(frozen=True)
class PairRows:
    """Makes the rows of one model's pairs."""

    plan: ModelPlan

    def of_readout(self, results: ReadoutResults) -> Iterator[Row]:
        """Yield the rows of a readout: of a pair with a value one a track, else one."""
        if not results.pairs:
            yield self._lonely_readout(results.number)
        rank = {at: number for number, at in enumerate(results.scored)}
        log2fc = self.log2fc(results)
        for at, pair in enumerate(results.pairs):
            head = self._head(pair)
            if at not in rank:
                yield (*head, "*", pair.reach, pair.why, self._distance(pair), ".", *[None] * 8)
                continue
            yield from self._scored(head, pair, results, rank[at], log2fc)

    def _scored(
        self,
        head: Row,
        pair: Pair,
        results: ReadoutResults,
        at: int,
        log2fc: NDArray[np.float64],
    ) -> Iterator[Row]:
        bins = self.plan.pairs.register(pair.readout, pair.edit).bins
        seeds, distance = self.plan.inputs.edits[pair.edit].seeds, self._distance(pair)
        effect, reference = results.effect[at], results.reference
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.where(reference != 0, effect / reference, np.nan)
        for track, name in enumerate(self.plan.record.tracks):
            yield (
                *head, name, pair.reach, ".", distance, self.plan.reduce, bins[1] - bins[0],
                reference[track], results.mean[at, track], results.sd[at, track], seeds,
                effect[track], relative[track], log2fc[at, track],
            )  # fmt: skip

    def _head(self, pair: Pair) -> Row:
        edit = self.plan.inputs.edits[pair.edit]
        span = self.plan.pairs.places[pair.readout].span
        contig = self.plan.contigs.names[edit.contig]
        readout = self.plan.inputs.readouts[pair.readout].name
        place = (edit.name, edit.operation, contig, edit.start, edit.end)
        return (*place, readout, *span, self.plan.record.name)

    def _distance(self, pair: Pair) -> int:
        edit = self.plan.inputs.edits[pair.edit]
        return self.plan.inputs.readouts[pair.readout].distance(*edit.place)

    def _lonely_readout(self, number: int) -> Row:
        readout = self.plan.inputs.readouts[number]
        place = (".", ".", self.plan.contigs.names[readout.contig], None, None)
        span = self.plan.pairs.places[number].span
        return (
            *place, readout.name, *span, self.plan.record.name, "*", NO, "no edit to read here",
            None, ".", *[None] * 8,
        )  # fmt: skip

    def lonely_edits(self, seen: set[int]) -> Iterator[Row]:
        """Yield the rows of edits that no readout is there for."""
        for number, edit in enumerate(self.plan.inputs.edits):
            if number not in seen:
                contig = self.plan.contigs.names[edit.contig]
                place = (edit.name, edit.operation, contig, edit.start, edit.end)
                yield (
                    *place, ".", None, None, self.plan.record.name, "*", NO,
                    "no readout to read it in", None, ".", *[None] * 8,
                )  # fmt: skip

    @property
    def tracks(self) -> list[Track]:
        """The tracks that were asked for."""
        by_id = {track.id: track for track in self.plan.windows.card.tracks}
        return [by_id[name] for name in self.plan.record.tracks]

    def log2fc(self, results: ReadoutResults) -> NDArray[np.float64]:
        """Return the log2 of mean over reference; NaN for tracks that may be negative."""
        more = self.plan.windows.card.variants.pseudocount
        signed = np.array([track.signed for track in self.tracks], np.bool_)
        above, below = results.mean + more, results.reference + more
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log2(above / below)
        known = (above > 0) & (below > 0) & ~signed
        return np.where(known, ratio, np.nan)


@dataclass
class Top:
    """The strongest pairs of one model, by the size of the effect."""

    rows: PairRows
    _heap: list[tuple[float, int, Row]] = field(default_factory=list)
    _count: int = 0

    def add(self, results: ReadoutResults) -> None:
        """Take the strongest of a readout."""
        size = np.abs(results.effect)
        log2fc = self.rows.log2fc(results)
        for cell in np.argsort(-size, axis=None, kind="stable")[:TOP].tolist():
            at, track = divmod(cell, size.shape[1])
            strength = float(size[at, track])
            self._count -= 1
            if len(self._heap) == TOP and strength <= self._heap[0][0]:
                return
            row = self._row(results, at, track, float(log2fc[at, track]))
            push = heapq.heappush if len(self._heap) < TOP else heapq.heappushpop
            push(self._heap, (strength, self._count, row))

    def _row(self, results: ReadoutResults, at: int, track: int, log2fc: float) -> Row:
        plan, pair = self.rows.plan, results.pairs[results.scored[at]]
        edit, readout = plan.inputs.edits[pair.edit], plan.inputs.readouts[pair.readout]
        contig, (start, end) = plan.contigs.names[edit.contig], edit.place
        span = plan.pairs.places[pair.readout].span
        region = f"{contig}:{min(start, span[0]) + 1}-{max(end, span[1])}"
        return (
            contig, start + 1, end, edit.name, edit.operation, readout.name,
            plan.record.tracks[track], float(results.effect[at, track]), log2fc,
            readout.distance(start, end), region,
        )  # fmt: skip

    def table(self) -> bytes:
        """Return the table, the strongest first."""
        strongest = [row for _, _, row in sorted(self._heap, key=lambda one: one[:2], reverse=True)]
        return b"".join(map(line, (TOP_COLUMNS, *strongest)))

    def __len__(self) -> int:
        return len(self._heap)


def line(row: Sequence[Any]) -> bytes:
    """Return a row as a line; numbers that are none are empty."""
    return ("\t".join(map(_cell, row)) + "\n").encode("utf-8", "backslashreplace")


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, (float, np.floating)):
        return f"{value:.9g}"
    return str(value)


def edits_table(plan: ModelPlan) -> bytes:
    """Return the table of all edits: what was made of each row, and what was skipped and why."""
    columns = ("name", "op", "chrom", "start", "end", "to", "bases", "seeds", "source", "skipped")
    rows: list[Row] = [columns]
    for edit in plan.inputs.edits:
        contig = plan.contigs.names[edit.contig]
        rows.append(
            (edit.name, edit.operation, contig, edit.start, edit.end, edit.target, len(edit.bases),
             edit.seeds, _file_and_line(edit.source), ".")
        )  # fmt: skip
    rows.extend(
        (one.name, ".", ".", *[None] * 5, _file_and_line(one.place), one.reason)
        for one in plan.inputs.skipped
    )
    return b"".join(map(line, rows))


def _file_and_line(source: str) -> str:
    """Return a source without its folder: where files lie decides no byte of a run."""
    return source.rpartition("/")[2]
