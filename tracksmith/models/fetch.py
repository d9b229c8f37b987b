"""Fetching weights into the cache: the only code that downloads anything.

Files land whole or not at all. A download that was cut goes on where it
stopped when somebody states the file's digest, and from the start otherwise,
because only a digest can show that both pieces belong together.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tracksmith.errors import InputError, PluginError, ResourceError, TracksmithError, UsageError
from tracksmith.files import TEMPORARY_PREFIX
from tracksmith.models.archive import chosen, members_of, unpack
from tracksmith.models.card import ModelCard
from tracksmith.models.checked import CheckedFile, check_weights
from tracksmith.models.contract import Model
from tracksmith.models.download import Job, Notify
from tracksmith.models.fetched import keep
from tracksmith.models.obtain import Obtainer, make_folder, record_of
from tracksmith.models.sources import (
    archive_job,
    is_address,
    jobs_for,
    missing_offline,
    offline_jobs,
)
from tracksmith.models.weights import locate_weights, needs_weights, weights_cache
from tracksmith.progress import Progress, Silent

__all__ = ["fetch", "licence_notice", "verify"]

LOCK = ".lock"


def fetch(
    model: Model,
    source: str | None = None,
    notify: Notify = lambda text: None,
    progress: Progress | None = None,
    *,
    offline: bool = False,
    only: Sequence[str] = (),
) -> list[Path]:
    """Bring a model's weights into the cache and check them.

    Parameters
    ----------
    source
        A folder, a file, or the ``http(s)://`` address under which the files
        lie; by default each file's addresses on the card, in order.
    notify
        Gets one line at a time: the licence, what is there, what is done.
    progress
        Counts bytes.
    offline
        Look at nothing but the cache and ``source``, a folder or file; so
        does ``TRACKSMITH_OFFLINE=1``. Every file of the card must be there.
    only
        Patterns of file names (``K562/*``); all files by default.

    Returns
    -------
    list of Path
        The files in the cache.

    Raises
    ------
    TrustError
        A file is not the published one; what was downloaded ends in ``.bad``.
    ResourceError
        No source answers, the network breaks, the disk is full; offline, files are missing.
    InputError, UsageError
        The source is none, or lacks files; nothing is called as ``only`` says.
    """
    card = model.card
    notify(licence_notice(card))
    if not needs_weights(model):
        notify(f"{card.name} needs no weights.")
        return []
    offline = offline or os.environ.get("TRACKSMITH_OFFLINE", "0") not in ("", "0")
    cache = weights_cache(card)
    make_folder(cache)
    obtainer = Obtainer(notify, progress or Silent(), offline)
    try:
        with _alone(cache):
            files = _fetch_into(cache, model, obtainer, source, only)
            if not only:
                _sweep(cache, "*.part")  # whoever has everything needs no piece of it
    finally:
        obtainer.close()
    if not only:
        _require_usable(model, cache)
    return files


def _fetch_into(
    cache: Path, model: Model, obtainer: Obtainer, source: str | None, only: Sequence[str]
) -> list[Path]:
    archive = archive_job(model, source, cache, offline=obtainer.offline)
    if archive is not None:
        return _fetch_archive(model, obtainer, archive, cache, only)
    if obtainer.offline:
        return _fetch_offline(model, obtainer, source, cache, only)
    jobs = _only(model.card, jobs_for(model, source, cache, partly=bool(only)), only)
    for job in jobs:
        obtainer.obtain(job)
    return [job.target for job in jobs]


def _fetch_offline(
    model: Model, obtainer: Obtainer, source: str | None, cache: Path, only: Sequence[str]
) -> list[Path]:
    jobs = _only(model.card, offline_jobs(model, source, cache), only)
    missing = [job for job in jobs if not obtainer.obtain(job)]
    if missing or not jobs:
        raise ResourceError(missing_offline(model.card, cache, missing, len(jobs)))
    return [job.target for job in jobs]


def _only(card: ModelCard, jobs: list[Job], only: Sequence[str]) -> list[Job]:
    names = [job.file.name for job in jobs]
    kept = set(chosen(names, only))
    if jobs and not kept:
        raise UsageError(_nothing_chosen(card, names, only))
    return [job for job in jobs if job.file.name in kept]


def _nothing_chosen(card: ModelCard, names: list[str], only: Sequence[str]) -> str:
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return f"--only {' '.join(only)}: no file of {card.name} is called so. There are {shown}."


def _fetch_archive(
    model: Model, obtainer: Obtainer, job: Job, cache: Path, only: Sequence[str]
) -> list[Path]:
    """Bring an archive, unpack what is wanted of it, and remove it if it was downloaded."""
    downloaded = is_address(job.sources[0])
    if downloaded:
        obtainer.obtain(job)
    every = members_of(job.target, _unpacker(model))
    names = chosen([member.target for member in every], only)
    if not every:
        raise InputError(
            f"{job.target} holds no weights that {model.card.name} knows by their names. Unpack it "
            f"yourself, name the files as `tracksmith models show {model.card.name}` says, and "
            "give their folder with --from."
        )
    if not names:
        raise UsageError(_nothing_chosen(model.card, [member.target for member in every], only))
    wanted = [member for member in every if member.target in set(names)]
    obtainer.notify(f"Unpacking {len(wanted)} of {len(every)} files of {job.target} into {cache}.")
    known = record_of(job.target)
    paths = unpack(job.target, wanted, cache)
    for path in paths:
        source = known.source if known else str(job.target)
        keep(path, source, known.published if known else "", known.stated_by if known else "")
    if downloaded:
        job.target.unlink()
        obtainer.notify(f"{job.target.name} is unpacked and removed; to have more of it, repeat.")
    return paths


def _unpacker(model: Model) -> Callable[[str], str | None]:
    """Return the model's own rule for the names in its archive, with errors of its own named."""

    def place(name: str) -> str | None:
        try:
            return model.unpack(name) if model.unpack else name
        except TracksmithError:
            raise
        except Exception as error:
            raise PluginError(
                f"{model.card.name} failed in unpack({name!r}): {type(error).__name__}: {error}"
            ) from error

    return place


def _require_usable(model: Model, cache: Path) -> None:
    """Raise where older files of the cache stand in the way of the new ones."""
    try:
        locate_weights(model, cache, "the cache")
    except InputError as error:
        raise InputError(
            f"{error}\nThe files were brought, but the model cannot be used: remove from {cache} "
            "what does not belong to it."
        ) from error


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Hold off other processes that fetch the same weights; clear up what killed ones left.

    Without a lock (a cache that may only be read, a file system that has none)
    nothing is cleared up.
    """
    with ExitStack() as stack:
        try:
            handle = stack.enter_context((cache / LOCK).open("ab"))
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ResourceError(
                f"Another process is fetching weights into {cache} just now. Wait for it."
            ) from error
        except OSError:
            pass
        else:
            _sweep(cache, f"{TEMPORARY_PREFIX}*")
        yield


def _sweep(cache: Path, pattern: str) -> None:
    for left in cache.rglob(pattern):
        with suppress(OSError):
            left.unlink()


def verify(model: Model, path: Path | None = None) -> list[CheckedFile]:
    """Return every weight file of a model with its digest; see `CheckedFile.wrong`.

    Raises
    ------
    InputError, ResourceError
        There are no weights at ``path``, or nowhere.
    """
    return list(check_weights(model.card, locate_weights(model, path)))


def licence_notice(card: ModelCard) -> str:
    """Return what a user must know before using a model's weights."""
    text = f"Licence of the weights of {card.name}: {card.weights_licence}."
    if not card.commercial_use:
        text += "\n*** NON-COMMERCIAL USE ONLY: these weights may not be used commercially. ***"
    return text
