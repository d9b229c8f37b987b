"""What is explained: a number of each track, or pair of strands, of one window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracksmith.effects.scores import Pairs, Score, ScoreValues
from tracksmith.effects.units import Units, chosen_units, units_of
from tracksmith.effects.windows import Frame
from tracksmith.errors import UsageError
from tracksmith.models.card import ModelCard
from tracksmith.models.scores import WINDOW_SCORES, ScoreFacts

__all__ = ["FUNCTIONS", "Target", "Targets", "default_functions", "function_facts"]

PROFILE = ScoreFacts(
    "profile", "sum(s_r s_a) - sum(s_r s_r) with s = y / (sum(y) + c)", "share", True,
    symmetric=False, needs_positive=True, needs_place=True,
)  # fmt: skip
"""The shape of the signal, weighted by that of the sequence itself (Avsec et al. 2021)."""

FUNCTIONS = ("log2fc", "diff", "shift", "profile")
"""Scores that are the difference of one number of each allele: what a gradient can be taken of."""

SHAPES = frozenset({"l2"})
"""Scores of a card that say that the shape of a signal counts as well."""


def function_facts(name: str) -> ScoreFacts:
    """Return what a function is."""
    return PROFILE if name == "profile" else WINDOW_SCORES[name]


def default_functions(card: ModelCard) -> tuple[str, ...]:
    """Return what is explained of a model: the first score of its card that is a difference.

    And the profile, where the card scores the shape of a signal as well.
    """
    names = card.default_scores
    first = [name for name in names if name in FUNCTIONS][:1] or ["diff"]
    shape = bool(SHAPES & set(names)) and not card.unfit(PROFILE)
    return (*first, *["profile"] * (shape and "profile" not in first))


@dataclass(frozen=True)
class Target:
    """One number of a window that is explained.

    ``rows`` are the tracks that it is made of, one or the two of a pair.
    """

    unit: str
    function: str
    rows: tuple[int, ...]
    name: str


@dataclass(frozen=True)
class Targets:
    """All numbers that are explained of a model, in order.

    ``card`` holds the tracks that are computed, ``wanted`` those that were asked for;
    ``reduce`` is how bins become one number: sum, mean or max.
    """

    card: ModelCard
    wanted: tuple[str, ...]
    functions: tuple[str, ...]
    reduce: str
    frame: Frame

    def __post_init__(self) -> None:
        for name in self.functions:
            if name not in FUNCTIONS:
                raise UsageError(
                    f"--score {name} is no difference of one number of each allele, so it has no "
                    f"gradient and no letters: use {', '.join(FUNCTIONS)}."
                )
            if reason := self.card.unfit(function_facts(name)):
                raise UsageError(f"--score {name} does not fit {self.card.name}: {reason}.")

    @cached_property
    def units(self) -> Units:
        """The tracks and pairs of strands that were asked for."""
        return chosen_units(self.card, self.wanted)[0]

    @cached_property
    def items(self) -> tuple[Target, ...]:
        """Every target, the first function of every unit first."""
        ids = [track.id for track in self.card.tracks]
        return tuple(
            Target(unit, function, tuple(map(ids.index, _tracks_of(self.units, number))),
                   target_name(unit, function, self.functions))
            for function in self.functions
            for number, unit in enumerate(self.units.names)
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.items)

    @property
    def needs_own(self) -> bool:
        """Whether values are weighted by the shape of the sequence that is explained."""
        return "profile" in self.functions

    def values(self, bins: Tensor, own: Tensor | None = None) -> Tensor:
        """Return every target of windows, ``(targets, windows)``.

        Parameters
        ----------
        bins
            ``(tracks, windows, bins)``: the scored bins of every track of the card.
        own
            The same of the sequence that is explained; ``bins`` themselves if None.
        """
        own = bins if own is None else own
        return torch.stack([self._value(target, bins, own) for target in self.items])

    def _value(self, target: Target, bins: Tensor, own: Tensor) -> Tensor:
        mine = torch.cat([bins[row] for row in target.rows], dim=-1)
        if target.function != "profile":
            return self.computes[target.function](mine, bins.shape[-1])
        weights = torch.cat([own[row] for row in target.rows], dim=-1).detach()
        return (self._shape(weights) * self._shape(mine)).sum(-1)

    def _shape(self, values: Tensor) -> Tensor:
        return values / (values.sum(-1, keepdim=True) + self.card.variants.pseudocount)

    @cached_property
    def computes(self) -> dict[str, Callable[[Tensor, int], Tensor]]:
        """The functions of a unit's bins ``(windows, bins)``, and the bins of one track."""
        pseudocount, size = self.card.variants.pseudocount, self.frame.size
        first = (self.frame.first + self.frame.scored[0]) * size

        def total(values: Tensor, bins: int) -> Tensor:
            if self.reduce == "max":
                return values.amax(-1)
            whole = values.sum(-1)
            return whole / bins if self.reduce == "mean" else whole

        def log2fc(values: Tensor, bins: int) -> Tensor:
            return torch.log2(total(values, bins) + pseudocount)

        def shift(values: Tensor, bins: int) -> Tensor:
            strands = values.shape[-1] // bins
            place = torch.arange(bins, dtype=values.dtype, device=values.device) * size
            place = (place + first + size / 2).repeat(strands)
            return (values * place).sum(-1) / values.sum(-1)

        return {"diff": total, "log2fc": log2fc, "shift": shift}

    def scores(self) -> list[Score]:
        """Return the same as scores of pairs of alleles, for every unit of the card."""
        return [Score.of(function_facts(name), self._compare(name)) for name in self.functions]

    def _compare(self, function: str) -> Callable[[Pairs], ScoreValues]:
        every = units_of(self.card)
        ids = [track.id for track in self.card.tracks]
        targets = [
            Target(unit, function, tuple(map(ids.index, _tracks_of(every, number))), "")
            for number, unit in enumerate(every.names)
        ]

        def compute(pairs: Pairs) -> ScoreValues:
            sets = len(pairs.reference)
            results = np.empty((2, sets, len(targets), pairs.shape[2]))
            for number in range(sets):
                both = [_double(side[number]) for side in (pairs.reference, pairs.alternative)]
                for which, bins in enumerate(both):
                    for row, target in enumerate(targets):
                        results[which, number, row] = self._value(target, bins, both[0]).numpy()
            reference, alternative = results
            return ScoreValues(alternative - reference, reference, alternative)

        return compute


def _double(values: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(values.astype(np.float64))


def _tracks_of(units: Units, number: int) -> Sequence[str]:
    """Return the ids of the tracks of a unit."""
    if number < units.tracks:
        return (units.names[number],)
    pair = units.pairs[number - units.tracks].tolist()
    return [units.names[track] for track in pair]


def target_name(unit: str, function: str, functions: Sequence[str]) -> str:
    """Return what files call a target: the track, and what is not its first function."""
    return unit if function == functions[0] else f"{unit}.{function}"
