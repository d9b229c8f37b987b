"""Calling the networks of a model: one batch, one precision, one check of what comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracksmith.engine.windows import Encoder
from tracksmith.errors import PluginError
from tracksmith.genome.bases import COMPLEMENT
from tracksmith.models.contract import Loaded, Predictor
from tracksmith.runs.device import DTYPES
from tracksmith.runs.lanes import Lanes

__all__ = ["Networks", "as_predictor"]

STRETCH_WINDOWS = 8
"""Fewest windows that one call of ``predict_stretch`` is meant to get, unless the network
says ``stretch_windows``; a larger batch size gives it more."""


def as_predictor(loaded: Loaded, folds: Sequence[str]) -> Predictor:
    """Return what a plugin loaded as a :class:`Predictor` with a network per fold.

    Raises
    ------
    PluginError
        It is none, or a fold has no network of its own.
    """
    if isinstance(loaded, nn.Module) and len(folds) == 1:
        return Predictor(dict.fromkeys(folds, loaded))
    networks = loaded.networks if isinstance(loaded, Predictor) else loaded
    if not isinstance(networks, Mapping) or not all(
        isinstance(network, nn.Module) for network in networks.values()
    ):
        raise PluginError(
            f"load() returned {type(loaded).__name__} for {len(folds)} folds: return an nn.Module "
            "for a model without folds, a mapping from fold to nn.Module, or a Predictor."
        )
    missing = [fold or "''" for fold in folds if fold not in networks]
    if missing:
        raise PluginError(f"load() returned no network for fold {', '.join(missing)}.")
    return loaded if isinstance(loaded, Predictor) else Predictor(dict(networks))


class Networks:
    """The networks of a model by fold, on a device; masks in, raw outputs out.

    Every method returns a list with the raw output of each fold, float32
    ``(windows, ...)``.
    """

    def __init__(
        self,
        name: str,
        networks: Mapping[str, nn.Module],
        encode: Encoder,
        device: torch.device,
        dtype: str,
        lanes: Lanes | None = None,
    ) -> None:
        self.name = name
        self._lanes = lanes
        self.encode = encode
        self._encode_complement = Encoder(encode.table[COMPLEMENT])
        self.device = device
        self.dtype = dtype
        self.by_fold = {
            # decision: layout-by-plugin (the engine changes no network)
            fold: network.to(device).eval().requires_grad_(False)
            for fold, network in networks.items()
        }

    def offer(self, shortcut: str) -> bool:
        """Say whether every network has a method of this name."""
        return all(hasattr(network, shortcut) for network in self.by_fold.values())

    @property
    def stretch_windows(self) -> int:
        """Fewest windows that share one pass; 0 when the networks offer no stretch."""
        if not self.offer("predict_stretch"):
            return 0
        sizes = [getattr(net, "stretch_windows", STRETCH_WINDOWS) for net in self.by_fold.values()]
        return int(min(sizes))

    def windows(
        self,
        masks: NDArray[np.uint8],
        folds: Sequence[str],
        *,
        plain: bool = False,
        complement: bool = False,
    ) -> list[Tensor]:
        """Run windows, uint8 ``(windows, window)``; with ``complement`` every base is swapped."""
        encoded = self._encoded(masks, plain=plain, complement=complement)
        return [self._call(self._network(fold), encoded) for fold in folds]

    def stretch(
        self, masks: NDArray[np.uint8], stride: int, folds: Sequence[str], *, reverse: bool
    ) -> list[Tensor]:
        """Run neighbouring windows ``stride`` bp apart by the networks' shortcut.

        With ``reverse`` each row is a reverse complement, and the rows ascend
        in the forward frame.
        """
        rows = masks[::-1] if reverse else masks
        bases = np.concatenate([rows[0], rows[1:, -stride:].reshape(-1)])
        encoded = self._encoded(bases[None])[0]
        raws = []
        for fold in folds:
            network = self._network(fold)
            raw = self._call(network.predict_stretch, encoded, stride)
            raws.append(raw.flip(0) if reverse else raw)
        return raws

    def alleles(
        self,
        reference: NDArray[np.uint8],
        alternative: NDArray[np.uint8],
        changed: tuple[int, int],
        folds: Sequence[str],
        *,
        plain: bool = False,
        complement: bool = False,
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Run pairs of windows that differ in the columns ``changed`` only, by the shortcut."""
        encoded = (
            self._encoded(reference, plain=plain, complement=complement),
            self._encoded(alternative, plain=plain, complement=complement),
        )
        first, second = [], []
        for fold in folds:
            network = self._network(fold)
            with self._autocast():
                found = network.predict_alleles(*encoded, *changed)
            if not isinstance(found, tuple) or len(found) != 2:
                raise PluginError(f"{self.name}: predict_alleles must return two tensors.")
            first.append(self._checked(found[0]))
            second.append(self._checked(found[1]))
        return first, second

    def _network(self, fold: str) -> Any:
        network = self.by_fold[fold]
        return network if self._lanes is None else self._lanes.network(fold, network)

    def _encoded(
        self, masks: NDArray[np.uint8], *, plain: bool = False, complement: bool = False
    ) -> Tensor:
        encode = self._encode_complement if complement else self.encode
        return torch.from_numpy(encode(masks, plain=plain)).to(self.device)

    def _call(self, function: Any, *arguments: Any) -> Tensor:
        if self.dtype == "float32":
            return self._checked(function(*arguments))
        with self._autocast():
            return self._checked(function(*arguments))

    def _autocast(self) -> torch.autocast:
        dtype = DTYPES[self.dtype]
        return torch.autocast(self.device.type, dtype, enabled=dtype is not torch.float32)

    def _checked(self, raw: Any) -> Tensor:
        if not isinstance(raw, Tensor) or raw.ndim < 1:
            raise PluginError(f"{self.name} returned {type(raw).__name__}, not a tensor.")
        if self.dtype == "float32" and raw.dtype is not torch.float32:
            raise PluginError(f"{self.name} returned {raw.dtype}; a network returns float32.")
        return raw.float()
