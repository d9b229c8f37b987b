"""The built-in demonstration model: fixed core-promoter motifs at their textbook places.

Nothing here was trained. Five elements of RNA polymerase II core promoters are
scored with small weight matrices and combined by position::

    prediction(p) = SCALE * initiator(p) * max(support(p) - THRESHOLD, 0)
    support(p)    = 2 tata(p) + gc(p) + ccaat(p) + dpe(p)

``p`` is a possible transcription start site, +1; -1 is the base before it, and
there is no base 0. An element's strength is its matrix score cut off below
`Element.cutoff`, the best over the allowed places. All weights are multiples of
1/64 and small, so every product and sum is exact in float32: the result does
not depend on batch size, device or library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tracksmith.plugin import (
    Alphabet,
    LoadRequest,
    Model,
    ModelCard,
    Track,
    VariantDefaults,
    WindowGeometry,
    hookimpl,
)

__all__ = ["CARD", "ELEMENTS", "INITIATOR", "SCALE", "THRESHOLD", "Element", "load"]

IUPAC = {"A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT"}
IUPAC |= {"K": "GT", "M": "AC", "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT"}


@dataclass(frozen=True)
class Element:
    """A core-promoter element as a weight matrix with its place relative to the start site.

    Parameters
    ----------
    name
        As in the literature.
    consensus
        IUPAC letters, 5' to 3' on the strand that is transcribed.
    match
        What a base of the consensus adds, per position, in 64ths; the sum is 64.
    mismatch
        What any other base takes away, per position, in 64ths.
    first, last
        Where the element's first base may lie, in bp from the start site +1
        (0 is +1 itself, -1 the base before it); both inclusive.
    cutoff
        In 64ths: weaker matches count nothing, so strength lies in [0, 64 - cutoff].
    weight
        Factor in the sum of support.
    both_orientations
        Whether the element also works reversed.
    """

    name: str
    consensus: str
    match: tuple[int, ...]
    mismatch: tuple[int, ...]
    first: int
    last: int
    cutoff: int
    weight: int = 1
    both_orientations: bool = False

    def matrix(self) -> list[list[float]]:
        """Return the weights, ``4 x length`` in the order A, C, G, T, multiples of 1/64."""
        columns = zip(self.consensus, self.match, self.mismatch, strict=True)
        scores = [
            [(good if base in IUPAC[letter] else -bad) / 64 for base in "ACGT"]
            for letter, good, bad in columns
        ]
        return [list(row) for row in zip(*scores, strict=True)]


INITIATOR = Element(
    "Inr", "YYANWYY", (8, 10, 20, 0, 10, 8, 8), (12, 16, 40, 0, 14, 12, 12), -2, -2, 36
)
ELEMENTS = (
    Element(
        "TATA", "TATAWAAR", (10, 10, 8, 10, 8, 8, 6, 4), (20, 24, 16, 24, 14, 12, 8, 6), -33, -28, 24, 2
    ),
    Element(
        "GC", "KGGGCGGRR", (4, 8, 8, 10, 10, 8, 8, 4, 4), (6, 16, 16, 24, 20, 16, 16, 6, 4), -110, -40, 32,
        both_orientations=True,
    ),
    Element(
        "CCAAT", "RRCCAATSR", (4, 6, 10, 10, 10, 8, 8, 4, 4), (6, 10, 20, 24, 24, 20, 16, 6, 4), -100, -60, 32,
        both_orientations=True,
    ),
    Element("DPE", "RGWYV", (12, 18, 14, 12, 8), (16, 28, 20, 16, 8), 27, 27, 32),
)  # fmt: skip
THRESHOLD = 0.75
SCALE = 32.0
MARGIN = 128
"""Bases on either side of the core: the farthest element starts 110 bp upstream of a start
site and the nearest one ends 32 bp downstream, on either strand; rounded up."""

CARD = ModelCard(
    name="core-promoter",
    version="1",
    summary="Demonstration: textbook core-promoter motifs at their textbook places, both strands",
    code_licence="MIT",
    weights_licence="MIT (the weights are part of the code)",
    citation=(
        "tracksmith's documentation. Motifs and places: Bucher 1990, "
        "doi:10.1016/0022-2836(90)90223-9; Haberle and Stark 2018, doi:10.1038/s41580-018-0028-8"
    ),
    authors="the authors of tracksmith",
    geometry=WindowGeometry(window=1024 + 2 * MARGIN, core_start=MARGIN, core_length=1024),
    alphabet=Alphabet(order="ACGT", heterozygous="half"),
    tracks=(
        Track("plus", "Core promoter, plus strand", "+", "minus", units="arbitrary units", color=(192, 57, 43)),
        Track("minus", "Core promoter, minus strand", "-", "plus", units="arbitrary units", color=(36, 87, 160)),
    ),
    reverse_complement="allowed",
    variants=VariantDefaults(scores=("diff", "log2fc"), pseudocount=1.0),
    notes=(
        "A demonstration, not a trained model: no biological conclusion rests on it.",
        "Reads the strand that it predicts and treats both alike, so averaging with the "
        "reverse complement changes nothing.",
        "Every number is exact in float32: results do not depend on the batch size.",
    ),
)  # fmt: skip


def load(request: LoadRequest) -> Any:
    """Return the network; there are no weights to load."""
    from tracksmith.models.core_promoter_network import CorePromoter

    return CorePromoter()


@hookimpl
def tracksmith_models() -> Sequence[Model]:
    """Return the one model."""
    return [Model(card=CARD, load=load)]
