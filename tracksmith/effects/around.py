"""Values around chosen variants: reference, alternative and their difference.

All three are in coordinates of the reference. A deleted base has no value in
the alternative, and its difference is what was lost; inserted bases are not
shown. Where the cores of several variants overlap, a base belongs to the
strongest of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.flags import SWAPPED
from tracksmith.effects.records import RecordSource
from tracksmith.effects.scorer import MatchedAllele, Scorer
from tracksmith.effects.stretches import Block
from tracksmith.effects.survey import ModelResults, headlines
from tracksmith.genome.bases import OUTSIDE, N
from tracksmith.genome.intervals import parse_region

__all__ = ["Shown", "chosen_variants", "shown_variants"]

Key = tuple[int, int]
"""Record and allele."""


def chosen_variants(model: ModelResults) -> list[Key]:
    """Return the variants that get tracks, strongest first."""
    wanted: set[Key] = set()
    regions = []
    for text in model.plan.variants.around:
        if text.startswith("top:"):
            wanted.update(
                (record, allele) for _, record, allele in model.survey.top[: int(text[4:])]
            )
        else:
            regions.append(parse_region(text, model.plan.contigs))
    ranked: list[tuple[float, int, int]] = []
    names = model.plan.contigs.names
    for result in model.parts():
        rows, size = result.rows, np.abs(headlines(result, model).effect)
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
                ranked.append((-float(np.nan_to_num(size[row])), *key))
    return [(record, allele) for _, record, allele in sorted(ranked)]


@dataclass
class Shown:
    """Values around one variant, float32 ``(statistics, tracks, bins)`` from bp ``start``."""

    contig: int
    start: int
    values: NDArray[np.float32]
    bin_size: int

    @property
    def bases(self) -> int:
        """Length in bp."""
        return int(self.values.shape[2]) * self.bin_size

    def swapped(self) -> Shown:
        """Return the same where the genome has the record's alternative."""
        reference, alternative, delta = self.values
        return replace(self, values=np.stack([alternative, reference, -delta]))

    def line(self, statistic: int, track: int) -> NDArray[np.float32]:
        """Return the values of every base; the bins of a window lie on no common grid."""
        return np.repeat(self.values[statistic, track], self.bin_size)


def shown_variants(model: ModelResults, scorer: Scorer) -> list[Shown]:
    """Predict the variants that get tracks, the strongest first."""
    source = model.plan.records_of(scorer.limit)
    shown = _shown(scorer, source, chosen_variants(model))
    source.close()
    return shown


def _shown(scorer: Scorer, source: RecordSource, chosen: Sequence[Key]) -> list[Shown]:
    """Predict the chosen variants; in the order given."""
    place = {key: at for at, key in enumerate(chosen)}
    by_place: dict[int, Shown] = {}
    for record in sorted({record for record, _ in chosen}):
        taken = scorer.admit(source.take(record, record + 1))
        for block in scorer.blocks(taken.alleles, lambda margin: 1):
            allele = int(taken.rows["allele"][block.rows[0]])
            if (record, allele) in place:
                shown = _one(scorer, block)
                if taken.rows["flags"][block.rows[0]] & SWAPPED:
                    shown = shown.swapped()
                by_place[place[record, allele]] = shown
    return [by_place[at] for at in sorted(by_place)]


def _one(scorer: Scorer, block: Block) -> Shown:
    """Predict one allele and put it into coordinates of the reference."""
    bases = scorer.read(block)
    tracks = scorer.predict(block, bases)
    frame = scorer.frame
    reference = tracks.reference[0, :, 0]
    if frame.whole or not block.change[0]:
        alternative = tracks.alternative[0, :, 0]
        delta = alternative - reference
    else:
        alternative, delta = _in_place(reference, scorer.matched(tracks, block, bases, 0))
    start = int(block.position[0]) + scorer.core_offset + frame.first * frame.size
    values = np.stack([reference, alternative, delta])
    values[:, :, _blank(scorer, block, start, values.shape[2])] = np.nan
    return Shown(int(block.contig[0]), start, values, frame.size)


def _in_place(
    reference: NDArray[np.float32], matched: MatchedAllele
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return alternative and difference of every track at the bins of the reference."""
    alternative, delta = np.full_like(reference, np.nan), np.full_like(reference, np.nan)
    for track, number in enumerate(matched.taken.number[0].tolist()):
        match = matched.matches[number]
        there = match.reference >= 0
        kept = there & (match.alternative >= 0)
        values = matched.taken.alternative[0, track]
        alternative[track, match.reference[kept]] = values[kept]
        delta[track, match.reference[there]] = (values - matched.taken.reference[0, track])[there]
    return alternative, delta


def _blank(scorer: Scorer, block: Block, start: int, bins: int) -> NDArray[np.bool_]:
    """Say which bins from ``start`` bp hold no known base; as in tracks, these are gaps."""
    size, contig = scorer.frame.size, int(block.contig[0])
    if scorer.frame.whole:
        return np.zeros(bins, np.bool_)
    name = scorer.genome.contigs.names[contig]
    masks = scorer.genome.read(name, start, start + bins * size)
    unknown = (masks == N) | (masks == OUTSIDE)
    blank: NDArray[np.bool_] = unknown.reshape(bins, size).all(axis=1)
    return blank
