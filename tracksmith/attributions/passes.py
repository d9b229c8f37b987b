"""Contributions of some steps, averaged over folds and strands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tracksmith.attributions.differentiable import Differentiable
from tracksmith.attributions.methods import Contribution, Method, Pass
from tracksmith.attributions.mutate import Mutations, spread_of
from tracksmith.attributions.steps import Steps
from tracksmith.genome.bases import Masks
from tracksmith.genome.readable import Readable

__all__ = ["CHECKS", "PLAIN", "ByGradients", "ByMutations", "Explained", "Explainer", "letters_of"]

PLAIN = np.array([1, 2, 4, 8], np.uint8)
CHECKS = ("prediction", "reference", "total", "delta")


@dataclass(frozen=True)
class Explained:
    """What letters add in one step.

    ``hypothetical`` is float32 ``(targets, 4, bases)``, ``spread`` the standard deviation over
    folds of the letter that is there, float32 ``(targets, bases)``, None where it is not asked
    for; ``checks`` are float64 ``(targets, 4)``: see ``CHECKS``, NaN where a method has none.
    """

    hypothetical: NDArray[np.float32]
    spread: NDArray[np.float32] | None
    checks: NDArray[np.float64]

    def to_pieces(self) -> list[bytes]:
        """Return the bytes of every array."""
        spread = b"" if self.spread is None else self.spread.tobytes()
        return [self.hypothetical.tobytes(), spread, self.checks.tobytes()]

    @classmethod
    def of_pieces(cls, pieces: Sequence[bytes], targets: int, *, spread: bool) -> Explained:
        """Read what :meth:`to_pieces` wrote."""
        hypothetical = np.frombuffer(pieces[0], np.float32).reshape(targets, 4, -1)
        own = np.frombuffer(pieces[1], np.float32).reshape(targets, -1) if spread else None
        checks = np.frombuffer(pieces[2], np.float64).reshape(targets, len(CHECKS))
        return cls(hypothetical, own, checks)


def letters_of(hypothetical: NDArray[Any], masks: Masks) -> NDArray[np.float64]:
    """Return the contribution of the letters that are there, ``(..., bases)``.

    ``hypothetical`` is ``(..., 4, bases)``. A base that is no A, C, G or T has none: NaN.
    """
    there = masks == PLAIN[:, None]
    single = np.where(there, hypothetical, 0).sum(-2, dtype=np.float64)
    letters: NDArray[np.float64] = np.where(there.any(0), single, np.nan)
    return letters


class Explainer(Protocol):
    """A loaded model that explains steps."""

    def explain(self, first: int, last: int) -> list[Explained]:
        """Explain the steps ``[first, last)``; the values of a step do not depend on others."""


@dataclass(frozen=True)
class ByMutations:
    """Explains by every substitution; see :class:`Mutations`."""

    mutations: Mutations
    steps: Steps

    def explain(self, first: int, last: int) -> list[Explained]:
        """See :class:`Explainer`."""
        edges = self.steps.first[first : last + 1]
        values, spread = self.mutations.explain(int(edges[0]), int(edges[-1]))
        checks = np.full((len(values), len(CHECKS)), np.nan)
        cuts = (edges - edges[0]).tolist()
        return [
            Explained(
                np.ascontiguousarray(values[:, :, start:end], np.float32),
                None if spread is None else np.ascontiguousarray(spread[:, start:end], np.float32),
                checks,
            )
            for start, end in pairwise(cuts)
        ]


@dataclass(frozen=True)
class ByGradients:
    """Explains by a method that needs gradients: the mean over folds and strands of each.

    ``folds`` are those of every contig, by its number.
    """

    model: Differentiable
    method: Method
    genome: Readable
    steps: Steps
    folds: Sequence[tuple[str, ...]]
    spread: bool

    def explain(self, first: int, last: int) -> list[Explained]:
        """See :class:`Explainer`."""
        explained: list[Explained] = []
        for _, some in groupby(range(first, last), self._folds_of):
            explained += self._together(list(some))
        return explained

    def _folds_of(self, step: int) -> tuple[str, ...]:
        return self.folds[int(self.steps.contig[step])]

    def _together(self, numbers: list[int]) -> list[Explained]:
        """Explain steps that the same folds predict."""
        folds = self._folds_of(numbers[0])
        placement = self.model.windows.placement
        stretches = self._stretches(numbers)
        sources = self.steps.shuffled[numbers].tolist()
        shuffled = stretches if sources == numbers else self._stretches(sources)
        sums = [_Sum(self, number, folds) for number in numbers]
        # decision: letters-of-each-fold (the spread comes with it; one graph in memory at a time)
        for place, fold in enumerate(folds):
            for way in self.model.ways:
                job = Pass(fold, way, stretches, shuffled, sources)
                skip = placement.start(way.delta)
                for target, contribution in enumerate(self._batches(job)):
                    for row, total in enumerate(sums):
                        total.add((target, place), contribution, row, skip)
        return [total.mean(stretch) for total, stretch in zip(sums, stretches, strict=True)]

    def _stretches(self, numbers: Sequence[int]) -> Masks:
        placement = self.model.windows.placement
        return np.stack([self.steps.stretch(self.genome, step, placement) for step in numbers])

    def _batches(self, job: Pass) -> Iterator[Contribution]:
        return self.method.explain(job)


class _Sum:
    """The contributions of one step, while they are added up."""

    def __init__(self, owner: ByGradients, number: int, folds: Sequence[str]) -> None:
        self.owner, self.folds = owner, folds
        self.ways = len(owner.model.ways)
        self.offset = owner.steps.offset(number, owner.model.windows.placement)
        self.bases = int(owner.steps.ends[number] - owner.steps.starts[number])
        targets = len(owner.model.targets)
        self.values = np.zeros((max(1, len(folds)), targets, 4, self.bases))
        self.checks = np.zeros((targets, len(CHECKS)))

    def add(self, where: tuple[int, int], one: Contribution, row: int, skip: int) -> None:
        """Add what a fold says of a target in one orientation."""
        target, fold = where
        start = self.offset - skip
        mine = one.hypothetical[row, :, start : start + self.bases]
        self.values[fold, target] += mine.double().cpu().numpy()
        for column, name in enumerate(CHECKS):
            values = getattr(one, name)
            value = np.nan if values is None else values[row]
            if name == "delta":
                self.checks[target, column] = np.maximum(self.checks[target, column], value)
            else:
                self.checks[target, column] += value

    def mean(self, stretch: Masks) -> Explained:
        """Return the mean over folds and strands."""
        values = self.values / self.ways
        masks = stretch[self.offset : self.offset + self.bases]
        checks = self.checks.copy()
        checks[:, :3] /= self.ways * max(1, len(self.folds))
        if not self.folds:
            values, checks = values + np.nan, checks + np.nan
        spread = None
        if self.owner.spread:
            spread = spread_of(letters_of(values, masks)).astype(np.float32)
        mean = values.mean(0)
        mean[:, :, ~np.isin(masks, PLAIN)] = np.nan
        return Explained(mean.astype(np.float32), spread, checks)
