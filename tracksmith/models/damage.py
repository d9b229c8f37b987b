"""Damaged files: whatever a library raises over them becomes one sentence."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tracksmith.errors import InputError, TracksmithError

__all__ = ["reading", "reason_of"]

DAMAGE: tuple[type[Exception], ...] = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    OSError,
    EOFError,
    MemoryError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What libraries raise over bytes that are not what they should be."""


@contextmanager
def reading(path: Path, kind: str, *more: type[Exception]) -> Iterator[None]:
    """Let a file be read inside the block, and say in a sentence that it is damaged.

    Parameters
    ----------
    kind
        What the file should be, ``"HDF5 file"``.
    more
        Exceptions of the library that derive from none of Python's usual ones.

    Raises
    ------
    InputError
        In place of whatever the library raises; errors of tracksmith pass.
    """
    try:
        yield
    except TracksmithError:
        raise
    except (*DAMAGE, *more) as error:
        raise InputError(
            f"{path} is damaged, cut short or no {kind} ({reason_of(error)}). "
            "Fetch it again, or save it anew."
        ) from error


def reason_of(error: Exception) -> str:
    """Return an error's first line, without what a hostile file could make a terminal do."""
    first = str(error).strip().split("\n")[0].rstrip(".")
    text = "".join(letter for letter in first if letter.isprintable())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
