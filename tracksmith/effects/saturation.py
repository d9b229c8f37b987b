"""Saturation mutagenesis: every substitution of regions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.records import ROW, Taken
from tracksmith.effects.stretches import Alleles
from tracksmith.genome.readable import Readable

__all__ = ["SaturationSource"]

PLAIN = np.array([1, 2, 4, 8], dtype=np.uint8)


class Stretches(Protocol):
    """Stretches of contigs, such as regions: int64, ``(stretches,)``."""

    @property
    def contig(self) -> NDArray[np.int64]:
        """The contigs' numbers."""

    @property
    def starts(self) -> NDArray[np.int64]:
        """First bases, 0-based."""

    @property
    def ends(self) -> NDArray[np.int64]:
        """Ends, half-open."""


class SaturationSource:
    """Hands out the substitutions of regions; a record is one base, by its number from 0.

    Bases are counted through all regions, in their order. One that is not A, C,
    G or T has no substitution.
    """

    def __init__(self, genome: Readable, regions: Stretches) -> None:
        self.genome = genome
        self.regions = regions
        self._ends = np.cumsum(regions.ends - regions.starts)

    def take(self, first: int, last: int) -> Taken:
        """Return the substitutions of the bases ``[first, last)``."""
        pieces = [self._piece(*piece) for piece in self._stretches(first, last)]
        rows = np.concatenate([rows for rows, _ in pieces])
        masks = np.concatenate([masks for _, masks in pieces])
        alleles = Alleles(
            rows["contig"].astype(np.int64),
            rows["position"].astype(np.int64),
            np.ones(len(rows), np.int64),
            [bytes([mask]) for mask in masks.tolist()],
        )
        return Taken(rows, alleles, [""] * len(rows))

    def _stretches(self, first: int, last: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield the number of the first base, contig, start and end of each region's share."""
        number = int(np.searchsorted(self._ends, first, side="right"))
        while first < last:
            end = int(self._ends[number])
            here = min(last, end)
            past = int(self.regions.ends[number])
            yield first, int(self.regions.contig[number]), past - end + first, past - end + here
            first, number = here, number + 1

    def _piece(
        self, first: int, contig: int, start: int, end: int
    ) -> tuple[NDArray[np.void], NDArray[np.uint8]]:
        """Return the rows of the substitutions of a stretch, and the masks of their new bases."""
        masks = self.genome.read(self.genome.contigs.names[contig], start, end)
        number, base = np.nonzero((masks[:, None] != PLAIN) & np.isin(masks, PLAIN)[:, None])
        rows = np.zeros(len(number), dtype=ROW)
        rows["record"] = first + number
        rows["allele"] = base + 1
        rows["contig"] = contig
        rows["position"] = rows["start"] = start + number
        rows["end"] = rows["start"] + 1
        return rows, PLAIN[base]

    def close(self) -> None:
        """Do nothing: the genome is another's."""
