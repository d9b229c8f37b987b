"""Start sites of transcripts: 5' ends of the rows of a GTF, a GFF3 or a BED file."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import InputError
from tracksmith.genome.aliases import ContigNames, LeftOut, read_aliases
from tracksmith.genome.bed import read_bed
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.fasta import silent
from tracksmith.genome.genes import read_genes

__all__ = ["StartSites", "is_annotation", "read_start_sites"]

SUFFIXES = (".gtf", ".gff", ".gff3")
TRANSCRIBED = re.compile(r"transcript|rna|gene", re.IGNORECASE)
"""Kinds of features that start somewhere: mRNA, lnc_RNA, transcript, pseudogene ..."""

Positions = NDArray[np.int64]


class StartSites:
    """Sites by contig, ascending, and how far any base is from the nearest."""

    def __init__(self, contigs: int, contig: Positions, position: Positions) -> None:
        self.by_contig = [np.unique(position[contig == number]) for number in range(contigs)]

    def __len__(self) -> int:
        return sum(map(len, self.by_contig))

    def distance(self, contig: Positions, position: Positions) -> Positions:
        """Return the bp to the nearest site of the same contig, -1 where it has none."""
        distances = np.full(len(contig), -1, np.int64)
        for number in np.unique(contig).tolist():
            sites, mine = self.by_contig[number], contig == number
            if len(sites):
                places = position[mine]
                right = np.minimum(np.searchsorted(sites, places), len(sites) - 1)
                left = np.maximum(right - 1, 0)
                near = np.minimum(np.abs(sites[right] - places), np.abs(sites[left] - places))
                distances[mine] = near
        return distances


def is_annotation(path: Path) -> bool:
    """Say whether a file is a GTF or GFF3 by its name, gzipped or not."""
    return path.name.lower().removesuffix(".gz").endswith(SUFFIXES)


def read_start_sites(path: Path, contigs: Contigs, alias: Path | None = None) -> StartSites:
    """Return the 5' ends of a file's transcripts, and of genes that have none.

    Of a BED file every row counts, from its start where it has no strand.

    Raises
    ------
    InputError
        The file cannot be read, or holds none.
    """
    if is_annotation(path):
        aliases = read_aliases(alias, contigs) if alias else None
        names = ContigNames(contigs, str(path), silent, aliases)
        ends = [
            (item.contig, item.blocks[-1][1] - 1 if item.strand == "-" else item.blocks[0][0])
            for item in read_genes(path, names, LeftOut())
            if TRANSCRIBED.search(item.kind)
        ]
    else:
        bed = read_bed(path, contigs, silent, alias)
        columns = (bed.contig.tolist(), bed.starts.tolist(), bed.ends.tolist(), bed.strands)
        ends = [
            (contig, end - 1 if strand == "-" else start)
            for contig, start, end, strand in zip(*columns, strict=True)
        ]
    if not ends:
        raise InputError(f"{path} holds no transcript or gene on a contig of the genome.")
    contig, position = np.array(ends, np.int64).T
    return StartSites(len(contigs), contig, position)
