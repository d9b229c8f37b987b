"""Files of backgrounds: a digest, and the arrays that it is of; kept, shared, read again."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tracksmith.effects.ranks import ClassRanks, Ranks
from tracksmith.errors import InputError
from tracksmith.files import aside, canonical_json

__all__ = ["StoredBackground", "background_bytes", "read_background", "write_background"]

DIGEST = hashlib.sha256().digest_size
ABOUT, SITES = "about", ("sites_contig", "sites_position")


@dataclass(frozen=True)
class StoredBackground:
    """Ranks, and what they are of.

    ``about`` says ``among`` (in words), ``model``, ``scores``, ``units`` and ``identity``: a digest
    of all that decides a score. ``sites`` are contig and position of the start sites of matched
    ones, int64 (2, sites).
    """

    ranks: Ranks | ClassRanks
    about: Mapping[str, Any] = field(default_factory=dict)
    sites: np.ndarray[Any, np.dtype[np.int64]] | None = None


def background_bytes(stored: StoredBackground) -> bytes:
    """Return the content of a file; the same background gives the same bytes."""
    arrays: dict[str, Any] = stored.ranks.to_arrays()
    arrays[ABOUT] = np.frombuffer(canonical_json(stored.about).encode(), np.uint8)
    if stored.sites is not None:
        arrays |= dict(zip(SITES, stored.sites, strict=True))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    content = buffer.getvalue()
    return hashlib.sha256(content).digest() + content


def write_background(path: Path, stored: StoredBackground) -> None:
    """Write a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with aside(path) as temporary:
        temporary.write_bytes(background_bytes(stored))


def read_background(path: Path) -> StoredBackground:
    """Read a file.

    Raises
    ------
    InputError
        It is damaged, or none.
    FileNotFoundError
        There is none.
    """
    content = path.read_bytes()
    digest, arrays = content[:DIGEST], content[DIGEST:]
    if hashlib.sha256(arrays).digest() != digest:
        raise InputError(
            f"{path} is damaged, for its contents are not those of its digest, or no background."
        )
    with np.load(io.BytesIO(arrays), allow_pickle=False) as archive:
        stored = {name: archive[name] for name in archive.files}
    about = json.loads(bytes(stored.pop(ABOUT, np.frombuffer(b"{}", np.uint8))))
    sites = [stored.pop(name) for name in SITES if name in stored]
    kind = ClassRanks if "classes" in stored else Ranks
    ranks = kind.from_arrays(stored)
    return StoredBackground(ranks, about, np.stack(sites) if sites else None)
