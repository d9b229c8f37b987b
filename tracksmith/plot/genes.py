"""Genes of a locus, from a GTF, a GFF3 or a BED file, in lanes that do not overlap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tracksmith.genome.aliases import ContigNames, LeftOut
from tracksmith.genome.bed import read_bed
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.fasta import silent
from tracksmith.genome.genes import GeneItem, read_genes
from tracksmith.genome.intervals import Interval
from tracksmith.genome.start_sites import is_annotation

__all__ = ["Gene", "genes_of", "in_lanes"]

_BLOCKS = (6, 7, 8)
"""Where the count, sizes and starts of a BED12's blocks stand among its columns after the third."""


@dataclass(frozen=True)
class Gene:
    """A gene: its name, strand, span and exons, in bp of its contig, 0-based half-open."""

    name: str
    strand: str
    start: int
    end: int
    exons: tuple[tuple[int, int], ...] = ()


def genes_of(path: Path, region: Interval, contigs: Contigs) -> list[Gene]:
    """Return the genes that touch a region, by their starts.

    Raises
    ------
    InputError
        The file cannot be read; the message names its line.
    """
    made = _of_annotation if is_annotation(path) else _of_bed
    near = [g for g in made(path, region, contigs) if g.end > region.start and g.start < region.end]
    return sorted(near, key=lambda gene: (gene.start, gene.end, gene.name))


def _of_bed(path: Path, region: Interval, contigs: Contigs) -> Iterator[Gene]:
    bed = read_bed(path, contigs, clip=True)
    for row, place in enumerate(bed):
        if place.contig == region.contig:
            exons = _blocks(bed.extra[row], place.start) or ((place.start, place.end),)
            yield Gene(bed.names[row], bed.strands[row], place.start, place.end, exons)


def _blocks(extra: tuple[str, ...], start: int) -> tuple[tuple[int, int], ...]:
    if len(extra) <= _BLOCKS[-1]:
        return ()
    sizes, offsets = (extra[at].strip(",").split(",") for at in _BLOCKS[1:])
    if not all(text.isdigit() for text in (*sizes, *offsets)):
        return ()
    pairs = zip(map(int, offsets), map(int, sizes), strict=False)
    return tuple((start + offset, start + offset + size) for offset, size in pairs)


def _of_annotation(path: Path, region: Interval, contigs: Contigs) -> Iterator[Gene]:
    """Yield genes by their names, with the exons of all transcripts."""
    number = contigs.index(region.contig)
    names = ContigNames(contigs, str(path), silent)
    by_gene: dict[tuple[str, str], list[GeneItem]] = {}
    for item in read_genes(path, names, LeftOut()):
        if item.contig == number:
            by_gene.setdefault((item.name, item.strand), []).append(item)
    for (name, strand), items in by_gene.items():
        exons = sorted({block for item in items for block in item.blocks})
        yield Gene(name, strand, exons[0][0], max(end for _, end in exons), tuple(exons))


def in_lanes(genes: list[Gene], room: int) -> list[list[Gene]]:
    """Return genes in as few lanes as they need, each ``room`` bp from the next for its name."""
    lanes: list[list[Gene]] = []
    for gene in genes:
        for lane in lanes:
            if lane[-1].end + room <= gene.start:
                lane.append(gene)
                break
        else:
            lanes.append([gene])
    return lanes
