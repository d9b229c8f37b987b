"""How the values of options are read: what is no such value is refused in a sentence."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tracksmith.errors import UsageError
from tracksmith.files import name_fault

__all__ = [
    "is_address", "read_background", "read_number", "read_numbers", "read_path",
    "read_paths_by_name", "read_scheduler", "read_shifts", "read_text", "read_texts",
    "read_texts_by_name", "read_whole", "read_yes", "shown",
]  # fmt: skip


def read_text(value: Any) -> str:
    """Return a text, a number or a path as text."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Path)):
        raise UsageError(f"{shown(value)}: give a text.")
    text = str(value)
    if fault := name_fault(text):
        raise UsageError(f"cannot be used: {fault}")
    return text


def read_path(value: Any) -> Path:
    """Return a value as a path; the folder that a relative one is taken from counts, too."""
    path = Path(value)
    if not str(value):
        raise UsageError("names no file: its value is empty.")
    if fault := name_fault(str(path)) or name_fault(str(path.absolute())):
        raise UsageError(f"cannot be used: {fault}")
    return path


def read_whole(value: Any) -> int | None:
    """Return a whole number; None for ``auto``."""
    if value == "auto":
        return None
    if isinstance(value, bool):
        raise UsageError(f"{shown(value)}: give a whole number.")
    try:
        return int(value) if isinstance(value, str) else operator.index(value)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"{shown(value)}: give a whole number.") from None


def read_background(value: Any) -> int | str:
    """Return a whole number, or a text that names a file."""
    whole = isinstance(value, str) and value.lstrip("-").isdigit()
    number = read_whole(value) if whole or not isinstance(value, (str, Path)) else None
    return read_text(value) if number is None else number


def read_number(value: Any) -> float:
    """Return a number."""
    if isinstance(value, bool):
        raise UsageError(f"{shown(value)}: give a number.")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise UsageError(f"{shown(value)}: give a number.") from None


def read_yes(value: Any) -> bool:
    """Return yes or no as a boolean."""
    if isinstance(value, bool):
        return value
    if value in ("yes", "no"):
        return bool(value == "yes")
    raise UsageError(f"{shown(value)}: give yes or no.")


def read_shifts(value: Any) -> tuple[int, ...]:
    """Return different whole numbers, from a list or a text with commas."""
    listed = value.split(",") if isinstance(value, str) else _listed(value)
    try:
        shifts = tuple(read_whole(item) or 0 for item in listed)
    except UsageError:
        raise UsageError(
            f"{shown(value)}: give whole numbers with commas, e.g. -43,0,43."
        ) from None
    if len(set(shifts)) < len(shifts) or not shifts:
        raise UsageError(f"{shown(value)}: give different numbers of bp, e.g. -43,0,43.")
    return shifts


def read_numbers(value: Any) -> tuple[int, ...]:
    """Return different whole numbers above 0, from a list or a text with commas."""
    listed = value.split(",") if isinstance(value, str) else _listed(value)
    try:
        numbers = tuple(read_whole(item) or 0 for item in listed)
    except UsageError:
        numbers = (0,)
    if len(set(numbers)) < len(numbers) or min(numbers, default=1) < 1:
        raise UsageError(f"{shown(value)}: give different numbers above 0, e.g. 1000,3000.")
    return numbers


def read_texts(value: Any) -> tuple[str, ...]:
    """Return several texts, from one or a list."""
    return tuple(map(read_text, _listed(value)))


def read_texts_by_name(value: Any) -> dict[str, str]:
    """Return texts by name."""
    return {read_text(name): read_text(item) for name, item in _named(value).items()}


def read_scheduler(value: Any) -> str:
    """Return the address or file of a Dask scheduler; also of a Client, or of a LocalCluster."""
    address = getattr(value, "scheduler_address", None)
    address = address or getattr(getattr(value, "scheduler", None), "address", None)
    text = str(address or value)
    if not text.strip():
        raise UsageError(": give the address of a Dask scheduler, tcp://HOST:PORT, or its file.")
    return text


def is_address(scheduler: str) -> bool:
    """Say whether this is the address of a scheduler, HOST:PORT too, and not its file."""
    host, _, port = scheduler.rpartition(":")
    return "://" in scheduler or (bool(host) and port.isdigit() and "/" not in scheduler)


def read_paths_by_name(value: Any) -> dict[str, Path]:
    """Return paths by name."""
    return {read_text(name): read_path(item) for name, item in _named(value).items()}


def _named(value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{shown(value)}: give NAME=VALUE.")
    return value


def _listed(value: Any) -> Iterable[Any]:
    """Return the values of a field that takes several, be it none, one or more."""
    if value is None:
        return ()
    if isinstance(value, Mapping):
        raise UsageError(f"{shown(value)}: give a list.")
    one = isinstance(value, (str, Path)) or not isinstance(value, Iterable)
    return (value,) if one else value


def shown(value: Any) -> str:
    """Return a value as text of at most 80 letters, for a message."""
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
