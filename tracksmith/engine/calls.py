"""Calling the networks of a model: one batch, one precision, one check of what comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracksmith.errors import PluginError
from tracksmith.models.contract import Loaded, Predictor
from tracksmith.runs.lanes import Lanes
from tracksmith.runs.precision import in_precision

__all__ = ["Networks", "as_predictor", "stretch_bases"]

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


def stretch_bases(masks: NDArray[np.uint8], stride: int, *, reverse: bool) -> NDArray[np.uint8]:
    """Return the bases, uint8 ``(length,)``, of windows ``(windows, window)`` ``stride`` bp apart.

    With ``reverse`` each row is a reverse complement, and the rows ascend in the forward frame.
    """
    rows = masks[::-1] if reverse else masks
    return np.concatenate([rows[0], rows[1:, -stride:].reshape(-1)])


class Networks:
    """The networks of a model by fold, on a device; channels in, raw outputs out.

    Every method returns a list with the raw output of each fold, float32
    ``(windows, ...)``.
    """

    def __init__(
        self,
        name: str,
        networks: Mapping[str, nn.Module],
        device: torch.device,
        dtype: str,
        lanes: Lanes | None = None,
    ) -> None:
        self.name = name
        self._lanes = lanes
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

    def windows(self, channels: Tensor, folds: Sequence[str]) -> list[Tensor]:
        """Run windows, float32 ``(windows, 4, window)``."""
        return [self._call(self._network(fold), channels) for fold in folds]

    def stretch(
        self, channels: Tensor, stride: int, folds: Sequence[str], *, reverse: bool
    ) -> list[Tensor]:
        """Run neighbouring windows ``stride`` bp apart by the networks' shortcut.

        ``channels`` is float32 ``(4, length)``; see :func:`stretch_bases`.
        """
        raws = []
        for fold in folds:
            raw = self._call(self._network(fold).predict_stretch, channels, stride)
            raws.append(raw.flip(0) if reverse else raw)
        return raws

    def alleles(
        self,
        reference: Tensor,
        alternative: Tensor,
        changed: tuple[int, int],
        folds: Sequence[str],
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Run windows that differ in the columns ``changed`` only, by the shortcut.

        ``reference`` has as many windows as ``alternative``, or one for all of them.
        """
        first, second = [], []
        for fold in folds:
            network = self._network(fold)
            own, shared = reference, len(reference) < len(alternative)
            if shared and not getattr(network, "one_reference", False):
                own = reference.expand(len(alternative), -1, -1)
            with in_precision(self.dtype, self.device):
                pair = network.predict_alleles(own, alternative, *changed)
            if not isinstance(pair, tuple) or len(pair) != 2:
                raise PluginError(f"{self.name}: predict_alleles must return two tensors.")
            first.append(self._checked(pair[0])[: len(reference)])
            second.append(self._checked(pair[1]))
        return first, second

    def _network(self, fold: str) -> Any:
        network = self.by_fold[fold]
        return network if self._lanes is None else self._lanes.network(fold, network)

    def _call(self, function: Any, *arguments: Any) -> Tensor:
        with in_precision(self.dtype, self.device):
            return self._checked(function(*arguments))

    def _checked(self, raw: Any) -> Tensor:
        if not isinstance(raw, Tensor) or raw.ndim < 1:
            raise PluginError(f"{self.name} returned {type(raw).__name__}, not a tensor.")
        if self.dtype in ("float32", "tf32") and raw.dtype is not torch.float32:
            raise PluginError(f"{self.name} returned {raw.dtype}; a network returns float32.")
        return raw.float()
