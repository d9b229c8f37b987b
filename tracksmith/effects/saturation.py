"""Saturation mutagenesis: every substitution of a region, and the tracks of it."""

from __future__ import annotations

import numpy as np

from tracksmith.effects.records import ROW, Taken
from tracksmith.effects.stretches import Alleles
from tracksmith.genome.fasta import Genome
from tracksmith.genome.intervals import Interval

__all__ = ["SaturationSource"]

PLAIN = np.array([1, 2, 4, 8], dtype=np.uint8)


class SaturationSource:
    """Hands out the substitutions of a region; a record is one base, by its number from 0.

    A base that is not A, C, G or T has none.
    """

    def __init__(self, genome: Genome, region: Interval) -> None:
        self.genome = genome
        self.region = region

    def take(self, first: int, last: int) -> Taken:
        """Return the substitutions of the bases ``[first, last)`` of the region."""
        start = self.region.start
        masks = self.genome.read(self.region.contig, start + first, start + last)
        number, base = np.nonzero((masks[:, None] != PLAIN) & np.isin(masks, PLAIN)[:, None])
        contig = self.genome.contigs.index(self.region.contig)
        rows = np.zeros(len(number), dtype=ROW)
        rows["record"] = first + number
        rows["allele"] = base + 1
        rows["contig"] = contig
        rows["position"] = rows["start"] = start + first + number
        rows["end"] = rows["start"] + 1
        alleles = Alleles(
            np.full(len(number), contig, np.int64),
            rows["position"].astype(np.int64),
            np.ones(len(number), np.int64),
            [bytes([mask]) for mask in PLAIN[base].tolist()],
        )
        return Taken(rows, alleles, [""] * len(number))

    def close(self) -> None:
        """Do nothing: the genome is another's."""
