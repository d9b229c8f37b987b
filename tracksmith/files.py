"""Files that are whole or absent: write aside, flush, rename; checksums; crash points."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import socket
import string
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Self, TypeVar

from tracksmith.errors import ResourceError

try:  # ten times faster, the same number
    from isal.isal_zlib import crc32
except ImportError:
    from zlib import crc32

__all__ = [
    "TEMPORARY_PREFIX",
    "TOKEN",
    "Closing",
    "aside",
    "cache_root",
    "canonical_json",
    "crash_point",
    "crc32",
    "crc32_of_file",
    "digest_of_file",
    "fsync_folder",
    "machine",
    "name_fault",
    "owner_suffix",
    "plain",
    "remedy",
    "reread",
    "temporary_name",
    "write_json",
]

TEMPORARY_PREFIX = ".tmp-"
TOKEN = "".join(secrets.choice(string.ascii_lowercase) for _ in range(8))
"""Of this process alone: two containers may share host name and process ids."""

T = TypeVar("T")
_crash_counts: dict[str, int] = {}
_crash_lock = threading.Lock()


class Closing:
    """What lets its file go at the end of a ``with`` block, however that ends."""

    def close(self) -> None:
        """Let the file go."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def crash_point(name: str) -> None:
    """Die here, as by SIGKILL, if ``TRACKSMITH_CRASH`` is ``name:n`` and this is the n-th pass.

    Tests enumerate these points; without the variable the call is one dictionary look-up.
    """
    wanted = os.environ.get("TRACKSMITH_CRASH")
    if not wanted:
        return
    point, _, count = wanted.partition(":")
    if point != name:
        return
    with _crash_lock:  # files are finished by several threads
        _crash_counts[name] = _crash_counts.get(name, 0) + 1
        if _crash_counts[name] >= int(count or 1):
            os._exit(137)


def reread(read: Callable[[], T], folder: Path) -> T:
    """Return ``read()``, tried again where a shared file system looks at an old state of itself.

    Files that another machine has just renamed are looked for once more after
    ``folder`` is listed, which makes NFS ask its server; stale handles are left.
    """
    for attempt in (1, 2, 3):
        try:
            return read()
        except OSError as error:
            again = error.errno == errno.ESTALE or (error.errno == errno.ENOENT and attempt == 1)
            if not again or attempt == 3:
                raise
        with suppress(OSError):
            os.listdir(folder)  # noqa: PTH208 - the call that matters
    raise AssertionError


def remedy(error: OSError) -> str:
    """Return what to do about a limit of the system, in a sentence."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "Let a process open more files: `ulimit -n 4096`, then repeat the command."
    if error.errno == errno.ENAMETOOLONG:
        return "Choose a shorter path, then repeat the command."
    return "Free some space or choose another folder, then repeat the command."


@cache
def machine() -> str:
    """Return a short name of this machine's table of processes; of a container, of its own.

    A process id means something to those alone who have this name in common.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        table = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - a link to no file
    except OSError:
        boot, table = str(uuid.getnode()), ""
    name = f"{socket.gethostname()} {boot} {table}"
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def owner_suffix(pid: int | str) -> str:
    """Return how temporary names of a process of this machine end."""
    return f"-{socket.gethostname()}-{machine()}-{pid}"


def temporary_name(name: str) -> str:
    """Return a name for a temporary file or folder that no other process gives."""
    return f"{TEMPORARY_PREFIX}{name}-{TOKEN}{owner_suffix(os.getpid())}"


def fsync_folder(folder: Path) -> None:
    """Make a rename inside ``folder`` durable; file systems that cannot are left alone."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success fsync it and give it its name.

    On any exception, KeyboardInterrupt included, the temporary file goes and
    ``path`` stays as it was. The temporary name belongs to this process alone, so
    two writers of one target never meet.

    Raises
    ------
    ResourceError
        The folder is missing or not writable, or the disk is full.
    """
    temporary = path.parent / temporary_name(path.name)
    try:
        yield temporary
        crash_point("before-fsync")
        with temporary.open("rb+") as handle:
            os.fsync(handle.fileno())
        crash_point("before-rename")
        os.replace(temporary, path)  # noqa: PTH105 - the atomic call, by its own name
        crash_point("after-rename")
        fsync_folder(path.parent)
    except OSError as error:
        raise ResourceError(
            f"Cannot write {path}: {error.strerror or error}. {remedy(error)}"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def canonical_json(value: Any, indent: int | None = None) -> str:
    """Return JSON with sorted keys: the same value always gives the same text.

    Without ``indent`` it takes a fifth of the time, which a list of 100,000 contigs shows.
    """
    return json.dumps(value, sort_keys=True, indent=indent, ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> Any:
    """Return a value as JSON gives it back: tuples as lists."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def cache_root() -> Path:
    """Return ``$TRACKSMITH_CACHE``, or the user's cache folder of the operating system.

    Weights, indexes of genomes and backgrounds have a folder each in it.
    """
    chosen = os.environ.get("TRACKSMITH_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("tracksmith", appauthor=False))


def name_fault(text: str) -> str | None:
    """Say what keeps a text from being a name in a run, with the name; None for a good one.

    ``run.json`` is UTF-8, and so must be what pyBigWig and pysam open.
    """
    if "\0" in text:
        return f"{text!a} holds a zero byte, which no name may."
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        shown = os.fsencode(text).decode("utf-8", "backslashreplace")
        return (
            f"the name {shown} is not UTF-8, as run.json and the libraries for genome files need "
            "it. Rename the file or folder, or give it a link with another name."
        )
    return None


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` to ``path`` as canonical JSON, whole or not at all."""
    with aside(path) as temporary:
        temporary.write_text(canonical_json(value, indent=1) + "\n", encoding="utf-8")


def crc32_of_file(path: Path) -> int:
    """Return the CRC-32 of a file's bytes: enough to find damage, not to tell files apart."""
    value = 0
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            value = crc32(block, value)
    return value


def digest_of_file(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
