"""Downloading one file: mirrors in order, resuming, and checking before it gets its name."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tracksmith.errors import ResourceError, TrustError
from tracksmith.files import digest_of_file, fsync_folder
from tracksmith.models.card import ModelCard, WeightFile
from tracksmith.progress import Progress

if TYPE_CHECKING:
    import requests

__all__ = ["Job", "download", "set_aside"]

Notify = Callable[[str], None]
# decision: requests-not-pooch (pooch does not resume)
ATTEMPTS = 10
TIMEOUT = (15.0, 60.0)
"""Seconds to connect, and between two pieces of data."""
PIECE = 1 << 16
"""Bytes at a time; so much at most is lost when a connection breaks."""


@dataclass(frozen=True)
class Job:
    """One file to bring to ``target`` from the first of ``sources`` that has it."""

    card: ModelCard
    file: WeightFile
    target: Path
    sources: tuple[str, ...]

    @property
    def part(self) -> Path:
        """Where a download grows."""
        return self.target.with_name(self.target.name + ".part")

    def fits(self, path: Path) -> bool:
        """Say whether a file has the size and digest that the card states."""
        file = self.file
        if file.size is not None and path.stat().st_size != file.size:
            return False
        return file.sha256 is None or digest_of_file(path) == file.sha256

    def misfit(self, path: Path, came_from: str, kept: str) -> TrustError:
        """Return the error that says how a file differs from the published one."""
        file = self.file
        return TrustError(
            f"{came_from} is not the published {file.name} of {self.card.name}.\n"
            f"  expected sha256 {file.sha256 or 'unknown'}, {file.size or 'unknown'} bytes\n"
            f"  got      sha256 {digest_of_file(path)}, {path.stat().st_size} bytes\n{kept}"
        )


def set_aside(path: Path) -> Path:
    """Rename a wrong file to ``.bad`` and return that name."""
    bad = path.with_name(path.name.removesuffix(".part") + ".bad")
    path.replace(bad)
    return bad


def download(job: Job, notify: Notify, progress: Progress) -> None:
    """Download from the first source that has the right file, going on where one broke off.

    Raises
    ------
    TrustError
        The file is not the published one; it is moved to ``.bad``.
    ResourceError
        No source has it, or the disk is full.
    """
    if not job.sources:
        raise ResourceError(_failure(job, ["the card of the model names no address"]))
    import requests

    failures: list[str] = []
    with requests.Session() as session:
        for url in job.sources:
            if _from_source(session, url, job, notify, progress, failures):
                job.part.replace(job.target)
                fsync_folder(job.target.parent)
                return
    raise ResourceError(_failure(job, failures))


def _from_source(
    session: requests.Session,
    url: str,
    job: Job,
    notify: Notify,
    progress: Progress,
    failures: list[str],
) -> bool:
    """Say whether one source gave the whole file; why not is added to ``failures``."""
    import requests

    for _ in range(ATTEMPTS):
        before = _size(job.part)
        try:
            _download_rest(session, url, job, progress)
        except requests.RequestException as error:
            failures.append(f"{url}: {_reason(error)}")
            if _size(job.part) == before:
                return False
            continue  # something came: the same source may give the rest
        if job.fits(job.part):
            return True
        if not before:
            misfit = job.misfit(job.part, url, f"It is kept as {job.target}.bad, never loaded.")
            set_aside(job.part)
            raise misfit
        notify(f"{url}: the pieces do not fit together; starting from zero.")
        job.part.unlink()
    return False


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _download_rest(session: requests.Session, url: str, job: Job, progress: Progress) -> None:
    """Append to the part file what it lacks; a network fault leaves what came.

    Raises
    ------
    requests.RequestException
        The server refuses, or the connection breaks.
    ResourceError
        The disk is full, or another process downloads the same file.
    """
    import requests

    try:
        with job.part.open("ab") as handle:
            _lock(handle, job)
            if job.file.sha256 is None:
                handle.truncate(0)
            done = handle.seek(0, os.SEEK_END)
            if done and job.fits(job.part):
                return
            _check_space(job, done)
            headers = {"Accept-Encoding": "identity"}
            if done:
                headers["Range"] = f"bytes={done}-"
            with _ask(session, url, headers) as response:
                _receive(response, handle, done, job, progress)
    except requests.RequestException:
        raise
    except OSError as error:
        raise ResourceError(
            f"Cannot write {job.part}: {error.strerror or error}. Free some space, or set "
            "TRACKSMITH_CACHE to a larger disk, then repeat the command: it goes on from there."
        ) from error


def _ask(session: requests.Session, url: str, headers: dict[str, str]) -> requests.Response:
    import requests

    try:
        return session.get(url, headers=headers, stream=True, timeout=TIMEOUT)
    except requests.RequestException:
        raise
    except (OSError, ValueError) as error:
        # So requests tells of a certificate bundle that is missing, or a host that is no name.
        raise requests.ConnectionError(str(error)) from error


def _receive(
    response: requests.Response, handle: BinaryIO, done: int, job: Job, progress: Progress
) -> None:
    import requests

    if response.status_code == 416:  # the part is longer than the file
        handle.truncate(0)
    response.raise_for_status()
    if response.status_code == 206:
        if not response.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
            handle.truncate(0)
            raise requests.ConnectionError("the server sent another range than asked for")
    elif done:
        handle.truncate(0)
        done = 0
    length = int(response.headers.get("Content-Length", 0))
    progress.start(job.file.name, done + length, "B", done)
    for piece in response.iter_content(PIECE):
        handle.write(piece)
        progress.advance(len(piece))
    progress.finish()
    handle.flush()
    os.fsync(handle.fileno())
    if length and handle.tell() != done + length:
        raise requests.ConnectionError(f"cut after {handle.tell()} of {done + length} bytes")


def _lock(handle: BinaryIO, job: Job) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ResourceError(
            f"Another process is downloading {job.target} just now. Wait for it."
        ) from error


def _check_space(job: Job, done: int) -> None:
    free = shutil.disk_usage(job.part.parent).free
    if job.file.size is not None and free < job.file.size - done:
        raise ResourceError(
            f"{job.part.parent} has {free:,} bytes free; {job.file.name} needs "
            f"{job.file.size - done:,} more. Free some space, or set TRACKSMITH_CACHE."
        )


def _reason(error: requests.RequestException) -> str:
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ProxyError):
        refused = re.search(r"Tunnel connection failed: ([^'\"]+)", str(error))
        return (
            f"the proxy refuses ({refused[1]})"
            if refused
            else (f"the proxy does not answer ({error})")
        )
    return f"connection failed or broke off ({error})"


def _failure(job: Job, reasons: Sequence[str]) -> str:
    listed = "\n".join(f"  - {reason}" for reason in reasons)
    kept = _size(job.part)
    partial = f" ({kept:,} bytes are kept there and used again)" if kept else ""
    return (
        f"Cannot fetch {job.file.name} of {job.card.name}:\n{listed}\n"
        f"It belongs at {job.target}{partial}.\n"
        "Check the network and proxy (HTTPS_PROXY) and repeat; or fetch the file elsewhere and "
        f"give its folder or address: `tracksmith models fetch {job.card.name} --from FOLDER|URL`."
    )
