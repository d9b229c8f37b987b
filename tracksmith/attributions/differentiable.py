"""Gradients through the networks of a plugin, which nobody wrote to be differentiated.

Two ways are tried. Autograd as it is; and autograd over the same operations with every write in
place turned into a new tensor, which ``torch.func.functionalize`` does beneath autograd. The
second one is taken only where it gives the values of plain calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functionalize, vjp
from torch.overrides import TorchFunctionMode

from tracksmith.attributions.steps import Windows
from tracksmith.attributions.targets import Targets
from tracksmith.engine.feed import Feed, on_device
from tracksmith.engine.returned import Returned
from tracksmith.engine.tiling import Orientation, Tiling, orientations, tile
from tracksmith.engine.windows import as_read
from tracksmith.errors import PluginError, TracksmithError, UsageError
from tracksmith.models.contract import Predictor
from tracksmith.models.encoding import encoding_table
from tracksmith.runs.failures import is_of_device
from tracksmith.runs.record import ModelRecord

__all__ = ["AGREE", "Differentiable", "first_line"]

Function = Callable[[Tensor], Tensor]
AGREE = 1e-4
"""Largest difference of a value from that of plain calls, in parts of the largest value."""


WRITES = ("inplace", "in-place", "out=")
"""What torch says where it cannot differentiate because something is written in place."""

VALUES = frozenset({"numpy", "__array__", "tolist", "item", "data_ptr", "__dlpack__"})
"""What reads the numbers of a tensor, which those of a functional one do not survive."""


class _CopiesOfViews(TorchFunctionMode):
    """Lets ``as_strided`` give a copy: a view of overlapping memory cannot be made functional."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if getattr(func, "__name__", "") in VALUES:
            raise RuntimeError(f"the network reads numbers by Tensor.{func.__name__}")
        result = func(*args, **(kwargs or {}))
        strided = func in (torch.Tensor.as_strided, torch.as_strided)
        return result.clone() if strided else result


class Differentiable:
    """The networks of a model, and the gradients of its targets with respect to bases.

    ``known`` is what a known base has in its channel.
    """

    def __init__(
        self, record: ModelRecord, predictor: Predictor, targets: Targets, windows: Windows,
        device: torch.device,
    ) -> None:  # fmt: skip
        self.record, self.card, self.targets, self.windows = record, record.card, targets, windows
        self.device = device
        self.networks = {
            fold: network.to(device).eval().requires_grad_(False)
            for fold, network in predictor.networks.items()
        }
        self.tiling: Tiling = tile(self.card.variant_geometry)
        self.ways: list[Orientation] = orientations(
            self.tiling, record.shifts, reverse=record.reverse_complement
        )
        self.known = self.card.alphabet.known
        self._feed = Feed(encoding_table(self.card.alphabet), device)
        self._returned = Returned(self.card, predictor, device, spread=False)
        self._functional: dict[str, bool] = {}

    def channels(self, stretches: NDArray[np.uint8], way: Orientation) -> Tensor:
        """Return the windows of an orientation as a network reads them, ``(n, 4, window)``.

        ``stretches`` are masks, uint8 ``(n, placement.length)``.
        """
        start = self.windows.placement.start(way.delta)
        masks = stretches[:, start : start + self.windows.placement.window]
        read = as_read(masks, reverse=way.reverse)
        with on_device(self.device):
            loaded = self._feed.load(read, complement=way.reverse)
            return self._feed.channels(loaded, complement=way.reverse)

    def turned(self, values: Tensor, way: Orientation) -> Tensor:
        """Return what belongs to channels, ``(n, 4, window)``, as A, C, G, T of the plus strand."""
        values = values[:, [self.card.alphabet.order.index(base) for base in "ACGT"]]
        return values.flip(1, 2) if way.reverse else values

    def bins(self, network: nn.Module, channels: Tensor, way: Orientation) -> Tensor:
        """Return the scored bins of every track, ``(tracks, windows, bins)``, plus strand first."""
        raw = network(channels)
        tracks = self._returned.sets([raw], len(channels), self.tiling, reverse=way.reverse)[0]
        frame = self.windows.frame
        if frame.whole:
            return tracks[..., :1]
        first = frame.first - way.moved_bins
        return tracks[..., first + frame.scored[0] : first + frame.scored[1]]

    def own(self, fold: str, channels: Tensor, way: Orientation) -> Tensor | None:
        """Return the bins of the sequence that is explained, where values are weighted by them."""
        if not self.targets.needs_own:
            return None
        with torch.no_grad():
            return self.bins(self.networks[fold], channels, way)

    def values(
        self, fold: str, channels: Tensor, way: Orientation, own: Tensor | None = None
    ) -> Tensor:
        """Return every target, ``(targets, windows)``, without a gradient."""
        with torch.no_grad():
            return self.targets.values(self.bins(self.networks[fold], channels, way), own)

    def gradients(
        self, fold: str, channels: Tensor, way: Orientation, own: Tensor | None
    ) -> tuple[Tensor, Iterator[Tensor]]:
        """Return every target, and one after the other their gradients, ``(windows, 4, window)``.

        The values of a window may depend on that window only.
        """
        network = self.networks[fold]

        def function(read: Tensor) -> Tensor:
            return self.targets.values(self.bins(network, read, way), own)

        return _pulled(function, channels, functional=self._functional[fold])

    def call_plainly(self, stretch: NDArray[np.uint8], folds: Sequence[str]) -> None:
        """Call every network once, as predictions do, on one stretch and its reverse.

        Raises
        ------
        PluginError
            It raises, returns what predictions refuse, or mixes the windows of a batch.
        """
        channels = self.channels(np.stack([stretch, stretch[::-1]]), self.ways[0])
        for fold in folds:
            name = f"fold {fold} of {self.card.name}" if fold else self.card.name
            both, alone = (_called(self.networks[fold], name, c) for c in (channels, channels[:1]))
            size = both.abs().max().item()
            if both[:1].shape != alone.shape or (both[:1] - alone).abs().max() > AGREE * size:
                raise PluginError(
                    f"{name} gives a window other values with other windows beside it in a batch, "
                    "so that no gradient is of one window alone. Use --method ism with -b 1, or "
                    "mend the plugin."
                )

    def probe(self, stretch: NDArray[np.uint8], folds: Sequence[str]) -> None:
        """Find out how each network can be differentiated, on one stretch.

        Raises
        ------
        UsageError
            It cannot be: what torch says of it, in a sentence.
        """
        way = self.ways[0]
        channels = self.channels(stretch[None], way)
        for fold in folds:
            plain = self.values(fold, channels, way)  # also fills what networks keep
            reasons = []
            # decision: in-place-made-functional (plugins stay fast and say nothing)
            for functional in (False, True):
                self._functional[fold] = functional
                reason = self._fault(fold, channels, way, plain)
                reasons.append(reason)
                if not any(word in reason for word in WRITES):
                    break
            if reason:
                self._refuse(fold, reasons[0])

    def _fault(self, fold: str, channels: Tensor, way: Orientation, plain: Tensor) -> str:
        """Say why gradients cannot be taken this way; nothing if they can."""
        try:
            values, gradients = self.gradients(fold, channels, way, self.own(fold, channels, way))
            every = list(gradients)
        except TracksmithError:
            raise
        except Exception as error:
            if is_of_device(error):
                raise
            return first_line(error)
        size = plain.nan_to_num().abs().max().item()
        if not torch.allclose(values, plain, rtol=0, atol=AGREE * size, equal_nan=True):
            return "its operations in place give other values when they are made functional"
        if not all(bool(torch.isfinite(g).all()) for g in every):
            return "a gradient is not finite"
        if not any(bool(g.any()) for g in every) and self._moves(fold, channels, way, plain):
            return "its gradient is 0 everywhere though other bases give other values (rounding?)"
        return ""

    def _moves(self, fold: str, channels: Tensor, way: Orientation, plain: Tensor) -> bool:
        """Say whether swapping all bases changes any target."""
        return not torch.equal(self.values(fold, channels.flip(1), way), plain)

    def _refuse(self, fold: str, reason: str) -> None:
        where = f"fold {fold} of {self.card.name}" if fold else self.card.name
        raise UsageError(
            f"The network of {where} cannot be differentiated: {reason}. "
            "Use --method ism, which needs no gradient."
        )


def _called(network: nn.Module, name: str, channels: Tensor) -> Tensor:
    """Return what a network makes of windows, as it returns it."""
    try:
        with torch.no_grad():
            raw: Any = network(channels)
    except TracksmithError:
        raise
    except Exception as error:
        if is_of_device(error):
            raise
        raise PluginError(
            f"{name} raised {first_line(error)}\nIt happened on {len(channels)} windows of random "
            "bases, with which each network is tried before a run begins."
        ) from error
    if not isinstance(raw, Tensor) or raw.ndim < 1:
        raise PluginError(f"{name} returned {type(raw).__name__}, not a tensor.")
    if raw.dtype is not channels.dtype:
        raise PluginError(f"{name} returned {raw.dtype}; a network returns float32.")
    if not torch.isfinite(raw).all():
        raise PluginError(f"{name} returned numbers that are not finite. Check the weights.")
    return raw


def first_line(error: Exception) -> str:
    """Return the kind of an error and the first line of what it says, if it says anything."""
    line = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def _pulled(
    function: Function, channels: Tensor, *, functional: bool
) -> tuple[Tensor, Iterator[Tensor]]:
    if functional:
        return _pulled_functional(function, channels)
    leaf = channels.detach().clone().requires_grad_()
    with torch.enable_grad():
        values = function(leaf)
    if not values.requires_grad:
        raise RuntimeError(
            "no gradient reaches the bases: the network detaches its input (torch.no_grad, numpy "
            "or whole numbers inside)"
        )

    def each() -> Iterator[Tensor]:
        for number, value in enumerate(values):
            kept = number + 1 < len(values)
            (gradient,) = torch.autograd.grad(value.sum(), leaf, retain_graph=kept)
            yield gradient

    return values.detach(), each()


def _pulled_functional(function: Function, channels: Tensor) -> tuple[Tensor, Iterator[Tensor]]:
    def inner(read: Tensor) -> Tensor:
        with _CopiesOfViews():
            return function(read)

    values, pull, *_ = vjp(functionalize(inner), channels.detach())

    def each() -> Iterator[Tensor]:
        for number in range(len(values)):
            one = torch.zeros_like(values)
            one[number] = 1
            yield pull(one)[0]

    return values.detach(), each()
