"""The tracks of a saturation mutagenesis, in the layout that UCSC uses for CADD.

One bigWig for each base to which a position is changed, where the reference
base itself is a gap; the mean over the three changes, to be drawn as letters
of the reference; and, where it was asked for, the standard deviation over
folds of each change.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.results import PartResult, read_results
from tracksmith.effects.survey import ModelFacts
from tracksmith.files import crash_point
from tracksmith.runs.parts import PartStore
from tracksmith.runs.record import FileEntry, ModelRecord
from tracksmith.tracks.bigwig import TrackData
from tracksmith.tracks.encoding import encode_values
from tracksmith.tracks.formats import FORMATS, value_facts
from tracksmith.tracks.options import TrackOptions
from tracksmith.tracks.piece import EncodedPiece

__all__ = ["saturation_paths", "write_saturation"]

BASES = "ACGT"
NEAR = 1 << 12
"""Stretches that lie so many bases apart, or less, are encoded together."""


class _File(NamedTuple):
    """One of the tracks of a model's track: the change to a base, its spread, or the mean."""

    base: str
    spread: bool = False

    def path(self, model: str, track: str) -> str:
        end = f"{self.base or 'mean'}{'.sd' if self.spread else ''}"
        return f"ism/{model}.{track}.{end}{FORMATS['bigwig'].suffix}"

    @property
    def statistic(self) -> str:
        if not self.base:
            return "letters"
        return "sd" if self.spread else "saturation"


def _files(model: ModelRecord) -> list[_File]:
    files = [*(_File(base) for base in BASES), _File("")]
    return [*files, *(_File(base, spread=True) for base in BASES if model.folds.spread)]


def saturation_paths(model: ModelRecord) -> list[str]:
    """Return the paths of the tracks of a model."""
    tracks = [track.id for track in model.card.tracks if track.id in set(model.tracks)]
    return [file.path(model.name, track) for track in tracks for file in _files(model)]


def write_saturation(model: ModelFacts, store: PartStore, options: TrackOptions) -> list[FileEntry]:
    """Write the bigWigs of every chosen track; return their entries for ``run.json``.

    The values are the model's first score, alternative minus reference, never
    negated for the minus strand; and their standard deviation over folds. The
    score has a value for every track; others were refused.
    """
    contigs, folder = model.plan.contigs, model.plan.run.folder
    form, entries = FORMATS["bigwig"], []
    for row, track in enumerate(model.units.names[: model.units.tracks]):
        for file in _files(model.plan.models[model.number].record):

            def pieces(row: int = row, file: _File = file) -> Iterator[tuple[int, EncodedPiece]]:
                for result in read_results(store, model.number):
                    yield from _pieces(model, result, row, file, options)

            path = file.path(model.name, track)
            summary = form.write(folder / path, TrackData(list(contigs), pieces, 1), options)
            crash_point("track-finished")
            track_file = FileEntry.of(
                folder, path, form.name, model=model.name, track=track,
                score=model.scores[0].name, statistic=file.statistic, base=file.base,
                **value_facts(summary),
            )  # fmt: skip
            entries.append(track_file)
    return entries


def _pieces(
    model: ModelFacts, result: PartResult, track: int, file: _File, options: TrackOptions
) -> Iterator[tuple[int, EncodedPiece]]:
    """Yield the values of one part, stretch by stretch."""
    values = result.scored.spread if file.spread else result.scored.value
    for rows in _stretches(result.rows):
        if values is None or not len(rows):
            continue
        mine = result.rows[rows]
        start = int(mine["start"][0])
        effects = np.full((int(mine["end"][-1]) - start, len(BASES)), np.nan, np.float32)
        effects[mine["start"] - start, mine["allele"] - 1] = values[rows, 0, track]
        line = effects[:, BASES.index(file.base)] if file.base else _mean(effects)
        contig = int(mine["contig"][0])
        length = int(model.plan.contigs.lengths[contig])
        yield contig, encode_values(line, start, 1, length, options, contig=contig)


def _stretches(rows: NDArray[np.void]) -> list[NDArray[np.intp]]:
    """Return the rows of each contig, cut where much lies between two regions."""
    apart = (np.diff(rows["contig"]) != 0) | (np.diff(rows["start"]) > NEAR)
    return np.split(np.arange(len(rows)), np.flatnonzero(apart) + 1)


def _mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
    known = ~np.isnan(values)
    total = np.where(known, values, 0).sum(axis=1, dtype=np.float64)
    count = known.sum(axis=1)
    mean = np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
    single: NDArray[np.float32] = mean.astype(np.float32)
    return single
