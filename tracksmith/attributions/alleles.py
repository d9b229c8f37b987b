"""The alleles of a run of explanations: what each changes, and where its letters lie.

Every allele is a contig of its own behind those of the genome, so that what explains steps of a
genome explains alleles as well. Letters come back in positions of the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tracksmith.attributions.steps import Steps
from tracksmith.effects.records import RecordSource, Taken
from tracksmith.effects.windows import Placement
from tracksmith.genome.bases import Masks
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.edited import Edit, EditedContig, normalised
from tracksmith.genome.fasta import Genome

__all__ = [
    "Alleles", "ExplainedAllele", "InReference", "WithAlleles", "in_reference", "nearest",
    "steps_of_alleles", "take_alleles",
]  # fmt: skip

Flags = NDArray[np.bool_]
Line = NDArray[np.float64]
PIECE = 4096
"""Records that are sorted out at once."""


@dataclass(frozen=True)
class ExplainedAllele:
    """One allele.

    ``contig`` is the number of its contig, ``length`` that contig's, bp; ``anchor`` the base that
    takes the place of a variant in the window, as in a run of variants. ``text`` holds contig,
    position, id, ref, alt and line as the file has them, joined by tabs.
    """

    contig: int
    length: int
    anchor: int
    edit: Edit
    text: str

    @cached_property
    def edited(self) -> EditedContig:
        """The contig with this allele."""
        return EditedContig(self.length, [self.edit])

    @property
    def name(self) -> str:
        """What to call it: ``chr1:1234:A>T``."""
        contig, position, _, ref, alt, _ = self.text.split("\t")
        return f"{contig}:{position}:{ref}>{alt}"

    def distance(self, start: int, end: int) -> NDArray[np.int64]:
        """Return how far bases are from what changes, bp; 0 where they change themselves."""
        places = np.arange(start, end, dtype=np.int64)
        away = np.maximum(self.edit.start - places, places - self.edit.end + 1)
        return np.maximum(away, 0)


@dataclass(frozen=True)
class Alleles:
    """The alleles that a model explains, in the order of their file, and lines on the others."""

    every: tuple[ExplainedAllele, ...]
    skipped: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.every)


def take_alleles(source: RecordSource, records: int, blind: Flags) -> Alleles:
    """Read the alleles of a file.

    ``blind`` are contigs that no fold predicts, bool ``(contigs,)``: their alleles are skipped.
    """
    from tracksmith.genome.allele_kinds import Reason

    every: list[ExplainedAllele] = []
    skipped: list[str] = []
    for first in range(0, records, PIECE):
        taken = source.take(first, min(records, first + PIECE))
        taken = taken.without(blind[taken.alleles.contig], Reason.NO_FOLD, Reason.NO_FOLD.text)
        every += [_allele(taken, row, source.reader.genome) for row in range(len(taken.rows))]
        skipped += [one.line for one in taken.skipped]
    source.close()
    return Alleles(tuple(every), tuple(skipped))


def _allele(taken: Taken, row: int, genome: Genome) -> ExplainedAllele:
    alleles = taken.alleles
    contig, anchor = int(alleles.contig[row]), int(alleles.position[row])
    name, length = genome.contigs.names[contig], int(genome.contigs.lengths[contig])
    whole = Edit(anchor, anchor + int(alleles.length[row]), alleles.alternative[row])
    edit = normalised(whole, lambda start, end: genome.read(name, start, end))
    return ExplainedAllele(contig, length, anchor, edit, taken.texts[row])


class WithAlleles:
    """A genome with a contig more for every allele, on which that allele lies."""

    def __init__(self, genome: Genome, alleles: Sequence[ExplainedAllele]) -> None:
        self._genome, self._alleles = genome, alleles
        names, lengths = zip(*genome.contigs, strict=True)
        own = [f"{allele.name} (allele {n})" for n, allele in enumerate(alleles, 1)]
        edited = [allele.edited.edited_length for allele in alleles]
        self._contigs = Contigs([*names, *own], [*lengths, *edited])
        self._number = {name: number for number, name in enumerate(own)}

    @property
    def contigs(self) -> Contigs:
        """The contigs of the genome, then those with an allele."""
        return self._contigs

    def read(self, contig: str, start: int, end: int) -> Masks:
        """Return bases as :meth:`tracksmith.genome.fasta.Genome.read` does."""
        number = self._number.get(contig)
        if number is None:
            return self._genome.read(contig, start, end)
        allele = self._alleles[number]
        return allele.edited.read(self._reader(allele), start, end)

    def _reader(self, allele: ExplainedAllele) -> Callable[[int, int], Masks]:
        name = self._genome.contigs.names[allele.contig]
        return lambda start, end: self._genome.read(name, start, end)


def steps_of_alleles(
    alleles: Sequence[ExplainedAllele], contigs: int, flank: int, placement: Placement
) -> Steps:
    """Return two steps for each allele: the reference, and the alternative.

    They reach ``flank`` bp to either side of what changes, or as far as window and contig do.
    ``contigs`` is the number of contigs of the genome.
    """
    starts, ends, others = [], [], []
    left = min(flank, placement.offset - max(placement.deltas))
    room = placement.window - placement.offset + min(placement.deltas)
    for allele in alleles:
        edit = allele.edit
        last = allele.anchor + room - max(0, edit.change)
        end = min(edit.end + flank, last, allele.length)
        starts.append(max(0, allele.anchor - left))
        ends.append(end)
        others.append(end + edit.change)
    number = np.arange(len(starts), dtype=np.int64)
    contig = np.array([allele.contig for allele in alleles], np.int64)
    anchor = np.array([allele.anchor for allele in alleles], np.int64)
    return Steps(
        _alternating(contig, contigs + number),
        np.repeat(np.array(starts, np.int64), 2),
        _alternating(np.array(ends, np.int64), np.array(others, np.int64)),
        np.repeat(anchor, 2),
        np.repeat(2 * number, 2),
    )


def _alternating(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.stack([one, other], axis=1).ravel()


@dataclass(frozen=True)
class InReference:
    """Letters around one allele in positions of the reference, float64 ``(bases,)``.

    ``alternative`` has none at deleted bases (NaN), where ``delta`` is minus the letter that was
    lost. ``inserted`` is the sum of the letters of inserted bases, ``deleted`` that of the
    reference's letters of deleted ones.
    """

    reference: Line
    alternative: Line
    delta: Line
    inserted: float
    deleted: float


def in_reference(
    allele: ExplainedAllele, start: int, reference: Line, alternative: Line
) -> InReference:
    """Put the letters of an alternative, from ``start`` on, where its bases lie in the reference.

    ``reference`` and ``alternative`` are those of both steps, each with its own bases.
    """
    edited, survives = allele.edited.to_edited(start + np.arange(len(reference)))
    kept = edited[survives] - start
    line = np.full(len(reference), np.nan)
    line[survives] = alternative[kept]
    new = np.ones(len(alternative), np.bool_)
    new[kept] = False
    delta = np.where(survives, line - reference, -reference)
    inserted, deleted = alternative[new].sum(), reference[~survives].sum()
    return InReference(reference, line, delta, float(inserted), float(deleted))


def nearest(alleles: Sequence[ExplainedAllele], steps: Steps) -> list[Flags]:
    """Say which bases of each allele's step tracks show: those nearer to it than to any other.

    Of alleles that are equally near, the first one in the file has the base.
    """
    shown = []
    spans = [(int(steps.starts[2 * n]), int(steps.ends[2 * n])) for n in range(len(alleles))]
    for number, (allele, (start, end)) in enumerate(zip(alleles, spans, strict=True)):
        mine, own = allele.distance(start, end), np.ones(end - start, np.bool_)
        for other, (low, high) in enumerate(spans):
            first, last = max(low, start), min(high, end)
            if other == number or alleles[other].contig != allele.contig or last <= first:
                continue
            theirs, here = alleles[other].distance(first, last), slice(first - start, last - start)
            own[here] &= mine[here] <= theirs if other > number else mine[here] < theirs
        shown.append(own)
    return shown
