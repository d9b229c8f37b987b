"""The tracks of each model: its effects as bigBed and bigWig, around variants, of a region."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tracksmith.effects.bed import absmax_pieces, bed_rows, schema
from tracksmith.effects.deltas import delta_paths, write_deltas
from tracksmith.effects.outputs import FilesJob, ModelFile, of_list
from tracksmith.effects.saturation_tracks import saturation_paths, write_saturation
from tracksmith.effects.survey import ModelResults
from tracksmith.files import crash_point
from tracksmith.runs.record import FileEntry
from tracksmith.tracks.bigbed import write_bigbed
from tracksmith.tracks.bigwig import TrackData
from tracksmith.tracks.formats import FORMATS, value_facts
from tracksmith.tracks.intervals import INTERVAL_BIN

__all__ = ["EFFECT_TRACKS", "SATURATION_TRACKS"]


def _write_bigbed(job: FilesJob, model: ModelResults) -> list[FileEntry]:
    path, rows = f"variants/{model.name}.bb", model.survey.counts.alleles_scored
    write_bigbed(
        job.folder / path, list(model.plan.contigs), bed_rows(model),
        schema(model), compressor=job.options.compressor,
        presorted=model.survey.in_genome_order,
    )  # fmt: skip
    file = FileEntry.of(
        job.folder, path, "bigbed", model=model.name, rows=rows, score=model.scores[0].name,
        values=None if rows else 0,
    )  # fmt: skip
    crash_point("track-finished")
    return [file]


def _write_absmax(job: FilesJob, model: ModelResults) -> list[FileEntry]:
    contigs, form = model.plan.contigs, FORMATS["bigwig"]
    path = f"variants/{model.name}.absmax.bw"

    def pieces() -> Iterator[Any]:
        yield from absmax_pieces(model, contigs, job.folder / "variants", job.options)

    summary = form.write(
        job.folder / path, TrackData(list(contigs), pieces, INTERVAL_BIN), job.options
    )
    crash_point("track-finished")
    file = FileEntry.of(
        job.folder, path, form.name, model=model.name, statistic="absmax", **value_facts(summary)
    )
    return [file]


def _write_deltas(job: FilesJob, model: ModelResults) -> list[FileEntry]:
    if not delta_paths(model.plan.models[model.number].record, job.outline.variants):
        return []
    whole = replace(job.scorer(model.number), every_bin=True)
    return write_deltas(model, whole, job.options)


def _write_saturation(job: FilesJob, model: ModelResults) -> list[FileEntry]:
    return write_saturation(model, model.store, job.options)


EFFECT_TRACKS = (
    ModelFile(of_list("bb"), _write_bigbed),
    ModelFile(of_list("absmax.bw"), _write_absmax),
    ModelFile(lambda model, outline: delta_paths(model, outline.variants), _write_deltas),
)

SATURATION_TRACKS = (
    ModelFile(
        lambda model, outline: saturation_paths(model) if outline.saturation else [],
        _write_saturation,
    ),
)
