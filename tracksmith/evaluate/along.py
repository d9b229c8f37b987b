"""Whole contigs: Pearson's r in bins of several widths, streamed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tracksmith.evaluate.numbers import Moments
from tracksmith.evaluate.pairs import ModelPairs, Unit
from tracksmith.evaluate.profiles import Tally, binned
from tracksmith.genome.contigs import Contigs

__all__ = ["CHUNK", "ContigRow", "contig_rows", "crossed_width"]

CHUNK = 1 << 20
"""Bases that are read at once, about."""


@dataclass
class ContigRow:
    """What one unit has on one contig.

    ``moments`` are by width of the bins (bp); ``crossed`` those of strands of the measurement
    exchanged, at :func:`crossed_width`.
    """

    unit: str
    contig: str
    tally: Tally = field(default_factory=Tally)
    moments: dict[int, Moments] = field(default_factory=dict)
    crossed: Moments = field(default_factory=Moments)


def crossed_width(widths: Sequence[int]) -> int:
    """Return the width of bins in which strands are compared: the first of 32 bp or more."""
    return next((width for width in sorted(widths) if width >= 32), max(widths))


def contig_rows(
    model: ModelPairs,
    contigs: Contigs,
    widths: Sequence[int],
    advance: Callable[[int], None] = lambda bases: None,
) -> list[ContigRow]:
    """Return what every unit has on every contig that both tracks list."""
    chunk = math.lcm(*widths, *(unit.bin for unit in model.units))
    chunk *= max(1, CHUNK // chunk)
    rows = []
    for contig, length in contigs:
        if not any(contig in pair.predicted.names for pair in model.pairs):
            continue
        if not any(contig in pair.measured.names for pair in model.pairs):
            continue
        mine = [ContigRow(unit.name, contig) for unit in model.units]
        for start in range(0, length, chunk):
            end = min(start + chunk, length)
            _add_chunk(model, mine, (contig, start, end), widths)
            advance(end - start)
        rows += mine
    return rows


def _add_chunk(
    model: ModelPairs, rows: Sequence[ContigRow], place: tuple[str, int, int], widths: Sequence[int]
) -> None:
    contig, start, end = place
    read = {
        id(pair): [side.values(contig, start, end) for side in (pair.predicted, pair.measured)]
        for pair in model.pairs
    }
    crossed = {f"{a.output.track_id}+{b.output.track_id}": (a, b) for a, b in model.strands}
    for row, unit in zip(rows, model.units, strict=True):
        for pair in unit.pairs:
            x, y = read[id(pair)]
            row.tally += Tally.of(x, y)
            for width in _shown(unit, widths):
                row.moments.setdefault(width, Moments()).add(*binned(x, y, start, width))
        if unit.name in crossed:
            for own, other in (crossed[unit.name], crossed[unit.name][::-1]):
                x, y = read[id(own)][0], read[id(other)][1]
                row.crossed.add(*binned(x, y, start, crossed_width(widths)))


def _shown(unit: Unit, widths: Sequence[int]) -> list[int]:
    """Return the widths that are no finer than the prediction."""
    return [width for width in widths if width >= unit.bin] or [unit.bin]
