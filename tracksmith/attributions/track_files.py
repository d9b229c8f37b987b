"""The letters of a target as a track."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tracksmith.attributions.outputs import FilesJob, track_path
from tracksmith.attributions.passes import letters_of
from tracksmith.attributions.targets import Target
from tracksmith.files import crash_point
from tracksmith.runs.record import FileEntry
from tracksmith.tracks.bigwig import TrackData
from tracksmith.tracks.encoding import encode_values
from tracksmith.tracks.formats import FORMATS, value_facts
from tracksmith.tracks.piece import EncodedPiece

__all__ = ["write_track"]

NEAR = 1 << 12
"""Steps that lie so many bases apart, or less, are encoded together."""


def write_track(job: FilesJob, row: int, target: Target, *, spread: bool) -> FileEntry:
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

    path = track_path(job.model, target, spread=spread)
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
