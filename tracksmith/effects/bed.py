"""Rows of the browser's file of variant effects (bigBed 9 +), and the strongest effect per base."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.flags import FLAG_HELP, FLAG_TEXTS
from tracksmith.effects.results import PartResult
from tracksmith.effects.survey import Headlines, ModelResults, headlines, units_shown
from tracksmith.effects.units import WHOLE
from tracksmith.genome.contigs import Contigs
from tracksmith.tracks.autosql import AutoSql, Column, bed9_schema
from tracksmith.tracks.bedrows import BedRow
from tracksmith.tracks.external_sort import DiskSorter
from tracksmith.tracks.intervals import INTERVAL_BIN, encode_intervals
from tracksmith.tracks.options import TrackOptions
from tracksmith.tracks.piece import EncodedPiece

__all__ = ["absmax_pieces", "bed_rows", "schema"]

PLACE = struct.Struct(">IIIf")
"""Contig number, start, end, size of the effect: places sort as bytes as they do as numbers."""

INCREASE, DECREASE, WEAK = "202,0,32", "5,113,176", "128,128,128"
STRONG = 50.0
"""Effects below this percentile are drawn grey."""

LONGEST_NAME = 200  # bytes
LONGEST_ALLELE = 65_000
BATCH = 1 << 16


def schema(model: ModelResults) -> AutoSql:
    """Return the columns; ``effect`` is the strongest of the scores of the headline."""
    columns = (
        Column("lstring", "ref", "Reference allele"),
        Column("lstring", "alt", "Alternative allele"),
        Column("float", "effect", _effect(model)),
        Column("float", "absEffect", "Size of the effect"),
        Column("float", "refPred", "Prediction for the reference, 0 where the score has none"),
        Column("float", "altPred", "Prediction for the alternative, 0 where the score has none"),
        Column("string", "topTrack", f"Track that changes most; {WHOLE}: the model as a whole"),
        Column("float", "percentile", model.percentile_text.capitalize()),
        Column("uint", "nTracks", "Number of tracks"),
        Column("string", "model", "Model"),
        Column("string", "flags", FLAG_HELP),
        Column("lstring", "scores", "All scores; at: bp from the position of the variant"),
        Column("lstring", "_mouseOver", "Text shown under the mouse"),
    )
    return bed9_schema("variantEffects", f"Variant effects by {model.name}", columns)


def _effect(model: ModelResults) -> str:
    scores = [model.scores[number] for number in model.headline]
    signed = scores[0].signed
    sign = "positive: more in the alternative" if signed else "a size, without sign"
    if len(scores) == 1:
        return f"{scores[0].name} = {scores[0].formula} in {scores[0].unit}; {sign}"
    names = ", ".join(score.name for score in scores)
    return f"The strongest of {names}, in {scores[0].unit}; {sign}"


def bed_rows(model: ModelResults) -> Iterator[BedRow]:
    """Yield a row for every scored allele, in the order of the file."""
    made = _Rows(model)
    for result in model.parts():
        yield from made.rows(result)


class _Rows:
    """Makes the rows of one model."""

    def __init__(self, model: ModelResults) -> None:
        self.model = model
        self.units = model.units
        self.scores = [score.name for score in model.scores]
        strands = {track.id: track.strand for track in model.card.tracks}
        self.strands = [strands.get(name, ".") for name in self.units.names]
        self.contigs = model.plan.contigs.names
        self.among = model.ranked_among

    def rows(self, result: PartResult) -> Iterator[BedRow]:
        rows = result.rows
        if not len(rows):
            return
        heads = headlines(result, self.model)
        at = np.arange(len(rows))
        scored = result.scored
        effect = np.nan_to_num(heads.effect, nan=0.0)
        cell = heads.cell(len(self.units))
        rank = np.nan_to_num(self.model.percentiles(result)[at, cell], nan=0.0)
        numbers = [
            np.nan_to_num(array, nan=0.0).tolist()
            for array in (
                effect, np.abs(effect), scored.reference[at, heads.score, heads.unit],
                scored.alternative[at, heads.score, heads.unit], rank,
            )
        ]  # fmt: skip
        columns = zip(
            result.texts, rows["contig"].tolist(), rows["start"].tolist(), rows["end"].tolist(),
            rows["flags"].tolist(),
            np.clip(np.rint(10 * rank), 0, 1000).astype(int).tolist(),
            np.where(rank < STRONG, 0, np.sign(effect)).tolist(),
            heads.track.tolist(), heads.score.tolist(), self._all_scores(result, heads),
            *numbers, strict=True,
        )  # fmt: skip
        count, model, names = self.units.tracks, self.model.name, self.units.names
        for text, contig, start, end, flags, score, sign, top, head, every, *known in columns:
            value, size, r, a, share = known
            name, ref, alt = _identity(text)
            color = INCREASE if sign > 0 else DECREASE if sign < 0 else WEAK
            hover = (
                f"{name} {_short(ref)}>{_short(alt)} {self.scores[head]} {value:.3g} {names[top]} "
                f"(larger than {share:.3g} % of {self.among})"
            )
            yield (
                self.contigs[contig], start, end, name, score, self.strands[top], start, end,
                color, ref, alt, value, size, r, a, names[top], share, count, model,
                FLAG_TEXTS[flags], every, hover,
            )  # fmt: skip

    def _all_scores(self, result: PartResult, heads: Headlines) -> list[str]:
        """Return the scores of every row as text, with their places where they name one."""
        at, texts = np.arange(len(result.rows)), []
        for number, unit in enumerate(units_shown(result, self.model, heads)):
            place = result.scored.place[at, number, unit]
            offset = (place - result.rows["position"]).tolist()
            where = [f" at {o:+d}" if p >= 0 else "" for p, o in zip(place, offset, strict=True)]
            values = result.scored.value[at, number, unit].tolist()
            name = self.scores[number]
            texts.append([f"{name} {v:.3g}{w}" for v, w in zip(values, where, strict=True)])
        return ["; ".join(row).replace(" nan", " none") for row in zip(*texts, strict=True)]


def _identity(text: str) -> tuple[str, str, str]:
    """Return a name without blanks, and both alleles."""
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    contig, position, name, ref, alt, _ = text.split("\t")
    name = "_".join(name.split())
    if name == "." or not name:
        name = f"{contig}:{position}:{_short(ref)}>{_short(alt)}"
    if len(name) > LONGEST_NAME or not name.isascii():
        name = name.encode()[:LONGEST_NAME].decode(errors="ignore")
    return name, _fitting(ref.upper()), _fitting(alt.upper())


def _fitting(allele: str) -> str:
    """Return an allele that a column can hold: the table has it whole."""
    return allele if len(allele) <= LONGEST_ALLELE else f"{allele[:100]}..{len(allele)}bp"


def _short(allele: str) -> str:
    return allele if len(allele) <= 20 else f"{allele[:8]}..{len(allele)}"


def absmax_pieces(
    model: ModelResults, contigs: Contigs, folder: Path, options: TrackOptions
) -> Iterator[tuple[int, EncodedPiece]]:
    """Yield the size of the strongest effect at every base that a variant changes."""
    lengths = contigs.lengths.tolist()
    with DiskSorter(folder) as sorter:
        places = _places(model)
        if not model.survey.in_genome_order:
            for place in places:
                sorter.add(PLACE.pack(*place))
            places = (PLACE.unpack(record) for record in sorter)
        for contig, starts, ends, values in _batches(places):
            flat = _flatten(starts, ends, values)
            yield contig, encode_intervals(*flat, lengths[contig], options, contig=contig)


_Place = tuple[Any, ...]
"""Contig number, start, end, size of the effect."""


def _places(model: ModelResults) -> Iterator[_Place]:
    for result in model.parts():
        rows, size = result.rows, np.abs(headlines(result, model).effect)
        defined = ~np.isnan(size)
        columns = (rows["contig"], rows["start"], rows["end"], size)
        yield from zip(*(column[defined].tolist() for column in columns), strict=True)


_Batch = tuple[int, NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]


def _batches(places: Iterable[_Place]) -> Iterator[_Batch]:
    """Yield stretches of many rows that share no bin: contig, starts, ends, values."""
    intervals: list[tuple[int, int, float]] = []
    current, reach = -1, 0
    for contig, start, end, value in places:
        apart = start // INTERVAL_BIN > reach // INTERVAL_BIN
        if intervals and (contig != current or (len(intervals) >= BATCH and apart)):
            yield _batch(current, intervals)
            intervals, reach = [], 0
        current, reach = contig, max(reach, end)
        intervals.append((start, end, value))
    if intervals:
        yield _batch(current, intervals)


def _batch(contig: int, intervals: list[tuple[int, int, float]]) -> _Batch:
    starts, ends, values = zip(*intervals, strict=True)
    return contig, np.array(starts), np.array(ends), np.array(values, np.float32)


def _flatten(
    starts: NDArray[np.int64], ends: NDArray[np.int64], values: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Return disjoint intervals with the largest value of those that overlap."""
    widths = ends - starts
    owner = np.repeat(np.arange(len(starts)), widths)
    bases = starts[owner] + np.arange(len(owner)) - (np.cumsum(widths) - widths)[owner]
    places, index = np.unique(bases, return_inverse=True)
    strongest = np.zeros(len(places), np.float32)
    np.maximum.at(strongest, index, values[owner])
    new = np.ones(len(places), np.bool_)
    new[1:] = (np.diff(places) != 1) | (np.diff(strongest) != 0)
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(places)) - 1
    return places[first], places[last] + 1, strongest[first]
