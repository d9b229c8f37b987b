"""Reading weight files without running anything that they contain."""

from __future__ import annotations

import json
import pickle
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tracksmith.errors import InputError, TrustError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["load_tensors", "refuse_lambda"]

PICKLED = (".pt", ".pth", ".bin", ".ckpt")


def load_tensors(path: Path, legacy: bool = False) -> dict[str, Tensor]:
    """Return the named tensors of a weight file, on the CPU.

    Parameters
    ----------
    path
        ``.safetensors``, or ``.pt``, ``.pth``, ``.bin``, ``.ckpt`` as written
        by ``torch.save``: a dict of tensors, or a checkpoint that holds one as
        ``state_dict``, ``model_state_dict`` or ``model``.
    legacy
        For checkpoints with objects beside the tensors (optimiser, scheduler):
        an unpickler that knows tensors only and turns every other class into
        an inert stub. Nothing in the file is executed either way.

    Raises
    ------
    InputError
        The file is damaged, of another kind, or holds no named tensors.
    TrustError
        The file holds pickled objects or code, and ``legacy`` was not asked for.
    """
    if not path.is_file():
        raise InputError(f"There is no weight file {path}.")
    if path.suffix == ".safetensors":
        return _load_safetensors(path)
    if path.suffix not in PICKLED:
        raise InputError(
            f"{path}: weight files end in .safetensors, {', '.join(PICKLED)}, not {path.suffix!r}."
        )
    _refuse_torchscript(path)
    content = _load_stubbed(path) if legacy else _load_weights_only(path)
    return _named_tensors(content, path)


def _load_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path, device="cpu")
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is damaged or no safetensors file: {error}.") from error


def _load_weights_only(path: Path) -> Any:
    import torch

    mmap = zipfile.is_zipfile(path)
    try:
        with warnings.catch_warnings():
            # torch's advice about pickle protocols is for authors of torch files.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except pickle.UnpicklingError as error:
        reason = str(error).split("WeightsUnpickler error:")[-1].strip()
        reason = reason.split("\n")[0].split(". ")[0]
        raise TrustError(
            f"{path} holds pickled objects, which could run code, and was refused: {reason}. "
            "Ask its publisher for a .safetensors file, or convert it where you trust it."
        ) from error
    except (RuntimeError, ValueError, OSError, EOFError, AttributeError) as error:
        raise InputError(_damaged(path, error)) from error


def _damaged(path: Path, error: Exception) -> str:
    first_line = str(error).split("\n")[0]
    return f"{path} is damaged, cut short or no torch file: {type(error).__name__}: {first_line}."


def _refuse_torchscript(path: Path) -> None:
    """Refuse a compiled program: ``torch.load`` would hand it to ``torch.jit.load``."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        if any(name.rpartition("/")[2] == "constants.pkl" for name in archive.namelist()):
            raise TrustError(f"{path} is a TorchScript program, not a file of tensors: refused.")


class _Stub:
    """Stands in for any class of a checkpoint that is no tensor; takes anything, does nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> _Stub:
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> _Stub:
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        pass

    def extend(self, values: Any) -> None:
        pass

    def add(self, value: Any) -> None:
        pass


class _TensorUnpickler(pickle.Unpickler):
    """Knows tensors and ordered dicts; every other global becomes a stub."""

    def find_class(self, module: str, name: str) -> Any:
        import torch
        from torch import _utils

        allowed = {
            ("torch._utils", "_rebuild_tensor_v2"): _utils._rebuild_tensor_v2,
            ("torch._utils", "_rebuild_parameter"): _utils._rebuild_parameter,
            ("collections", "OrderedDict"): OrderedDict,
        }
        if (module, name) in allowed:
            return allowed[module, name]
        if module == "torch" and name.endswith("Storage") and name.isidentifier():
            return getattr(torch, name, _Stub)
        return type(name, (_Stub,), {"__module__": "stub"})


def _load_stubbed(path: Path) -> Any:
    import torch

    restricted = SimpleNamespace(
        Unpickler=_TensorUnpickler,
        load=lambda handle, **options: _TensorUnpickler(handle, **options).load(),
        __name__="pickle",
    )
    if not zipfile.is_zipfile(path):
        raise InputError(
            f"{path} is no zip archive as torch >= 1.6 writes it: damaged, cut short, or too old."
        )
    try:
        return torch.load(
            path, map_location="cpu", weights_only=False, mmap=True, pickle_module=restricted
        )
    except Exception as error:
        # A hostile stream can fail anywhere inside the unpickler.
        raise InputError(_damaged(path, error)) from error


def _named_tensors(content: Any, path: Path) -> dict[str, Tensor]:
    import torch

    candidates: Iterator[Any] = iter([content])
    if isinstance(content, Mapping):
        nested = ("state_dict", "model_state_dict", "model")
        candidates = iter([*(content.get(key) for key in nested), content])
    for candidate in candidates:
        if isinstance(candidate, Mapping):
            tensors = {
                name: value.detach()
                for name, value in candidate.items()
                if isinstance(name, str) and isinstance(value, torch.Tensor)
            }
            if tensors:
                return tensors
    raise InputError(f"{path} holds no named tensors, but {type(content).__name__}.")


def refuse_lambda(model_config: str) -> None:
    """Refuse a Keras model whose configuration carries Python code.

    For readers of ``.h5`` files: give the text of the ``model_config``
    attribute before reading any weight.

    Raises
    ------
    TrustError
        A Lambda layer, or a serialised lambda, is in the model.
    InputError
        The text is not JSON.
    """
    try:
        config = json.loads(model_config)
    except (ValueError, RecursionError) as error:
        raise InputError(f"The Keras model_config is not readable JSON: {error}.") from error
    pending = [config]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if _is_code(value):
                layer = value.get("config")
                name = layer.get("name", "") if isinstance(layer, dict) else ""
                raise TrustError(
                    f"The Keras model has a Lambda layer {name!r}, that is code in the weight "
                    "file: refused. Its publisher must provide the weights alone."
                )
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)


def _is_code(value: dict[str, Any]) -> bool:
    kinds = (value.get("class_name"), value.get("registered_name"), value.get("function_type"))
    words = {str(kind).rpartition(">")[2].rpartition(".")[2].strip("_").lower() for kind in kinds}
    return "lambda" in words
