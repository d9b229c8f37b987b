"""The letters of a target as a track."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tracksmith.attributions.outputs import OF_ALLELES, FilesJob, track_path
from tracksmith.attributions.passes import letters_of
from tracksmith.attributions.targets import Target
from tracksmith.files import crash_point
from tracksmith.runs.record import FileEntry
from tracksmith.tracks.bigwig import TrackData
from tracksmith.tracks.encoding import encode_values
from tracksmith.tracks.formats import FORMATS, value_facts
from tracksmith.tracks.piece import EncodedPiece

__all__ = ["write_track"]

Line: TypeAlias = tuple[int, int, NDArray[np.float32]]
"""Values of bases, with the number of their contig and the first base."""

NEAR = 1 << 12
"""Steps that lie so many bases apart, or less, are encoded together."""


def write_track(job: FilesJob, row: int, target: Target, statistic: str) -> FileEntry:
    """Write the letters of a target, or their spread over folds."""
    opened, form = job.opened, FORMATS["bigwig"]
    contigs = opened.contigs
    lines = _of_alleles if statistic in OF_ALLELES else _of_steps

    def pieces() -> Iterator[tuple[int, EncodedPiece]]:
        for contig, start, values in _joined(lines(job, row, statistic)):
            length = int(contigs.lengths[contig])
            yield contig, encode_values(values, start, 1, length, job.options, contig=contig)

    path = track_path(job.model, target, statistic)
    data = TrackData(list(contigs), pieces, 1)
    summary = form.write(opened.run.folder / path, data, job.options)
    crash_point("track-finished")
    return FileEntry.of(
        opened.run.folder, path, form.name, model=job.model.record.name, track=target.unit,
        statistic=statistic, score=target.function,
        variants=None if job.model.alleles is None else len(job.model.alleles),
        **value_facts(summary),
    )  # fmt: skip


def _of_steps(job: FilesJob, row: int, statistic: str) -> Iterator[Line]:
    """Yield the letters of each step, or their spread."""
    steps = job.model.steps
    for step, explained in job.explained():
        if statistic == "letters-sd":
            line = explained.spread[row]  # type: ignore[index]
        else:
            line = letters_of(explained.hypothetical[row], job.masks(step))
        yield int(steps.contig[step]), int(steps.starts[step]), line.astype(np.float32)


def _of_alleles(job: FilesJob, row: int, statistic: str) -> Iterator[Line]:
    """Yield the letters around alleles in the order of the genome, each base once."""
    steps, shown = job.model.steps, job.model.shown
    mine: list[tuple[int, int, NDArray[np.float32]]] = []
    for number, allele, letters in job.alleles(row):
        values = {
            "letters-ref": letters.reference, "letters-alt": letters.alternative,
            "letters-delta": letters.delta,
        }[statistic]  # fmt: skip
        line = np.where(shown[number], values, np.nan).astype(np.float32)
        mine.append((allele.contig, int(steps.starts[2 * number]), line))
    mine.sort(key=lambda one: one[:2])
    contig, start, joined = -1, 0, np.empty(0, np.float32)
    for other, first, line in mine:
        if other != contig or first > start + len(joined):
            if contig >= 0:
                yield contig, start, joined
            contig, start, joined = other, first, line
            continue
        longer = np.full(max(len(joined), first - start + len(line)), np.nan, np.float32)
        longer[: len(joined)] = joined
        here = longer[first - start : first - start + len(line)]
        here[:] = np.where(np.isnan(line), here, line)
        joined = longer
    if contig >= 0:
        yield contig, start, joined


def _joined(lines: Iterator[Line]) -> Iterator[Line]:
    """Put steps that lie near one another into one stretch, with gaps between."""
    contig, start, end = -1, 0, 0
    parts: list[NDArray[np.float32]] = []
    for other, first, values in lines:
        if other == contig and first - end <= NEAR:
            parts += [np.full(first - end, np.nan, np.float32), values]
        else:
            if parts:
                yield contig, start, np.concatenate(parts)
            contig, start, parts = other, first, [values]
        end = first + len(values)
    if parts:
        yield contig, start, np.concatenate(parts)
