"""Bases on their way to a device: to a GPU one byte each, made into channels there."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracksmith.engine.windows import Encoder
from tracksmith.genome.bases import COMPLEMENT

__all__ = ["Feed", "on_device", "to_device"]


def on_device(device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which streams, events and graphs are those of a device.

    Each thread has a current device of its own, which is the first GPU until it is said.
    """
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def to_device(array: NDArray[np.generic], device: torch.device) -> Tensor:
    """Copy an array to a device; to a GPU without waiting for what it is at."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


class Feed:
    """Brings masks to a device and turns them into the channels of a network.

    A CPU gets channels at once. To a GPU masks travel, a sixteenth of the bytes, and
    become channels by a look-up in the same table, so the numbers are the same.

    Parameters
    ----------
    table
        float32 ``(16, 4)``: see :func:`tracksmith.models.encoding.encoding_table`.
    on_device
        Make the channels on the device; by default on a GPU only.
    """

    def __init__(
        self, table: NDArray[np.float32], device: torch.device, *, on_device: bool | None = None
    ) -> None:
        self.device = device
        self.on_device = device.type == "cuda" if on_device is None else on_device
        tables = {False: table, True: table[COMPLEMENT]}
        self._encoders = {swapped: Encoder(rows) for swapped, rows in tables.items()}
        self._columns = {
            swapped: torch.from_numpy(np.ascontiguousarray(rows.T)).to(device)
            for swapped, rows in tables.items()
        }

    def load(
        self, masks: NDArray[np.uint8], *, plain: bool = False, complement: bool = False
    ) -> Tensor:
        """Bring windows, uint8 ``(windows, window)``, to the device.

        ``plain`` promises that there is nothing but A, C, G and T; with
        ``complement`` every base is swapped.
        """
        if self.on_device:
            return to_device(masks, self.device)
        encode = self._encoders[complement]
        return torch.from_numpy(encode(masks, plain=plain)).to(self.device)

    def channels(self, loaded: Tensor, *, complement: bool = False) -> Tensor:
        """Return float32 ``(windows, 4, window)`` of what was loaded, with equal arguments."""
        if not self.on_device:
            return loaded
        windows, bases = loaded.shape
        columns = self._columns[complement].index_select(1, loaded.reshape(-1).int())
        return columns.reshape(4, windows, bases).transpose(0, 1).contiguous()
