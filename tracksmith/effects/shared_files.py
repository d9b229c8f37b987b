"""The files of all models together: what was skipped, the annotated input, the summary page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from tracksmith.effects.annotate import write_annotated
from tracksmith.effects.outputs import FilesJob, Outline, SharedFile
from tracksmith.effects.records import SkippedAllele
from tracksmith.effects.summary import summary_page
from tracksmith.effects.survey import ModelResults
from tracksmith.effects.tables import SKIPPED_COLUMNS
from tracksmith.files import aside, crash_point
from tracksmith.runs.record import FileEntry

__all__ = ["INPUT_FILES", "SUMMARY", "skipped_lines"]

NO_RECORD = 1 << 62

OWN_REASONS = {"too_long", "too_many_n", "no_fold", "outside_peaks", "length_change"}
"""Reasons that depend on the model."""


def _write_skipped(job: FilesJob, models: Sequence[ModelResults]) -> list[FileEntry]:
    """Write the alleles that were not scored; those of a single model bear its name."""
    path = "variants/skipped.tsv"
    rows = 0
    with aside(job.folder / path) as temporary, temporary.open("wb") as out:
        out.write(("\t".join(SKIPPED_COLUMNS) + "\n").encode())
        for line in skipped_lines(models):
            out.write(line.encode("utf-8", "backslashreplace"))
            rows += 1
    return [FileEntry.of(job.folder, path, "skipped", rows=rows)]


def _annotated_names(outline: Outline) -> list[str]:
    if outline.saturation or outline.variants.source == "table":
        return []
    path = "variants/annotated.vcf.gz"
    return [path, *[f"{path}{outline.index}"] * outline.sorted]


def _write_annotated(job: FilesJob, models: Sequence[ModelResults]) -> list[FileEntry]:
    if job.outline.variants.source == "table":
        return []
    path = "variants/annotated.vcf.gz"
    write_annotated(job.folder / path, models, job.progress.note, job.options)
    crash_point("track-finished")
    file = FileEntry.of(job.folder, path, "vcf", rows=job.outline.variants.records)
    return [file, *job.index_entries(path)]


def _write_summary(job: FilesJob, models: Sequence[ModelResults]) -> list[FileEntry]:
    page = summary_page(models, [job.top(model) for model in models]).encode("utf-8", "replace")
    return [job.bytes("variants/summary.html", "summary", page)]


def _shared(name: str) -> Callable[[Outline], list[str]]:
    return lambda outline: [] if outline.saturation else [f"variants/{name}"]


def skipped_lines(models: Sequence[ModelResults]) -> Iterator[str]:
    """Yield the lines of skipped.tsv: what every model skips once, then what only one does."""
    first = models[0]
    for skipped in _skipped_by(first):
        own = skipped.reason in OWN_REASONS and len(models) > 1
        yield f"{skipped.line}\t{first.name if own else '.'}\n"
    for model in models[1:]:
        written: set[tuple[int, str]] = set()
        known = groupby(_skipped_by(first), key=lambda skipped: skipped.record)
        record = -1
        for skipped in _skipped_by(model):
            while record < skipped.record:
                record, group = next(known, (NO_RECORD, iter(())))
                written = {(other.allele, other.reason) for other in group}
            shared = record == skipped.record and (skipped.allele, skipped.reason) in written
            if skipped.reason in OWN_REASONS or not shared:
                yield f"{skipped.line}\t{model.name}\n"


def _skipped_by(model: ModelResults) -> Iterator[SkippedAllele]:
    for result in model.parts():
        yield from result.skipped


INPUT_FILES = (
    SharedFile(_shared("skipped.tsv"), _write_skipped),
    SharedFile(_annotated_names, _write_annotated),
)
"""Written by reading the input again."""

SUMMARY = SharedFile(_shared("summary.html"), _write_summary)
