"""The sequences that attributions are taken against."""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from tracksmith.errors import UsageError
from tracksmith.genome.bases import N

if TYPE_CHECKING:
    from torch import Tensor

    from tracksmith.attributions.differentiable import Differentiable
    from tracksmith.attributions.methods import Pass

__all__ = ["BASELINES", "References", "require_extra"]

BASELINES = ("shuffled", "uniform")
PLAIN = np.array([1, 2, 4, 8], np.uint8)


def require_extra(what: str) -> None:
    """Refuse what needs tangermeme where it is not installed.

    Raises
    ------
    UsageError
        With what to install.
    """
    if importlib.util.find_spec("tangermeme") is None:
        raise UsageError(
            f"{what} needs tangermeme, which is not installed: `pip install 'tracksmith[explain]'`."
        )


@dataclass(frozen=True)
class References:
    """References of a step: dinucleotide shuffles of its stretch, or one of equal bases.

    The shuffles of a step depend on ``seed`` and on the step's number in the run alone.
    """

    baseline: str
    count: int
    seed: int

    def channels(self, model: Differentiable, job: Pass, row: int) -> Tensor:
        """Return references of a step as a network reads them, ``(references, 4, window)``."""
        if self.baseline == "uniform":
            own = model.channels(job.stretches[row][None], job.way)
            known = (own != 0).sum(1, keepdim=True) == 1
            return torch.where(known, torch.full_like(own, model.known / 4), own)
        return model.channels(self.shuffles(job.shuffled[row], job.seeds[row]), job.way)

    def shuffles(self, stretch: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
        """Return dinucleotide shuffles of a stretch, uint8 ``(count, length)``.

        What is no A, C, G or T is shuffled as one kind of unknown base. A stretch that has one
        order only, such as N throughout, is its own shuffle.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from tangermeme.ersatz import dinucleotide_shuffle

            bases = torch.from_numpy((stretch[None] == PLAIN[:, None]).astype(np.float32))
            seed = (self.seed * 1_000_003 + number) % (1 << 31)
            try:
                shuffled = dinucleotide_shuffle(
                    bases[None], n=self.count, random_state=seed, allow_N=True
                )[0].numpy()
            except ValueError as error:
                if "identical" not in str(error):
                    raise
                # There is no other order: one base throughout, or N.
                shuffled = np.stack([bases.numpy()] * self.count)
        masks = np.where(shuffled.any(1), PLAIN[shuffled.argmax(1)], np.uint8(N))
        return np.ascontiguousarray(masks)
