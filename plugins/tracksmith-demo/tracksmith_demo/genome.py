"""A small synthetic genome with planted core promoters, for demonstrations and tests."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracksmith_demo.plugin import ELEMENTS, INITIATOR, IUPAC, Element

__all__ = ["PERSON", "DemoGenome", "PlantedPromoter", "PlantedVariant", "write_demo_genome"]

CONTIGS = {"demo1": 300_000, "demo2": 120_000}
GAPS = {
    "demo1": ((0, 5_000), (140_000, 142_000), (297_000, 300_000)),
    "demo2": ((60_000, 61_000),),
}
SPACING = 9_000
PERSON = "demo_person"
GENOTYPES = ("1|0", "0|1", "0|1", "1|1", "1|0", "0|0", "1|1")
LINE = 60
"""Bases a line of the FASTA."""
KINDS = {
    "tata": ("TATA",),
    "full": ("TATA", "GC", "CCAAT", "DPE"),
    "gc": ("GC", "CCAAT", "DPE"),
    "silent": ("TATA",),
}
"""What each kind of promoter has beside the initiator; a silent one has a broken TATA box."""
PLACES = {"TATA": (-31, -31), "GC": (-72, -50), "CCAAT": (-98, -84), "DPE": (27, 27)}
MOTIFS = {element.name: element for element in (INITIATOR, *ELEMENTS)}
COMPLEMENT = bytes.maketrans(b"ACGT", b"TGCA")


@dataclass(frozen=True)
class PlantedPromoter:
    """A promoter in the demonstration genome; ``site`` is the 0-based position of +1."""

    contig: str
    site: int
    strand: str
    kind: str


@dataclass(frozen=True)
class PlantedVariant:
    """A variant of the demonstration; ``position`` is 0-based, alleles as on the plus strand."""

    contig: str
    position: int
    name: str
    reference: str
    alternative: str


@dataclass(frozen=True)
class DemoGenome:
    """The files written, and what is planted (silent promoters left out)."""

    fasta: Path
    promoters_bed: Path
    variants_vcf: Path
    person_vcf: Path
    promoters: tuple[PlantedPromoter, ...]
    variants: tuple[PlantedVariant, ...]


class _Dice:
    """Random numbers from the raw bits of PCG64, which are the same in every numpy version."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)

    def uniform(self, count: int) -> NDArray[np.float64]:
        raw = np.asarray(self._bits.random_raw(count), dtype=np.uint64)
        return (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def between(self, low: int, high: int) -> int:
        """Return a whole number from ``low`` to ``high``, both inclusive."""
        return low + int(self.uniform(1)[0] * (high - low + 1))

    def pick(self, letters: str) -> str:
        return letters[self.between(0, len(letters) - 1)]

    def bases(self, count: int, gc: float) -> NDArray[np.uint8]:
        edges = np.cumsum([(1 - gc) / 2, gc / 2, gc / 2])
        index = np.searchsorted(edges, self.uniform(count), side="right")
        return np.frombuffer(b"ACGT", np.uint8)[index]


def write_demo_genome(folder: Path, seed: int = 1) -> DemoGenome:
    """Write a genome and what belongs to it into ``folder``.

    ``demo.fa`` and its index, ``promoters.bed``, ``variants.vcf``, and ``person.vcf``: the
    phased genotypes of a person who carries most of these variants.

    Two contigs of 300 and 120 kb with runs of N, repeats in lower case, and
    core promoters on both strands. The variants break or make some of them, or
    lie far from any. The same seed gives the same bytes.

    Parameters
    ----------
    folder
        Made when it is missing; files of these names are replaced.
    seed
        Of the random sequence.

    Returns
    -------
    DemoGenome
        Paths, promoters and variants, in the order of the genome.

    Raises
    ------
    OSError
        The files cannot be written.
    """
    dice = _Dice(seed)
    genome = {name: _background(name, length, dice) for name, length in CONTIGS.items()}
    promoters = [planted for name in CONTIGS for planted in _plant(name, genome[name], dice)]
    variants = _variants(genome, promoters, dice)
    alive = tuple(promoter for promoter in promoters if promoter.kind != "silent")
    folder.mkdir(parents=True, exist_ok=True)
    demo = DemoGenome(
        folder / "demo.fa", folder / "promoters.bed", folder / "variants.vcf",
        folder / "person.vcf", alive, variants,
    )  # fmt: skip
    _write(demo.fasta, _fasta_text(genome))
    _write(folder / "demo.fa.fai", _index_text(genome))
    _write(demo.promoters_bed, _bed_text(alive))
    _write(demo.variants_vcf, _vcf_text(variants))
    _write(demo.person_vcf, _vcf_text(variants, PERSON))
    return demo


def _background(name: str, length: int, dice: _Dice) -> NDArray[np.uint8]:
    """Return random sequence whose GC content drifts, with repeats and gaps."""
    pieces = [
        dice.bases(min(10_000, length - start), 0.36 + 0.16 * dice.uniform(1)[0])
        for start in range(0, length, 10_000)
    ]
    sequence = np.concatenate(pieces)
    families = [dice.bases(size, 0.5) for size in (300, 900)]
    families.append(np.tile(np.frombuffer(b"CA", np.uint8), 40))
    for _ in range(length // 2_500):
        copy = families[dice.between(0, 2)].copy()
        changed = dice.uniform(len(copy)) < 0.12
        copy[changed] = dice.bases(int(changed.sum()), 0.5)
        start = dice.between(0, length - len(copy))
        sequence[start : start + len(copy)] = copy + 32  # lower case: soft-masked
    for start, end in GAPS[name]:
        sequence[start:end] = ord("N")
    return sequence


def _plant(name: str, sequence: NDArray[np.uint8], dice: _Dice) -> list[PlantedPromoter]:
    kinds = list(KINDS)
    planted = []
    for cell, start in enumerate(range(SPACING // 2, len(sequence) - SPACING, SPACING)):
        site = start + dice.between(0, SPACING // 3)
        strand = dice.pick("+-")
        if any(first - 1_000 < site < last + 1_000 for first, last in GAPS[name]):
            continue
        promoter = PlantedPromoter(name, site, strand, kinds[cell % len(kinds)])
        _write_promoter(promoter, sequence, dice)
        planted.append(promoter)
    return planted


def _write_promoter(promoter: PlantedPromoter, sequence: NDArray[np.uint8], dice: _Dice) -> None:
    """Put fresh sequence with the motifs of the promoter's kind around its start site."""
    upstream = 150
    text = bytearray(dice.bases(2 * upstream, 0.5))
    for name, (low, high) in {INITIATOR.name: (-2, -2), **PLACES}.items():
        offset = dice.between(low, high)
        motif = _instance(MOTIFS[name], dice)
        if name in KINDS[promoter.kind] or name == INITIATOR.name:
            text[upstream + offset : upstream + offset + len(motif)] = motif
    if promoter.kind == "silent":
        text[upstream - 29] = ord("G")
    start = promoter.site - upstream
    if promoter.strand == "-":
        text = bytearray(bytes(text).translate(COMPLEMENT)[::-1])
        start = promoter.site - upstream + 1
    sequence[start : start + len(text)] = np.frombuffer(bytes(text), np.uint8)


def _instance(element: Element, dice: _Dice) -> bytes:
    motif = "".join(dice.pick(IUPAC[letter]) for letter in element.consensus).encode()
    if element.both_orientations and dice.between(0, 1):
        return motif.translate(COMPLEMENT)[::-1]
    return motif


@dataclass(frozen=True)
class _Edit:
    """Bases ``[first, last)`` relative to +1 become ``text``, on the transcribed strand."""

    name: str
    first: int
    last: int
    text: str


EDITS = {
    "tata": (
        _Edit("breaks_tata", -29, -28, "G"),
        _Edit("breaks_inr", 0, 1, "G"),
        _Edit("breaks_tata", -31, -27, ""),
    ),
    "full": (_Edit("shifts_tata", -12, -12, "GCTGCAGC"), _Edit("breaks_tata", -30, -29, "C")),
    "gc": (_Edit("breaks_inr", 0, 1, "T"),),
    "silent": (_Edit("makes_tata", -29, -28, "T"),),
}


def _variants(
    genome: dict[str, NDArray[np.uint8]], promoters: Sequence[PlantedPromoter], dice: _Dice
) -> tuple[PlantedVariant, ...]:
    """Return one variant in each promoter and one between promoters, numbered by kind."""
    planted = []
    seen = dict.fromkeys(KINDS, 0)
    for promoter in promoters:
        edits = EDITS[promoter.kind]
        edit = edits[seen[promoter.kind] % len(edits)]
        seen[promoter.kind] += 1
        planted.append(_edited(genome[promoter.contig], promoter, edit))
        far = promoter.site + SPACING // 2 - dice.between(0, 500)
        reference = chr(genome[promoter.contig][far]).upper()
        if reference != "N":
            other = dice.pick("ACGT".replace(reference, ""))
            planted.append(PlantedVariant(promoter.contig, far, "neutral", reference, other))
    order = list(genome)
    planted.sort(key=lambda variant: (order.index(variant.contig), variant.position))
    counts: Counter[str] = Counter()
    for number, variant in enumerate(planted):
        counts[variant.name] += 1
        planted[number] = replace(variant, name=f"{variant.name}_{counts[variant.name]}")
    return tuple(planted)


def _edited(sequence: NDArray[np.uint8], promoter: PlantedPromoter, edit: _Edit) -> PlantedVariant:
    """Turn an edit on the transcribed strand into alleles on the plus strand."""
    text = edit.text.encode()
    start, end = promoter.site + edit.first, promoter.site + edit.last
    if promoter.strand == "-":
        start, end = promoter.site - edit.last + 1, promoter.site - edit.first + 1
        text = text.translate(COMPLEMENT)[::-1]
    if len(text) != end - start:  # VCF: an indel starts with the base before it
        start -= 1
        text = sequence[start : start + 1].tobytes() + text
    reference = sequence[start:end].tobytes()
    return PlantedVariant(promoter.contig, start, edit.name, reference.decode(), text.decode())


def _fasta_text(genome: dict[str, NDArray[np.uint8]]) -> str:
    lines = []
    for name, sequence in genome.items():
        text = sequence.tobytes().decode()
        lines += [f">{name}", *(text[at : at + LINE] for at in range(0, len(text), LINE))]
    return "\n".join(lines) + "\n"


def _index_text(genome: dict[str, NDArray[np.uint8]]) -> str:
    """Return the ``.fai`` by which browsers read parts of the FASTA."""
    lines, offset = [], 0
    for name, sequence in genome.items():
        offset += len(f">{name}\n")
        lines.append(f"{name}\t{len(sequence)}\t{offset}\t{LINE}\t{LINE + 1}\n")
        offset += len(sequence) + -(-len(sequence) // LINE)
    return "".join(lines)


def _bed_text(promoters: Sequence[PlantedPromoter]) -> str:
    return "".join(
        f"{p.contig}\t{p.site}\t{p.site + 1}\t{p.kind}_{number}\t1000\t{p.strand}\n"
        for number, p in enumerate(promoters, 1)
    )


def _vcf_text(variants: Sequence[PlantedVariant], person: str = "") -> str:
    """Return variants as VCF; those of a person with genotypes, a phase set for each contig."""
    header = ["##fileformat=VCFv4.3", "##source=tracksmith demonstration genome"]
    header += [f"##contig=<ID={name},length={length}>" for name, length in CONTIGS.items()]
    if person:
        header.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
        header.append('##FORMAT=<ID=PS,Number=1,Type=Integer,Description="Phase set">')
    columns = f"\tFORMAT\t{person}" if person else ""
    header.append(f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO{columns}")
    sets = list(CONTIGS)
    records = [
        f"{v.contig}\t{v.position + 1}\t{v.name}\t{v.reference}\t{v.alternative}\t.\tPASS\t."
        + (f"\tGT:PS\t{_genotype(number)}:{sets.index(v.contig) + 1}" if person else "")
        for number, v in enumerate(variants)
    ]
    return "\n".join([*header, *records]) + "\n"


def _genotype(number: int) -> str:
    """Return the genotype of the person's variants in turn, some of them homozygous."""
    return GENOTYPES[number % len(GENOTYPES)]


def _write(path: Path, text: str) -> None:
    """Write a file that is whole or absent."""
    temporary = path.with_name(f".tmp-{path.name}-{os.getpid()}")
    try:
        temporary.write_text(text, encoding="ascii", newline="\n")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
