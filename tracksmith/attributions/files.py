"""The files of a run of explanations: letters as tracks, arrays for TF-MoDISco, a table."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tracksmith.attributions.allele_files import write_allele_tables
from tracksmith.attributions.allele_sites import write_allele_sites
from tracksmith.attributions.opened import OpenedRun
from tracksmith.attributions.outputs import (
    COMPLETE,
    FilesJob,
    array_path,
    file_names,
    statistics,
    steps_path,
    table_path,
)
from tracksmith.attributions.passes import PLAIN
from tracksmith.attributions.site_files import write_sites
from tracksmith.attributions.track_files import write_track
from tracksmith.files import aside, crash_point
from tracksmith.progress import Progress
from tracksmith.runs.parts import PartStore
from tracksmith.runs.record import FileEntry
from tracksmith.runs.run import make_folder
from tracksmith.tracks.options import TrackOptions

__all__ = ["write_files"]


def write_files(opened: OpenedRun, store: PartStore, progress: Progress) -> Iterator[FileEntry]:
    """Write every file of a run, each whole or not at all; yield their entries."""
    plan = opened.run.plan
    options = TrackOptions.of(plan.compressor)
    names = [name for model in opened.models for name in file_names(model)]
    for folder in sorted({name.partition("/")[0] for name in names}):
        make_folder(opened.run.folder / folder)
    for number, model in enumerate(opened.models):
        job = FilesJob(opened, store, number, options)
        for row, target in enumerate(model.targets.items):
            for statistic in statistics(model):
                yield write_track(job, row, target, statistic)
        if model.alleles is not None:
            yield from write_allele_tables(job, progress)
        if model.recipe.hypothetical:
            yield from _write_arrays(job)
        if model.recipe.motifs:
            named = write_sites if model.alleles is None else write_allele_sites
            yield from named(job)
        if model.recipe.method in COMPLETE:
            yield _write_table(job, progress)


def _write_arrays(job: FilesJob) -> Iterator[FileEntry]:
    """Write one-hot bases and hypothetical contributions, each ``(steps, 4, longest step)``.

    Steps lie in the middle of their row; what is beside them is 0 in both, as is N.
    """
    steps, folder, name = job.model.steps, job.opened.run.folder, job.model.record.name
    width = steps.longest
    bases = np.zeros((len(steps), 4, width), np.int8)
    for step in range(len(steps)):
        masks = job.masks(step)
        left = (width - len(masks)) // 2
        bases[step, :, left : left + len(masks)] = masks == PLAIN[:, None]
    yield _save(job, array_path(job.model, "ohe"), bases, "")
    for row, target in enumerate(job.model.targets.items):
        values = np.zeros((len(steps), 4, width), np.float32)
        for step, explained in job.explained():
            own = np.nan_to_num(explained.hypothetical[row])
            left = (width - own.shape[1]) // 2
            values[step, :, left : left + own.shape[1]] = own
        yield _save(job, array_path(job.model, "shap", target), values, target.unit)
    path = steps_path(job.model)
    with aside(folder / path) as temporary, temporary.open("w", encoding="utf-8") as out:
        for step in range(len(steps)):
            contig = job.genome.contigs.names[int(steps.contig[step])]
            out.write(f"{contig}\t{steps.starts[step]}\t{steps.ends[step]}\n")
    crash_point("track-finished")
    yield FileEntry.of(folder, path, "bed", model=name, rows=len(steps))


def _save(job: FilesJob, path: str, values: NDArray[np.generic], track: str) -> FileEntry:
    folder = job.opened.run.folder
    with aside(folder / path) as temporary, temporary.open("wb") as out:
        np.savez_compressed(out, values)
    crash_point("track-finished")
    return FileEntry.of(
        folder, path, "array", model=job.model.record.name, track=track, rows=len(values)
    )


COLUMNS = (
    "contig", "start", "end", "target", "prediction", "reference", "sum_of_letters", "difference",
    "largest_delta",
)  # fmt: skip


def _write_table(job: FilesJob, progress: Progress) -> FileEntry:
    """Write how well letters add up to the difference of predictions; tell of the worst."""
    steps, folder, path = job.model.steps, job.opened.run.folder, table_path(job.model)
    rows, worst, largest = 0, 0.0, 0.0
    with aside(folder / path) as temporary, temporary.open("w", encoding="utf-8") as out:
        out.write("\t".join(COLUMNS) + "\n")
        for step, explained in job.explained():
            contig = job.reader.contigs.names[int(steps.contig[step])]
            for target, checks in zip(job.model.targets.items, explained.checks, strict=True):
                prediction, reference, total, delta = checks.tolist()
                difference = total - (prediction - reference)
                numbers = (prediction, reference, total, difference, delta)
                cells = [contig, steps.starts[step], steps.ends[step], target.name]
                out.write("\t".join([*map(str, cells), *(f"{n:.6g}" for n in numbers)]) + "\n")
                rows += 1
                worst = max(worst, abs(difference))
                largest = max(largest, abs(prediction - reference))
    progress.note(
        f"{job.model.record.name}: letters of whole windows add up to the difference of "
        f"predictions within {worst:.2g} (differences up to {largest:.3g}); see {path}."
    )
    crash_point("track-finished")
    return FileEntry.of(folder, path, "table", model=job.model.record.name, rows=rows)
