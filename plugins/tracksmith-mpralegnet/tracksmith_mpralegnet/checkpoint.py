"""Reading MPRALegNet's checkpoints and the configuration beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tracksmith.errors import InputError, UsageError
from tracksmith.models.damage import reading
from tracksmith.models.safe_load import load_tensors
from tracksmith_mpralegnet.network import (
    PUBLISHED_POOL,
    LegNet,
    Sizes,
    expected_shapes,
    read_sizes,
)

__all__ = ["read_checkpoint"]

PREFIX = "model."


def read_checkpoint(path: Path, config: Path | None, *, both_strands: bool) -> LegNet:
    """Build the network of a checkpoint; nothing in the file is run.

    Parameters
    ----------
    path
        A Lightning checkpoint, a dict of tensors, or safetensors.
    config
        The ``config.json`` of the training run. Without it all poolings are
        taken to be 2 wide, as published: the weights do not show that.
    both_strands
        Whether predictions will be averaged over the strands of an oligo.

    Raises
    ------
    InputError
        The tensors are not those of MPRALegNet, or the configuration is of
        another network.
    UsageError
        Averaging was asked for and the network was trained without it.
    """
    loaded = load_tensors(path, legacy=path.suffix != ".safetensors")
    tensors = {
        name.removeprefix(PREFIX): values
        for name, values in loaded.items()
        if not name.endswith(".num_batches_tracked")
    }
    sizes = _checked_sizes(tensors, path)
    pools = None
    if config is not None:
        settings = _read_config(config)
        pools = _checked_pools(settings, sizes, config, path)
        _check_strands(settings, config, both_strands=both_strands)
    return LegNet(tensors, pools)


def _checked_sizes(tensors: Mapping[str, Tensor], path: Path) -> Sizes:
    """Compare names, shapes, types and values with a network of the sizes that they show."""
    try:
        sizes = read_sizes(tensors)
        expected = expected_shapes(sizes)
    except (LookupError, ValueError, ZeroDivisionError) as error:
        raise InputError(
            f"{path} is no checkpoint of MPRALegNet: {error} (no tensor of that name, or of "
            "another shape)."
        ) from error
    problems = [f"{name} is missing" for name in expected if name not in tensors]
    for name, values in tensors.items():
        if name not in expected:
            problems.append(f"{name} is not part of MPRALegNet")
        elif tuple(values.shape) != expected[name]:
            problems.append(f"{name} has shape {tuple(values.shape)}, not {expected[name]}")
        elif not values.is_floating_point() or not bool(torch.isfinite(values).all()):
            problems.append(f"{name} holds values that are no finite numbers")
    if sizes.inputs not in (4, 5):
        problems.append(f"its first layer reads {sizes.inputs} rows, not 4 (or 5 with the strand)")
    if problems:
        shown = "\n".join(f"  - {problem}" for problem in problems[:8])
        more = f"\n  ... and {len(problems) - 8} more" if len(problems) > 8 else ""
        raise InputError(f"{path} is no checkpoint of MPRALegNet:\n{shown}{more}")
    return sizes


def _read_config(config: Path) -> dict[str, Any]:
    with reading(config, "JSON file"):
        settings = json.loads(config.read_text(encoding="utf-8"))
    if not isinstance(settings, dict):
        raise InputError(f"{config} holds no settings, but a {type(settings).__name__}.")
    return settings


def _checked_pools(
    settings: Mapping[str, Any], sizes: Sizes, config: Path, path: Path
) -> list[int]:
    """Return the pooling widths after comparing all other settings with the weights."""
    from_weights = {
        "stem_ch": sizes.stem,
        "stem_ks": sizes.stem_width,
        "ef_ks": sizes.width,
        "ef_block_sizes": [outputs for _, _, outputs in sizes.blocks],
        "resize_factor": sizes.blocks[0][1] // sizes.blocks[0][0],
        "use_reverse_channel": sizes.inputs == 5,
        "in_ch": sizes.inputs,
    }
    for key, value in from_weights.items():
        if key in settings and settings[key] != value:
            raise InputError(
                f"{config} does not belong to {path.name}: it says {key} {settings[key]}, "
                f"the weights {value}. Put the right config.json beside the weights."
            )
    pools: list[int] = settings.get("pool_sizes", [PUBLISHED_POOL] * len(sizes.blocks))
    right = isinstance(pools, list) and len(pools) == len(sizes.blocks)
    if not right or not all(type(pool) is int and pool > 0 for pool in pools):
        raise InputError(
            f"{config}: pool_sizes must be {len(sizes.blocks)} numbers from 1 up, not {pools}."
        )
    return pools


def _check_strands(settings: Mapping[str, Any], config: Path, *, both_strands: bool) -> None:
    if both_strands and settings.get("reverse_augment") is False:
        raise UsageError(
            f"{config} says that the network was trained without reverse complements "
            "(reverse_augment false). Use --option average=no."
        )
