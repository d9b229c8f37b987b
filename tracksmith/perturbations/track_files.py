"""Tracks of perturbations: effects at their edits, and whole windows without and with an edit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.perturbations.arcs import shown_place
from tracksmith.perturbations.model import ModelPlan
from tracksmith.perturbations.names import STATISTICS, Drawn
from tracksmith.perturbations.pairs import REFERENCE
from tracksmith.perturbations.results import ReadoutResults
from tracksmith.tracks.encoding import encode_values
from tracksmith.tracks.intervals import encode_intervals
from tracksmith.tracks.options import TrackOptions
from tracksmith.tracks.piece import EncodedPiece

__all__ = [
    "Pieces", "effect_intervals", "effect_piece", "stored_sign", "window_lines", "window_piece",
]  # fmt: skip

Pieces = Iterator[tuple[int, EncodedPiece]]
Intervals = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


def effect_intervals(plan: ModelPlan, results: ReadoutResults) -> Intervals:
    """Return starts, ends, and the effect of every track, ``(intervals, tracks)``, on a readout.

    Where edits overlap it is the mean of their effects.
    """
    places = [shown_place(plan, results.pairs[at].edit) for at in results.scored]
    shown = [(number, place) for number, place in enumerate(places) if place is not None]
    edges = np.unique(np.array([edge for _, place in shown for edge in place], np.int64))
    total = np.zeros((max(len(edges) - 1, 0), len(plan.rows)))
    count = np.zeros(len(total), np.int64)
    effect = results.effect
    for number, place in shown:
        first, last = np.searchsorted(edges, place)
        total[first:last] += effect[number]
        count[first:last] += 1
    # decision: mean-where-edits-overlap (a sum would count sliding tiles many times over)
    kept = count > 0
    return edges[:-1][kept], edges[1:][kept], total[kept] / count[kept, None]


def effect_piece(
    plan: ModelPlan, number: int, intervals: Intervals, track: int, options: TrackOptions
) -> Pieces:
    """Yield the effects of a track on a readout as a piece of a bigWig."""
    starts, ends, effects = intervals
    contig = plan.inputs.readouts[number].contig
    if len(starts):
        values = effects[:, track].astype(np.float32)
        length = int(plan.contigs.lengths[contig])
        yield contig, encode_intervals(starts, ends, values, length, options, contig=contig)


def window_lines(plan: ModelPlan, results: ReadoutResults, drawn: Drawn) -> dict[str, Any]:
    """Return where a window begins, and by statistic the value of every base of the reference.

    ``start`` is in bp; ``ref``, ``alt`` and ``delta`` are float32 ``(tracks, bases)``. A deleted
    base has no value with the edit; inserted ones are not drawn.
    """
    pairs = plan.pairs
    place, register = pairs.places[drawn.readout], pairs.register(drawn.readout, drawn.edit)
    size, (first, last) = plan.windows.tiling.bin, pairs.placer.frame
    length = int(plan.contigs.lengths[plan.inputs.readouts[drawn.readout].contig])
    start, end = place.core + first * size, place.core + last * size
    low, high = max(0, start), min(end, length)
    reference, alternative = results.bins[REFERENCE], results.bins[drawn.edit]
    bases = np.arange(low, high)
    edit = plan.inputs.edits[drawn.edit].shape(length, (place.low, place.high))
    moved, survives = edit.to_edited(bases)
    at = (moved - start - register.offset) // size
    known = survives & (at >= 0) & (at < alternative.shape[1])
    alt = np.full((len(reference), high - low), np.nan, np.float32)
    alt[:, known] = alternative[:, at[known]]
    ref = reference[:, (bases - start) // size]
    return {"start": low, "ref": ref, "alt": alt, "delta": alt - ref}


def window_piece(
    plan: ModelPlan, drawn: Drawn, lines: dict[str, Any], which: tuple[str, int],
    options: TrackOptions,
) -> Pieces:  # fmt: skip
    """Yield the line of one statistic and track as a piece of a bigWig."""
    statistic, track = which
    contig = plan.inputs.readouts[drawn.readout].contig
    length = int(plan.contigs.lengths[contig])
    sign = stored_sign(plan, plan.record.tracks[track], statistic)
    values = lines[statistic][track] * np.float32(sign)
    if not np.isnan(values).all():
        yield contig, encode_values(values, lines["start"], 1, length, options, contig=contig)


def stored_sign(plan: ModelPlan, track: str, statistic: str) -> int:
    """Return -1 where a track of a minus strand is stored negative, else 1."""
    card = next(one for one in plan.windows.card.tracks if one.id == track)
    # decision: deltas-point-up (a loss points down on both strands)
    return 1 if statistic == STATISTICS[2] else card.stored_sign
