"""The INFO keys under which the annotated VCF holds the values of models."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tracksmith.errors import UsageError

__all__ = ["info_key", "refuse_shared_keys"]

OTHERS = ("track", "percentile", "headline")
"""What the VCF says beside the scores of a model."""


def info_key(model: str, name: str) -> str:
    """Return the INFO key of one value of a model."""
    return "TS_" + re.sub(r"[^0-9A-Za-z_]", "_", f"{model}_{name}")


def refuse_shared_keys(scores: Mapping[str, Sequence[str]]) -> None:
    """Refuse models whose values would stand under one INFO key.

    Parameters
    ----------
    scores
        The names of the scores by model.

    Raises
    ------
    UsageError
        Names, of models or scores, that differ only where a key can hold no such character.
    """
    owners: dict[str, tuple[str, str]] = {}
    for model, names in scores.items():
        for name in (*names, *(f"{name}_at" for name in names), *OTHERS):
            key = info_key(model, name)
            other = owners.setdefault(key, (model, name))
            if other[0] != model:
                raise UsageError(
                    f"The annotated VCF cannot hold both {other[0]} and {model}: its INFO key "
                    f"{key} would mean both. Score them in two runs."
                )
            if other[1] != name:
                raise UsageError(
                    f"The annotated VCF cannot hold both {other[1]} and {name} of {model}: its "
                    f"INFO key {key} would mean both. Leave one of them out (--score)."
                )
