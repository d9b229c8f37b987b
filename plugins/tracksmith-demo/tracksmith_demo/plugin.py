"""The demonstration model: fixed core-promoter motifs at their textbook places.

Nothing here was trained. Five elements of RNA polymerase II core promoters are
scored with small weight matrices and combined by position::

    prediction(p) = 32 initiator(p) * max(support(p) - THRESHOLD, 0)
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
from pathlib import Path
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

__all__ = ["CARD", "ELEMENTS", "INITIATOR", "MARGIN", "THRESHOLD", "Element", "load"]

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

    @property
    def places(self) -> int:
        """How many places the first base may have."""
        return self.last - self.first + 1

    def matrix(self) -> list[list[float]]:
        """Return the weights, ``4 x length`` in the order A, C, G, T, multiples of 1/64."""
        columns = zip(self.consensus, self.match, self.mismatch, strict=True)
        scores = [
            [(good if base in IUPAC[letter] else -bad) / 64 for base in "ACGT"]
            for letter, good, bad in columns
        ]
        return [list(row) for row in zip(*scores, strict=True)]


INITIATOR = Element(
    name="Inr",
    consensus="YYANWYY",
    match=(8, 10, 20, 0, 10, 8, 8),
    mismatch=(12, 16, 40, 0, 14, 12, 12),
    first=-2,
    last=-2,
    cutoff=36,
    weight=32,
)
ELEMENTS = (
    Element(
        name="TATA",
        consensus="TATAWAAR",
        match=(10, 10, 8, 10, 8, 8, 6, 4),
        mismatch=(20, 24, 16, 24, 14, 12, 8, 6),
        first=-33,
        last=-28,
        cutoff=24,
        weight=2,
    ),
    Element(
        name="GC",
        consensus="KGGGCGGRR",
        match=(4, 8, 8, 10, 10, 8, 8, 4, 4),
        mismatch=(6, 16, 16, 24, 20, 16, 16, 6, 4),
        first=-110,
        last=-40,
        cutoff=32,
        both_orientations=True,
    ),
    Element(
        name="CCAAT",
        consensus="RRCCAATSR",
        match=(4, 6, 10, 10, 10, 8, 8, 4, 4),
        mismatch=(6, 10, 20, 24, 24, 20, 16, 6, 4),
        first=-100,
        last=-60,
        cutoff=32,
        both_orientations=True,
    ),
    Element(
        name="DPE",
        consensus="RGWYV",
        match=(12, 18, 14, 12, 8),
        mismatch=(16, 28, 20, 16, 8),
        first=27,
        last=27,
        cutoff=32,
    ),
)
THRESHOLD = 0.25
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
    geometry=WindowGeometry(window=2048, core_start=MARGIN, core_length=2048 - 2 * MARGIN),
    alphabet=Alphabet(order="ACGT", heterozygous="half"),
    tracks=(
        Track(
            id="plus",
            label="Core promoter, plus strand",
            strand="+",
            rc_partner="minus",
            units="arbitrary units",
            color=(192, 57, 43),
        ),
        Track(
            id="minus",
            label="Core promoter, minus strand",
            strand="-",
            rc_partner="plus",
            units="arbitrary units",
            color=(36, 87, 160),
        ),
    ),
    reverse_complement="allowed",
    variants=VariantDefaults(scores=("diff", "log2fc"), pseudocount=1.0),
    notes=(
        "A demonstration, not a trained model: no biological conclusion rests on it.",
        "Reads the strand that it predicts and treats both alike, so averaging with the "
        "reverse complement changes nothing.",
        "Every number is exact in float32: results do not depend on the batch size.",
    ),
)


def load(request: LoadRequest) -> Any:
    """Return the network; there are no weights to load."""
    from tracksmith_demo.network import CorePromoter

    return CorePromoter()


@hookimpl
def tracksmith_models() -> Sequence[Model]:
    """Return the one model."""
    return [Model(card=CARD, load=load, golden=Path(__file__).with_name("golden.json"))]
