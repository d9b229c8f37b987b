"""How a field of a request is declared, and which kinds of run and of models there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any

__all__ = [
    "EXPLAIN", "HAPLOTYPES", "PERTURB", "PREDICT", "REGIONS", "VARIANTS", "WINDOWS", "option",
]  # fmt: skip

PREDICT, VARIANTS, HAPLOTYPES, PERTURB = "predict", "variants", "haplotypes", "perturb"
EXPLAIN = "explain"
WINDOWS, REGIONS = "windows", "regions"


def option(
    default: Any,
    read: Callable[[Any], Any],
    about: str,
    *,
    flag: str = "",
    group: str = "Running",
    kinds: tuple[str, ...] = (PREDICT, VARIANTS, PERTURB, EXPLAIN),
    reads: tuple[str, ...] = (WINDOWS, REGIONS),
    choices: tuple[str, ...] = (),
) -> Any:
    """Return a dataclass field that is also an option of the command line.

    What predictions may be asked, those on haplotypes may be asked too.
    """
    if PREDICT in kinds:
        kinds = (*kinds, HAPLOTYPES)
    known = {
        "read": read, "about": about, "flag": flag, "group": group, "kinds": kinds,
        "reads": reads, "choices": choices,
    }  # fmt: skip
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=known)
    return field(default=default, metadata=known)
