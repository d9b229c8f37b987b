"""Telling from a file's own bytes whether it is of the kind that its name says.

A server may answer with a login page, with nothing, or with half a file, and
say that all went well. What is told here needs no library and no digest.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

__all__ = ["HEAD", "wrong_content", "wrong_head"]

HEAD = 4096
"""Bytes from the start that `wrong_head` wants to see, or all of a shorter file."""

HDF5 = b"\x89HDF\r\n\x1a\n"
PAGES = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<script", b"<svg")
LONGEST_HEADER = 100_000_000
"""Bytes of the header of a safetensors file; its own library reads no longer one."""


def wrong_head(name: str, head: bytes) -> str | None:
    """Say why a file called ``name`` may not begin with these bytes; None if it may."""
    kind = _KINDS.get(_suffix(name))
    if not head:
        return "it is empty"
    if kind is not None and kind.begins(head):
        return None
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(PAGES):
        return "it is a web page (a login, or an error), not a file of weights"
    return None if kind is None else f"it does not begin as a {kind.name} does"


def wrong_content(name: str, path: Path) -> str | None:
    """Say why a whole file cannot be what its name says; None if it can.

    Looks at the beginning and at the lengths that the file states itself.
    """
    with path.open("rb") as handle:
        head = handle.read(HEAD)
    problem = wrong_head(name, head)
    kind = _KINDS.get(_suffix(name))
    if problem is None and kind is not None and kind.whole is not None:
        problem = kind.whole(path, head)
    return problem


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _cut_hdf5(path: Path, head: bytes) -> str | None:
    """Compare the end of the file with the one that its superblock states."""
    if not head.startswith(HDF5):
        return None  # behind a block of the user's own; rare, and not worth more
    if len(head) < 48:
        return "it ends within its first block"
    version = head[8]
    width, first = (head[13], 24 + 4 * (version == 1)) if version < 2 else (head[9], 12)
    if version > 3 or width not in (4, 8):
        return "its first block is of no known version"
    stated = int.from_bytes(head[first + 2 * width : first + 3 * width], "little")
    return _length(path, stated) if path.stat().st_size < stated else None


def _cut_zip(path: Path, head: bytes) -> str | None:
    if not head.startswith(b"PK"):
        return None  # a checkpoint of the old layout, which states no length
    try:
        with zipfile.ZipFile(path):
            return None
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
        return f"its list of contents cannot be read ({error})"


def _cut_safetensors(path: Path, head: bytes) -> str | None:
    """Compare the end of the file with the one that its header states."""
    length = int.from_bytes(head[:8], "little")
    if length > min(LONGEST_HEADER, path.stat().st_size):
        return "its header is longer than the file"
    with path.open("rb") as handle:
        handle.seek(8)
        header = handle.read(length)
    try:
        entries = json.loads(header)
        ends = [tensor["data_offsets"][1] for key, tensor in entries.items() if key[:2] != "__"]
        stated = 8 + length + max(ends, default=0)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "its header cannot be read"
    return None if path.stat().st_size == stated else _length(path, stated)


def _length(path: Path, stated: int) -> str:
    return f"it has {path.stat().st_size:,} bytes and says itself that it has {stated:,}"


class _Kind:
    """How files of a kind begin, and what else tells whether one is whole."""

    def __init__(
        self,
        name: str,
        begins: Callable[[bytes], bool],
        whole: Callable[[Path, bytes], str | None] | None = None,
    ) -> None:
        self.name, self.begins, self.whole = name, begins, whole


_HDF5 = _Kind(
    "HDF5 file", lambda head: any(head[at : at + 8] == HDF5 for at in (0, 512, 1024)), _cut_hdf5
)
_TORCH = _Kind(
    "checkpoint of torch",
    lambda head: head.startswith(b"PK\3\4") or (head[0] == 0x80 and head[1:2] <= b"\5"),
    _cut_zip,
)
_KINDS = {
    ".h5": _HDF5,
    ".hdf5": _HDF5,
    ".pt": _TORCH,
    ".pth": _TORCH,
    ".ckpt": _TORCH,
    ".safetensors": _Kind("safetensors file", lambda head: head[8:9] == b"{", _cut_safetensors),
    ".zip": _Kind("zip archive", lambda head: head.startswith(b"PK"), _cut_zip),
    ".npz": _Kind("zip archive", lambda head: head.startswith(b"PK"), _cut_zip),
    ".gz": _Kind("gzip file", lambda head: head.startswith(b"\x1f\x8b")),
}
