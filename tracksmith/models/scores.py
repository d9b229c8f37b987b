"""Scores of variants by name: what they mean and ask of a model, not how they are computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = [
    "REGION_DEFAULT",
    "REGION_SCORES",
    "WINDOW_SCORES",
    "ScoreFacts",
    "UnitKind",
    "default_scores",
]

UnitKind: TypeAlias = Literal["tracks", "pairs", "model"]
"""What a score is taken over: every track, every pair of strands, the model as a whole."""


@dataclass(frozen=True)
class ScoreFacts:
    """What a score is; ``signed`` says whether positive means more signal in the alternative.

    ``formula`` uses R and A for the total of the scoring bins of reference and
    alternative (their sum or mean, as the card says), r and a for single bins.
    Where the alleles are exchanged, a ``symmetric`` score turns its sign if it
    is signed, and is the same if not; others have to be computed again.

    ``units`` says what it is taken over. ``needs_positive`` scores have no meaning for tracks that
    may be negative, ``needs_place`` scores none for a model with one value a window. One that
    ``places`` names the bin where it found its value.
    """

    name: str
    formula: str
    unit: str
    signed: bool
    symmetric: bool = True
    units: tuple[UnitKind, ...] = ("tracks", "pairs")
    needs_positive: bool = False
    needs_place: bool = False
    places: bool = False

    def unfit(self, signed_tracks: Sequence[str], *, whole_window: bool) -> str:
        """Say why a model cannot have this score; nothing if it can.

        Parameters
        ----------
        signed_tracks
            The ids of the tracks that may be negative.
        whole_window
            The model gives one value a window.
        """
        if self.needs_positive and signed_tracks:
            return (
                f"its tracks may be negative ({signed_tracks[0]}), so a ratio or a centre of mass "
                "has no meaning"
            )
        if self.needs_place and whole_window:
            return "it gives one value a window, which has no place in it"
        return ""


TRACK_UNIT = "units of the track"


def _by_name(scores: Iterable[ScoreFacts]) -> Mapping[str, ScoreFacts]:
    return {score.name: score for score in scores}


WINDOW_SCORES = _by_name(
    (
        ScoreFacts("log2fc", "log2((A + c) / (R + c))", "log2 ratio", True, needs_positive=True),
        ScoreFacts("diff", "A - R", TRACK_UNIT, True),
        ScoreFacts("l2", "sqrt(sum((a - r)^2))", TRACK_UNIT, False),
        ScoreFacts(
            "shift", "sum(x a) / A - sum(x r) / R", "bp", True,
            needs_positive=True, needs_place=True,
        ),
        ScoreFacts(
            "maxabs", "a - r of the bin where |a - r| is largest", TRACK_UNIT, True,
            needs_place=True, places=True,
        ),
    )
)  # fmt: skip
"""Scores of models over windows."""

REGION_SCORES = _by_name(
    (
        ScoreFacts("diff", "a - r at the variant's own region", TRACK_UNIT, True),
        ScoreFacts(
            "strongest", "a - r of the region of the window where |a - r| is largest",
            TRACK_UNIT, True, places=True,
        ),
    )
)  # fmt: skip
"""Scores of models over regions."""

REGION_DEFAULT = ("diff", "strongest")


def default_scores(signed_tracks: Sequence[str], *, regions: bool) -> tuple[str, ...]:
    """Return the scores of a model whose card names none."""
    if regions:
        return REGION_DEFAULT
    return ("diff",) if signed_tracks else ("log2fc",)
