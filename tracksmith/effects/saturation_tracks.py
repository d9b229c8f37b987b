"""The tracks of a saturation mutagenesis, in the layout that UCSC uses for CADD.

One bigWig for each base to which a position is changed, where the reference
base itself is a gap; and the mean over the three changes, to be drawn as
letters of the reference.
"""

from __future__ import annotations

from collections.abc import Iterator

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


def saturation_paths(model: ModelRecord) -> list[str]:
    """Return the paths of the tracks of a model."""
    tracks = [track.id for track in model.card.tracks if track.id in set(model.tracks)]
    return [_path(model.name, track, base) for track in tracks for base in (*BASES, "mean")]


def _path(model: str, track: str, base: str) -> str:
    return f"ism/{model}.{track}.{base}{FORMATS['bigwig'].suffix}"


def write_saturation(model: ModelFacts, store: PartStore, options: TrackOptions) -> list[FileEntry]:
    """Write five bigWigs per chosen track; return their entries for ``run.json``.

    The values are the model's first score, alternative minus reference, never
    negated for the minus strand. It has a value for every track; others were refused.
    """
    contigs = model.plan.contigs
    score, form = model.scores[0], FORMATS["bigwig"]
    entries = []
    tracks = {track.id: track for track in model.card.tracks}
    for row, name in enumerate(model.units.names[: model.units.tracks]):
        track = tracks[name]
        for column, base in enumerate((*BASES, "mean")):

            def pieces(row: int = row, column: int = column) -> Iterator[tuple[int, EncodedPiece]]:
                for result in read_results(store, model.number):
                    yield from _piece(model, result, row, column, options)

            path, folder = _path(model.name, track.id, base), model.plan.run.folder
            summary = form.write(folder / path, TrackData(list(contigs), pieces, 1), options)
            crash_point("track-finished")
            letters = base == "mean"
            entry = FileEntry.of(
                folder, path, form.name, model=model.name, track=track.id, score=score.name,
                statistic="letters" if letters else "saturation", base="" if letters else base,
                **value_facts(summary),
            )  # fmt: skip
            entries.append(entry)
    return entries


def _piece(
    model: ModelFacts, result: PartResult, track: int, column: int, options: TrackOptions
) -> Iterator[tuple[int, EncodedPiece]]:
    """Yield the values of one part: those of one base, or (column 4) their mean."""
    if not len(result.rows):
        return
    contigs = model.plan.contigs
    contig = int(result.rows["contig"][0])
    start = int(result.rows["start"][0])
    values = _effects(result, start, track)
    line = values[:, column] if column < len(BASES) else _mean(values)
    length = int(contigs.lengths[contig])
    yield contig, encode_values(line, start, 1, length, options, contig=contig)


def _effects(result: PartResult, start: int, track: int) -> NDArray[np.float32]:
    """Return the effect of every change, float32 ``(bases, 4)``; NaN for the reference base."""
    rows = result.rows
    values = np.full((int(rows["end"][-1]) - start, len(BASES)), np.nan, np.float32)
    values[rows["start"] - start, rows["allele"] - 1] = result.scored.value[:, 0, track]
    return values


def _mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
    known = ~np.isnan(values)
    total = np.where(known, values, 0).sum(axis=1, dtype=np.float64)
    count = known.sum(axis=1)
    mean = np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
    single: NDArray[np.float32] = mean.astype(np.float32)
    return single
