"""Variants as letters, alternative sequences written out in full, and runs cut into small parts."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from hypothesis import strategies as st

from tracksmith.effects import planned
from tracksmith.runs.record import ModelRecord, Stage

CUT = "tracksmith.effects.kind.stage_of"
"""What cuts the records of a model into parts."""


def parts_of(records: int) -> Callable[[int, ModelRecord, int], Stage]:
    """Return what cuts them into parts of so many records, to be put in the place of ``CUT``."""
    whole = planned.stage_of

    def cut(number: int, model: ModelRecord, count: int) -> Stage:
        return replace(whole(number, model, count), starts=tuple(range(0, count, records)))

    return cut


class Variant(NamedTuple):
    contig: str
    position: int
    reference: str
    alternative: str


def spliced(text: str, variant: Variant) -> tuple[str, list[int | None]]:
    """The alternative contig, and where each of its bases lies in the reference.

    The first bases of both alleles stand for each other; inserted ones are None.
    """
    position, old, new = variant.position, len(variant.reference), len(variant.alternative)
    end = position + old
    shared = min(old, new)
    places = [*range(position + shared), *[None] * (new - shared), *range(end, len(text))]
    return text[:position] + variant.alternative + text[end:], places


def variants_of(texts: dict[str, str], longest: int = 12, indels: bool = True):
    """Any replacement inside a contig, ends included."""

    @st.composite
    def draw(pick):
        contig = pick(st.sampled_from(sorted(texts)))
        text = texts[contig]
        position = pick(st.integers(0, len(text) - 1))
        length = pick(st.integers(1, min(longest, len(text) - position)))
        reference = text[position : position + length]
        size = {} if indels else {"min_size": length}
        most = longest if indels else length
        alternative = pick(st.text("ACGT", **({"min_size": 1} | size), max_size=most))
        return Variant(contig, position, reference, alternative)

    return draw()
