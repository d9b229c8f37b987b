"""What bcftools consensus makes of a person, as an independent judge: sequence and places."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam
import pysam.bcftools


@dataclass
class Cut:
    """A piece of a genome as a genome of its own, with the genotypes of some people."""

    folder: Path
    fasta: Path
    vcf: Path
    length: int
    people: list[str]


def cut(
    source: tuple[Path, Path], place: tuple[str, int, int], people: list[str], folder: Path
) -> Cut:
    """Write a piece of a genome, and the records of a VCF that lie in it, moved."""
    (genome, vcf), (contig, start, end) = source, place
    bases = pysam.FastaFile(str(genome)).fetch(contig, start, end).upper()
    fasta = folder / "piece.fa"
    fasta.write_text(
        f">{contig}\n" + "".join(f"{bases[i : i + 60]}\n" for i in range(0, len(bases), 60))
    )
    lines = []
    with gzip.open(vcf, "rt") as records:
        for line in records:
            if line.startswith("##"):
                if not line.startswith("##contig"):
                    lines.append(line)
                continue
            fields = line.rstrip("\n").split("\t")
            if line.startswith("#CHROM"):
                columns = [fields.index(name) for name in people]
                lines.append(f"##contig=<ID={contig},length={len(bases)}>\n")
                lines.append("\t".join([*fields[:9], *people]) + "\n")
                continue
            position = int(fields[1]) - 1
            if position < start or position + len(fields[3]) > end:
                continue
            own = [fields[column] for column in columns]
            row = [contig, str(position - start + 1), *fields[2:7], ".", *fields[8:9], *own]
            lines.append("\t".join(row) + "\n")
    return Cut(folder, fasta, _written(lines, folder / "people.vcf"), len(bases), people)


def _written(lines: list[str], path: Path) -> Path:
    path.write_text("".join(lines))
    return Path(pysam.tabix_index(str(path), preset="vcf", force=True, keep_original=True))


def without(piece: Cut, places: set[int]) -> Cut:
    """The same people without the records at some positions (1-based)."""
    if not places:
        return piece
    with gzip.open(piece.vcf, "rt") as records:
        lines = [
            line
            for line in records
            if line.startswith("#") or int(line.split("\t")[1]) not in places
        ]
    folder = piece.folder / "fewer"
    folder.mkdir(exist_ok=True)
    vcf = _written(lines, folder / "people.vcf")
    return Cut(folder, piece.fasta, vcf, piece.length, piece.people)


@dataclass
class Consensus:
    """One haplotype as bcftools writes it."""

    fasta: Path
    length: int
    origin: np.ndarray
    """For each edited base the reference base in its place, -1 for an inserted one."""
    skipped: set[int]
    """Positions (1-based) of the records that it left out because they overlap."""


def consensus(piece: Cut, person: str, haplotype: int) -> Consensus:
    """Have bcftools make one haplotype, and read its chain."""
    out = piece.folder / f"{person}.{haplotype}.fa"
    chain = piece.folder / f"{person}.{haplotype}.chain"
    pysam.bcftools.consensus(
        "-f", str(piece.fasta), "-H", str(haplotype), "-s", person, "-c", str(chain),
        "-o", str(out), str(piece.vcf), catch_stdout=False,
    )  # fmt: skip
    said = pysam.bcftools.consensus.get_messages()
    skipped = {
        int(line.split(":")[1].split(" ")[0]) for line in said.splitlines() if "overlaps" in line
    }
    length = pysam.FastaFile(str(out)).lengths[0]
    return Consensus(out, length, _origin(chain, length), skipped)


def _origin(chain: Path, length: int) -> np.ndarray:
    """Read a chain of blocks: so many bases alike, then gaps in reference and in the other."""
    origin = np.full(length, -1, np.int64)
    reference = edited = 0
    for line in chain.read_text().splitlines():
        numbers = [int(word) for word in line.split()] if not line.startswith("chain") else []
        if not numbers:
            continue
        size = numbers[0]
        origin[edited : edited + size] = reference + np.arange(size)
        reference, edited = reference + size, edited + size
        if len(numbers) == 3:
            reference, edited = reference + numbers[1], edited + numbers[2]
    return origin
