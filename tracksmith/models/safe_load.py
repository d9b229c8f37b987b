"""Reading weight files without running anything that they contain, unless the user trusts them."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tracksmith.errors import InputError, TrustError
from tracksmith.files import digest_of_file
from tracksmith.models.checkpoint import NESTED, open_checkpoint
from tracksmith.models.damage import reading, reason_of
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
        these are left out. Without it, a file that names any is refused.

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
    return _load_inert(path, legacy)


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
        raise InputError(
            f"{path} could not be unpickled, though trusted ({reason_of(error)}). Install what its "
            "code needs, or fetch it again if it is damaged."
        ) from error
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

    with reading(path, "safetensors file", SafetensorError):
        tensors = load_file(path, device="cpu")
        if not all(name.isprintable() for name in tensors):
            raise ValueError("the name of a tensor cannot be printed")
    return tensors


def _load_inert(path: Path, legacy: bool) -> dict[str, Tensor]:
    """Read a file of ``torch.save`` without importing, calling or changing anything it names."""
    with reading(path, "torch file"):
        checkpoint = open_checkpoint(path)
        tensors = checkpoint.tensors()
    imports = checkpoint.content.imports
    if imports and not legacy:
        raise _refused(path, f"it names {_shown(imports)}")
    if imports and not tensors:
        raise _refused(path, f"no tensors without {_shown(imports)}")
    if not tensors:
        raise InputError(_empty(path, type(checkpoint.content.value).__name__))
    return tensors


def _empty(path: Path, kind: str) -> str:
    return f"{path} holds no named tensors, but {kind}."


def _refuse_torchscript(content: Path | BinaryIO, path: Path) -> None:
    """Refuse a compiled program: ``torch.load`` would hand it to ``torch.jit.load``."""
    with reading(path, "torch file"):
        if not zipfile.is_zipfile(content):
            return
        with zipfile.ZipFile(content) as archive:
            names = archive.namelist()
    if any(name.rpartition("/")[2] == "constants.pkl" for name in names):
        raise TrustError(
            f"{path} is a TorchScript program, not a file of tensors: refused, trusted or not. "
            "Ask its publisher for a .safetensors file."
        )


def _shown(names: list[str]) -> str:
    different = list(dict.fromkeys(names))
    shown = ("".join(filter(str.isprintable, name))[:80] for name in different[:3])
    return ", ".join(shown) + (" and others" if len(different) > 3 else "")


def _named_tensors(content: Any, path: Path) -> dict[str, Tensor]:
    """Return the tensors of what a trusted file was unpickled to."""
    import torch

    candidates: Iterator[Any] = iter([content])
    if isinstance(content, Mapping):
        candidates = iter([*(content.get(key) for key in NESTED), content])
    for candidate in candidates:
        state = candidate.state_dict() if isinstance(candidate, torch.nn.Module) else candidate
        if isinstance(state, Mapping):
            tensors = {
                name: value.detach()
                for name, value in state.items()
                if isinstance(name, str) and isinstance(value, torch.Tensor)
            }
            if tensors:
                return tensors
    raise InputError(_empty(path, type(content).__name__))


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
