"""The tables of each model: every effect as text and as Parquet, and the strongest ones."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tracksmith.effects.background_file import background_bytes
from tracksmith.effects.outputs import FilesJob, ModelFile, Outline, of_list
from tracksmith.effects.parquet import has_parquet, write_parquet
from tracksmith.effects.results import PartResult
from tracksmith.effects.summary import top_table
from tracksmith.effects.survey import ModelResults
from tracksmith.effects.tables import COLUMNS, TableLines
from tracksmith.files import aside
from tracksmith.genome.bgzf_writer import BgzfWriter, write_tabix_index
from tracksmith.runs.record import FileEntry, ModelRecord
from tracksmith.tracks.external_sort import DiskSorter

__all__ = ["TABLE_FILES"]

_ORDER = struct.Struct(">IQQ")


def _rows(model: ModelResults) -> int:
    return model.survey.counts.alleles_scored


def _table_names(model: ModelRecord, outline: Outline) -> list[str]:
    return of_list("tsv.gz", f"tsv.gz{outline.index}")(model, outline)


def _write_table(job: FilesJob, model: ModelResults) -> list[FileEntry]:
    path = f"variants/{model.name}.tsv.gz"
    with aside(job.folder / path) as temporary:
        with BgzfWriter(temporary, job.options.compress_text) as out:
            out.write(("\t".join(COLUMNS) + "\n").encode())
            for text in _table_texts(job, model):
                out.write(text)
        with aside(job.folder / f"{path}{job.outline.index}") as index:
            write_tabix_index(temporary, index, "table", job.outline.longest)
    file = FileEntry.of(job.folder, path, "effects", model=model.name, rows=_rows(model))
    return [file, *job.index_entries(path)]


def _table_texts(job: FilesJob, model: ModelResults) -> Iterator[bytes]:
    """Yield the lines of the table in genome order: of a part at once where it is in order."""
    if model.survey.sorted:
        for _, rows in _parts(model):
            yield _bytes("".join(rows))
        return
    job.progress.note(f"{job.outline.variants.name} is not sorted; the table is.")
    with DiskSorter(job.folder / "variants") as sorter:
        for record in _in_file_order(model):
            sorter.add(record)
        for record in sorter:
            yield record[_ORDER.size :]


def _parts(model: ModelResults) -> Iterator[tuple[PartResult, Iterator[str]]]:
    """Yield each part and the lines of its rows, one text a row."""
    lines = TableLines(model)
    for result in model.parts():
        yield result, lines.blocks(result, model.percentiles(result), model.p_values(result))


def _in_file_order(model: ModelResults) -> Iterator[bytes]:
    """Yield the lines of every row after its place, as a record that can be sorted."""
    number = 0
    for result, texts in _parts(model):
        contigs, positions = result.rows["contig"].tolist(), result.rows["position"].tolist()
        for contig, position, text in zip(contigs, positions, texts, strict=True):
            yield _ORDER.pack(contig, position, number) + _bytes(text)
            number += 1


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _parquet_names(model: ModelRecord, outline: Outline) -> list[str]:
    return of_list(*["parquet"] * has_parquet())(model, outline)


def _write_parquet(job: FilesJob, model: ModelResults) -> list[FileEntry]:
    if not has_parquet():
        return []
    path = f"variants/{model.name}.parquet"
    with aside(job.folder / path) as temporary:
        write_parquet(temporary, model)
    return [FileEntry.of(job.folder, path, "parquet", model=model.name, rows=_rows(model))]


def _background_names(model: ModelRecord, outline: Outline) -> list[str]:
    ranked = outline.background and model.regions is None
    return of_list(*["background.ranks"] * ranked)(model, outline)


def _write_background(job: FilesJob, model: ModelResults) -> list[FileEntry]:
    stored = job.backgrounds.get(model.number)
    if stored is None:
        return []
    path = f"variants/{model.name}.background.ranks"
    return [job.bytes(path, "background", background_bytes(stored), model=model.name)]


def _write_top(job: FilesJob, model: ModelResults) -> list[FileEntry]:
    top = job.top(model)
    path = f"variants/{model.name}.top.tsv"
    return [job.bytes(path, "table", top_table(top), model=model.name, rows=len(top))]


TABLE_FILES = (
    ModelFile(_table_names, _write_table),
    ModelFile(_parquet_names, _write_parquet),
    ModelFile(of_list("top.tsv"), _write_top),
    ModelFile(_background_names, _write_background),
)
