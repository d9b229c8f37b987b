"""Downloading one file: mirrors in order, resuming, and checking before it gets its name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tracksmith.errors import ResourceError, TrustError
from tracksmith.files import fsync_folder
from tracksmith.models.card import ModelCard, WeightFile
from tracksmith.models.kinds import HEAD, wrong_content, wrong_head
from tracksmith.models.published import Publishers, Statement
from tracksmith.progress import Progress

if TYPE_CHECKING:
    import requests

__all__ = ["Arrival", "Downloader", "Job", "Notify", "set_aside"]

Notify = Callable[[str], None]
# decision: requests-not-pooch (pooch does not resume)
ATTEMPTS = 10
TIMEOUT = (15.0, 60.0)
"""Seconds to connect, and between two pieces of data."""
PIECE = 1 << 16
"""Bytes at a time; so much at most is lost when a connection breaks."""
SHOWN = 8
"""Names of other files that a message lists."""


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

    @property
    def stated(self) -> Statement:
        """What the card says of the file."""
        return Statement("the card", self.file.size, self.file.sha256)

    def misfit(self, path: Path, came_from: str, stated: Statement, kept: str) -> TrustError:
        """Return the error that says how a file differs from the published one."""
        return TrustError(
            f"{came_from} is not the published {self.file.name} of {self.card.name}, as "
            f"{stated.by} states it.\n{stated.compared(path)}\n{kept}"
        )


@dataclass(frozen=True)
class Arrival:
    """Where a file came from, the digest that was stated of it (``md5:...``), and by whom."""

    source: str
    digest: str = ""
    stated_by: str = ""


def set_aside(path: Path) -> Path:
    """Rename a wrong file to ``.bad`` and return that name."""
    bad = path.with_name(path.name.removesuffix(".part") + ".bad")
    path.replace(bad)
    return bad


class Downloader:
    """Downloads files one after the other over one session."""

    def __init__(self, notify: Notify, progress: Progress) -> None:
        from tracksmith.models.web import Session

        self.notify = notify
        self.progress = progress
        self.session = Session()
        self.publishers = Publishers(self.session, TIMEOUT)

    def close(self) -> None:
        """End the session."""
        self.session.close()

    def stated(self, job: Job, url: str) -> Statement:
        """Return what the card says of a file, or else the publisher at an address."""
        if job.stated.digest:
            return job.stated
        stated = job.stated.over(self.publishers.statement(url))
        while self.publishers.problems:
            self.notify(f"NOTE: {self.publishers.problems.pop(0)}")
        return stated

    def download(self, job: Job) -> Arrival:
        """Download from the first source that has the right file, going on where one broke off.

        Raises
        ------
        TrustError
            The file is not the published one; it is moved to ``.bad``.
        ResourceError
            No source has it, or the disk is full.
        """
        failures: list[str] = []
        for url in job.sources:
            stated = self.stated(job, url)
            if self._from_source(url, job, stated, failures):
                job.part.replace(job.target)
                fsync_folder(job.target.parent)
                return Arrival(url, stated.digest, stated.by if stated.digest else "")
        if not job.sources:
            failures = ["the card of the model names no address"]
        raise ResourceError(_failure(job, failures))

    def _from_source(self, url: str, job: Job, stated: Statement, failures: list[str]) -> bool:
        """Say whether one source gave the whole file; why not is added to ``failures``."""
        import requests

        from tracksmith.models.web import reason

        for _ in range(ATTEMPTS):
            before = _size(job.part)
            try:
                self._download_rest(url, job, stated)
            except _OtherContentError as error:
                failures.append(f"{url}: {error}{self._beside(url, job)}")
                job.part.unlink(missing_ok=True)
                return False
            except requests.RequestException as error:
                failures.append(f"{url}: {reason(error, url)}{self._beside(url, job)}")
                if _size(job.part) == before:
                    return False
                continue  # something came: the same source may give the rest
            if not stated.fits(job.part):
                self._refuse_misfit(url, job, stated, before)
                continue
            problem = wrong_content(job.file.name, job.part)
            if problem is None:
                return True
            failures.append(f"{url}: {problem}")
            job.part.unlink()
            return False
        return False

    def _refuse_misfit(self, url: str, job: Job, stated: Statement, before: int) -> None:
        """Raise over a file that came whole; throw pieces away that do not fit together."""
        if not before:
            kept = f"It is kept as {job.target}.bad, never loaded."
            misfit = job.misfit(job.part, url, stated, kept)
            set_aside(job.part)
            raise misfit
        self.notify(f"{url}: the pieces do not fit together; starting from zero.")
        job.part.unlink()

    def _beside(self, url: str, job: Job) -> str:
        names = self.publishers.listed(url)
        if not names or job.file.name in names:
            return ""
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        return f"; the record holds {', '.join(names[:SHOWN])}{more}"

    def _download_rest(self, url: str, job: Job, stated: Statement) -> None:
        """Append to the part file what it lacks; a network fault leaves what came.

        Raises
        ------
        requests.RequestException
            The server refuses, or the connection breaks.
        _OtherContentError
            What comes is no file of this kind, or larger than it may be.
        ResourceError
            The disk is full.
        """
        with _writing(job), job.part.open("ab") as handle:
            if not stated.digest:
                handle.truncate(0)  # only a digest shows that two pieces belong together
            done = handle.seek(0, os.SEEK_END)
            if done and stated.fits(job.part):
                return
            _check_space(job, min(stated.size or 0, _most(job, stated)) - done)
            headers = {"Accept-Encoding": "identity"}
            if done:
                headers["Range"] = f"bytes={done}-"
            with self._ask(url, headers) as response:
                self._receive(response, handle, done, job, stated)

    def _ask(self, url: str, headers: dict[str, str]) -> requests.Response:
        import requests

        try:
            return self.session.get(url, headers=headers, stream=True, timeout=TIMEOUT)
        except requests.RequestException:
            raise
        except (OSError, ValueError) as error:
            # So requests tells of a certificate bundle that is missing, or a host that is no name.
            raise requests.ConnectionError(str(error)) from error

    def _receive(
        self, response: requests.Response, handle: BinaryIO, done: int, job: Job, stated: Statement
    ) -> None:
        import requests

        done = _begin(response, handle, done)
        length, limit = _announced(response), _most(job, stated)
        if done + (length or 0) > limit:
            raise _OtherContentError(
                f"it announces {done + (length or 0):,} bytes, more than {_owed(job, stated)}"
            )
        _check_space(job, length or 0)
        self.progress.start(job.file.name, done + (length or 0), "B", done)
        for piece in response.iter_content(PIECE):
            handle.write(piece)
            self.progress.advance(len(piece))
            if handle.tell() > limit:
                raise _OtherContentError(f"it sends more than {_owed(job, stated)}")
            if not done and handle.tell() - len(piece) < HEAD <= handle.tell():
                _check_head(job, handle)
        self.progress.finish()
        handle.flush()
        if not done:
            _check_head(job, handle)
        os.fsync(handle.fileno())
        if length is not None and handle.tell() != done + length:
            raise requests.ConnectionError(f"cut after {handle.tell()} of {done + length} bytes")


class _OtherContentError(Exception):
    """What a server sends is not the file: no use in asking it again."""


@contextmanager
def _writing(job: Job) -> Iterator[None]:
    """Say of errors of the disk what to do; those of the network pass, though they look alike."""
    import requests

    try:
        yield
    except requests.RequestException:
        raise
    except OSError as error:
        raise ResourceError(
            f"Cannot write {job.part}: {error.strerror or error}. Free some space, or set "
            "TRACKSMITH_CACHE to a larger disk, then repeat the command: it goes on from there."
        ) from error


def _begin(response: requests.Response, handle: BinaryIO, done: int) -> int:
    """Return from which byte on the answer goes, after making the file that long."""
    import requests

    if response.status_code == 416:  # the part is longer than the file
        handle.truncate(0)
    response.raise_for_status()
    if response.status_code == 206:
        if response.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
            return done
        handle.truncate(0)
        raise requests.ConnectionError("the server sent another range than asked for")
    if done:
        handle.truncate(0)
    return 0


def _announced(response: requests.Response) -> int | None:
    """Return how many bytes will come, as far as the server says so in earnest."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        return None
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def _most(job: Job, stated: Statement) -> int:
    """Return how many bytes may come; the card's word counts for more than a publisher's."""
    return job.file.size or min(stated.size or job.file.limit, job.file.limit)


def _owed(job: Job, stated: Statement) -> str:
    if stated.size and stated.size <= _most(job, stated):
        return f"the {stated.size:,} bytes that {stated.by} states"
    return f"the {job.file.limit:,} bytes that {job.file.name} may have"


def _check_head(job: Job, handle: BinaryIO) -> None:
    handle.flush()
    with job.part.open("rb") as written:
        problem = wrong_head(job.file.name, written.read(HEAD))
    if problem:
        raise _OtherContentError(problem)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _check_space(job: Job, wanted: int) -> None:
    free = shutil.disk_usage(job.part.parent).free
    if free < wanted:
        raise ResourceError(
            f"{job.part.parent} has {free:,} bytes free; {job.file.name} needs "
            f"{wanted:,} more. Free some space, or set TRACKSMITH_CACHE."
        )


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
