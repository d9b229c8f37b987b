"""The files of a run of explanations: letters as tracks, arrays for TF-MoDISco, a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracksmith.attributions.opened import OpenedRun
from tracksmith.attributions.passes import PLAIN, Explained, letters_of
from tracksmith.attributions.plan import ExplainedModel
from tracksmith.attributions.targets import Target
from tracksmith.files import aside, crash_point
from tracksmith.genome.bases import Masks
from tracksmith.genome.fasta import Genome
from tracksmith.progress import Progress
from tracksmith.runs.parts import PartStore
from tracksmith.runs.record import FileEntry
from tracksmith.runs.run import make_folder
from tracksmith.tracks.bigwig import TrackData
from tracksmith.tracks.encoding import encode_values
from tracksmith.tracks.formats import FORMATS, value_facts
from tracksmith.tracks.options import TrackOptions
from tracksmith.tracks.piece import EncodedPiece

__all__ = ["file_names", "write_files"]

COMPLETE = ("integrated", "deeplift")
"""Methods whose letters add up to a difference of predictions."""

NEAR = 1 << 12
"""Steps that lie so many bases apart, or less, are encoded together."""


def file_names(model: ExplainedModel) -> list[str]:
    """Return the files of a model, by their paths in the run's folder."""
    names = [
        _track(model, target, spread) for target in model.targets.items for spread in _sets(model)
    ]
    if model.asked.hypothetical:
        names += [_array(model, "ohe"), _steps(model)]
        names += [_array(model, "shap", target) for target in model.targets.items]
    if model.asked.method in COMPLETE:
        names.append(_table(model))
    return names


def _sets(model: ExplainedModel) -> Sequence[bool]:
    return (False, True) if model.record.folds.spread else (False,)


def _track(model: ExplainedModel, target: Target, spread: bool) -> str:  # noqa: FBT001
    end = ".sd" if spread else ""
    return f"tracks/{model.record.name}.{target.name}.{model.asked.method}{end}.bw"


def _array(model: ExplainedModel, what: str, target: Target | None = None) -> str:
    middle = "" if target is None else f".{target.name}.{model.asked.method}"
    return f"explain/{model.record.name}{middle}.{what}.npz"


def _steps(model: ExplainedModel) -> str:
    return f"explain/{model.record.name}.steps.bed"


def _table(model: ExplainedModel) -> str:
    return f"explain/{model.record.name}.{model.asked.method}.completeness.tsv"


@dataclass(frozen=True)
class _Job:
    """What the writers of a model share."""

    opened: OpenedRun
    store: PartStore
    number: int
    options: TrackOptions

    @property
    def model(self) -> ExplainedModel:
        return self.opened.models[self.number]

    def explained(self) -> Iterator[tuple[int, Explained]]:
        """Yield every step by its number, in order."""
        model = self.model
        spread, targets = model.record.folds.spread, len(model.targets)
        outputs = [self.store.pieces(self.number, output) for output in range(3)]
        for rows in zip(*outputs, strict=True):
            pieces = [content for _, content in rows]
            yield rows[0][0], Explained.of_pieces(pieces, targets, spread=spread)

    def masks(self, step: int) -> Masks:
        """Return the bases of a step."""
        steps, genome = self.model.steps, self.genome
        name = genome.contigs.names[int(steps.contig[step])]
        return genome.read(name, int(steps.start[step]), int(steps.end[step]))

    @property
    def genome(self) -> Genome:
        return self.opened.genome


def write_files(opened: OpenedRun, store: PartStore, progress: Progress) -> Iterator[FileEntry]:
    """Write every file of a run, each whole or not at all; yield their entries."""
    plan = opened.run.plan
    options = TrackOptions.of(plan.compressor)
    for folder in ("tracks", "explain"):
        if folder == "tracks" or any("explain/" in name for m in opened.models
                                     for name in file_names(m)):  # fmt: skip
            make_folder(opened.run.folder / folder)
    for number, model in enumerate(opened.models):
        job = _Job(opened, store, number, options)
        for row, target in enumerate(model.targets.items):
            for spread in _sets(model):
                yield _write_track(job, row, target, spread=spread)
        if model.asked.hypothetical:
            yield from _write_arrays(job)
        if model.asked.method in COMPLETE:
            yield _write_table(job, progress)


def _write_track(job: _Job, row: int, target: Target, *, spread: bool) -> FileEntry:
    """Write the letters of a target, or their spread over folds."""
    opened, form = job.opened, FORMATS["bigwig"]
    contigs = opened.contigs

    def lines() -> Iterator[tuple[int, int, NDArray[np.float32]]]:
        for step, explained in job.explained():
            if spread:
                line = explained.spread[row]  # type: ignore[index]
            else:
                line = letters_of(explained.hypothetical[row], job.masks(step))
            steps = job.model.steps
            yield int(steps.contig[step]), int(steps.start[step]), line.astype(np.float32)

    def pieces() -> Iterator[tuple[int, EncodedPiece]]:
        for contig, start, values in _joined(lines()):
            length = int(contigs.lengths[contig])
            yield contig, encode_values(values, start, 1, length, job.options, contig=contig)

    path = _track(job.model, target, spread)
    data = TrackData(list(contigs), pieces, 1)
    summary = form.write(opened.run.folder / path, data, job.options)
    crash_point("track-finished")
    return FileEntry.of(
        opened.run.folder, path, form.name, model=job.model.record.name, track=target.unit,
        statistic="letters-sd" if spread else "letters", score=target.function,
        **value_facts(summary),
    )  # fmt: skip


def _joined(
    lines: Iterator[tuple[int, int, NDArray[np.float32]]],
) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
    """Put steps that lie near one another into one stretch, with gaps between."""
    contig, start, held = -1, 0, np.empty(0, np.float32)
    for other, first, values in lines:
        gap = first - start - len(held)
        if other == contig and gap <= NEAR:
            held = np.concatenate([held, np.full(gap, np.nan, np.float32), values])
            continue
        if contig >= 0:
            yield contig, start, held
        contig, start, held = other, first, values
    if contig >= 0:
        yield contig, start, held


def _write_arrays(job: _Job) -> Iterator[FileEntry]:
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
    yield _save(job, _array(job.model, "ohe"), bases, "")
    for row, target in enumerate(job.model.targets.items):
        values = np.zeros((len(steps), 4, width), np.float32)
        for step, explained in job.explained():
            own = np.nan_to_num(explained.hypothetical[row])
            left = (width - own.shape[1]) // 2
            values[step, :, left : left + own.shape[1]] = own
        yield _save(job, _array(job.model, "shap", target), values, target.unit)
    path = _steps(job.model)
    with aside(folder / path) as temporary, temporary.open("w", encoding="utf-8") as out:
        for step in range(len(steps)):
            contig = job.genome.contigs.names[int(steps.contig[step])]
            out.write(f"{contig}\t{steps.start[step]}\t{steps.end[step]}\n")
    crash_point("track-finished")
    yield FileEntry.of(folder, path, "bed", model=name, rows=len(steps))


def _save(job: _Job, path: str, values: NDArray[np.generic], track: str) -> FileEntry:
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


def _write_table(job: _Job, progress: Progress) -> FileEntry:
    """Write how well letters add up to the difference of predictions; tell of the worst."""
    steps, folder, path = job.model.steps, job.opened.run.folder, _table(job.model)
    rows, worst, largest = 0, 0.0, 0.0
    with aside(folder / path) as temporary, temporary.open("w", encoding="utf-8") as out:
        out.write("\t".join(COLUMNS) + "\n")
        for step, explained in job.explained():
            contig = job.genome.contigs.names[int(steps.contig[step])]
            for target, facts in zip(job.model.targets.items, explained.facts, strict=True):
                prediction, reference, total, delta = facts.tolist()
                difference = total - (prediction - reference)
                numbers = (prediction, reference, total, difference, delta)
                cells = [contig, steps.start[step], steps.end[step], target.name]
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
