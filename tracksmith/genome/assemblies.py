"""Which assembly a set of contigs is: the lengths of well-known chromosomes.

Lengths in bp, as the sequence archives publish them. An assembly is named only
when a contig's length proves it; nothing is guessed from a file's name.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["ALIASES", "ASSEMBLIES", "assembly_of", "canonical", "species_of"]


def _human(lengths: str) -> dict[str, int]:
    names = [f"chr{n}" for n in (*range(1, 23), "X", "Y")]
    return dict(zip(names, map(int, lengths.split()), strict=True))


def _mouse(lengths: str) -> dict[str, int]:
    names = [f"chr{n}" for n in (*range(1, 20), "X", "Y")]
    return dict(zip(names, map(int, lengths.split()), strict=True))


ASSEMBLIES: dict[str, dict[str, int]] = {
    "hg38": _human(
        "248956422 242193529 198295559 190214555 181538259 170805979 159345973 145138636 "
        "138394717 133797422 135086622 133275309 114364328 107043718 101991189 90338345 "
        "83257441 80373285 58617616 64444167 46709983 50818468 156040895 57227415"
    ),
    "hg19": _human(
        "249250621 243199373 198022430 191154276 180915260 171115067 159138663 146364022 "
        "141213431 135534747 135006516 133851895 115169878 107349540 102531392 90354753 "
        "81195210 78077248 59128983 63025520 48129895 51304566 155270560 59373566"
    ),
    "mm10": _mouse(
        "195471971 182113224 160039680 156508116 151834684 149736546 145441459 129401213 "
        "124595110 130694993 122082543 120129022 120421639 124902244 104043685 98207768 "
        "94987271 90702639 61431566 171031299 91744698"
    ),
    "mm39": _mouse(
        "195154279 181755017 159745316 156860686 151758149 149588044 144995196 130127694 "
        "124359700 130530862 121973369 120092757 120883175 125139656 104073951 98008968 "
        "95294699 90720763 61420004 169476592 91455967"
    ),
    "hs1": {"chr1": 248387328, "chr21": 45090682, "chr22": 51324926},
    "hg18": {"chr1": 247249719},
    "mm9": {"chr1": 197195432},
    "rn6": {"chr1": 282763074},
    "rn7": {"chr1": 260522016},
    "danRer10": {"chr1": 58871917},
    "danRer11": {"chr1": 59578282},
    "dm3": {"chr2L": 23011544},
    "dm6": {"chr2L": 23513712, "chr2R": 25286936, "chr3L": 28110227, "chr3R": 32079331},
    "ce10": {"chrI": 15072423},
    "ce11": {"chrI": 15072434},
    "sacCer3": {"chrI": 230218, "chrII": 813184, "chrIV": 1531933},
}

ALIASES = {
    "grch38": "hg38", "grch37": "hg19", "grcm38": "mm10", "grcm39": "mm39", "t2t-chm13": "hs1",
    "chm13": "hs1", "grcz11": "danRer11", "bdgp6": "dm6", "wbcel235": "ce11", "r64": "sacCer3",
}  # fmt: skip

SPECIES = {"hg": "human", "hs": "human", "mm": "mouse", "rn": "rat"}


def canonical(name: str) -> str:
    """Return UCSC's name of an assembly: ``GRCh38.p14`` is ``hg38``."""
    low = name.lower()
    exact = {known.lower(): known for known in ASSEMBLIES}
    if low in exact:
        return exact[low]
    for alias, known in ALIASES.items():
        if low == alias or low.startswith((f"{alias}.", f"{alias}-p", f"{alias}_")):
            return known
    return name


def assembly_of(contigs: Iterable[tuple[str, int]]) -> str | None:
    """Return the assembly that the contigs' names and lengths (bp) prove, else None.

    One known chromosome of exactly its length is proof, as long as no other
    known chromosome of that assembly has another length.
    """
    lengths = dict(contigs)
    for name, known in ASSEMBLIES.items():
        common = [chrom for chrom in known if chrom in lengths]
        if common and all(lengths[chrom] == known[chrom] for chrom in common):
            return name
    return None


def species_of(assembly: str) -> str:
    """Return the species of an assembly: human for ``GRCh38``; what is unknown is its own."""
    word = canonical(assembly).rstrip("0123456789")
    return SPECIES.get(word, word)
