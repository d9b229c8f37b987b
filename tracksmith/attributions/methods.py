"""Attributions by gradients: gradient times input, and integrated gradients.

Every method gives, for each base of a step and each letter that could stand there, what that
letter adds: *hypothetical* contributions, float64 ``(targets, steps, 4, bases)``, letters A, C, G,
T. The contribution of a base is that of the letter that is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracksmith.attributions.differentiable import Differentiable
from tracksmith.attributions.references import References
from tracksmith.engine.tiling import Orientation

__all__ = ["BATCH_POINTS", "Contribution", "Gradient", "Integrated", "Method", "Pass"]

BATCH_POINTS = 1 << 19
"""Bases of windows on a path that are read together, at least one window."""


@dataclass(frozen=True)
class Pass:
    """Windows of some steps on their way through one fold in one orientation.

    ``stretches`` are the masks of the steps, uint8 ``(steps, placement.length)``; ``shuffled``
    those whose shuffles are their references, and ``seeds`` the numbers of these in the run.
    """

    fold: str
    way: Orientation
    stretches: NDArray[np.uint8]
    shuffled: NDArray[np.uint8]
    seeds: Sequence[int]


@dataclass(frozen=True)
class Contribution:
    """What letters add to one target, of the windows of a pass.

    ``hypothetical`` is float ``(steps, 4, window)``, letters and positions of the plus strand.
    ``prediction``, ``reference``, ``total`` and ``delta`` are float64 ``(steps,)``: the target,
    its mean over references, the sum of the letters of the whole window, and the largest
    difference between letters and predictions of a single reference.
    """

    hypothetical: Tensor
    prediction: NDArray[np.float64]
    reference: NDArray[np.float64] | None = None
    total: NDArray[np.float64] | None = None
    delta: NDArray[np.float64] | None = None


class Method(Protocol):
    """How contributions are found."""

    def explain(self, job: Pass) -> Iterator[Contribution]:
        """Yield the contributions to every target, in order."""


@dataclass(frozen=True)
class Gradient:
    """Gradient times input; gradients are centred over the four bases.

    A one-hot input can only move where its four channels keep their sum, so what all four share
    of a gradient says nothing (Majdandzic et al. 2023, doi:10.1186/s13059-023-02956-3).
    """

    model: Differentiable

    def explain(self, job: Pass) -> Iterator[Contribution]:
        """See :class:`Method`."""
        model = self.model
        channels = model.channels(job.stretches, job.way)
        own = model.own(job.fold, channels, job.way)
        values, gradients = model.gradients(job.fold, channels, job.way, own)
        for value, gradient in zip(values, gradients, strict=True):
            centred = gradient - gradient.mean(1, keepdim=True)
            letters = model.turned(centred * model.known, job.way)
            yield Contribution(letters, value.double().cpu().numpy())


@dataclass
class Integrated:
    """Integrated gradients (Sundararajan et al. 2017, arXiv:1703.01365), a mean over references.

    The path from a reference to the sequence is straight; the integral is taken by Gauss and
    Legendre's rule at ``points`` of it.
    """

    model: Differentiable
    references: References
    points: int
    nodes: tuple[NDArray[np.float64], NDArray[np.float64]] = field(init=False)

    def __post_init__(self) -> None:
        places, weights = np.polynomial.legendre.leggauss(self.points)
        self.nodes = ((places + 1) / 2, weights / 2)

    def explain(self, job: Pass) -> Iterator[Contribution]:
        """See :class:`Method`."""
        steps = [self._one(job, number) for number in range(len(job.stretches))]
        for target in range(len(self.model.targets)):
            mine = [step[target] for step in steps]
            yield joined(mine)

    def _one(self, job: Pass, number: int) -> list[Contribution]:
        """Return the contributions of one step to every target."""
        model, way = self.model, job.way
        channels = model.channels(job.stretches[number : number + 1], way)
        own = model.own(job.fold, channels, way)
        references = self.references.channels(model, job, number)
        prediction = model.values(job.fold, channels, way, own)[:, 0].double()
        baseline = torch.stack([
            model.values(job.fold, one[None], way, own)[:, 0] for one in references
        ]).double()  # fmt: skip
        sequence, targets = channels[0].cpu().double(), len(model.targets)
        letters = torch.zeros((targets, *sequence.shape), dtype=torch.float64)
        sums = torch.zeros((targets, len(references)), dtype=torch.float64)
        for row, reference in enumerate(references):
            slope = self._slope(job, channels[0], reference, own)
            away = reference.cpu().double()
            letters += hypothetical(model.known, away, slope) / len(references)
            sums[:, row] = ((sequence - away) * slope).sum((1, 2))
        return [
            contribution(
                model.turned(letters[target][None], way), sums[target],
                (prediction[target], baseline[:, target]),
            )
            for target in range(targets)
        ]  # fmt: skip

    def _slope(self, job: Pass, sequence: Tensor, reference: Tensor, own: Tensor | None) -> Tensor:
        """Return the mean gradient along a path, float64 ``(targets, 4, window)``."""
        model = self.model
        places, weights = (torch.from_numpy(array) for array in self.nodes)
        mean = torch.zeros((len(model.targets), *sequence.shape), dtype=torch.float64)
        most = max(1, BATCH_POINTS // sequence.shape[-1])
        most = min(most, model.record.batch_size)
        for first in range(0, self.points, most):
            some = places[first : first + most].to(sequence.device, sequence.dtype)[:, None, None]
            points = reference + some * (sequence - reference)
            shared = None if own is None else own.expand(-1, len(points), -1)
            _, gradients = model.gradients(job.fold, points, job.way, shared)
            for target, gradient in enumerate(gradients):
                share = weights[first : first + most][:, None, None]
                mean[target] += (gradient.cpu().double() * share).sum(0)
        return mean


def hypothetical(known: float, away: Tensor, slopes: Tensor) -> Tensor:
    """Return what each letter adds from multipliers with respect to channels.

    A letter takes the place of a reference's base: its channel goes up, that of the base down.
    ``away`` are references, ``slopes`` their multipliers, both ``(..., 4, window)``.
    """
    return known * slopes - (away * slopes).sum(-2, keepdim=True)


def contribution(letters: Tensor, sums: Tensor, values: tuple[Tensor, Tensor]) -> Contribution:
    """Return the contribution of one step to one target.

    Parameters
    ----------
    letters
        Hypothetical contributions of the plus strand, ``(1, 4, window)``.
    sums
        The sum of the letters of the whole window, float64 ``(references,)``.
    values
        The target of the sequence, float64 scalar, and of each reference, ``(references,)``.
    """
    prediction, baseline = values[0].cpu(), values[1].cpu()
    delta = (sums - (prediction - baseline)).abs().max()
    return Contribution(
        letters,
        prediction.reshape(1).numpy(),
        baseline.mean().reshape(1).numpy(),
        sums.mean().reshape(1).numpy(),
        delta.reshape(1).numpy(),
    )


def joined(parts: Sequence[Contribution]) -> Contribution:
    """Return the contributions of several steps as one."""

    def every(name: str) -> NDArray[np.float64]:
        return np.concatenate([getattr(part, name) for part in parts])

    return Contribution(
        torch.cat([part.hypothetical for part in parts]),
        every("prediction"), every("reference"), every("total"), every("delta"),
    )  # fmt: skip
