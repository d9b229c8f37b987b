"""The files of a model over windows: a track per output, and the folds of each contig."""

from __future__ import annotations

from collections.abc import Iterator

from tracksmith.engine.plan import Output, WindowPlan
from tracksmith.files import aside, crash_point
from tracksmith.progress import Progress
from tracksmith.runs.parts import PartStore
from tracksmith.runs.record import FileEntry
from tracksmith.runs.run import make_folder
from tracksmith.tracks.bigwig import TrackData
from tracksmith.tracks.formats import FORMATS, TrackFormat, track_path, value_facts
from tracksmith.tracks.options import TrackOptions
from tracksmith.tracks.piece import EncodedPiece

__all__ = ["folds_file", "write_window_files"]


def write_window_files(
    plan: WindowPlan, store: PartStore, stage: int, options: TrackOptions, progress: Progress
) -> list[FileEntry]:
    """Write every file of a model from the parts of its stage; safe to kill and to repeat."""
    make_folder(store.run.folder / "tracks")
    forms = [FORMATS[name] for name in store.run.plan.formats]
    entries = [
        entry
        for column, output in enumerate(plan.outputs)
        for form in forms
        for entry in _write_output(plan, store, stage, (column, output), form, options)
    ]
    for entry in entries:
        if entry.values == 0:
            progress.note(
                f"{entry.path} holds no value: everything asked for is N or not predictable."
            )
    return [*entries, *_write_folds(plan, store)]


def _write_output(
    plan: WindowPlan,
    store: PartStore,
    stage: int,
    column_output: tuple[int, Output],
    form: TrackFormat,
    options: TrackOptions,
) -> list[FileEntry]:
    column, output = column_output

    def pieces() -> Iterator[tuple[int, EncodedPiece]]:
        for chunk, data in store.pieces(stage, column):
            yield int(plan.track_index[plan.chunks.contig[chunk]]), EncodedPiece.from_bytes(data)

    name, folder = plan.planned.name, store.run.folder
    path = track_path(name, output.track, output.statistic, form.suffix)
    summary = form.write(
        folder / path, TrackData(plan.track_contigs, pieces, plan.tiling.bin), options
    )
    crash_point("track-finished")
    entry = FileEntry.of(
        folder, path, form.name, model=name, track=output.track, statistic=output.statistic,
        **value_facts(summary),
    )  # fmt: skip
    longest = int(plan.contigs.lengths.max(initial=0))
    beside = form.beside(path, longest)
    return [entry, *(FileEntry.of(folder, other, "index", model=name) for other in beside)]


def folds_file(model: str) -> str:
    """Return the path of the BED that names the folds of every contig."""
    return f"tracks/{model}.folds.bed"


def _write_folds(plan: WindowPlan, store: PartStore) -> list[FileEntry]:
    """Write the BED that names, for every predicted contig, the folds that predicted it."""
    if plan.record.folds.rule != "held-out":
        return []
    name, path = plan.planned.name, folds_file(plan.planned.name)
    with aside(store.run.folder / path) as temporary:
        temporary.write_text(_fold_lines(plan), encoding="utf-8")
    return [FileEntry.of(store.run.folder, path, "folds", model=name)]


def _fold_lines(plan: WindowPlan) -> str:
    lines = []
    for index in sorted({int(index) for index in plan.chunks.contig}):
        name, length = plan.contigs.names[index], int(plan.contigs.lengths[index])
        folds = plan.folds_for(name)
        if folds:
            lines.append(f"{name}\t0\t{length}\t{','.join(folds)}\n")
    return "".join(lines)
