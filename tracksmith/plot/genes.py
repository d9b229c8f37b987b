"""Genes of a locus, from a GTF, a GFF3 or a BED file, in lanes that do not overlap."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tracksmith.genome.aliases import ContigNames
from tracksmith.genome.bed import read_bed
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.fasta import silent
from tracksmith.genome.intervals import Interval
from tracksmith.genome.start_sites import Feature, is_annotation, read_features

__all__ = ["Gene", "genes_of", "in_lanes"]

NAMES = re.compile(r'\b(gene_name|Name|gene_id|ID|Parent)[ =]"?(?:gene:|transcript:)?([^";]+)')
ORDER = ("gene_name", "Name", "gene_id", "ID", "Parent")
EXONS = ("exon", "CDS")
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
    """Yield genes by the best name that their rows have, with the exons of all transcripts."""
    number = contigs.index(region.contig)
    names = ContigNames(contigs, str(path), silent)
    rows = [row for row in read_features(path, names) if row[1] == number]
    parents = _gene_of_transcript(rows)
    spans: dict[str, list[Feature]] = {}
    for row in rows:
        spans.setdefault(_gene_name(row[5], parents), []).append(row)
    for name, mine in spans.items():
        genes = [row for row in mine if "gene" in row[0]] or mine
        exons = sorted({(row[2], row[3]) for row in mine if row[0] in EXONS})
        start, end = min(row[2] for row in genes), max(row[3] for row in genes)
        yield Gene(name, genes[0][4], start, end, tuple(exons))


def _attributes(text: str) -> dict[str, str]:
    return dict(reversed(NAMES.findall(text)))


def _gene_of_transcript(rows: list[Feature]) -> dict[str, str]:
    """Return the name of a GFF3's genes and transcripts by their ids: exons name their parent."""
    names: dict[str, str] = {}
    for row in rows:
        about = _attributes(row[5])
        if "ID" in about:
            parent = names.get(about.get("Parent", ""))
            own = about.get("gene_name") or about.get("Name") or about["ID"]
            names[about["ID"]] = parent or own
    return names


def _gene_name(text: str, parents: dict[str, str]) -> str:
    about = _attributes(text)
    if "gene_name" in about:
        return about["gene_name"]
    for key in ("ID", "Parent"):
        if about.get(key, "") in parents:
            return parents[about[key]]
    return next((about[key] for key in ORDER if key in about), "")


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
