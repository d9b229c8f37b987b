"""Start sites of transcripts: 5' ends of the rows of a GTF, a GFF3 or a BED file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import InputError
from tracksmith.genome.aliases import ContigNames, read_aliases
from tracksmith.genome.bed import read_bed
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.fasta import silent
from tracksmith.genome.stream import ByteStream

__all__ = ["Feature", "StartSites", "is_annotation", "read_features", "read_start_sites"]

TRANSCRIPTS = ("transcript", "mRNA", "lnc_RNA", "ncRNA", "snRNA", "snoRNA", "miRNA", "rRNA", "tRNA")
GENES = ("gene", "ncRNA_gene", "pseudogene")
SUFFIXES = (".gtf", ".gff", ".gff3")

Positions = NDArray[np.int64]
Feature = tuple[str, int, int, int, str, str]
"""Type, contig number, start and end (0-based, half-open), strand, attributes."""


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
    """Return the 5' ends of a file's transcripts, of its genes where it has no transcripts.

    Of a BED file every row counts, from its start where it has no strand.

    Raises
    ------
    InputError
        The file cannot be read, or holds none.
    """
    if is_annotation(path):
        aliases = read_aliases(alias, contigs) if alias else None
        names = ContigNames(contigs, str(path), silent, aliases)
        rows = list(read_features(path, names))
        chosen = [row for row in rows if row[0] in TRANSCRIPTS]
        chosen = chosen or [row for row in rows if row[0] in GENES]
        ends = [(contig, end - 1 if strand == "-" else start)
                for _, contig, start, end, strand, _ in chosen]  # fmt: skip
    else:
        bed = read_bed(path, contigs, silent, alias)
        columns = zip(bed.contig.tolist(), bed.starts.tolist(), bed.ends.tolist(), bed.strands,
                      strict=True)  # fmt: skip
        ends = [(c, end - 1 if strand == "-" else start) for c, start, end, strand in columns]
    if not ends:
        raise InputError(f"{path} holds no transcript or gene on a contig of the genome.")
    contig, position = np.array(ends, np.int64).T
    return StartSites(len(contigs), contig, position)


def read_features(path: Path, names: ContigNames) -> Iterator[Feature]:
    """Yield the rows of a GTF or GFF3 on contigs of the genome.

    Raises
    ------
    InputError
        A row has fewer than nine columns, or positions that are none: with the line.
    """
    with ByteStream(path) as stream:
        for number, raw in enumerate(stream.lines(), 1):
            stream.place = f"line {number}"
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            if line.startswith("##FASTA"):
                return
            if not line.strip() or line.startswith("#"):
                continue
            cells = line.split("\t")
            if len(cells) < 9 or not (cells[3].isdigit() and cells[4].isdigit()):
                raise InputError(
                    f"{path}:{number}: this is no row of a GTF or GFF3, which has nine columns, "
                    "the fourth and fifth being positions."
                )
            contig = names.find(cells[0])
            if contig is not None:
                yield cells[2], contig, int(cells[3]) - 1, int(cells[4]), cells[6], cells[8]
