"""The files of a person: edits as bigBed and table, and phase sets as BED."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from tracksmith.files import aside, crash_point
from tracksmith.haplotypes.edit_rows import (
    EditRow,
    EditRows,
    ValueColumns,
    edit_item,
    edit_schema,
)
from tracksmith.haplotypes.people import Person
from tracksmith.haplotypes.phase import phase_sets
from tracksmith.haplotypes.worker import HaplotypeWorker
from tracksmith.runs.inputs import SampleRecord
from tracksmith.runs.record import FileEntry
from tracksmith.runs.run import Run, make_folder
from tracksmith.tracks.bedrows import BedRow
from tracksmith.tracks.bigbed import write_bigbed
from tracksmith.tracks.options import TrackOptions

__all__ = ["edit_paths", "forecast_bytes", "write_edit_files"]

FOLDER = "edits"
TABLE_BYTES, VALUE_BYTES = 220, 24
"""Bytes of an edit in both files, and of a value in the table, at most as a rule."""

TABLE_COLUMNS = (
    "chrom", "start", "end", "pos", "id", "ref", "alt", "genotype", "phase_set", "line",
    "haplotype", "applied", "reason", "cut_bins",
)  # fmt: skip
"""``start`` and ``end`` (0-based) are where the edit is applied, ``pos`` to ``genotype`` as in the
file; ``haplotype`` is which carry it, ``applied`` to which it is applied, ``cut_bins`` the models
whose bins an indel cuts. Then, for each model, track and haplotype, sum and strongest value over
inserted bases."""


def edit_paths(sample: SampleRecord) -> list[str]:
    """Return the paths of the files of a person."""
    stem = f"{FOLDER}/{sample.file_name}"
    return [f"{stem}.edits.bb", f"{stem}.edits.tsv", f"{stem}.phase_sets.bed"]


def forecast_bytes(person: Person, tracks: int) -> int:
    """Return how large the files of a person will be, at most as a rule."""
    listed = int(person.listed.sum())
    inserting = int((person.rows["size"] > person.rows["end"] - person.rows["start"]).sum())
    return listed * TABLE_BYTES + inserting * 4 * tracks * VALUE_BYTES


def write_edit_files(
    run: Run, people: Sequence[Person], models: Sequence[HaplotypeWorker]
) -> list[FileEntry]:
    """Write the files of all people; safe to kill and to repeat."""
    make_folder(run.folder / FOLDER)
    entries: list[FileEntry] = []
    for number, person in enumerate(people):
        entries += _write_person(run, EditRows(person, number, models))
        crash_point("track-finished")
    return entries


def _write_person(run: Run, rows: EditRows) -> list[FileEntry]:
    person = rows.person
    big, table, sets = edit_paths(SampleRecord(person.name, person.edits))
    contigs = [(name, length) for name, length in rows.contigs if length]
    columns = ValueColumns.of(rows.models)
    with aside(run.folder / table) as temporary, temporary.open("w", encoding="utf-8") as out:
        out.write("\t".join((*TABLE_COLUMNS, *columns.titles)) + "\n")
        summary = write_bigbed(
            run.folder / big, contigs, _items(rows, columns, out), edit_schema(person.name),
            compressor=TrackOptions.of(run.plan.compressor, None).compressor,
        )  # fmt: skip
    with aside(run.folder / sets) as temporary:
        temporary.write_text("".join(_set_lines(rows)), encoding="utf-8")
    listed = int(person.listed.sum())
    own = {"sample": person.name}
    return [
        FileEntry.of(
            run.folder, big, "bigbed", rows=summary.rows, statistic="edits",
            values=None if summary.rows else 0, **own,
        ),
        FileEntry.of(run.folder, table, "edits-table", rows=listed, statistic="edits", **own),
        FileEntry.of(run.folder, sets, "phase-sets", statistic="phase_sets", **own),
    ]  # fmt: skip


def _items(rows: EditRows, columns: ValueColumns, table: TextIO) -> Iterator[BedRow]:
    """Yield the items of the bigBed; on the way every edit becomes a line of the table."""
    for row in rows:
        table.write(_line(row, columns))
        if row.contig_length:
            yield edit_item(row, columns)


def _line(row: EditRow, columns: ValueColumns) -> str:
    contig, position, name, ref, alt, genotype = row.text
    fields = (
        row.contig or contig, str(row.start), str(row.end), position, name, ref, alt, genotype,
        row.phase_set or ".", str(row.line), row.carried, row.applied, row.reason or ".",
        ",".join(row.cut) or ".", *columns.texts(row),
    )  # fmt: skip
    return "\t".join(fields) + "\n"


def _set_lines(rows: EditRows) -> Iterator[str]:
    """Yield the phase sets, contig by contig; a set without a name is called ``all``."""
    person = rows.person
    for contig, (name, _) in enumerate(rows.contigs):
        for start, end, number, edits in phase_sets(person, contig):
            called = "all" if number < 0 else person.phase_sets[number]
            yield f"{name}\t{start}\t{end}\t{called}\t{min(edits, 1000)}\n"
