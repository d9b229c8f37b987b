"""A few windows and the networks that read them, on whatever device: what is compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracksmith.engine.forward import Forward, ForwardOptions
from tracksmith.engine.tiling import Tiling, chunk_stride
from tracksmith.engine.windows import Stretch
from tracksmith.errors import PluginError
from tracksmith.models.card import ModelCard
from tracksmith.models.contract import Predictor
from tracksmith.runs.batch import BatchSize
from tracksmith.runs.device import default_batch_size
from tracksmith.runs.precision import in_precision

__all__ = ["RegionSample", "WindowSample"]

WARM_CALLS = 4
"""Calls before a device is timed: of equal batches the third is recorded, the fourth replayed."""

TIMED_SECONDS = 1.0

FIRST_BASES = 16_384
"""Bases that are predicted before it is known how long that takes."""

REGION_BATCH = {"cpu": 4, "cuda": 64}


@dataclass(frozen=True)
class WindowSample:
    """Neighbouring windows and the networks of some folds.

    ``card`` has the tracks to compute, ``predictor.tracks`` those that are returned; ``bases``
    are masks, uint8 ``(window + (windows - 1) * stride,)``.
    """

    card: ModelCard
    predictor: Predictor
    tiling: Tiling
    bases: NDArray[np.uint8]
    folds: Sequence[str]

    @property
    def name(self) -> str:
        """The model's name."""
        return self.card.name

    def __len__(self) -> int:
        return 1 + (len(self.bases) - self.tiling.window) // self.tiling.stride

    @torch.inference_mode()
    def on(self, device: torch.device, dtype: str) -> NDArray[np.float32]:
        """Bring the networks to a device and return ``(tracks, windows, bins)``, one by one."""
        forward = self._forward(device, dtype, shortcuts=False)
        rows = []
        for start in range(0, len(self) * self.tiling.stride, self.tiling.stride):
            window = self.bases[None, start : start + self.tiling.window]
            rows.append(forward.windows(window, self.folds, reverse=False)[0].cpu())
        values: NDArray[np.float32] = torch.cat(rows, dim=1).numpy()
        return values

    def as_run(self, device: torch.device, dtype: str) -> NDArray[np.float32]:
        """Return the same as a run computes it, NaN where N makes a gap.

        What neighbouring windows share is computed once where the networks know how.
        """
        tiling = self.tiling
        stretch = Stretch(self.bases, -tiling.core_start)
        end = len(self) * tiling.stride
        values = self._forward(device, dtype).predict(stretch, 0, end, self.folds)
        signs = np.array([track.stored_sign for track in self.card.tracks], dtype=np.float32)
        return values.reshape(len(signs), len(self), tiling.bins) * signs[:, None, None]

    def rate(self, device: torch.device, dtype: str, genome_bases: int) -> float:
        """Return windows a second, of all folds and one orientation, in chunks of a genome."""
        forward, stride = self._forward(device, dtype), self.tiling.stride
        tracks = len(self.card.tracks)
        chunk = chunk_stride(self.tiling, tracks, genome_bases) // stride

        def run(windows: int) -> Callable[[], object]:
            length = self.tiling.window + (windows - 1) * stride
            # Any bases do: the time of a network does not depend on them.
            codes = np.array([8, 4, 2, 1], dtype=np.uint8)[np.arange(length) % 4]
            stretch = Stretch(codes, -self.tiling.core_start)
            return lambda: forward.predict(stretch, 0, windows * stride, self.folds)

        few = min(chunk, max(1, FIRST_BASES // self.tiling.window))
        run(few)()
        seconds = _seconds(run(few), 1)
        windows = min(chunk, max(few, int(few * TIMED_SECONDS / seconds)))
        if windows > few:
            seconds = _seconds(run(windows), WARM_CALLS if device.type == "cuda" else 0)
        return windows / seconds

    def _forward(self, device: torch.device, dtype: str, *, shortcuts: bool = True) -> Forward:
        batch = BatchSize(default_batch_size(str(device), self.tiling.window))
        options = ForwardOptions(dtype=dtype, shortcuts=shortcuts)
        return Forward(self.card, self.predictor, self.tiling, device, batch, options)


@dataclass(frozen=True)
class RegionSample:
    """Windows of regions, float32 ``(windows, regions, features)``, and networks to average."""

    card: ModelCard
    networks: Sequence[nn.Module]
    rows: NDArray[np.float32]

    @property
    def name(self) -> str:
        """The model's name."""
        return self.card.name

    def __len__(self) -> int:
        return len(self.rows)

    def on(self, device: torch.device, dtype: str) -> NDArray[np.float32]:
        """Bring the networks to a device and return ``(tracks, windows, regions)``, one by one."""
        rows = [self._call(device, dtype, self.rows[i : i + 1]).cpu() for i in range(len(self))]
        return torch.cat(rows).numpy().transpose(2, 0, 1)

    def as_run(self, device: torch.device, dtype: str) -> NDArray[np.float32]:
        """Return the same from one batch."""
        return self._call(device, dtype, self.rows).cpu().numpy().transpose(2, 0, 1)

    def rate(self, device: torch.device, dtype: str) -> float:
        """Return windows of regions a second, in batches of a run."""
        count = REGION_BATCH.get(device.type, 4)
        rows = np.repeat(self.rows[:1], count, axis=0)
        seconds = _seconds(lambda: self._call(device, dtype, rows).cpu(), WARM_CALLS)
        return count / seconds

    @torch.inference_mode()
    def _call(self, device: torch.device, dtype: str, rows: NDArray[np.float32]) -> Tensor:
        x = torch.from_numpy(rows).to(device)
        values = []
        for network in self.networks:
            network.to(device).eval().requires_grad_(False)
            with in_precision(dtype, device):
                values.append(self._checked(network(x), (*rows.shape[:2], len(self.card.tracks))))
        return torch.stack(values).mean(dim=0)

    def _checked(self, values: object, due: tuple[int, ...]) -> Tensor:
        if not isinstance(values, Tensor) or tuple(values.shape) != due:
            shape = tuple(getattr(values, "shape", ()))
            raise PluginError(f"{self.name} returned {shape}; the card promises {due}.")
        return values.float()


def _seconds(run: Callable[[], object], warm: int) -> float:
    """Return the seconds of a call, the mean of as many as fit into the time."""
    for _ in range(warm):
        run()
    began, calls = time.perf_counter(), 0
    while not calls or time.perf_counter() - began < TIMED_SECONDS:
        run()
        calls += 1
    return (time.perf_counter() - began) / calls
