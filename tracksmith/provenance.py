"""What is said about a finished file: its digest, its size, the distribution of its values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tracksmith.files import digest_of_file

__all__ = ["file_entry"]


def file_entry(folder: Path, path: str, kind: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry of a finished file for ``run.json``; ``path`` is relative to the run."""
    full = folder / path
    return {
        "path": path,
        "kind": kind,
        "sha256": digest_of_file(full),
        "size": full.stat().st_size,
        **facts,
    }
