"""Tables of a run that explains alleles: one row for each and target, and what was skipped."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tracksmith.attributions.outputs import FilesJob, skipped_path, variants_path
from tracksmith.files import aside, crash_point
from tracksmith.progress import Progress
from tracksmith.runs.record import FileEntry

__all__ = ["IDENTITY", "write_allele_tables"]

IDENTITY = ("contig", "position", "id", "ref", "alt", "line")
"""What tables say of a variant, as its file has it."""

COLUMNS = (
    *IDENTITY, "target", "start", "end", "shown", "sum_reference", "sum_alternative", "inserted",
    "deleted", "difference",
)  # fmt: skip
SKIPPED = ("line", "contig", "position", "id", "ref", "alt", "reason", "detail")


def write_allele_tables(job: FilesJob, progress: Progress) -> Iterator[FileEntry]:
    """Write both tables of a model; yield their entries. Tell of alleles that tracks hide."""
    model = job.model
    hidden = [shown for shown in model.shown if not shown.all()]
    if hidden:
        without = sum(not shown.any() for shown in hidden)
        progress.note(
            f"{model.record.name}: the windows of {len(hidden):,} variants overlap those of "
            f"others; tracks show each base with the variant nearest to it ({without:,} variants "
            f"have none); see {variants_path(model)}."
        )
    yield write_table(job, variants_path(model), COLUMNS, _rows(job))
    skipped = [] if model.alleles is None else model.alleles.skipped
    rows = (line.split("\t") for line in skipped)
    yield write_table(job, skipped_path(model), SKIPPED, rows)


def write_table(
    job: FilesJob, path: str, titles: tuple[str, ...], rows: Iterator[list[str]]
) -> FileEntry:
    """Write a table of a model with tabs between its columns."""
    folder, count = job.opened.run.folder, 0
    with aside(folder / path) as temporary, temporary.open("w", encoding="utf-8") as out:
        out.write("\t".join(titles) + "\n")
        for row in rows:
            out.write("\t".join(row) + "\n")
            count += 1
    crash_point("track-finished")
    return FileEntry.of(folder, path, "table", model=job.model.record.name, rows=count)


def _rows(job: FilesJob) -> Iterator[list[str]]:
    steps = job.model.steps
    for row, target in enumerate(job.model.targets.items):
        for number, allele, letters in job.alleles(row):
            place = (steps.starts[2 * number], steps.ends[2 * number])
            kept = np.nansum(letters.alternative)
            known = np.nansum(letters.reference)
            sums = (known, kept + letters.inserted, letters.inserted, letters.deleted)
            numbers = (*sums, sums[1] - sums[0])
            cells = [target.name, *map(str, place), str(int(job.model.shown[number].sum()))]
            yield [*allele.text.split("\t"), *cells, *(f"{value:.6g}" for value in numbers)]
