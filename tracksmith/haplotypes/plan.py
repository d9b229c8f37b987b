"""A model over windows on haplotypes: its tracks for every person, beside the reference's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from tracksmith.engine.plan import Output, WindowPlan
from tracksmith.models.card import ModelCard, WindowGeometry
from tracksmith.runs.inputs import SampleRecord

__all__ = ["DIFFERENCE", "FIRST", "SECOND", "HaplotypePlan", "haplotype_outputs", "register_of"]

FIRST, SECOND, DIFFERENCE = "hap1", "hap2", "hap1-hap2"
STATISTICS = (FIRST, SECOND, DIFFERENCE)

SHORT_CORE = 10_000
"""Cores below this length (bp) are put in register exactly unless the user says otherwise."""


@dataclass(frozen=True)
class HaplotypePlan(WindowPlan):
    """One model of a planned run of haplotypes."""

    samples: tuple[SampleRecord, ...]

    @cached_property
    def outputs(self) -> list[Output]:
        """The tracks to write: those of the reference, then those of each person."""
        own = WindowPlan(self.planned, self.contigs, self.regions).outputs
        return haplotype_outputs(self.card, own, self.samples)

    @property
    def exact(self) -> bool:
        """Whether every base is put in register, or the middle of each core."""
        return self.record.register == "exact"


def rows_of(card: ModelCard, *, spread: bool) -> int:
    """Return how many rows of values the reference and each haplotype have."""
    return len(card.tracks) * (2 if spread else 1)


def haplotype_outputs(
    card: ModelCard, own: Sequence[Output], samples: Sequence[SampleRecord]
) -> list[Output]:
    """Return the outputs of the reference, then both haplotypes and the difference of each person.

    The rows of a person follow on one another: first haplotype, second, difference. The
    spread over folds is that of a haplotype: of the difference there is none.
    """
    spread = any(output.statistic == "sd" for output in own)
    rows = rows_of(card, spread=spread)
    signs = {track.id: track.stored_sign for track in card.tracks}
    outputs = list(own)
    for number, sample in enumerate(samples):
        for place, what in enumerate(STATISTICS, 1 + 3 * number):
            for output in own:
                if output.statistic == "sd" and what == DIFFERENCE:
                    continue
                statistic = what if output.statistic == "mean" else f"{what}.{output.statistic}"
                plain = what == DIFFERENCE or output.statistic == "sd"
                sign = 1 if plain else signs[output.track]
                row = output.row + place * rows
                outputs.append(Output(output.track, statistic, row, sample, sign))
    return outputs


def register_of(geometry: WindowGeometry, stride: int, wanted: str) -> str:
    """Return ``exact`` or ``core``: what was wanted, or what fits the length of the cores."""
    if wanted != "auto":
        return wanted
    # decision: register-by-core (an indel costs a window of each core it lies in)
    return "exact" if min(stride, geometry.core_length) < SHORT_CORE else "core"
