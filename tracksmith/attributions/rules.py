"""A network whose operations are modules, so that DeepLIFT finds a rule for each of them.

Rules are bound to modules of torch, but networks call functions, and write in place. While a
network runs here, every call of a function that is not linear goes through a module of its own,
and what writes in place gives a new tensor instead. What has no rule is refused by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, resolve_name

from tracksmith.errors import UsageError

__all__ = ["Elementwise", "Ruled"]

ELEMENTWISE = frozenset({
    "abs", "celu", "clamp", "clamp_max", "clamp_min", "elu", "erf", "exp", "expm1", "gelu",
    "hardswish", "hardtanh", "leaky_relu", "log", "log10", "log1p", "log2", "logsigmoid", "mish",
    "pow", "reciprocal", "relu", "relu6", "rsqrt", "selu", "sigmoid", "silu", "softplus",
    "softsign", "sqrt", "square", "tanh",
})  # fmt: skip
"""Functions of one number: the rescale rule is theirs."""

LINEAR = frozenset({
    "add", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d", "broadcast_to",
    "cat", "chunk", "clone", "concat", "contiguous", "cumsum", "detach", "double", "dropout",
    "expand", "expand_as", "flatten", "flip", "float", "getitem", "index_select", "mean", "movedim",
    "narrow", "neg", "pad", "permute", "radd", "repeat", "repeat_interleave", "reshape", "roll",
    "rsub", "select", "split", "squeeze", "stack", "sub", "sum", "t", "tensor_split", "to",
    "transpose", "type", "unbind", "unflatten", "unfold", "unsqueeze", "view", "view_as", "T", "mT",
})  # fmt: skip
"""Functions that are linear in all they are given together."""

PRODUCTS = frozenset({
    "addcmul", "addmm", "batch_norm", "bmm", "conv1d", "conv2d", "conv_transpose1d", "einsum",
    "linear", "matmul", "mm", "mul", "rmatmul", "rmul",
})  # fmt: skip
"""Functions that are linear in each of their tensors, as long as the others are fixed."""


class Elementwise(nn.Module):
    """A function of one number, called for every number of a tensor."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, values: Tensor) -> Tensor:
        """Return the function's values."""
        return self.function(values)


class Ruled(nn.Module):
    """A function of windows through a network, every operation of which has a rule.

    ``product`` makes a module of two tensors and an equation, whose rule DeepLIFT knows.
    """

    def __init__(
        self, network: nn.Module, function: Callable[[Tensor], Tensor], product: Any
    ) -> None:
        super().__init__()
        self.network, self.function, self.product = network, function, product
        self.steps = nn.ModuleList()
        self._at = 0

    def forward(self, bases: Tensor) -> Tensor:
        """Return the function's values, ``(windows, targets)``."""
        self._at = 0
        with _Rules(self):
            return self.function(bases)

    def step(self, make: Callable[[], nn.Module], *tensors: Tensor) -> Tensor:
        """Send tensors through the module of this call, which is made at the first run."""
        if self._at == len(self.steps):
            self.steps.append(make())
        module = self.steps[self._at]
        self._at += 1
        value: Tensor = module(*tensors)
        return value

    def each(self, function: Callable[..., Tensor], values: Tensor) -> Tensor:
        """Send a tensor through the module of a function of one number."""
        if self._at < len(self.steps):  # what is fixed may be another with each batch
            module = self.steps[self._at]
            if isinstance(module, Elementwise):
                module.function = function
        return self.step(lambda: Elementwise(function), values)


class _Rules(TorchFunctionMode):
    """Sends the functions of a network to modules."""

    def __init__(self, ruled: Ruled) -> None:
        super().__init__()
        self.ruled = ruled

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        moving = [value for value in _tensors((args, kwargs)) if value.requires_grad]
        if not moving:
            return func(*args, **kwargs)
        name = getattr(func, "__name__", str(func))
        if kwargs.get("out") is not None or name in ("__setitem__", "copy_", "index_put_"):
            raise UsageError(_no_rule(func, "it writes into another tensor"))
        kwargs.pop("inplace", None)
        kwargs.pop("out", None)
        return self._ruled(func, _bare(name), args, kwargs, moving)

    def _ruled(self, func: Any, name: str, args: Any, kwargs: Any, moving: list[Tensor]) -> Any:
        if name in ELEMENTWISE and len(moving) == 1:
            function = _without_writing(func)
            rest = tuple(value for value in args[1:] if not isinstance(value, bool))
            return self.ruled.each(lambda values: function(values, *rest, **kwargs), args[0])
        if name in ("maximum", "minimum") or (name == "max" and len(moving) == 2):
            sign = -1 if name == "minimum" else 1
            return sign * self._larger(sign * args[0], sign * args[1])
        if name in ("div", "truediv", "true_divide"):
            return self._quotient(args[0], args[1])
        if name == "rtruediv":
            return self._quotient(args[1], args[0])
        if name in PRODUCTS:
            return self._product(func, name, args, kwargs, moving)
        if name == "softmax":
            axis = kwargs.get("dim", args[1] if len(args) > 1 else None)
            return self.ruled.step(lambda: nn.Softmax(axis), args[0])
        if name in ("max_pool1d", "max_pool2d"):
            pool = nn.MaxPool1d if name == "max_pool1d" else nn.MaxPool2d
            kwargs.pop("return_indices", None)
            return self.ruled.step(lambda: pool(*args[1:], **kwargs), args[0])
        result = _without_writing(func)(*args, **kwargs)
        tensors = [value for value in _tensors(result) if value.requires_grad]
        # decision: no-rule-no-attribution (what is taken for linear gives plain gradients)
        if tensors and name not in LINEAR and not name.startswith("__get__"):
            raise UsageError(_no_rule(func, "DeepLIFT has no rule for it here"))
        return result

    def _larger(self, one: Tensor, other: Tensor) -> Tensor:
        """Return the larger of each pair of numbers: a pooling of two."""
        both = torch.stack([one.expand_as(other), other.expand_as(one)], dim=-1)
        pooled = self.ruled.step(lambda: nn.MaxPool1d(2), both.reshape(len(both), 1, -1))
        return pooled.reshape(both.shape[:-1])

    def _quotient(self, above: Any, below: Any) -> Tensor:
        if not (isinstance(below, Tensor) and below.requires_grad):
            return torch.div(above, below)
        inverse = self.ruled.each(torch.reciprocal, below)
        return self._times(above, inverse)

    def _times(self, left: Any, right: Tensor) -> Tensor:
        if not (isinstance(left, Tensor) and left.requires_grad):
            return torch.mul(right, left)
        shape = (left + right).shape
        both = left.expand(shape), right.expand(shape)
        return self.ruled.step(lambda: self.ruled.product("...,...->..."), *both)

    def _product(
        self, func: Any, name: str, args: Any, kwargs: Any, moving: list[Tensor]
    ) -> Tensor:
        factors = args[1:] if name in ("addcmul", "addmm", "einsum") else args
        moved = [value for value in _tensors(factors) if value.requires_grad]
        if len(moved) < 2:
            value: Tensor = _without_writing(func)(*args, **kwargs)
            return value
        if name in ("mul", "rmul"):
            return self._times(args[0], args[1])
        if name == "addcmul" and not kwargs:
            return torch.add(args[0], self._times(args[1], args[2]))
        if name in ("matmul", "bmm", "mm", "rmatmul"):
            left, right = (args[1], args[0]) if name == "rmatmul" else args[:2]
            return self.ruled.step(lambda: self.ruled.product(), left, right)
        if name == "einsum" and len(moved) == 2 == len(args[1:]):
            return self.ruled.step(lambda: self.ruled.product(args[0]), *args[1:])
        raise UsageError(_no_rule(func, "two of its tensors depend on the bases"))


def _bare(name: str) -> str:
    """Return the name of a function without underscores, and without the i of ``__iadd__``."""
    if name.startswith("__i") and name not in ("__invert__", "__int__", "__index__"):
        return name[3:-2]
    return name.strip("_") if name != "__get__" else name


def _without_writing(func: Any) -> Any:
    """Return the function that gives a new tensor, for one that writes in place."""
    name = getattr(func, "__name__", "")
    if name.startswith("__i") and name.endswith("__"):
        return getattr(torch.Tensor, f"__{name[3:]}", func)
    if name.endswith("_") and not name.endswith("__"):
        return getattr(torch.Tensor, name[:-1], None) or getattr(torch, name[:-1])
    return func


def _tensors(value: Any) -> list[Tensor]:
    """Return the tensors in nested lists and mappings."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [tensor for item in value for tensor in _tensors(item)]
    return []


def _no_rule(func: Any, why: str) -> str:
    name = resolve_name(func) or getattr(func, "__name__", str(func))
    return f"the network calls {name}, and {why}"
