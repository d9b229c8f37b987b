"""Random substitutions of known bases, anywhere in some regions of a genome."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.saturation import PLAIN
from tracksmith.effects.stretches import Alleles
from tracksmith.errors import InputError
from tracksmith.genome.fasta import Genome
from tracksmith.genome.intervals import Regions

__all__ = ["SnvDice", "allowed_regions", "batches", "random_snvs"]

TRIES = 200
BATCH = 4096


def allowed_regions(
    genome: Genome, allowed: NDArray[np.bool_], regions: Regions | None = None
) -> Regions:
    """Return the regions, or whole contigs, on the ``allowed`` contigs, bool ``(contigs,)``."""
    every = Regions.whole(genome.contigs) if regions is None else regions
    kept = allowed[every.contig]
    return Regions(genome.contigs, every.contig[kept], every.starts[kept], every.ends[kept])


def random_snvs(genome: Genome, regions: Regions, count: int, seed: int) -> Alleles:
    """Draw substitutions of known bases, all places and all three changes alike.

    The bases are therefore those of the regions in their proportions. The same
    arguments always give the same variants, in the order of the genome.

    Raises
    ------
    InputError
        The regions have (nearly) no known base.
    """
    dice = SnvDice(genome, regions, seed)
    pieces: list[Alleles] = []
    for _ in range(TRIES):
        if sum(map(len, pieces)) >= count or not dice.total:
            break
        pieces.append(dice.draw(count))
    drawn = sum(map(len, pieces))
    if drawn < count:
        raise InputError(
            f"--background: only {drawn} known bases were found to draw {count} variants from in "
            f"{genome.path}. Leave the option out for this genome."
        )
    return in_order(joined(pieces).piece(0, count))


class SnvDice:
    """Draws substitutions one batch after the other, in no order."""

    def __init__(self, genome: Genome, regions: Regions, seed: int) -> None:
        self.genome, self.regions = genome, regions
        self._bits = np.random.PCG64(seed)
        self._ends = np.cumsum(regions.ends - regions.starts)
        self.total = int(self._ends[-1]) if len(self._ends) else 0

    def draw(self, count: int) -> Alleles:
        """Return up to ``count`` substitutions: as many places are drawn, N is left out."""
        places = np.minimum((self._uniform(count) * self.total).astype(np.int64), self.total - 1)
        turn = (self._uniform(count) * 3).astype(np.int64) + 1
        region = np.searchsorted(self._ends, places, side="right")
        begin = self._ends[region] - (self.regions.ends - self.regions.starts)[region]
        contig = self.regions.contig[region]
        position = self.regions.starts[region] + places - begin
        masks = self._bases(contig, position)
        known = np.isin(masks, PLAIN)
        own = np.searchsorted(PLAIN, masks[known])
        changes = PLAIN[(own + turn[known]) % 4]
        ones = np.ones(int(known.sum()), np.int64)
        texts = [bytes([mask]) for mask in changes.tolist()]
        return Alleles(contig[known], position[known], ones, texts)

    def _uniform(self, count: int) -> NDArray[np.float64]:
        """Return numbers in [0, 1) from raw bits, the same in every version of numpy."""
        raw = np.asarray(self._bits.random_raw(count), dtype=np.uint64)
        numbers: NDArray[np.float64] = (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return numbers

    def _bases(self, contig: NDArray[np.int64], position: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the masks of single bases, read in the order of the genome."""
        names = self.genome.contigs.names
        order = np.lexsort((position, contig))
        masks = np.empty(len(position), np.uint8)
        rows = (order.tolist(), contig[order].tolist(), position[order].tolist())
        for row, number, start in zip(*rows, strict=True):
            masks[row] = self.genome.read(names[number], start, start + 1)[0]
        return masks


def batches(alleles: Alleles) -> Iterator[Alleles]:
    """Yield alleles in pieces that are scored at once."""
    for first in range(0, len(alleles), BATCH):
        yield alleles.piece(first, first + BATCH)


def joined(pieces: list[Alleles]) -> Alleles:
    """Return several sets of substitutions as one."""
    if not pieces:
        none = np.empty(0, np.int64)
        return Alleles(none, none, none, [])
    return Alleles(
        np.concatenate([piece.contig for piece in pieces]),
        np.concatenate([piece.position for piece in pieces]),
        np.concatenate([piece.length for piece in pieces]),
        [text for piece in pieces for text in piece.alternative],
    )


def in_order(alleles: Alleles) -> Alleles:
    """Return substitutions in the order of the genome; those of one place keep theirs."""
    order = np.lexsort((alleles.position, alleles.contig))
    texts = [alleles.alternative[row] for row in order.tolist()]
    return Alleles(alleles.contig[order], alleles.position[order], alleles.length[order], texts)
