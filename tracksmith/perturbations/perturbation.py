"""One named perturbation: what it does to a contig, as edits of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tracksmith.genome.bases import N, reverse_complement
from tracksmith.genome.edited import Edit, EditedContig, ReadBases
from tracksmith.perturbations.shuffle import Dice, shuffled

__all__ = ["OPERATIONS", "RANDOM", "Perturbation", "Span"]

Span = tuple[int, int]
"""Reference bases ``[start, end)``; of no length: what is inserted before ``start``."""

OPERATIONS = {
    "mask": "N in place of every base",
    "shuffle": "the bases in another order that keeps the counts of neighbours",
    "delete": "the bases taken out",
    "insert": "bases put in before start",
    "replace": "other bases, of any number, in place of these",
    "move": "the bases taken out and put in elsewhere",
    "invert": "the reverse complement",
    "duplicate": "a copy put in behind the bases, or elsewhere",
    "keep": "N in place of every base of the contig but these",
}
"""What can be done to a stretch of bases, by the word for it."""

RANDOM = "shuffle"
"""The operation that gives another sequence for each seed."""


@dataclass(frozen=True)
class Perturbation:
    """What is done to the bases ``[start, end)`` of one contig.

    ``target`` is where bases are put in (``move``, ``duplicate``), ``bases`` are the new ones,
    one mask a byte (``insert``, ``replace``). ``readouts`` names those that it is meant for, none
    all of them. ``seeds`` counts the sequences that it gives, ``source`` is its file and line.
    """

    name: str
    operation: str
    contig: int
    start: int
    end: int
    target: int | None = None
    bases: bytes = b""
    readouts: tuple[str, ...] = ()
    seeds: int = 1
    source: str = ""

    @property
    def place(self) -> Span:
        """Where its effect belongs: the bases, or where they or their copy are put in."""
        if self.target is not None:
            return self.target, self.target
        return self.start, self.end

    def touched(self, length: int) -> tuple[Span, ...]:
        """Return the reference bases of a contig of ``length`` bp that are changed."""
        if self.operation == "keep":
            return tuple(
                span for span in ((0, self.start), (self.end, length)) if span[0] < span[1]
            )
        if self.operation == "duplicate":
            return ((self.copy_place, self.copy_place),)
        if self.operation == "move":
            return (self.start, self.end), self.place
        return ((self.start, self.end),)

    @property
    def copy_place(self) -> int:
        """Where the copy of a duplication is put in."""
        return self.end if self.target is None else self.target

    def fate(self, position: int) -> str:
        """Say what becomes of a base that is not where it was, and not deleted: '' for the rest."""
        if not self.start <= position < self.end:
            return ""
        return {"move": "moves", "invert": "inverts"}.get(self.operation, "")

    def edits(self, read: ReadBases, length: int, within: Span, seed: int) -> Iterator[Edit]:
        """Yield the edits of the contig; of what is masked, the part ``within`` a span alone."""
        start, end = self.start, self.end
        if self.operation in ("mask", "keep"):
            for span in self.touched(length):
                low, high = max(span[0], within[0]), min(span[1], within[1])
                if low < high:
                    yield Edit(low, high, bytes([N]) * (high - low))
        elif self.operation == "shuffle":
            # decision: seeds-by-place (a shuffle is that of its bases, whatever its name or row)
            dice = Dice(f"{seed} {self.contig}:{start}-{end}")
            yield Edit(start, end, shuffled(read(start, end), dice).tobytes())
        elif self.operation == "invert":
            yield Edit(start, end, reverse_complement(read(start, end)).tobytes())
        elif self.operation == "duplicate":
            yield Edit(self.copy_place, self.copy_place, read(start, end).tobytes())
        elif self.operation == "move":
            yield Edit(start, end, b"")
            yield Edit(*self.place, read(start, end).tobytes())
        else:  # delete has no bases, insert no length
            yield Edit(start, end, self.bases)

    def edited(self, read: ReadBases, length: int, within: Span, seed: int = 1) -> EditedContig:
        """Return the contig with the edits, as it reads around the bases ``within``."""
        return EditedContig(length, self.edits(read, length, within, seed))

    def lengths(self, length: int, within: Span) -> tuple[Edit, ...]:
        """Return edits of the right lengths, and bases that say nothing: none if none changes."""
        if self.operation in ("mask", "keep", "shuffle", "invert"):
            return ()
        return tuple(
            self.edits(lambda low, high: np.zeros(high - low, np.uint8), length, within, 1)
        )

    def shape(self, length: int, within: Span) -> EditedContig:
        """Return the contig with the edits of :meth:`lengths`."""
        return EditedContig(length, self.lengths(length, within))
