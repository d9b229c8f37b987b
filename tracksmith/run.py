"""The run folder: what was asked, its identity, the lock of its driver."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from tracksmith.errors import InputError, ResourceError, TrustError, UsageError
from tracksmith.files import (
    TEMPORARY_PREFIX,
    canonical_json,
    crash_point,
    owner_suffix,
    write_json,
)

__all__ = ["FORMAT", "Run", "differences", "request_id"]

FORMAT = 2


def request_id(request: dict[str, Any], versions: dict[str, str]) -> str:
    """Return the sha256 that names everything which decides the bytes of a run."""
    text = canonical_json({"format": FORMAT, "request": request, "versions": versions})
    return hashlib.sha256(text.encode()).hexdigest()


class Run:
    """A folder with ``run.json``, ``parts/`` while at work, and the finished files.

    ``request`` and ``versions`` decide every byte of the outputs and are named
    by ``id``; ``places`` says where genome and weights were found; ``parts``
    holds, per model, the chunk with which each part begins.
    """

    def __init__(self, folder: Path, content: dict[str, Any]) -> None:
        self.folder = folder
        self.content = content

    @property
    def id(self) -> str:
        """sha256 of the request and the versions."""
        return str(self.content["id"])

    @property
    def request(self) -> dict[str, Any]:
        """What was asked, resolved."""
        request: dict[str, Any] = self.content["request"]
        return request

    @property
    def places(self) -> dict[str, Any]:
        """Paths of the genome and the weights on this machine."""
        places: dict[str, Any] = self.content["places"]
        return places

    @property
    def parts(self) -> list[list[int]]:
        """Per model, the number of the chunk with which each part begins."""
        parts: list[list[int]] = self.content["parts"]
        return parts

    @property
    def files(self) -> list[dict[str, Any]]:
        """The finished files: path, kind, sha256, size, value summary."""
        files: list[dict[str, Any]] = self.content.get("files", [])
        return files

    @property
    def finished(self) -> bool:
        """Whether every file is written and checked."""
        return bool(self.content.get("finished"))

    @property
    def parts_folder(self) -> Path:
        """Where parts lie while the run is at work."""
        return self.folder / "parts"

    @classmethod
    def exists(cls, folder: Path) -> bool:
        """Say whether ``folder`` holds a run."""
        return (folder / "run.json").is_file()

    @classmethod
    def create(
        cls,
        folder: Path,
        request: dict[str, Any],
        versions: dict[str, str],
        places: dict[str, Any],
        parts: list[list[int]],
    ) -> Run:
        """Write a new run; the folder must be writable and hold no other run."""
        make_folder(folder)
        make_folder(folder / "parts")
        content = {
            "format": FORMAT,
            "id": request_id(request, versions),
            "request": request,
            "versions": versions,
            "places": places,
            "parts": parts,
            "files": [],
            "finished": False,
        }
        write_json(folder / "run.json", content)
        return cls(folder, content)

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Read a run and check that nobody edited it.

        Raises
        ------
        InputError
            There is no run, or ``run.json`` cannot be read.
        TrustError
            The request does not match its id, or another format version wrote it.
        """
        path = folder / "run.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(
                f"{folder} holds no run: {path} is missing.\n"
                "Start one with `tracksmith predict` or `tracksmith plan`."
            ) from None
        except (OSError, ValueError) as error:
            raise InputError(f"Cannot read {path}: {error}. Restore it or start anew.") from None
        _check_content(path, content)
        return cls(folder, content)

    def save(self) -> None:
        """Write ``run.json`` anew, whole or not at all."""
        write_json(self.folder / "run.json", self.content)

    def find_at(self, places: dict[str, Any]) -> None:
        """Note where genome and weights are by now; that is no part of the identity."""
        if self.content.get("places") == places:
            return
        self.content["places"] = places
        if not self.finished:
            with self.lock():
                self.save()

    def refuse_other(self, request: dict[str, Any], versions: dict[str, str]) -> None:
        """Raise unless ``request`` and ``versions`` are the ones of this run.

        Raises
        ------
        UsageError
            With every field that differs.
        """
        if request_id(request, versions) == self.id:
            return
        mine = {"request": self.request, "versions": self.content["versions"]}
        found = differences(mine, {"request": request, "versions": versions})
        listed = "\n".join(f"  {line}" for line in found[:20])
        raise UsageError(
            f"{self.folder} holds another run. What differs (there, now):\n{listed}\n"
            "Choose another folder with -o, or replace the run with --overwrite."
        )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder as its one driver.

        Raises
        ------
        TrustError
            Another live process holds it; host, pid and age are named.
        """
        path = self.folder / ".lock"
        _take_lock(path)
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()

    def sweep(self) -> None:
        """Remove temporary files that killed drivers left. Only under the lock."""
        inner = ("parts", "tracks", "regions", "variants", "ism")
        for folder in (self.folder, *(self.folder / name for name in inner)):
            for left in folder.glob(f"{TEMPORARY_PREFIX}*"):
                if is_left_over(left):
                    with suppress(OSError):
                        left.unlink()


def make_folder(folder: Path) -> None:
    """Make a folder and prove that it can be written to.

    Raises
    ------
    ResourceError
        It cannot be made or written; said before any work is done.
    """
    probe = folder / f"{TEMPORARY_PREFIX}probe{owner_suffix(os.getpid())}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise ResourceError(
            f"Cannot write into {folder.absolute()}: {error.strerror or error}.\n"
            "Choose a folder that you may write to with -o."
        ) from None


def differences(old: Any, new: Any, path: str = "") -> list[str]:
    """Return one line per leaf in which two JSON values differ: ``path: old, new``."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted(old.keys() | new.keys())
        return [
            line
            for key in keys
            for line in differences(old.get(key), new.get(key), f"{path}.{key}" if path else key)
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [
            line
            for number, (left, right) in enumerate(zip(old, new, strict=True))
            for line in differences(left, right, f"{path}[{number}]")
        ]
    return [] if old == new else [f"{path}: {_brief(old)}, {_brief(new)}"]


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _check_content(path: Path, content: Any) -> None:
    if not isinstance(content, dict) or not isinstance(content.get("request"), dict):
        raise InputError(f"{path} is no run of tracksmith. Restore it or start anew.")
    if content.get("format") != FORMAT:
        raise TrustError(
            f"{path} has format version {content.get('format')!r}; this tracksmith writes "
            f"{FORMAT}. Finish it with the tracksmith that planned it, or start anew."
        )
    stated, actual = content.get("id"), request_id(content["request"], content.get("versions", {}))
    if stated != actual:
        raise TrustError(
            f"{path} was edited: its request gives id {actual[:12]}, it states "
            f"{str(stated)[:12]}. Restore the file or start anew in another folder."
        )
    for entry in content.get("files", []):
        place = PurePosixPath(str(entry["path"]))
        if place.is_absolute() or ".." in place.parts:
            raise TrustError(f"{path} lists {entry['path']!r}, which lies outside the run.")


def _take_lock(path: Path) -> None:
    mine = json.dumps(
        {"host": socket.gethostname(), "pid": os.getpid(), "born": _born(os.getpid()),
         "since": time.time()}
    )  # fmt: skip
    for _ in range(3):
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            _move_stale_lock(path)
            continue
        except OSError as error:
            raise ResourceError(f"Cannot write {path}: {error.strerror}.") from None
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(mine)
        crash_point("locked")
        return
    raise TrustError(f"{path} changes hands too fast: another driver is starting here.")


def _move_stale_lock(path: Path) -> None:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        host, pid, born = holder["host"], int(holder["pid"]), holder["born"]
        minutes = (time.time() - float(holder["since"])) / 60
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError):
        # A driver killed between creating the lock and writing into it leaves it empty.
        time.sleep(0.2)
        if not path.exists() or path.stat().st_size:
            return
        host, pid, born, minutes = socket.gethostname(), 0, "", 0.0
    if host != socket.gethostname() or _alive(pid, born):
        raise TrustError(
            f"{path.parent} is in use by process {pid} on {host}, for {minutes:.0f} min. "
            f"Wait for it; if that process is gone, delete {path}."
        )
    stale = path.with_name(f"{TEMPORARY_PREFIX}lock{owner_suffix(os.getpid())}")
    with suppress(OSError):
        path.rename(stale)
        stale.unlink()


def _born(pid: int) -> str:
    """Return when a process started, in clock ticks since boot; '' where /proc is absent."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def _alive(pid: int, born: str) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not born or _born(pid) in ("", born)


def is_left_over(path: Path) -> bool:
    """Say whether a process of this host left it and is gone; other hosts' files stay."""
    pid = path.name.rpartition("-")[2]
    if not pid.isdigit() or not path.name.endswith(owner_suffix(pid)):
        return False
    return int(pid) == os.getpid() or not _alive(int(pid), "")
