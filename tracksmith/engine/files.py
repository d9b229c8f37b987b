"""The files of a model over windows: a track per output, and the folds of each contig."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tracksmith.engine.plan import WindowPlan
from tracksmith.files import aside, crash_point
from tracksmith.progress import Progress
from tracksmith.runs.device import usable_cores
from tracksmith.runs.parts import PartStore
from tracksmith.runs.record import FileEntry
from tracksmith.runs.run import make_folder
from tracksmith.runs.threads import Stop, in_order
from tracksmith.tracks.bigwig import TrackData
from tracksmith.tracks.formats import FORMATS, TrackFormat, track_path, value_facts
from tracksmith.tracks.options import TrackOptions
from tracksmith.tracks.piece import EncodedPiece

__all__ = ["folds_file", "write_window_files"]

MOST_THREADS = 16
"""Tracks that are finished at once: more would wait for the disk, and each takes some MB."""


def write_window_files(
    plan: WindowPlan, store: PartStore, stage: int, options: TrackOptions, progress: Progress
) -> list[FileEntry]:
    """Write every file of a model from the parts of its stage; safe to kill and to repeat."""
    make_folder(store.run.folder / "tracks")
    forms = [FORMATS[name] for name in store.run.plan.formats]
    tracks = _Tracks(plan, store, stage, options)
    files = [(column, form) for column in range(len(plan.outputs)) for form in forms]
    # decision: finish-in-threads (joining copies, compresses and hashes without the lock)
    written = in_order(tracks.write, files, tracks.stop, min(MOST_THREADS, usable_cores()))
    entries = [file for files in written for file in files]
    for file in entries:
        if file.values == 0:
            progress.note(
                f"{file.path} holds no value: everything asked for is N or not predictable."
            )
    return [*entries, *_write_folds(plan, store)]


@dataclass(frozen=True)
class _Tracks:
    """The tracks of a model, written one by one in any order from the parts of its stage."""

    plan: WindowPlan
    store: PartStore
    stage: int
    options: TrackOptions
    stop: Stop = field(default_factory=Stop)

    def write(self, column_form: tuple[int, TrackFormat]) -> list[FileEntry]:
        """Write one output in one format; return the entries of its files."""
        column, form = column_form
        plan, output, folder = self.plan, self.plan.outputs[column], self.store.run.folder
        name = plan.planned.name
        path = track_path(name, output.track, output.label, form.suffix)
        data = TrackData(plan.track_contigs, lambda: self._pieces(column), plan.tiling.bin)
        summary = form.write(folder / path, data, self.options)
        crash_point("track-finished")
        file = FileEntry.of(
            folder, path, form.name, model=name, track=output.track, statistic=output.statistic,
            sample=output.sample.name if output.sample else "", stored_sign=output.stored_sign,
            **value_facts(summary),
        )  # fmt: skip
        longest = int(plan.contigs.lengths.max(initial=0))
        beside = form.beside(path, longest)
        return [file, *(FileEntry.of(folder, other, "index", model=name) for other in beside)]

    def _pieces(self, column: int) -> Iterator[tuple[int, EncodedPiece]]:
        plan = self.plan
        for chunk, data in self.stop.passing(self.store.pieces(self.stage, column)):
            yield int(plan.track_index[plan.chunks.contig[chunk]]), EncodedPiece.from_bytes(data)


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
