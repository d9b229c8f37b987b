"""The edits of people, compact: a row of an array for each allele that a person carries."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tracksmith.genome.edited import Edit, ReadBases, normalised
from tracksmith.genome.fasta import Genome
from tracksmith.genome.intervals import Regions
from tracksmith.haplotypes.called import BOTH, DUPLICATE, OVERLAP, CalledEdit

__all__ = ["HAPLOTYPES", "Haplotype", "Person", "PersonBuilder"]

HAPLOTYPES = (1, 2)
"""The bit of each haplotype."""

_OVERLAP, _DUPLICATE = 1, 2

ROW = np.dtype(
    [
        ("contig", "<i4"),
        ("start", "<i8"),
        ("end", "<i8"),
        ("carried", "u1"),
        ("applied", "u1"),
        ("reason", "u1"),
        ("phase_set", "<i4"),
        ("line", "<i8"),
        ("bases", "<i8"),
        ("size", "<i4"),
        ("text", "<i8"),
        ("text_size", "<i4"),
    ]
)
"""An allele: the reference interval that it replaces (bp, 0-based), bits of the haplotypes that
carry it and to which it is applied, the number of a reason, of the phase set (-1 none), the line
of the file; where its new bases and its text begin, and their bytes."""

Rows = NDArray[np.void]
Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Haplotype:
    """The edits that are applied to one haplotype, over the whole genome.

    ``starts`` and ``ends`` are int64, in bp, ascending on each contig; ``rows`` (int32) are the
    rows of the person. An indel lies as far left as the edit before it lets it go.
    """

    person: Person = field(repr=False)
    starts: Positions
    ends: Positions
    rows: NDArray[np.int32]

    @cached_property
    def _bounds(self) -> Positions:
        contigs = self.person.rows["contig"][self.rows]
        return np.searchsorted(contigs, np.arange(self.person.contigs + 1)).astype(np.int64)

    def range_of(self, contig: int) -> tuple[int, int]:
        """Return the half-open range of the edits of a contig."""
        return int(self._bounds[contig]), int(self._bounds[contig + 1])

    def within(self, contig: int, low: int, high: int) -> tuple[int, int]:
        """Return the half-open range of edits that overlap or adjoin ``[low, high)`` bp."""
        first, last = self.range_of(contig)
        begin = first + np.searchsorted(self.ends[first:last], low, "left")
        end = first + np.searchsorted(self.starts[first:last], high, "right")
        return int(begin), int(max(begin, end))

    def edit(self, number: int) -> Edit:
        """Return one edit."""
        row = int(self.rows[number])
        start, end = int(self.starts[number]), int(self.ends[number])
        bases = self.person.bases_of(row)
        moved = int(self.person.rows["start"][row]) - start
        turn = moved % len(bases) if bases else 0
        return Edit(start, end, bases[len(bases) - turn :] + bases[: len(bases) - turn])

    def around(self, contig: int, low: int, high: int) -> tuple[int, int]:
        """Return the range of edits that decide the edited bases of ``[low, high)`` bp.

        What they delete is made up for from beyond, where more of them may lie.
        """
        margin = 0
        while True:
            first, last = self.within(contig, low - margin, high + margin)
            gone = int((self.ends[first:last] - self.starts[first:last]).sum())
            if gone <= margin:
                return first, last
            margin = gone


@dataclass(frozen=True)
class Person:
    """What one sample carries.

    ``rows`` are of the type ROW, sorted by contig and place; ``listed``, bool, are those near
    what was asked for. ``reasons`` and ``phase_sets`` name the numbers in them. ``counts``
    counts calls (missing, half_missing, haploid, unphased, two_hot); ``first_unphased`` is for
    messages. ``contigs`` is how many the genome has.
    """

    name: str
    contigs: int
    rows: Rows
    bases: bytes
    texts: bytes
    reasons: tuple[str, ...]
    phase_sets: tuple[str, ...]
    counts: Mapping[str, int]
    listed: NDArray[np.bool_]
    first_unphased: str = ""
    haplotypes: list[Haplotype] = field(default_factory=list, repr=False)

    @property
    def edits(self) -> int:
        """How many alleles are applied to any haplotype, near what was asked for."""
        return int(np.count_nonzero(self.rows["applied"][self.listed]))

    @cached_property
    def skipped(self) -> dict[str, int]:
        """How many alleles are not applied to all that carry them, by reason."""
        reasons = self.rows["reason"][self.listed]
        numbers = np.bincount(reasons, minlength=len(self.reasons)).tolist()
        return {code: n for code, n in zip(self.reasons, numbers, strict=True) if code and n}

    def bases_of(self, row: int) -> bytes:
        """Return the new bases of a row, one mask a byte, where it was written."""
        begin = int(self.rows["bases"][row])
        return self.bases[begin : begin + int(self.rows["size"][row])]

    def text_of(self, row: int) -> list[str]:
        """Return contig, position, id, ref, alt, genotype of a row, as in the file."""
        begin = int(self.rows["text"][row])
        text = self.texts[begin : begin + int(self.rows["text_size"][row])]
        return text.decode("utf-8").split("\t")

    def reason_of(self, row: int) -> str:
        """Return why a row is not applied to all that carry it, '' where it is."""
        return self.reasons[int(self.rows["reason"][row])]


class PersonBuilder:
    """Collects the alleles of one sample and decides which of them are applied."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._columns = [array(code) for code in "iqqBBBiqqiqi"]
        self._bases, self._texts = bytearray(), bytearray()
        self._reasons: dict[str, int] = {"": 0, OVERLAP: _OVERLAP, DUPLICATE: _DUPLICATE}
        self._sets: dict[str, int] = {}

    def add(self, edit: CalledEdit) -> None:
        """Take one allele."""
        reason = self._reasons.setdefault(edit.reason, len(self._reasons))
        phase_set = -1
        if edit.phase_set:
            phase_set = self._sets.setdefault(edit.phase_set, len(self._sets))
        text = edit.text.encode("utf-8", "backslashreplace")
        applied = 0 if edit.reason else edit.carried
        values = (
            edit.contig, edit.start, edit.end, edit.carried, applied, reason, phase_set,
            edit.line, len(self._bases), len(edit.bases), len(self._texts), len(text),
        )  # fmt: skip
        for column, value in zip(self._columns, values, strict=True):
            column.append(value)
        self._bases += edit.bases
        self._texts += text

    def finish(
        self, genome: Genome, near: Regions | None, counts: Counter[str], first_unphased: str = ""
    ) -> Person:
        """Sort the alleles, decide between those that overlap, and move indels to the left.

        ``near`` are the regions whose alleles are listed, None for all.
        """
        rows = np.empty(len(self._columns[0]), ROW)
        for name, column in zip(ROW.names or (), self._columns, strict=True):
            rows[name] = column
        bases = bytes(self._bases)
        rows = rows[_order(rows, bases)]
        person = Person(
            self.name, len(genome.contigs), rows, bases, bytes(self._texts),
            tuple(self._reasons), tuple(self._sets), dict(counts), _listed(rows, near),
            first_unphased,
        )  # fmt: skip
        _refuse_overlaps(person)
        person.haplotypes.extend(_haplotype(person, bit, genome) for bit in HAPLOTYPES)
        return person


def _listed(rows: Rows, near: Regions | None) -> NDArray[np.bool_]:
    """Say which rows share a base with the regions, or adjoin one."""
    if near is None:
        return np.ones(len(rows), np.bool_)
    listed = np.zeros(len(rows), np.bool_)
    for contig in np.unique(rows["contig"][rows["contig"] >= 0]).tolist():
        starts, ends = near.contig_arrays(contig)
        mine = np.flatnonzero(rows["contig"] == contig)
        if len(starts):
            number = np.searchsorted(ends, rows["start"][mine], "left")
            reached = starts[np.minimum(number, len(starts) - 1)] <= rows["end"][mine]
            listed[mine] = (number < len(starts)) & reached
    return listed


def _order(rows: Rows, bases: bytes) -> NDArray[np.int64]:
    """Return an order that depends on nothing but the alleles.

    What adds or removes bases alone counts from the base before, as a VCF writes it.
    """
    pure = ((rows["end"] == rows["start"]) | (rows["size"] == 0)) & (rows["reason"] == 0)
    anchors = rows["start"] - pure
    keys = (rows["end"], rows["start"], anchors, rows["contig"])
    order = np.lexsort((rows["line"], *keys))
    equal = np.ones(max(len(rows) - 1, 0), np.bool_)
    for key in keys:
        equal &= key[order][1:] == key[order][:-1]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], equal, [False]]).astype(np.int8)))
    begins, sizes = rows["bases"], rows["size"]
    for first, last in edges.reshape(-1, 2).tolist():
        tied = order[first : last + 1].tolist()
        tied.sort(key=lambda row: bases[begins[row] : begins[row] + sizes[row]])
        order[first : last + 1] = tied
    return order


def _refuse_overlaps(person: Person) -> None:
    """Let the earlier of two edits that overlap on a haplotype win, as bcftools consensus does."""
    # decision: earlier-edit-wins (two edits of one base cannot both be true)
    rows = person.rows
    before: dict[int, tuple[int, int, bytes]] = {}
    contig = -1
    for row in np.flatnonzero(rows["applied"]).tolist():
        if int(rows["contig"][row]) != contig:
            contig, before = int(rows["contig"][row]), {}
        edit = (int(rows["start"][row]), int(rows["end"][row]), person.bases_of(row))
        for bit in HAPLOTYPES:
            if not rows["applied"][row] & bit:
                continue
            other = before.get(bit)
            if other is None or not _overlap(other, edit):
                before[bit] = edit
                continue
            rows["applied"][row] &= BOTH - bit
            rows["reason"][row] = _DUPLICATE if other == edit else _OVERLAP


def _overlap(one: tuple[int, int, bytes], other: tuple[int, int, bytes]) -> bool:
    """Say whether an edit overlaps one that does not begin before it."""
    return other[0] < one[1] or one[0] == one[1] == other[0] == other[1]


def _haplotype(person: Person, bit: int, genome: Genome) -> Haplotype:
    """Return the edits of one haplotype, indels as far left as the edit before lets them go."""
    rows = np.flatnonzero(person.rows["applied"] & bit)
    starts, ends = person.rows["start"][rows].copy(), person.rows["end"][rows].copy()
    contigs = person.rows["contig"][rows]
    order = np.lexsort((ends, starts, contigs))
    rows, starts, ends, contigs = rows[order], starts[order], ends[order], contigs[order]
    # decision: indels-as-far-left-as-they-go (a repeat has many places for one indel)
    pure = (ends == starts) | (person.rows["size"][rows] == 0)
    for number in np.flatnonzero(pure).tolist():
        before = number and contigs[number - 1] == contigs[number]
        limit = int(ends[number - 1]) if before else 0
        if before and ends[number] == starts[number] and ends[number - 1] == starts[number - 1]:
            limit += 1  # two insertions at one place would have no order
        start, end = int(starts[number]), int(ends[number])
        name = genome.contigs.names[int(contigs[number])]
        edit = Edit(start, end, person.bases_of(int(rows[number])))
        moved = start - normalised(edit, _reader(genome, name, limit)).start
        starts[number], ends[number] = start - moved, end - moved
    return Haplotype(person, starts, ends, rows.astype(np.int32))


def _reader(genome: Genome, name: str, limit: int) -> ReadBases:
    """Return a reader of a contig whose bases before ``limit`` equal no other."""

    def read(start: int, end: int) -> NDArray[np.uint8]:
        masks = genome.read(name, start, end)
        if start < limit:
            masks = masks.copy()
            masks[: min(limit, end) - start] = 0
        return masks

    return read
