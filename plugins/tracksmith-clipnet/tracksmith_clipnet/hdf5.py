"""Reading CLIPNET's weights from Keras HDF5 files, without Keras.

Keras 2 and the legacy format of Keras 3 keep a model's weights under
``model_weights/LAYER/.../NAME``; Keras 2 appends ``:0`` to the name. Only that
group is read: a compiled model also stores the optimizer's copies under the
same layer names. The stored configuration is compared with the network that
is built here, and never run.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import InputError, TracksmithError, TrustError
from tracksmith.models.damage import reading
from tracksmith.models.safe_load import refuse_lambda
from tracksmith_clipnet.network import BATCH_NORM_EPSILON, BLOCKS, SHAPES

__all__ = ["read_layers"]


def read_layers(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read one fold's weights.

    Parameters
    ----------
    path
        A Keras HDF5 file of a whole model, with or without optimizer state.

    Returns
    -------
    layers
        By ``layer/name`` exactly the arrays of `tracksmith_clipnet.network.SHAPES`.

    Raises
    ------
    InputError
        The file is missing, damaged, not HDF5 or of another architecture.
    TrustError
        The model has a Lambda layer, that is code, or data in other files.
    """
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    if not h5py.is_hdf5(path):
        raise InputError(
            f"{path} is no HDF5 file. CLIPNET's weights are Keras files in HDF5 (.h5); if this one "
            "was downloaded, fetch it again."
        )
    with reading(path, "HDF5 file of a Keras model"), h5py.File(path, "r") as file:
        return _read(file, path)


def _read(file: h5py.File, path: Path) -> dict[str, NDArray[np.float32]]:
    group = file.get("model_weights")
    if not isinstance(group, h5py.Group):
        raise InputError(
            f"{path} has no group 'model_weights': it is no Keras file of a whole model. "
            "Files of weights alone and exports to other formats cannot be read."
        )
    if "new_dense" in group:
        raise InputError(
            f"{path} is a model with one output per window (of the PauseNet kind), not CLIPNET: "
            "no strands and no profile. This plugin does not offer it."
        )
    _check_config(file.attrs.get("model_config"), path)
    datasets = dict(_datasets(group))
    _check_arrays(datasets, path)
    layers = {name: dataset[()] for name, dataset in datasets.items()}
    _check_values(layers, path)
    return layers


def _datasets(group: h5py.Group) -> Iterator[tuple[str, h5py.Dataset]]:
    """Yield ``layer/name`` and dataset; soft and external links are not followed."""
    for layer in group:
        inside = group.get(layer, getlink=True)
        if not isinstance(inside, h5py.HardLink) or not isinstance(group[layer], h5py.Group):
            continue
        datasets: list[tuple[str, h5py.Dataset]] = []
        group[layer].visititems(lambda name, item, datasets=datasets: datasets.append((name, item)))
        for name, item in datasets:
            if isinstance(item, h5py.Dataset):
                yield f"{layer}/{name.rpartition('/')[2].partition(':')[0]}", item


def _check_arrays(datasets: dict[str, h5py.Dataset], path: Path) -> None:
    """Compare names, shapes and types before anything is read."""
    problems = [f"{name} is missing" for name in SHAPES if name not in datasets]
    problems += [f"{name} is not part of CLIPNET" for name in datasets if name not in SHAPES]
    for name, dataset in datasets.items():
        if dataset.external or dataset.is_virtual:
            raise TrustError(
                f"{path}: {name} keeps its data in other files, which a model never does. "
                "Use the published file."
            )
        expected = SHAPES.get(name, dataset.shape)
        if dataset.shape != expected:
            problems.append(f"{name} has shape {dataset.shape}, not {expected}")
        elif dataset.dtype != np.float32:
            problems.append(f"{name} is {dataset.dtype}, not float32")
        elif dataset.chunks and not _unpacks_to_itself(dataset):
            problems.append(f"{name} is packed so that it would unpack to another size")
    if problems:
        raise InputError(_refusal(path, problems))


def _unpacks_to_itself(dataset: h5py.Dataset) -> bool:
    """Whether no piece of a packed array unpacks to more than its share of the array.

    HDF5 unpacks a piece whatever comes out of it, which a hostile file can make
    a thousand times its own size. Keras packs nothing; gzip alone is read here.
    """
    if any(part > whole for part, whole in zip(dataset.chunks, dataset.shape, strict=True)):
        return False
    filters = dataset.id.get_create_plist()
    kinds = [filters.get_filter(number)[0] for number in range(filters.get_nfilters())]
    known = {h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE}
    if not set(kinds) <= known or len(set(kinds)) < len(kinds):
        return False
    gzip = sum(1 << n for n, kind in enumerate(kinds) if kind == h5py.h5z.FILTER_DEFLATE)
    share = int(np.prod(dataset.chunks)) * dataset.dtype.itemsize
    for number in range(dataset.id.get_num_chunks()):
        place = dataset.id.get_chunk_info(number)
        if place.size > 2 * share + 1024:
            return False
        left_out, piece = dataset.id.read_direct_chunk(place.chunk_offset)
        if gzip & ~left_out:
            unpacking = zlib.decompressobj()
            if len(unpacking.decompress(piece, share)) != share or unpacking.unconsumed_tail:
                return False
        elif len(piece) != share:
            return False
    return True


def _check_values(layers: dict[str, NDArray[np.float32]], path: Path) -> None:
    for name, values in layers.items():
        if not np.isfinite(values).all():
            raise InputError(f"{path}: {name} holds NaN or infinity. Fetch the file again.")
        if name.endswith("/moving_variance") and values.min() < 0:
            raise InputError(f"{path}: {name} holds a negative variance. Fetch the file again.")


def _check_config(text: Any, path: Path) -> None:
    """Compare the stored configuration, if there is one, with what the shapes cannot show."""
    if text is None:
        return
    try:
        refuse_lambda(text)
    except TracksmithError as error:
        raise type(error)(f"{path}: {error}") from error
    try:
        config = json.loads(text)
        layers = config["config"]["layers"]
        problems = [problem for layer in layers for problem in _layer_problems(layer)]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: its attribute 'model_config' cannot be read ({error!r}). Fetch it again."
        ) from error
    if problems:
        raise InputError(_refusal(path, problems))


def _layer_problems(layer: dict[str, Any]) -> Iterator[str]:
    name, kind, config = layer["config"]["name"], layer["class_name"], layer["config"]
    if kind not in _COMMON:
        yield f"{name} is a {kind} layer"
        return
    for key, expected in _SETTINGS.get(name, _COMMON[kind]).items():
        value = config[key]
        if value != expected:
            yield f"{name} has {key} {value}, not {expected}"


_COMMON: dict[str, dict[str, Any]] = {
    "BatchNormalization": {"epsilon": BATCH_NORM_EPSILON},
    "MaxPooling1D": {"pool_size": [2], "padding": "valid"},
    "Activation": {"activation": "relu"},
    "Dense": {"activation": "linear"},
    **{
        kind: {}
        for kind in (
            "Add",
            "Conv1D",
            "Dropout",
            "Flatten",
            "GlobalAveragePooling1D",
            "InputLayer",
        )
    },
}
_SETTINGS: dict[str, dict[str, Any]] = {
    "activation": {"activation": "elu"},
    **{
        name: {"padding": "valid", "dilation_rate": [1], "strides": [1], "activation": "linear"}
        for name in ("conv1d", "conv1d_1", "conv1d_2")
    },
    **{
        f"conv1d_{3 + block}": {
            "padding": "same",
            "dilation_rate": [2**block],
            "strides": [1],
            "activation": "linear",
        }
        for block in range(BLOCKS)
    },
}
"""What a layer's configuration must say, by layer name, else by class."""


def _refusal(path: Path, problems: list[str]) -> str:
    shown = "\n".join(f"  - {problem}" for problem in problems[:8])
    more = f"\n  ... and {len(problems) - 8} more" if len(problems) > 8 else ""
    return f"{path} is not CLIPNET as published (rnn_v10):\n{shown}{more}"
