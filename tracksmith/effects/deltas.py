"""Tracks around chosen variants: reference, alternative and their difference.

All three are in coordinates of the reference. A deleted base has no value in
the alternative, and its difference is what was lost; inserted bases are not
shown. Where the cores of several variants overlap, a base belongs to the
strongest of them. Predictions of a minus strand are stored as in other tracks
(negative where they cannot be so); a difference is stored as it is on both
strands, so that up is a gain, as in the table of effects.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.records import SWAPPED, RecordSource
from tracksmith.effects.scorer import Scorer
from tracksmith.effects.stretches import Bases, Block, blocks_of, read_bases
from tracksmith.effects.survey import ModelResults, headlines
from tracksmith.engine.finish import value_facts
from tracksmith.files import crash_point
from tracksmith.genome.bases import OUTSIDE, N
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.intervals import parse_region
from tracksmith.provenance import file_entry
from tracksmith.tracks.bigwig import write_bigwig
from tracksmith.tracks.encoding import encode_values
from tracksmith.tracks.options import TrackOptions
from tracksmith.tracks.piece import EncodedPiece

__all__ = ["STATISTICS", "chosen_variants", "write_deltas"]

STATISTICS = ("ref", "alt", "delta")
Key = tuple[int, int]
"""Record and allele."""


def chosen_variants(model: ModelResults) -> list[Key]:
    """Return the variants that get tracks, strongest first."""
    wanted: set[Key] = set()
    regions = []
    for text in model.plan.facts["around"]:
        if text.startswith("top:"):
            wanted.update(
                (record, allele) for _, record, allele in model.survey.top[: int(text[4:])]
            )
        else:
            regions.append(parse_region(text, model.plan.engine.contigs))
    found: list[tuple[float, int, int]] = []
    names = model.plan.engine.contigs.names
    for result in model.parts():
        rows, size = result.rows, np.abs(headlines(result, model.units).effect)
        inside = np.zeros(len(rows), np.bool_)
        for region in regions:
            inside |= (
                (rows["contig"] == names.index(region.contig))
                & (rows["start"] < region.end)
                & (rows["end"] > region.start)
            )
        keys = zip(rows["record"].tolist(), rows["allele"].tolist(), strict=True)
        for row, key in enumerate(keys):
            if inside[row] or key in wanted:
                found.append((-float(np.nan_to_num(size[row])), *key))
    return [(record, allele) for _, record, allele in sorted(found)]


@dataclass
class _Shown:
    """Values around one variant, float32 ``(statistics, tracks, bins)`` from bp ``start``."""

    contig: int
    start: int
    values: NDArray[np.float32]
    bin_size: int

    @property
    def bases(self) -> int:
        """Length in bp."""
        return int(self.values.shape[2]) * self.bin_size

    def swapped(self) -> _Shown:
        """Return the same where the genome has the record's alternative."""
        reference, alternative, delta = self.values
        return replace(self, values=np.stack([alternative, reference, -delta]))

    def line(self, statistic: int, track: int) -> NDArray[np.float32]:
        """Return the values of every base; the bins of a window lie on no common grid."""
        return np.repeat(self.values[statistic, track], self.bin_size)


def _shown(scorer: Scorer, source: RecordSource, chosen: Sequence[Key]) -> list[_Shown]:
    """Predict the chosen variants; in the order given."""
    place = {key: at for at, key in enumerate(chosen)}
    found: dict[int, _Shown] = {}
    for record in sorted({record for record, _ in chosen}):
        taken = scorer.admit(source.take(record, record + 1))
        for block in blocks_of(taken.alleles, scorer.folds, 1, scorer.forward.offers_alleles):
            allele = int(taken.rows["allele"][block.rows[0]])
            if (record, allele) in place:
                bases = read_bases(scorer.genome, block, scorer.placement)
                shown = _one(scorer, block, bases)
                if taken.rows["flags"][block.rows[0]] & SWAPPED:
                    shown = shown.swapped()
                found[place[record, allele]] = shown
    return [found[at] for at in sorted(found)]


def _one(scorer: Scorer, block: Block, bases: Bases) -> _Shown:
    """Predict one allele and put it into coordinates of the reference."""
    tracks = scorer.predict(block, bases)
    frame, size = scorer.frame, scorer.card.window_geometry.bin
    reference = tracks.reference[0, :, 0]
    alternative = np.full_like(reference, np.nan)
    delta = np.full_like(reference, np.nan)
    if frame.by_base:
        match = scorer.matched(block, 0)
        there, kept = match.reference >= 0, match.alternative >= 0
        both = there & kept
        own, other = match.reference[both], match.alternative[both]
        alternative[:, own] = tracks.alternative[0, :, 0][:, other]
        delta[:, own] = alternative[:, own] - reference[:, own]
        lost = match.reference[there & ~kept]
        delta[:, lost] = -reference[:, lost]
    else:
        alternative = tracks.alternative[0, :, 0]
        delta = alternative - reference
    start = int(block.position[0]) + scorer.core_offset + frame.first * size
    values = np.stack([reference, alternative, delta])
    values[:, :, _blank(scorer, block, start, values.shape[2])] = np.nan
    return _Shown(int(block.contig[0]), start, values, size)


def _blank(scorer: Scorer, block: Block, start: int, bins: int) -> NDArray[np.bool_]:
    """Say which bins from ``start`` bp hold no known base; as in tracks, these are gaps."""
    size, contig = scorer.card.window_geometry.bin, int(block.contig[0])
    if scorer.card.window_geometry.whole_window:
        return np.zeros(bins, np.bool_)
    name = scorer.genome.contigs.names[contig]
    masks = scorer.genome.read(name, start, start + bins * size)
    unknown = (masks == N) | (masks == OUTSIDE)
    blank: NDArray[np.bool_] = unknown.reshape(bins, size).all(axis=1)
    return blank


def write_deltas(
    model: ModelResults, scorer: Scorer, options: TrackOptions
) -> list[dict[str, Any]]:
    """Write three bigWigs per chosen track; return their entries for ``run.json``."""
    chosen = chosen_variants(model)
    source = model.plan.records_of(scorer.limit)
    shown = _shown(scorer, source, chosen)
    source.close()
    contigs, size = model.plan.engine.contigs, model.card.window_geometry.bin
    wanted = {t["id"] for t in model.plan.models[model.number].entry["card"]["tracks"]}
    entries = []
    for row, track in enumerate(model.card.tracks):
        for number, statistic in enumerate(STATISTICS):
            if track.id not in wanted:
                continue
            sign = 1 if statistic == "delta" else track.stored_sign
            path = f"variants/{model.name}.{track.id}.{statistic}.bw"

            def pieces(
                number: int = number, row: int = row, sign: int = sign
            ) -> Iterator[tuple[int, EncodedPiece]]:
                yield from _pieces(shown, (number, row), sign, contigs, options)

            full = model.plan.run.folder / path
            summary = write_bigwig(full, list(contigs), pieces, 1, options)
            crash_point("track-finished")
            facts: dict[str, Any] = {
                "model": model.name, "track": track.id, "statistic": statistic,
                "variants": len(shown), "bin": size, "stored_sign": sign, **value_facts(summary),
            }  # fmt: skip
            entries.append(file_entry(model.plan.run.folder, path, "bigwig", facts))
    return entries


def _pieces(
    shown: list[_Shown], which: tuple[int, int], sign: int, contigs: Contigs, options: TrackOptions
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
