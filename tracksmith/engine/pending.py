"""The values of a chunk on their way from a device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracksmith.engine.spread import standard_deviation, without_overflow
from tracksmith.engine.tiling import Tiling
from tracksmith.errors import PluginError
from tracksmith.models.card import ModelCard

__all__ = ["Blank", "ChunkPlace", "Pending"]


@dataclass(frozen=True)
class ChunkPlace:
    """Which values a chunk's are: ``start`` in bp, ``gaps`` bool ``(bins,)``."""

    card: ModelCard
    tiling: Tiling
    start: int
    folds: Sequence[str]
    gaps: NDArray[np.bool_]


@dataclass(frozen=True)
class Blank:
    """The values of a chunk in which there is nothing to predict."""

    outputs: int
    bins: int

    def result(self) -> NDArray[np.float32]:
        """Return NaN, float32 ``(outputs, bins)``."""
        return np.full((self.outputs, self.bins), np.nan, dtype=np.float32)


class Pending:
    """Values that a device may still be working on; the next chunk need not wait for them.

    ``total`` is ``(sets, tracks, bins)`` on the device: the mean over folds, then,
    with ``spread``, every fold.
    """

    def __init__(self, place: ChunkPlace, total: Tensor, *, spread: bool) -> None:
        self._place = place
        self._total = total
        self._spread = spread
        outputs = total[0]
        if spread:
            # decision: spread-of-tracks (after strands and shifts, n - 1)
            outputs = torch.cat([outputs, standard_deviation(total[1:])])
        # One NaN or inf makes the sum NaN or inf, and a sum is four times as quick to look at.
        finite = torch.isfinite(total.sum())
        self._values, self._finite = _fetch(outputs), _fetch(finite)
        self._done: Any = torch.Event(total.device.type) if total.is_cuda else None
        if self._done is not None:
            self._done.record()

    def result(self) -> NDArray[np.float32]:
        """Wait for the values, float32 ``(outputs, bins)``, NaN where nothing was predicted.

        Raises
        ------
        PluginError
            One of them is NaN or infinite.
        """
        if self._done is not None:
            self._done.synchronize()
        gaps = self._place.gaps
        if not bool(self._finite):
            self._refuse_unfinite()
        values: NDArray[np.float32] = self._values.numpy()
        if self._spread:
            tracks = len(self._place.card.tracks)
            values[tracks:] = without_overflow(values[tracks:], self._total[1:])
        for row, track in enumerate(self._place.card.tracks):
            if track.stored_sign < 0:
                # Not np.negative: that would turn 0 into -0.
                np.subtract(np.float32(0), values[row], out=values[row])
        if gaps.any():
            values[:, gaps] = np.nan
        return values

    def _refuse_unfinite(self) -> None:
        place, total = self._place, self._total
        bad = ~torch.isfinite(total).cpu().numpy() & ~place.gaps
        if not bad.any():
            return
        if bad[1:].any():
            bad[0] = False  # the fold says more than the mean
        number, track, bin_number = (int(x) for x in np.argwhere(bad)[0])
        tiling = place.tiling
        position = place.start + bin_number * tiling.bin
        window = tiling.window_start(position // tiling.stride)
        fold = f" of fold {place.folds[number - 1]}" if number else ""
        raise PluginError(
            f"{place.card.name} returned {float(total[number, track, bin_number])} for track "
            f"{place.card.tracks[track].id}{fold} at position {position + 1}, from the window at "
            f"{window + 1}-{window + tiling.window}. Check the weights and --dtype."
        )


def _fetch(values: Tensor) -> Tensor:
    """Send values to the host; from a GPU without waiting for them."""
    if not values.is_cuda:
        return values.cpu()
    host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    return host.copy_(values, non_blocking=True)
