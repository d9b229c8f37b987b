"""The files of a run of variants: each says its names beforehand and is written from results.

Estimates and hubs read the same list, so that a new file is one new entry of it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from tracksmith.effects.annotate import write_annotated
from tracksmith.effects.bed import absmax_pieces, bed_rows, schema
from tracksmith.effects.deltas import delta_paths, write_deltas
from tracksmith.effects.parquet import has_parquet, write_parquet
from tracksmith.effects.records import SkippedAllele
from tracksmith.effects.saturation_tracks import saturation_paths, write_saturation
from tracksmith.effects.scorer import Scorer
from tracksmith.effects.summary import TopRow, summary_page, top_rows, top_table
from tracksmith.effects.survey import ModelResults
from tracksmith.effects.tables import COLUMNS, SKIPPED_COLUMNS, TableLines
from tracksmith.files import aside, crash_point
from tracksmith.genome.bgzf_writer import (
    INDEX_SUFFIXES,
    BgzfWriter,
    index_suffix,
    write_tabix_index,
)
from tracksmith.progress import Progress
from tracksmith.runs.record import FileEntry, ModelRecord, VariantsRecord
from tracksmith.tracks.bigbed import write_bigbed
from tracksmith.tracks.external_sort import DiskSorter
from tracksmith.tracks.formats import FORMATS, value_facts
from tracksmith.tracks.intervals import INTERVAL_BIN
from tracksmith.tracks.options import TrackOptions

__all__ = ["MODEL_FILES", "SHARED_FILES", "FilesJob", "Outline", "file_names"]

_ORDER = struct.Struct(">IQQ")


@dataclass(frozen=True)
class Outline:
    """What decides which files a run has: the variants, the longest contig (bp), their order."""

    variants: VariantsRecord
    longest: int
    sorted: bool = True

    @property
    def index(self) -> str:
        """How the name of a tabix index ends."""
        return index_suffix(self.longest)

    @property
    def saturation(self) -> bool:
        """Whether every substitution of a region is scored, instead of a file."""
        return self.variants.region is not None


@dataclass
class FilesJob:
    """What the writers of a run share.

    ``scorer`` returns the loaded scorer of a model over windows, by its number.
    """

    folder: Path
    outline: Outline
    options: TrackOptions
    progress: Progress
    scorer: Callable[[int], Scorer]
    tops: dict[int, list[TopRow]] = field(default_factory=dict)

    def bytes(self, path: str, kind: str, content: bytes, **about: Any) -> FileEntry:
        """Write a small file."""
        with aside(self.folder / path) as temporary:
            temporary.write_bytes(content)
        return FileEntry.of(self.folder, path, kind, **about)

    def index_entries(self, path: str) -> Iterator[FileEntry]:
        """Yield the entry of the index that lies beside a file."""
        for suffix in INDEX_SUFFIXES:
            if (self.folder / f"{path}{suffix}").is_file():
                yield FileEntry.of(self.folder, f"{path}{suffix}", "index")

    def top(self, model: ModelResults) -> list[TopRow]:
        """Return the strongest rows of a model, read once."""
        if model.number not in self.tops:
            self.tops[model.number] = top_rows(model)
        return self.tops[model.number]


@dataclass(frozen=True)
class ModelFile:
    """A file, or files, of each model: its names, and how it is written."""

    names: Callable[[ModelRecord, Outline], list[str]]
    write: Callable[[FilesJob, ModelResults], list[FileEntry]]


@dataclass(frozen=True)
class SharedFile:
    """A file of all models together."""

    names: Callable[[Outline], list[str]]
    write: Callable[[FilesJob, Sequence[ModelResults]], list[FileEntry]]


def file_names(models: Sequence[ModelRecord], outline: Outline) -> tuple[str, ...]:
    """Return the files that a run will write, by their paths in its folder."""
    names = [
        name for model in models for file in MODEL_FILES for name in file.names(model, outline)
    ]
    return (*names, *(name for file in SHARED_FILES for name in file.names(outline)))


def _of_list(*ends: str) -> Callable[[ModelRecord, Outline], list[str]]:
    """Return the names of files that every model has in a run over a list of variants."""

    def names(model: ModelRecord, outline: Outline) -> list[str]:
        if outline.saturation:
            return []
        return [f"variants/{model.name}.{end}" for end in ends]

    return names


def _rows(model: ModelResults) -> int:
    return model.survey.counts.alleles_scored


def _table_names(model: ModelRecord, outline: Outline) -> list[str]:
    return _of_list("tsv.gz", f"tsv.gz{outline.index}")(model, outline)


def _write_table(job: FilesJob, model: ModelResults) -> list[FileEntry]:
    path = f"variants/{model.name}.tsv.gz"
    with aside(job.folder / path) as temporary:
        with BgzfWriter(temporary) as out:
            out.write(("\t".join(COLUMNS) + "\n").encode())
            for record in _table_rows(job, model):
                out.write(record[_ORDER.size :])
        with aside(job.folder / f"{path}{job.outline.index}") as index:
            write_tabix_index(temporary, index, "table", job.outline.longest)
    entry = FileEntry.of(job.folder, path, "effects", model=model.name, rows=_rows(model))
    return [entry, *job.index_entries(path)]


def _table_rows(job: FilesJob, model: ModelResults) -> Iterator[bytes]:
    if model.survey.sorted:
        yield from _in_file_order(model)
        return
    job.progress.note(f"{job.outline.variants.name} is not sorted; the table is.")
    with DiskSorter(job.folder / "variants") as sorter:
        for record in _in_file_order(model):
            sorter.add(record)
        yield from sorter


def _in_file_order(model: ModelResults) -> Iterator[bytes]:
    """Yield the lines of every row after its place, as a record that can be sorted."""
    lines = TableLines(model)
    number = 0
    for result in model.parts():
        rows = result.rows
        places = zip(rows["contig"].tolist(), rows["position"].tolist(), strict=True)
        blocks = lines.blocks(result, model.percentiles(result))
        for (contig, position), text in zip(places, blocks, strict=True):
            yield _ORDER.pack(contig, position, number) + text
            number += 1


def _parquet_names(model: ModelRecord, outline: Outline) -> list[str]:
    return _of_list(*["parquet"] * has_parquet())(model, outline)


def _write_parquet(job: FilesJob, model: ModelResults) -> list[FileEntry]:
    if not has_parquet():
        return []
    path = f"variants/{model.name}.parquet"
    with aside(job.folder / path) as temporary:
        write_parquet(temporary, model)
    return [FileEntry.of(job.folder, path, "parquet", model=model.name, rows=_rows(model))]


def _write_top(job: FilesJob, model: ModelResults) -> list[FileEntry]:
    top = job.top(model)
    path = f"variants/{model.name}.top.tsv"
    return [job.bytes(path, "table", top_table(top), model=model.name, rows=len(top))]


def _write_bigbed(job: FilesJob, model: ModelResults) -> list[FileEntry]:
    path, rows = f"variants/{model.name}.bb", _rows(model)
    write_bigbed(
        job.folder / path, list(model.plan.contigs), bed_rows(model),
        schema(model), compressor=job.options.compressor,
        presorted=model.survey.in_genome_order,
    )  # fmt: skip
    entry = FileEntry.of(
        job.folder, path, "bigbed", model=model.name, rows=rows, score=model.scores[0].name,
        values=None if rows else 0,
    )  # fmt: skip
    crash_point("track-finished")
    return [entry]


def _write_absmax(job: FilesJob, model: ModelResults) -> list[FileEntry]:
    contigs, form = model.plan.contigs, FORMATS["bigwig"]
    path = f"variants/{model.name}.absmax.bw"

    def pieces() -> Iterator[Any]:
        yield from absmax_pieces(model, contigs, job.folder / "variants", job.options)

    summary = form.write(job.folder / path, list(contigs), pieces, INTERVAL_BIN, job.options)
    crash_point("track-finished")
    entry = FileEntry.of(
        job.folder, path, form.name, model=model.name, statistic="absmax", **value_facts(summary)
    )
    return [entry]


def _write_deltas(job: FilesJob, model: ModelResults) -> list[FileEntry]:
    if not delta_paths(model.plan.models[model.number].record, job.outline.variants):
        return []
    whole = replace(job.scorer(model.number), every_bin=True)
    return write_deltas(model, whole, job.options)


def _write_saturation(job: FilesJob, model: ModelResults) -> list[FileEntry]:
    return write_saturation(model, model.store, job.options)


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
    write_annotated(job.folder / path, models, job.progress.note)
    crash_point("track-finished")
    entry = FileEntry.of(job.folder, path, "vcf", rows=job.outline.variants.records)
    return [entry, *job.index_entries(path)]


def _write_summary(job: FilesJob, models: Sequence[ModelResults]) -> list[FileEntry]:
    page = summary_page(models, [job.top(model) for model in models]).encode("utf-8", "replace")
    return [job.bytes("variants/summary.html", "summary", page)]


def _shared(name: str) -> Callable[[Outline], list[str]]:
    return lambda outline: [] if outline.saturation else [f"variants/{name}"]


LIST_FILES = (
    ModelFile(_table_names, _write_table),
    ModelFile(_parquet_names, _write_parquet),
    ModelFile(_of_list("top.tsv"), _write_top),
    ModelFile(_of_list("bb"), _write_bigbed),
    ModelFile(_of_list("absmax.bw"), _write_absmax),
    ModelFile(lambda model, outline: delta_paths(model, outline.variants), _write_deltas),
)
"""The files of each model in a run over a list of variants, in the order they are written."""

SATURATION_FILES = (
    ModelFile(
        lambda model, outline: saturation_paths(model) if outline.saturation else [],
        _write_saturation,
    ),
)

MODEL_FILES = (*LIST_FILES, *SATURATION_FILES)

SHARED_FILES = (
    SharedFile(_shared("skipped.tsv"), _write_skipped),
    SharedFile(_annotated_names, _write_annotated),
    SharedFile(_shared("summary.html"), _write_summary),
)
"""The files of all models together, in the order they are written."""


def skipped_lines(models: Sequence[ModelResults]) -> Iterator[str]:
    """Yield the lines of skipped.tsv: what every model skips once, then what only one does."""
    first = models[0]
    for entry in _skipped_by(first):
        own = entry.reason in OWN_REASONS and len(models) > 1
        yield f"{entry.line}\t{first.name if own else '.'}\n"
    for model in models[1:]:
        told: set[tuple[int, str]] = set()
        known = groupby(_skipped_by(first), key=lambda entry: entry.record)
        record = -1
        for entry in _skipped_by(model):
            while record < entry.record:
                record, group = next(known, (NO_RECORD, iter(())))
                told = {(other.allele, other.reason) for other in group}
            shared = record == entry.record and (entry.allele, entry.reason) in told
            if entry.reason in OWN_REASONS or not shared:
                yield f"{entry.line}\t{model.name}\n"


def _skipped_by(model: ModelResults) -> Iterator[SkippedAllele]:
    for result in model.parts():
        yield from result.skipped


NO_RECORD = 1 << 62

OWN_REASONS = {"too_long", "too_many_n", "no_fold", "outside_peaks", "length_change"}
"""Reasons that depend on the model."""
