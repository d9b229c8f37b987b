"""Reading weight files without running anything that they contain, unless the user trusts them."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import pickle
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, BinaryIO

from tracksmith.errors import InputError, TrustError
from tracksmith.files import digest_of_file
from tracksmith.models.trust import consent, option_for

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["load_tensors", "refuse_lambda"]

log = logging.getLogger(__name__)

PICKLED = (".pt", ".pth", ".bin", ".ckpt")


def load_tensors(path: Path, legacy: bool = False) -> dict[str, Tensor]:
    """Return the named tensors of a weight file, on the CPU.

    Nothing in the file is executed, unless the user trusts its sha256
    (:func:`tracksmith.models.trust.trusting`, in this very thread): then it is
    unpickled without restriction, and may be a whole module.

    Parameters
    ----------
    path
        ``.safetensors``, or ``.pt``, ``.pth``, ``.bin``, ``.ckpt`` as written
        by ``torch.save``: a dict of tensors, or a checkpoint that holds one as
        ``state_dict``, ``model_state_dict`` or ``model``.
    legacy
        For checkpoints with objects beside the tensors (optimiser, scheduler):
        an unpickler that knows tensors only and turns every other class into
        an inert stub.

    Raises
    ------
    InputError
        The file is damaged, of another kind, or holds no named tensors.
    TrustError
        The file holds pickled objects or code, and ``legacy`` was not asked
        for or finds no tensors without them; or it is a TorchScript program.
    """
    if not path.is_file():
        raise InputError(f"There is no weight file {path}.")
    if path.suffix == ".safetensors":
        return _load_safetensors(path)
    if path.suffix not in PICKLED:
        raise InputError(
            f"{path}: weight files end in .safetensors, {', '.join(PICKLED)}, not {path.suffix!r}."
        )
    if consent().digests and digest_of_file(path) in consent().digests:
        return _load_trusted(path)
    _refuse_torchscript(path, path)
    if legacy and zipfile.is_zipfile(path):
        return _load_stubbed(path)
    return _named_tensors(_load_weights_only(path), path)


def _load_trusted(path: Path) -> dict[str, Tensor]:
    """Unpickle a file that the user trusts.

    The bytes are held in memory, and it is they that are hashed and unpickled:
    who replaces the file meanwhile gains nothing.
    """
    import torch

    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest not in consent().digests:
        raise TrustError(f"{path} changed while it was read: refused. Repeat the command.")
    _refuse_torchscript(io.BytesIO(data), path)
    log.warning("running code from %s, which is trusted (sha256 %s)", path, digest)
    consent().used.append(digest)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=False)
    except Exception as error:
        # Whatever the code in the file does, a missing import first of all.
        raise InputError(_damaged(path, error)) from error
    return _named_tensors(content, path)


def _refused(path: Path, reason: str) -> TrustError:
    return TrustError(
        f"{path} holds pickled objects, which could run code, and was refused: {reason}. "
        "Ask its publisher for a .safetensors file, or convert it where you trust it.\n"
        f"Or, if you trust whoever made it, add `{option_for(digest_of_file(path))}`: loading "
        "then runs code from this file, with all that you may do on this machine."
    )


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
        raise _refused(path, reason) from error
    except (RuntimeError, ValueError, OSError, EOFError, AttributeError) as error:
        raise InputError(_damaged(path, error)) from error


def _damaged(path: Path, error: Exception) -> str:
    first_line = str(error).split("\n")[0]
    return f"{path} is damaged, cut short or no torch file: {type(error).__name__}: {first_line}."


def _refuse_torchscript(content: Path | BinaryIO, path: Path) -> None:
    """Refuse a compiled program: ``torch.load`` would hand it to ``torch.jit.load``."""
    if not zipfile.is_zipfile(content):
        return
    with zipfile.ZipFile(content) as archive:
        if any(name.rpartition("/")[2] == "constants.pkl" for name in archive.namelist()):
            raise TrustError(
                f"{path} is a TorchScript program, not a file of tensors: refused, trusted or not. "
                "Ask its publisher for a .safetensors file."
            )


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
    """Knows tensors and ordered dicts; every other global becomes a stub, and is noted."""

    stubbed: list[str]

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
        self.stubbed.append(f"{module}.{name}")
        return type(name, (_Stub,), {"__module__": "stub"})


def _load_stubbed(path: Path) -> dict[str, Tensor]:
    """Read a zip archive of torch with stubs for all that is no tensor."""
    import torch

    class Unpickler(_TensorUnpickler):
        stubbed: list[str] = []  # noqa: RUF012 - a class per file: torch derives another from it

    restricted = SimpleNamespace(
        Unpickler=Unpickler,
        load=lambda handle, **options: Unpickler(handle, **options).load(),
        __name__="pickle",
    )
    try:
        content = torch.load(
            path, map_location="cpu", weights_only=False, mmap=True, pickle_module=restricted
        )
        return _named_tensors(content, path)
    except Exception as error:
        # A hostile stream can fail anywhere inside the unpickler.
        if Unpickler.stubbed:
            raise _refused(path, f"no tensors without {_shown(Unpickler.stubbed)}") from error
        if isinstance(error, InputError):
            raise
        raise InputError(_damaged(path, error)) from error


def _shown(names: list[str]) -> str:
    different = list(dict.fromkeys(names))
    return ", ".join(different[:3]) + (" and others" if len(different) > 3 else "")


def _named_tensors(content: Any, path: Path) -> dict[str, Tensor]:
    import torch

    candidates: Iterator[Any] = iter([content])
    if isinstance(content, Mapping):
        nested = ("state_dict", "model_state_dict", "model")
        candidates = iter([*(content.get(key) for key in nested), content])
    for candidate in candidates:
        # A whole module comes out of a trusted file alone.
        held = candidate.state_dict() if isinstance(candidate, torch.nn.Module) else candidate
        if isinstance(held, Mapping):
            tensors = {
                name: value.detach()
                for name, value in held.items()
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
