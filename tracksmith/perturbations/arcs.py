"""Arcs from edits to readouts: a bigInteract a track, coloured by the sign of the effect."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracksmith.perturbations.model import ModelPlan
from tracksmith.perturbations.results import ReadoutResults
from tracksmith.tracks.autosql import interact_schema
from tracksmith.tracks.bedrows import BedRow
from tracksmith.tracks.bigbed import write_bigbed
from tracksmith.tracks.options import Compressor

__all__ = ["Arcs", "shown_place"]

# decision: arcs-in-hexadecimal (igv.js takes no red,green,blue here)
INCREASE, DECREASE = "#ca0020", "#0571b0"

LONGEST_NAME = 100


class _Arc(NamedTuple):
    contig: str
    source: tuple[int, int]
    edit: str
    target: tuple[int, int]
    readout: str
    strand: str


class Arcs:
    """The arcs of one model; effects are kept in a file until each track's turn comes."""

    def __init__(self, plan: ModelPlan, folder: Path) -> None:
        self.plan = plan
        self._arcs: list[_Arc] = []
        self._effects = TemporaryFile(dir=folder)  # noqa: SIM115 - see close

    def close(self) -> None:
        """Let go of the file."""
        self._effects.close()

    def add(self, results: ReadoutResults) -> None:
        """Take the pairs of a readout that have a value."""
        readout = self.plan.inputs.readouts[results.number]
        span = self.plan.pairs.places[results.number].span
        effect = results.effect.astype(np.float32)
        for at, pair in enumerate(results.pairs[number] for number in results.scored):
            edit = self.plan.inputs.edits[pair.edit]
            place = shown_place(self.plan, pair.edit)
            if place is None:
                continue
            contig = self.plan.contigs.names[edit.contig]
            arc = _Arc(contig, place, _brief(edit.name), span, _brief(readout.name), readout.strand)
            self._arcs.append(arc)
            self._effects.write(effect[at].tobytes())

    def write(self, path: Path, track: int, compressor: Compressor) -> tuple[int, float]:
        """Write the arcs of a track, by its number; return how many, and the largest size."""
        effects = self._of_track(track)
        write_bigbed(
            path, list(self.plan.contigs), self._rows(effects, self.plan.record.tracks[track]),
            interact_schema(), compressor=compressor,
        )  # fmt: skip
        return int(np.count_nonzero(effects)), float(np.abs(effects).max(initial=0.0))

    def _of_track(self, track: int) -> NDArray[np.float32]:
        tracks = len(self.plan.record.tracks)
        self._effects.flush()
        if not self._arcs:
            return np.empty(0, np.float32)
        every = np.memmap(self._effects, np.float32, "r", shape=(len(self._arcs), tracks))
        return np.array(every[:, track])

    def _rows(self, effects: NDArray[np.float32], track: str) -> Iterator[BedRow]:
        """Yield the rows of a track; the score is the size, 1000 for the strongest effect.

        What changes nothing has no arc.
        """
        most = float(np.abs(effects).max(initial=0.0)) or 1.0
        for arc, value in zip(self._arcs, effects.tolist(), strict=True):
            if value == 0:
                continue
            colour = INCREASE if value > 0 else DECREASE
            low, high = min(arc.source[0], arc.target[0]), max(arc.source[1], arc.target[1])
            yield (
                arc.contig, low, high, f"{arc.edit}/{arc.readout}", round(1000 * abs(value) / most),
                value, track, colour, arc.contig, *arc.source, arc.edit, ".", arc.contig,
                *arc.target, arc.readout, arc.strand,
            )  # fmt: skip


def shown_place(plan: ModelPlan, number: int) -> tuple[int, int] | None:
    """Return where an edit is drawn, at least one base; None for what is everywhere but there."""
    edit = plan.inputs.edits[number]
    if edit.operation == "keep":
        return None
    start, end = edit.place
    length = int(plan.contigs.lengths[edit.contig])
    if start < end:
        return start, end
    return min(start, length - 1), min(start, length - 1) + 1


def _brief(name: str) -> str:
    """Return a name that browsers' columns can hold."""
    plain = "_".join(name.encode("ascii", "backslashreplace").decode().split())
    return plain[:LONGEST_NAME]
