"""Perturbations that nobody listed: tiles over regions, and windows kept around readouts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tracksmith.genome.bases import OUTSIDE, N
from tracksmith.genome.fasta import Genome
from tracksmith.genome.intervals import Regions
from tracksmith.perturbations.readouts import Readout
from tracksmith.perturbations.rows import NO_BASE, Row
from tracksmith.perturbations.structural import SkippedEdit

__all__ = ["kept_windows", "tiles"]


def tiles(
    genome: Genome, regions: Regions, width: int, step: int, operation: str
) -> Iterator[Row | SkippedEdit]:
    """Yield a row for every ``width`` bp of the regions, ``step`` bp apart.

    The last tile of a region ends with it, and is shorter where the region is no whole number of
    steps. A tile of nothing but N is skipped.
    """
    for region in regions:
        for start in range(region.start, region.end, step):
            end = min(start + width, region.end)
            name = f"{region.contig}:{start}-{end}"
            masks = genome.read(region.contig, start, end)
            if np.isin(masks, (N, OUTSIDE)).all():
                yield SkippedEdit(name, "--tile", f"it {NO_BASE.format(operation=operation)}")
            else:
                yield Row("--tile", region.contig, start, end, operation, name)
            if end == region.end:
                break


def kept_windows(
    readouts: Sequence[Readout], widths: Sequence[int], genome: Genome
) -> Iterator[Row]:
    """Yield a row for every readout and width: all but so many bp around its middle is masked."""
    for readout in readouts:
        contig = genome.contigs.names[readout.contig]
        length = int(genome.contigs.lengths[readout.contig])
        for width in widths:
            start, end = readout.middle - width // 2, readout.middle - width // 2 + width
            name = f"{readout.name}:keep{width}"
            own = (readout.name,)
            yield Row(
                "--local", contig, max(0, start), min(end, length), "keep", name, readouts=own
            )
