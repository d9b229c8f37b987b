"""Finding Enformer's weights and reading them by name, in the Hugging Face layout."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tracksmith.models.safe_load import load_tensors
from tracksmith.plugin import InputError, reading

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Sizes", "config_beside", "find_files", "read_weights", "table_of"]

PREFERRED = ("model.safetensors", "pytorch_model.bin")
SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".ckpt")
CONFIG = "config.json"
TRUNK = {
    "_trunk.1.": "stem.",
    "_trunk.2.": "conv_tower.",
    "_trunk.4.": "transformer.",
    "_trunk.6.": "final_pointwise.",
}
"""The published file names every tensor of the trunk twice."""
PUBLISHED: Mapping[str, Any] = {
    "dim": 1536,
    "depth": 11,
    "heads": 8,
    "attn_dim_key": 64,
    "num_downsamples": 7,
    "target_length": 896,
}


class Sizes(NamedTuple):
    """What the shapes of the weights say about a network.

    ``channels`` are those of the stem and of every block of the tower, ``key``
    and ``value`` are per head, ``features`` is a multiple of 6, and ``outputs``
    names the heads with their numbers of tracks.
    """

    channels: tuple[int, ...]
    depth: int
    heads: int
    key: int
    value: int
    features: int
    outputs: tuple[tuple[str, int], ...]

    @property
    def bin(self) -> int:
        """Bases per token: the stem and every block of the tower halve the length."""
        return 1 << len(self.channels)


def find_files(place: Path, table: str) -> tuple[Path, ...]:
    """Return the weight file, then ``config.json`` and the table of targets where present.

    Parameters
    ----------
    place
        The weight file, or the folder that holds it.
    table
        End of the table's name, without ``.gz``.

    Raises
    ------
    InputError
        The folder holds no weight file, or several and none by the usual name.
    """
    file = place if place.is_file() else _only_weights(place)
    beside = sorted(path for path in file.parent.iterdir() if path.is_file() and path != file)
    tables = [path for path in beside if path.name.removesuffix(".gz").endswith(table)]
    if len(tables) > 1:
        names = ", ".join(path.name for path in tables)
        raise InputError(f"{file.parent} holds several tables of targets ({names}): keep one.")
    return (file, *(path for path in beside if path.name == CONFIG), *tables)


def _only_weights(folder: Path) -> Path:
    files = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file())
    names = [path.name for path in files]
    for name in PREFERRED:
        if name in names:
            return folder / name
    if not files:
        raise InputError(f"{folder} holds no weight file ({', '.join(PREFERRED)})")
    if len(files) > 1:
        raise InputError(f"{folder} holds several weight files ({', '.join(names)}): name one")
    return files[0]


def table_of(files: tuple[Path, ...], table: str) -> Path | None:
    """Return the table of targets among ``files``."""
    return next((path for path in files if path.name.removesuffix(".gz").endswith(table)), None)


def config_beside(files: tuple[Path, ...]) -> Mapping[str, Any]:
    """Return ``config.json`` among ``files``; empty where there is none.

    Raises
    ------
    InputError
        It is not a JSON object.
    """
    path = next((path for path in files if path.name == CONFIG), None)
    if path is None:
        return {}
    with reading(path, "JSON file"):
        config = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(config, dict):
        raise InputError(f"{path} must hold one JSON object, not {type(config).__name__}.")
    return config


def read_weights(path: Path, config: Mapping[str, Any]) -> tuple[dict[str, Tensor], Sizes]:
    """Read a weight file whole and check it, name by name and shape by shape.

    Parameters
    ----------
    path
        ``.safetensors``, ``.bin``, ``.pt``, ``.pth`` or ``.ckpt``; no code in it is run.
    config
        What ``config.json`` says. Without it, a file as wide as the published
        one must be as deep as that; of others the depth is what they hold.

    Returns
    -------
    tensors
        float32, by the names without ``_trunk``.
    sizes

    Raises
    ------
    InputError
        A tensor is missing, unexpected, of another shape or type, or the file
        contradicts ``config``; everything that is wrong is named.
    TrustError
        The file holds pickled objects.
    """
    tensors = _canonical(load_tensors(path), path)
    sizes = _sizes(tensors, path)
    published = not config and sizes.channels[-1] == PUBLISHED["dim"]
    problems = [
        *_against_layout(tensors, sizes),
        *_against_config(sizes, PUBLISHED if published else config),
    ]
    if problems:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        raise InputError(
            f"{path} is not an Enformer in the Hugging Face layout:\n{listed}\n"
            "Use the published file, or one saved from a model of that very architecture."
        )
    return {name: tensor.float() for name, tensor in tensors.items()}, sizes


def _canonical(tensors: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Drop counters, and resolve the second names of the trunk."""
    kept: dict[str, Tensor] = {}
    aliases: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.endswith("num_batches_tracked"):
            continue
        old = next((prefix for prefix in TRUNK if name.startswith(prefix)), None)
        if old:
            aliases[TRUNK[old] + name.removeprefix(old)] = tensor
        else:
            kept[name] = tensor
    differ = [name for name in aliases.keys() & kept.keys() if not _same(aliases[name], kept[name])]
    if differ:
        raise InputError(
            f"{path}: {_some(sorted(differ))} and the same under _trunk differ. Both name one "
            "tensor, so the file does not say which network it is: save it again from the model."
        )
    return aliases | kept


def _same(one: Tensor, other: Tensor) -> bool:
    import torch

    shared = one.data_ptr() == other.data_ptr() and one.shape == other.shape
    return shared or torch.equal(one, other)


def _sizes(tensors: Mapping[str, Tensor], path: Path) -> Sizes:
    def shape(name: str, dimensions: int) -> tuple[int, ...]:
        if name not in tensors or tensors[name].dim() != dimensions:
            raise InputError(
                f"{path} is no Enformer in the Hugging Face layout: it has no tensor {name} of "
                f"{dimensions} dimensions, but {_some(sorted(tensors))}."
            )
        return tuple(tensors[name].shape)

    block = "transformer.0.0.fn.1"
    _, heads, _, key = shape(f"{block}.rel_content_bias", 4)
    tower = [shape(f"conv_tower.{i}.0.2.weight", 3)[0] for i in _numbers(tensors, "conv_tower")]
    outputs = sorted(
        match[1] for name in tensors if (match := re.fullmatch(r"_heads\.(\w+)\.0\.weight", name))
    )
    return Sizes(
        channels=(shape("stem.0.weight", 3)[0], *tower),
        depth=len(_numbers(tensors, "transformer")),
        heads=heads,
        key=key,
        value=shape(f"{block}.to_v.weight", 2)[0] // max(heads, 1),
        features=shape(f"{block}.to_rel_k.weight", 2)[1],
        outputs=tuple((name, shape(f"_heads.{name}.0.weight", 2)[0]) for name in outputs),
    )


def _numbers(tensors: Mapping[str, Tensor], module: str) -> range:
    """Return a number for each part of a module: a gap shows as tensors missing and unexpected."""
    return range(len({m[1] for name in tensors if (m := re.match(rf"{module}\.(\d+)\.", name))}))


def layout(sizes: Sizes) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every tensor of a network of these sizes."""
    width = sizes.channels[-1]
    shapes = dict(_tower(sizes.channels))
    for number in range(sizes.depth):
        shapes |= _block(f"transformer.{number}", width, sizes)
    shapes |= _norm("final_pointwise.1.0", width)
    shapes |= _linear("final_pointwise.1.2", 2 * width, width, 1)
    for name, rows in sizes.outputs:
        shapes |= _linear(f"_heads.{name}.0", rows, 2 * width)
    return shapes


def _tower(channels: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    for number, width in enumerate(channels):
        name = f"conv_tower.{number - 1}" if number else "stem"
        if number:
            before = channels[number - 1]
            yield from _norm(f"{name}.0.0", before).items()
            yield from _linear(f"{name}.0.2", width, before, 5).items()
        else:
            yield from _linear(f"{name}.0", width, 4, 15).items()
        yield from _norm(f"{name}.1.fn.0", width).items()
        yield from _linear(f"{name}.1.fn.2", width, width, 1).items()
        yield f"{name}.2.to_attn_logits.weight", (width, width, 1, 1)


def _block(name: str, width: int, sizes: Sizes) -> dict[str, tuple[int, ...]]:
    attend, mlp, keys = f"{name}.0.fn", f"{name}.1.fn", sizes.heads * sizes.key
    return {
        f"{attend}.0.weight": (width,),
        f"{attend}.0.bias": (width,),
        f"{attend}.1.to_q.weight": (keys, width),
        f"{attend}.1.to_k.weight": (keys, width),
        f"{attend}.1.to_v.weight": (sizes.heads * sizes.value, width),
        f"{attend}.1.to_rel_k.weight": (keys, sizes.features),
        f"{attend}.1.rel_content_bias": (1, sizes.heads, 1, sizes.key),
        f"{attend}.1.rel_pos_bias": (1, sizes.heads, 1, sizes.key),
        **_linear(f"{attend}.1.to_out", width, sizes.heads * sizes.value),
        f"{mlp}.0.weight": (width,),
        f"{mlp}.0.bias": (width,),
        **_linear(f"{mlp}.1", 2 * width, width),
        **_linear(f"{mlp}.4", width, 2 * width),
    }


def _norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {
        f"{name}.{part}": (width,) for part in ("weight", "bias", "running_mean", "running_var")
    }


def _linear(name: str, *shape: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def _against_layout(tensors: Mapping[str, Tensor], sizes: Sizes) -> Iterator[str]:
    wanted = layout(sizes)
    if missing := [name for name in wanted if name not in tensors]:
        yield f"missing: {_some(missing)}"
    if unexpected := [name for name in tensors if name not in wanted]:
        yield f"unexpected: {_some(unexpected)}"
    for name, tensor in tensors.items():
        if name in wanted and tuple(tensor.shape) != wanted[name]:
            yield f"{name} has shape {tuple(tensor.shape)}, not {wanted[name]}"
        elif not tensor.dtype.is_floating_point:
            yield f"{name} holds {tensor.dtype}, not floating-point numbers"
    if sizes.features % 6 or not sizes.features:
        yield f"{sizes.features} position features are no multiple of 6"
    if not sizes.outputs:
        yield "it has no output head (_heads.human.0.weight)"


def _against_config(sizes: Sizes, config: Mapping[str, Any]) -> Iterator[str]:
    inferred = {
        "dim": sizes.channels[-1],
        "depth": sizes.depth,
        "heads": sizes.heads,
        "attn_dim_key": sizes.key,
        "num_downsamples": len(sizes.channels),
        "output_heads": dict(sizes.outputs),
    }
    for name, value in inferred.items():
        if name in config and config[name] != value:
            yield f"{name} is {value} by the shapes, but should be {config[name]}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
