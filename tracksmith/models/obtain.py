"""Bringing one file to its place: what is there is held against all that is known of it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from tracksmith.errors import InputError, ResourceError
from tracksmith.files import crash_point, digest_of_file
from tracksmith.models.download import Arrival, Downloader, Job, Notify, set_aside
from tracksmith.models.fetched import Fetched, keep, recorded
from tracksmith.models.kinds import wrong_content
from tracksmith.models.published import Statement
from tracksmith.models.sources import is_address
from tracksmith.progress import Progress

__all__ = ["Obtainer", "make_folder", "record_of"]


@dataclass
class Obtainer:
    """Brings files to their places one after the other, over one session or without any."""

    notify: Notify
    progress: Progress
    offline: bool = False
    _opened: list[Downloader] = field(default_factory=list)

    @property
    def downloader(self) -> Downloader:
        """What downloads; made when it is first needed."""
        if not self._opened:
            self._opened.append(Downloader(self.notify, self.progress))
        return self._opened[0]

    def close(self) -> None:
        """End the session, if there is one."""
        for opened in self._opened:
            opened.close()

    def obtain(self, job: Job) -> bool:
        """Bring one file to its place, unless the right one is there already.

        Returns
        -------
        bool
            False where it is not there, and no folder to copy it from while offline.
        """
        if self._in_place(job):
            return True
        if job.sources and not is_address(job.sources[0]):
            self._say(job, _copy(job, Path(job.sources[0])))
        elif self.offline:
            return False
        else:
            make_folder(job.target.parent)
            self._say(job, self.downloader.download(job))
        return True

    def _say(self, job: Job, arrival: Arrival) -> None:
        fetched = keep(job.target, arrival.source, arrival.digest, arrival.stated_by)
        said = f"as {arrival.stated_by} states" if arrival.digest else "nobody states its digest"
        self.notify(f"{job.target}: sha256 {fetched.sha256} ({said}).")

    def _in_place(self, job: Job) -> bool:
        """Say whether the right file is there; a wrong one is set aside.

        What came before there were records is compared with what its publisher
        states now, and recorded.
        """
        if not job.target.is_file():
            return False
        known, stated = record_of(job.target), job.stated
        if not stated.digest and known is None and job.sources and is_address(job.sources[0]):
            stated = self.downloader.stated(job, job.sources[0])
        why = _why_wrong(job, stated, known)
        if why is not None:
            self.notify(f"{job.target} is {why}; it is now {set_aside(job.target)}.")
            return False
        if known is None:
            keep(
                job.target, "found in its place", stated.digest, stated.by if stated.digest else ""
            )
        self.notify(f"{job.target} is there already.")
        return True


def make_folder(folder: Path) -> None:
    """Make a folder of the cache."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(
            f"Cannot make the folder {folder}: {error.strerror or error}. "
            "Set TRACKSMITH_CACHE to a folder that you may write."
        ) from error


# decision: fetched-is-recorded (most cards cannot state a digest)
def record_of(path: Path) -> Fetched | None:
    """Return what is kept about a file; a damaged record counts as none, and is made again."""
    try:
        return recorded(path)
    except InputError:
        return None


def _why_wrong(job: Job, stated: Statement, known: Fetched | None) -> str | None:
    """Say why what is there is not the file that is wanted; None if it is."""
    if not stated.fits(job.target):
        return "not the published file"
    if problem := wrong_content(job.file.name, job.target):
        return f"no weight file: {problem}"
    if _other_content(job):
        return f"another file than {job.sources[0]}"
    if known is not None and not known.statement.fits(job.target):
        return f"not what came from {known.source} any more"
    return None


def _other_content(job: Job) -> bool:
    """Whether a local source differs from what is there, and the card cannot say who is right."""
    if job.file.sha256 or not job.sources or is_address(job.sources[0]):
        return False
    return digest_of_file(Path(job.sources[0])) != digest_of_file(job.target)


def _copy(job: Job, source: Path) -> Arrival:
    """Copy a file into the cache; what is recorded of it where it lies holds here too.

    Raises
    ------
    TrustError, InputError
        It is not the published file, or of another kind; nothing is kept.
    """
    make_folder(job.target.parent)
    known, stated = record_of(source), job.stated
    if not stated.digest and known is not None:
        stated = known.statement
    try:
        shutil.copyfile(source, job.part)
        if not stated.fits(job.part):
            raise job.misfit(job.part, str(source), stated, "Nothing was put into the cache.")
        if problem := wrong_content(job.file.name, job.part):
            raise InputError(
                f"{source} is no weight file: {problem}. Nothing was put in its place."
            )
        with job.part.open("rb+") as handle:
            os.fsync(handle.fileno())
        crash_point("copied")
        job.part.replace(job.target)
    except OSError as error:
        raise ResourceError(
            f"Cannot copy {source} to {job.target}: {error.strerror or error}. Free some space, or "
            "set TRACKSMITH_CACHE to a larger disk."
        ) from error
    finally:
        job.part.unlink(missing_ok=True)
    if known is not None and not job.stated.digest:
        return Arrival(known.source, known.published, known.stated_by)
    return Arrival(str(source), stated.digest, stated.by if stated.digest else "")
