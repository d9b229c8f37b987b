"""Tracks around chosen variants: reference, alternative and their difference, as bigWigs.

Predictions of a minus strand are stored as in other tracks (negative where they cannot be so);
a difference is stored as it is on both strands, so that up is a gain, as in the table of effects.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tracksmith.effects.around import Shown, shown_variants
from tracksmith.effects.scorer import Scorer
from tracksmith.effects.survey import ModelResults
from tracksmith.files import crash_point
from tracksmith.genome.contigs import Contigs
from tracksmith.runs.planned import reads_regions
from tracksmith.runs.record import FileEntry, ModelRecord, VariantsRecord
from tracksmith.tracks.bigwig import TrackData
from tracksmith.tracks.encoding import encode_values
from tracksmith.tracks.formats import FORMATS, track_path, value_facts
from tracksmith.tracks.options import TrackOptions
from tracksmith.tracks.piece import EncodedPiece

__all__ = ["STATISTICS", "delta_paths", "write_deltas"]

STATISTICS = ("ref", "alt", "delta")


def delta_paths(model: ModelRecord, variants: VariantsRecord) -> list[str]:
    """Return the paths of the tracks around variants, none where none were asked for."""
    if not variants.around or reads_regions(model.card):
        return []
    return [_path(model.name, track, kind) for track in model.tracks for kind in STATISTICS]


def _path(model: str, track: str, statistic: str) -> str:
    return track_path(model, track, statistic, FORMATS["bigwig"].suffix, "variants")


def write_deltas(model: ModelResults, scorer: Scorer, options: TrackOptions) -> list[FileEntry]:
    """Write three bigWigs per chosen track; return their entries for ``run.json``."""
    shown = shown_variants(model, scorer)
    contigs, size = model.plan.contigs, scorer.frame.size
    wanted, form = model.plan.wanted(model.number), FORMATS["bigwig"]
    entries = []
    for row, track in enumerate(model.card.tracks):
        for number, statistic in enumerate(STATISTICS):
            if track.id not in wanted:
                continue
            # decision: deltas-point-up (a loss points down on both strands)
            sign = 1 if statistic == "delta" else track.stored_sign
            path = _path(model.name, track.id, statistic)

            def pieces(
                number: int = number, row: int = row, sign: int = sign
            ) -> Iterator[tuple[int, EncodedPiece]]:
                yield from _pieces(shown, (number, row), sign, contigs, options)

            folder = model.plan.run.folder
            summary = form.write(folder / path, TrackData(list(contigs), pieces, 1), options)
            crash_point("track-finished")
            track_file = FileEntry.of(
                folder, path, form.name, model=model.name, track=track.id, statistic=statistic,
                variants=len(shown), bin=size, stored_sign=sign, **value_facts(summary),
            )  # fmt: skip
            entries.append(track_file)
    return entries


def _pieces(
    shown: list[Shown], which: tuple[int, int], sign: int, contigs: Contigs, options: TrackOptions
) -> Iterator[tuple[int, EncodedPiece]]:
    """Yield the values of one file: stretches that touch are one piece."""
    lengths = contigs.lengths.tolist()
    spans = sorted((one.contig, one.start, one.start + one.bases) for one in shown)
    for contig, start, end in _joined(spans):
        first, last = max(0, start), min(end, lengths[contig])
        if last <= first:
            continue
        values = np.full(last - first, np.nan, np.float32)
        # The strongest comes first and is written last.
        for one in reversed(shown):
            if one.contig == contig and start <= one.start < end:
                at = one.start - first
                line = one.line(*which) * np.float32(sign)
                low, high = max(0, -at), min(len(line), len(values) - at)
                values[at + low : at + high] = line[low:high]
        if len(values):
            yield contig, encode_values(values, first, 1, lengths[contig], options, contig=contig)


def _joined(spans: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    joined: list[tuple[int, int, int]] = []
    for contig, start, end in spans:
        if joined and joined[-1][0] == contig and start <= joined[-1][2]:
            joined[-1] = (contig, joined[-1][1], max(end, joined[-1][2]))
        else:
            joined.append((contig, start, end))
    return joined
