"""Random variants that are like those of a file: as far from a start site, in as much GC.

A class is a stretch of distances and a twentieth of GC: (100, 500] bp and 40 to 45 %, say.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.random_variants import SnvDice, joined
from tracksmith.effects.stretches import Alleles
from tracksmith.genome.fasta import Genome
from tracksmith.genome.intervals import Regions
from tracksmith.genome.start_sites import StartSites

__all__ = ["DISTANCES", "GC_CLASSES", "Classes", "draw_matched"]

DISTANCES = (100, 500, 1_000, 5_000, 10_000, 50_000, 100_000)
"""Last distance in bp of each stretch; the last stretch has no end."""

GC_CLASSES = 20
STEP = 1_000
"""GC is that of the window around the middle of so many bp."""

BATCH = 4_096
TRIES = 400
"""Batches of random places after which a class stays smaller than it should be."""

Positions = NDArray[np.int64]


class Classes:
    """Tells the class of a variant on a genome; ``window`` (bp) is that of the model."""

    def __init__(self, genome: Genome, sites: StartSites, window: int) -> None:
        self.genome, self.sites, self.window = genome, sites, window
        self._gc: dict[tuple[int, int], int] = {}

    def of(self, contig: Positions, position: Positions) -> Positions:
        """Return the classes of places (0-based), -1 without a site on the contig or a base."""
        distance = self.sites.distance(contig, position)
        stretch = np.searchsorted(DISTANCES, distance, side="left")
        places = zip(contig.tolist(), (position // STEP).tolist(), (distance >= 0).tolist(),
                     strict=True)  # fmt: skip
        gc = np.array([self._gc_class(*place[:2]) if place[2] else -1 for place in places], int)
        classes: Positions = stretch * GC_CLASSES + gc
        classes[(distance < 0) | (gc < 0)] = -1
        return classes

    def _gc_class(self, contig: int, step: int) -> int:
        key = (contig, step)
        if key not in self._gc:
            self._gc[key] = self._measured(contig, step * STEP + STEP // 2)
        return self._gc[key]

    def _measured(self, contig: int, middle: int) -> int:
        name, length = self.genome.contigs.names[contig], int(self.genome.contigs.lengths[contig])
        start = max(0, min(middle, length) - self.window // 2)
        masks = self.genome.read(name, start, min(length, start + self.window))
        counts = np.bincount(masks, minlength=16)
        known = int(counts[[1, 2, 4, 8]].sum())
        share = int(counts[2] + counts[4]) / known if known else -1.0
        return min(int(share * GC_CLASSES), GC_CLASSES - 1) if known else -1


def draw_matched(
    classes: Classes, allowed: Regions, wanted: set[int], size: int, seed: int
) -> tuple[Alleles, Positions, int]:
    """Draw ``size`` random substitutions of each class that is wanted.

    Returns
    -------
    alleles, classes, short
        Substitutions and their classes, int64; how many classes are smaller than they should be.
    """
    pieces: list[Alleles] = []
    numbers: list[Positions] = []
    short = 0
    for stretch in sorted({number // GC_CLASSES for number in wanted if number >= 0}):
        mine = {number for number in wanted if number // GC_CLASSES == stretch}
        dice = SnvDice(classes.genome, _near(classes.sites, allowed, stretch), seed + stretch)
        missing = dict.fromkeys(sorted(mine), size)
        _draw_stretch(classes.of, dice, missing, (pieces, numbers))
        short += sum(count > 0 for count in missing.values())
    none = np.empty(0, np.int64)
    return joined(pieces), np.concatenate([none, *numbers]), short


def _draw_stretch(
    class_of: Callable[[Positions, Positions], Positions],
    dice: SnvDice,
    missing: dict[int, int],
    drawn: tuple[list[Alleles], list[Positions]],
) -> None:
    """Draw until every class has what it misses, or long enough; ``missing`` is brought down."""
    for _ in range(TRIES if dice.total else 0):
        if not any(missing.values()):
            return
        alleles = dice.draw(BATCH)
        classes = class_of(alleles.contig, alleles.position)
        kept: list[int] = []
        for row, number in enumerate(classes.tolist()):
            if missing.get(number, 0):
                missing[number] -= 1
                kept.append(row)
        rows = np.array(kept, np.int64)
        texts = [alleles.alternative[row] for row in kept]
        columns = (alleles.contig[rows], alleles.position[rows], alleles.length[rows])
        drawn[0].append(Alleles(*columns, texts))
        drawn[1].append(classes[rows])


def _near(sites: StartSites, allowed: Regions, stretch: int) -> Regions:
    """Return the allowed places that are at most as far from a site as a stretch reaches."""
    if stretch >= len(DISTANCES):
        return allowed
    reach = DISTANCES[stretch]
    contigs = allowed.contigs
    there = set(allowed.contig.tolist())
    columns = [
        (np.full(len(mine), number), np.maximum(mine - reach, 0),
         np.minimum(mine + reach + 1, contigs.lengths[number]))
        for number, mine in enumerate(sites.by_contig) if number in there and len(mine)
    ]  # fmt: skip
    if not columns:
        none = np.empty(0, np.int64)
        return Regions(contigs, none, none, none)
    contig, starts, ends = (np.concatenate(column) for column in zip(*columns, strict=True))
    return Regions(contigs, contig, starts, ends)
