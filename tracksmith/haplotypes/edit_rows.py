"""A person's edits, one by one, with the values of their inserted bases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tracksmith.engine.plan import WindowPlan
from tracksmith.genome.contigs import Contigs
from tracksmith.haplotypes.inserted import CoreTally, Inserted
from tracksmith.haplotypes.people import HAPLOTYPES, Person
from tracksmith.tracks.autosql import AutoSql, Column, bed9_schema
from tracksmith.tracks.bedrows import BedRow

__all__ = ["EditRow", "EditRows", "ModelParts", "ValueColumns", "edit_item", "edit_schema"]

CARRIED = (".", "1", "2", "1,2")
"""How the haplotypes of an edit are written, by their bits."""

COLOURS = ("160,160,160", "31,119,180", "214,96,18", "106,81,163")
"""Not applied; on the first haplotype, on the second, on both."""

MOST_SHOWN = 10
"""Tracks whose inserted bases an item tells of; the table has all."""

LONGEST = 60


class ModelParts(Protocol):
    """What the files of people need of a model: its plan, and what its parts keep."""

    @property
    def plan(self) -> WindowPlan:
        """The model's plan."""

    def kept(self) -> Iterator[tuple[int, CoreTally, list[Inserted]]]:
        """Yield contig, cores and inserted bases of every chunk, in the order of the genome."""


Values = dict[tuple[int, int], Inserted]
"""By row and haplotype (from 0)."""


class EditRow(NamedTuple):
    """One edit: where it is applied, what the file says, what came of it.

    ``contig`` is the genome's name, '' where it has none, ``contig_length`` 0 where the edit
    has no place in it. ``cut`` names the models whose bins it cuts. ``values`` holds, for each
    model, those of its inserted bases by haplotype.
    """

    contig: str
    contig_length: int
    start: int
    end: int
    text: list[str]
    phase_set: str
    line: int
    bits: int
    carried: str
    applied: str
    reason: str
    cut: tuple[str, ...]
    values: tuple[tuple[Inserted | None, Inserted | None], ...]


class EditRows:
    """Iterates over the listed edits of one person, contig by contig."""

    def __init__(self, person: Person, number: int, models: Sequence[ModelParts]) -> None:
        self.person, self.number, self.models = person, number, list(models)
        self.contigs: Contigs = self.models[0].plan.contigs
        self._starts = _applied_starts(person)

    def __iter__(self) -> Iterator[EditRow]:
        inserted = [_ByContig(model, self.number) for model in self.models]
        contigs = self.person.rows["contig"]
        for contig in range(-1, len(self.contigs)):
            first, last = np.searchsorted(contigs, [contig, contig + 1]).tolist()
            values = [model.take(contig) for model in inserted]
            for row in range(first, last):
                if self.person.listed[row]:
                    yield self._row(row, contig, values)

    def _row(self, row: int, contig: int, values: Sequence[Values]) -> EditRow:
        person, fields = self.person, self.person.rows[row]
        size = int(fields["end"] - fields["start"])
        start = int(self._starts[row])
        name, length = "", 0
        if contig >= 0:
            name, length = self.contigs.names[contig], int(self.contigs.lengths[contig])
        inside = start < length and start + size <= length
        number, bits = int(fields["phase_set"]), int(fields["applied"])
        cut = _cut_by(start, size, int(fields["size"]), self.models) if bits else ()
        own = tuple((inserted.get((row, 0)), inserted.get((row, 1))) for inserted in values)
        return EditRow(
            name, length if inside else 0, start, start + size, person.text_of(row),
            "" if number < 0 else person.phase_sets[number], int(fields["line"]),
            bits, CARRIED[int(fields["carried"])], CARRIED[bits],
            person.reason_of(row), cut, own,
        )  # fmt: skip


class _ByContig:
    """The inserted bases of one person, a contig at a time, as the parts hold them."""

    def __init__(self, model: ModelParts, person: int) -> None:
        self._kept = model.kept()
        self._person = person
        self._ahead: tuple[int, list[Inserted]] | None = None

    def take(self, contig: int) -> Values:
        """Return the values of a contig; contigs come in ascending order."""
        values: Values = {}
        while (following := self._next()) is not None and following[0] <= contig:
            for item in following[1]:
                if item.person == self._person:
                    values[item.row, item.haplotype] = item
            self._ahead = None
        return values

    def _next(self) -> tuple[int, list[Inserted]] | None:
        if self._ahead is None:
            kept = next(self._kept, None)
            self._ahead = None if kept is None else (kept[0], kept[2])
        return self._ahead


def _applied_starts(person: Person) -> NDArray[np.int64]:
    """Return where each row is applied: indels were moved to the left."""
    starts: NDArray[np.int64] = person.rows["start"].copy()
    for haplotype in reversed(person.haplotypes):
        starts[haplotype.rows] = haplotype.starts
    return starts


def _cut_by(start: int, old: int, new: int, models: Sequence[ModelParts]) -> tuple[str, ...]:
    """Return the models of whose bins an edit moves a part only."""
    if old == new:
        return ()
    edges = (start + min(old, new), start + old)
    bins = ((model.plan.planned.name, model.plan.tiling.bin) for model in models)
    return tuple(name for name, size in bins if any(edge % size for edge in edges))


@dataclass(frozen=True)
class ValueColumns:
    """The columns of a table with the values of inserted bases, and how they are called."""

    tracks: tuple[tuple[str, ...], ...]
    models: tuple[str, ...]

    @classmethod
    def of(cls, models: Sequence[ModelParts]) -> ValueColumns:
        """Return the columns of the tracks that were asked for, as the cards order them."""
        tracks = tuple(
            tuple(t.id for t in model.plan.card.tracks if t.id in model.plan.record.tracks)
            for model in models
        )
        return cls(tracks, tuple(model.plan.planned.name for model in models))

    @property
    def titles(self) -> list[str]:
        """The names of the columns."""
        return [
            f"{model}.{track}.hap{haplotype}.inserted_{what}"
            for model, tracks in zip(self.models, self.tracks, strict=True)
            for track in tracks
            for haplotype in HAPLOTYPES
            for what in ("sum", "strongest")
        ]

    def texts(self, row: EditRow) -> list[str]:
        """Return the values of a row; what has none is an empty field."""
        texts = []
        for tracks, both in zip(self.tracks, row.values, strict=True):
            for number in range(len(tracks)):
                for inserted in both:
                    texts += ["", ""] if inserted is None else _number_texts(inserted, number)
        return texts

    def summary(self, row: EditRow) -> str:
        """Return the strongest of a row's values in words."""
        inserted: list[tuple[float, str]] = []
        for model, tracks, both in zip(self.models, self.tracks, row.values, strict=True):
            for haplotype, values in enumerate(both, 1):
                if values is not None:
                    inserted += _words(f"{model}.", f" hap{haplotype}", tracks, values)
        inserted.sort(key=lambda item: -item[0])
        words = [text for _, text in inserted[:MOST_SHOWN]]
        if len(inserted) > MOST_SHOWN:
            words.append(f"{len(inserted) - MOST_SHOWN:,} more in the table")
        return "; ".join(words)


def _number_texts(inserted: Inserted, number: int) -> list[str]:
    values = (float(inserted.total[number]), float(inserted.strongest[number]))
    return ["" if np.isnan(value) else f"{value:.6g}" for value in values]


def _words(
    before: str, behind: str, tracks: Sequence[str], values: Inserted
) -> Iterator[tuple[float, str]]:
    for number, track in enumerate(tracks):
        total, strongest = _number_texts(values, number)
        if total:
            size = abs(float(values.strongest[number]))
            yield size, f"{before}{track}{behind} sum {total} strongest {strongest}"


def edit_schema(sample: str) -> AutoSql:
    """Return the columns of the bigBed of a person's edits."""
    columns = (
        Column("lstring", "ref", "Reference allele, as in the file"),
        Column("lstring", "alt", "Alternative allele, as in the file"),
        Column("string", "genotype", "Genotype, as in the file"),
        Column("string", "phaseSet", "Phase set: within one, haplotypes are certain"),
        Column("string", "haplotype", "Haplotypes that carry the allele"),
        Column("string", "applied", "Haplotypes to which it is applied"),
        Column("string", "reason", "Why it is not applied to all of them"),
        Column("string", "cutBins", "Models whose bins it cuts"),
        Column("lstring", "inserted", "Values over inserted bases, which have no place in a track"),
        Column("lstring", "_mouseOver", "Text shown under the mouse"),
    )
    shown = sample.encode("ascii", "replace").decode().replace('"', "'")[:100]
    return bed9_schema("personalEdits", f"Edits of {shown}", columns)


def edit_item(row: EditRow, columns: ValueColumns) -> BedRow:
    """Return the row of the bigBed; an insertion is drawn at the base before it."""
    _, position, name, ref, alt, genotype = row.text
    start, end = row.start, row.end
    if start == end:
        start, end = (start - 1, start) if start else (0, 1)
    called = "_".join(_plain(name).split())
    if called in (".", ""):
        called = f"{row.contig}:{position}:{_short(ref)}>{_short(alt)}"
    inserted = columns.summary(row)
    status = f"on haplotype {row.applied}" if row.bits else "not applied"
    hover = f"{called} {_short(ref)}>{_short(alt)} {genotype} {status}"
    hover += f" ({row.reason})" if row.reason else ""
    hover += f"; inserted: {inserted}" if inserted else ""
    return (
        row.contig, start, end, called[:200], 1000 if row.bits else 0, ".", start, end,
        COLOURS[row.bits], _plain(ref)[:65000], _plain(alt)[:65000], _plain(genotype)[:200],
        _plain(row.phase_set)[:200], row.carried, row.applied, row.reason, ",".join(row.cut)[:250],
        inserted, hover,
    )  # fmt: skip


def _plain(text: str) -> str:
    return text if text.isascii() else text.encode("ascii", "backslashreplace").decode()


def _short(allele: str) -> str:
    return _plain(allele if len(allele) <= LONGEST else f"{allele[: LONGEST - 3]}...")
