"""What scores are taken over: tracks, pairs of strands, the model as a whole."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import UsageError
from tracksmith.models.card import ModelCard
from tracksmith.models.scores import ScoreFacts

__all__ = [
    "WHOLE",
    "Units",
    "chosen_units",
    "refuse_parts_of_a_model",
    "refuse_without_tracks",
    "units_of",
]

Values = NDArray[np.float64]

WHOLE = "*"
"""The name of the model as a whole, where tables name a track; no track can be called so."""


@dataclass(frozen=True)
class Units:
    """What a score may be taken over: every track, then every pair of strands, then the model.

    ``names`` are track ids, a pair as ``plus+minus``, the model as :data:`WHOLE`, where any score
    is of it; ``pairs`` is int64, shape (pairs, 2): the tracks of each pair.
    """

    names: tuple[str, ...]
    pairs: NDArray[np.int64]
    whole: bool = False

    def __len__(self) -> int:
        return len(self.names)

    @property
    def tracks(self) -> int:
        """Number of tracks, which are the first units."""
        return len(self.names) - len(self.pairs) - self.whole

    def of(self, score: ScoreFacts) -> list[int]:
        """Return the units that a score is taken over."""
        tracks, both = self.tracks, self.tracks + len(self.pairs)
        numbers = list(range(tracks)) if "tracks" in score.units else []
        numbers += range(tracks, both) if "pairs" in score.units else []
        return [*numbers, both] if "model" in score.units and self.whole else numbers

    def heads(self, score: ScoreFacts) -> list[int]:
        """Return the units among which the strongest effect of a variant is looked for.

        The model; or the pairs, and tracks without a partner; or the tracks.
        """
        own = self.of(score)
        paired = set(self.pairs.ravel().tolist()) if "pairs" in score.units else set()
        return [unit for unit in own if unit not in paired]

    def total(self, per_track: NDArray[np.floating]) -> Values:
        """Sum ``(sets, tracks, variants)`` over the tracks of every track and pair."""
        first, second = self.pairs.T
        both = per_track[:, first] + per_track[:, second]
        return np.concatenate([per_track, both], axis=1, dtype=np.float64)

    def strongest(self, size: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return where ``(sets, tracks, variants)`` is largest: a track of every track and pair."""
        first, second = (column[:, None] for column in self.pairs.T)
        chosen = np.where(size[:, self.pairs[:, 0]] >= size[:, self.pairs[:, 1]], first, second)
        own = np.broadcast_to(np.arange(size.shape[1])[:, None], size.shape)
        return np.concatenate([own, chosen], axis=1)


def units_of(card: ModelCard, scores: Iterable[ScoreFacts] = ()) -> Units:
    """Return the units of a card's tracks, with the model as a whole where a score is of it."""
    ids = [track.id for track in card.tracks]
    pairs = [(own, other) for own, other in enumerate(card.rc_partners()) if own < other]
    whole = any("model" in score.units for score in scores)
    names = [*ids, *(f"{ids[own]}+{ids[other]}" for own, other in pairs), *[WHOLE] * whole]
    return Units(tuple(names), np.array(pairs, dtype=np.int64).reshape(-1, 2), whole)


def refuse_parts_of_a_model(
    model: str, scores: Iterable[ScoreFacts], wanted: Sequence[str], tracks: Sequence[str]
) -> None:
    """Refuse scores of the model as a whole where only some of its tracks were asked for.

    Raises
    ------
    UsageError
        With the score that needs all tracks.
    """
    whole = [score.name for score in scores if "model" in score.units]
    if whole and set(wanted) != set(tracks):
        raise UsageError(
            f"The score {whole[0]} of {model} is taken over all of its tracks: leave out -t, or "
            "choose other scores with --score."
        )


def refuse_without_tracks(model: str, scores: Sequence[ScoreFacts]) -> None:
    """Refuse a first score that has no value for a track, of which no track can be drawn.

    Raises
    ------
    UsageError
        With the scores that have one.
    """
    if "tracks" in scores[0].units:
        return
    fitting = [score.name for score in scores if "tracks" in score.units] or ["diff"]
    raise UsageError(
        f"--saturate: the score {scores[0].name} of {model} has no value for single tracks, which "
        f"could be drawn. Choose one that has, such as --score {fitting[0]}."
    )


def chosen_units(
    card: ModelCard, wanted: Collection[str], scores: Sequence[ScoreFacts] = ()
) -> tuple[Units, list[int]]:
    """Return the units of the wanted tracks alone, and their numbers among all of the card."""
    every = units_of(card, scores)
    kept = [number for number in range(every.tracks) if every.names[number] in wanted]
    place = {number: at for at, number in enumerate(kept)}
    pairs = [
        (number, place[own], place[other])
        for number, (own, other) in enumerate(every.pairs.tolist(), every.tracks)
        if own in place and other in place
    ]
    columns = [*kept, *(number for number, _, _ in pairs), *[len(every) - 1] * every.whole]
    names = tuple(every.names[number] for number in columns)
    both = np.array([pair[1:] for pair in pairs], np.int64).reshape(-1, 2)
    return Units(names, both, every.whole), columns
