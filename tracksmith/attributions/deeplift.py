"""DeepLIFT with the rescale rule, over shuffled references (DeepSHAP), by tangermeme."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracksmith.attributions.differentiable import AGREE, Differentiable, first_line
from tracksmith.attributions.methods import Contribution, Pass, contribution, hypothetical, joined
from tracksmith.attributions.references import References
from tracksmith.attributions.rules import Elementwise, Ruled
from tracksmith.engine.tiling import Orientation
from tracksmith.errors import TracksmithError, UsageError
from tracksmith.runs.failures import is_of_device

__all__ = ["DeepLift"]


@dataclass
class DeepLift:
    """Attributions by DeepLIFT (Shrikumar et al. 2017), a mean over references.

    The mean over dinucleotide shuffles is the expectation that DeepSHAP takes (Lundberg and Lee
    2017).
    """

    model: Differentiable
    references: References
    _ruled: dict[tuple[str, bool], Ruled] = field(default_factory=dict, repr=False)
    _own: Tensor | None = field(default=None, repr=False)

    def explain(self, job: Pass) -> Iterator[Contribution]:
        """See :class:`tracksmith.attributions.methods.Method`."""
        steps = [self._one(job, number) for number in range(len(job.stretches))]
        for target in range(len(self.model.targets)):
            yield joined([step[target] for step in steps])

    def probe(self, stretch: NDArray[np.uint8]) -> None:
        """Find out whether every network has a rule for each of its operations.

        Raises
        ------
        UsageError
            An operation has none, by its name.
        """
        way = self.model.ways[0]
        for fold in self.model.networks:
            try:
                self._check(fold, way, stretch)
            except UsageError as error:
                self._refuse(str(error), fold)
            except TracksmithError:
                raise
            except Exception as error:
                if is_of_device(error):
                    raise
                self._refuse(first_line(error), fold)

    def _check(self, fold: str, way: Orientation, stretch: NDArray[np.uint8]) -> None:
        channels = self.model.channels(np.stack([stretch, stretch[::-1]]), way)
        due = self.model.values(fold, channels, way).T
        bases = (channels / self.model.known).requires_grad_()
        self._own = self.model.own(fold, channels, way)
        values = self._rule(fold, way)(bases)
        size = due.nan_to_num().abs().max().item()
        if not torch.allclose(values, due, rtol=0, atol=AGREE * size, equal_nan=True):
            self._refuse("its operations in place give other values when they are not", fold)
        self._own = self.model.own(fold, channels[:1], way)
        self._multipliers(self._rule(fold, way), channels[:1], channels[1:], 0)

    def _refuse(self, reason: str, fold: str) -> None:
        where = f"fold {fold} of {self.model.card.name}" if fold else self.model.card.name
        raise UsageError(
            f"DeepLIFT cannot explain {where}: {reason}. Use --method integrated, which needs no "
            "rules, or --method ism."
        )

    def _rule(self, fold: str, way: Orientation) -> Ruled:
        """Return a network with its rules, from one-hot bases to targets."""
        key = (fold, way.reverse)
        if key not in self._ruled:
            from tangermeme.deep_lift_shap import BilinearOp

            model, unknown = self.model, self.model.card.alphabet.unknown
            network = model.networks[fold]

            def function(bases: Tensor) -> Tensor:
                channels = bases * model.known
                if unknown:
                    channels = channels + unknown * (1 - bases.sum(1, keepdim=True))
                bins = model.bins(network, channels, way)
                own = self._own
                if own is not None and own.shape[1] != bins.shape[1]:
                    own = own.repeat(1, bins.shape[1] // own.shape[1], 1)
                return model.targets.values(bins, own).T

            self._ruled[key] = Ruled(network, function, BilinearOp)
        return self._ruled[key]

    def _one(self, job: Pass, number: int) -> list[Contribution]:
        """Return the contributions of one step to every target."""
        model, way, fold = self.model, job.way, job.fold
        stretch = job.stretches[number]
        channels = model.channels(stretch[None], way)
        self._own = own = model.own(fold, channels, way)
        away = model.channels(
            self.references.shuffles(job.shuffled[number], job.seeds[number]), way
        )
        prediction = model.values(fold, channels, way, own)[:, 0].double()
        baseline = torch.stack([
            model.values(fold, one[None], way, own)[:, 0] for one in away
        ]).double()  # fmt: skip
        ruled = self._rule(fold, way)
        sequence, apart = channels[0].cpu().double(), away.cpu().double()
        contributions = []
        for target in range(len(model.targets)):
            slopes = self._multipliers(ruled, channels, away, target)
            letters = hypothetical(model.known, apart, slopes).mean(0, keepdim=True)
            sums = ((sequence - apart) * slopes).sum((1, 2))
            values = (prediction[target], baseline[:, target])
            contributions.append(contribution(model.turned(letters, way), sums, values))
        return contributions

    def _multipliers(self, ruled: Ruled, channels: Tensor, away: Tensor, target: int) -> Tensor:
        """Return multipliers with respect to channels, float64 ``(references, 4, window)``."""
        from tangermeme.deep_lift_shap import _nonlinear, deep_lift_shap

        known = self.model.known
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deltas are told for every step
            rules: dict[Any, Any] = {Elementwise: _nonlinear}
            pairs = deep_lift_shap(
                ruled, _one_hot(channels, known), target=target,
                batch_size=max(1, self.model.record.batch_size // 2),
                references=_one_hot(away, known)[None], raw_outputs=True, only_warn=True,
                additional_nonlinear_ops=rules, device=str(self.model.device),
                dtype=channels.dtype,
            )  # fmt: skip
        multipliers: Tensor = pairs[0].double() / known
        return multipliers


def _one_hot(channels: Tensor, known: float) -> Tensor:
    """Return bases as ones; what is not known, or several bases at once, as zeros."""
    return (channels == known).to(channels.dtype) * ((channels != 0).sum(1, keepdim=True) == 1)
