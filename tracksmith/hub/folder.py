"""The folder of a hub: never one that holds anything else, and replaced whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tracksmith.errors import ResourceError, UsageError
from tracksmith.files import TEMPORARY_PREFIX, crash_point, owner_suffix
from tracksmith.hub.runs import ShownRun
from tracksmith.runs.lock import is_left_over

__all__ = ["hub_folder", "replacing"]


def hub_folder(out: Path, runs: Sequence[ShownRun]) -> Path:
    """Return the folder of the hub, resolved, or refuse what would be lost there."""
    out = out.resolve()
    for run in runs:
        if run.folder.is_relative_to(out):
            raise UsageError(f"The hub's folder {out} holds the run {run.folder}: choose another.")
    if out.is_dir() and any(out.iterdir()) and not (out / "hub.txt").is_file():
        raise UsageError(f"{out} is neither empty nor a hub: choose another folder with -o.")
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file: choose another folder with -o.")
    return out


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """Give an empty folder aside that becomes ``out`` when the block ends, in the old one's place.

    Raises
    ------
    ResourceError
        The disk is full, or the folder cannot be written.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with _scratch(out) as scratch:
            fresh, old = scratch / "new", scratch / "old"
            fresh.mkdir()
            yield fresh
            crash_point("hub-written")
            if out.exists():
                out.rename(old)
            crash_point("hub-moved")
            fresh.rename(out)
    except OSError as error:
        raise ResourceError(
            f"Cannot write the hub {out}: {error.strerror or error}. Free some space or "
            "choose another folder with -o."
        ) from error


@contextmanager
def _scratch(out: Path) -> Iterator[Path]:
    """Give a folder beside ``out`` that goes afterwards, and with it those of killed builds."""
    prefix = f"{TEMPORARY_PREFIX}{out.name}"
    scratch = out.parent / f"{prefix}{owner_suffix(os.getpid())}"
    for left in out.parent.iterdir():
        pid = left.name.rpartition("-")[2]
        if left.name == f"{prefix}{owner_suffix(pid)}" and is_left_over(left):
            shutil.rmtree(left, ignore_errors=True)
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
