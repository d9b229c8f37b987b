"""Fetching weights into the cache: the only code that downloads anything.

Files land whole or not at all. A download that was cut goes on where it
stopped when the file's sha256 is known, and from the start otherwise, because
only a digest can show that both pieces belong together.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from tracksmith.errors import InputError, ResourceError, UsageError
from tracksmith.files import aside, digest_of_file
from tracksmith.models.card import ModelCard, WeightFile
from tracksmith.models.contract import Model
from tracksmith.models.download import Job, Notify, download, set_aside
from tracksmith.models.weights import (
    CheckedFile,
    check_weights,
    locate_weights,
    needs_weights,
    weights_cache,
)
from tracksmith.progress import Progress, Silent

__all__ = ["fetch", "licence_notice", "verify"]


def fetch(
    model: Model,
    source: str | None = None,
    notify: Notify = lambda text: None,
    progress: Progress | None = None,
    offline: bool = False,
) -> list[Path]:
    """Bring a model's weights into the cache and check them.

    Parameters
    ----------
    source
        A folder, a file, or the ``http(s)://`` address under which the files
        lie; by default each file's addresses on the card, in order. Proxies
        come from the environment (``HTTPS_PROXY`` and so on).
    notify
        Gets one line at a time: the licence, what is there, what is done.
    progress
        Counts bytes.
    offline
        Look at nothing but the cache and ``source``, a folder or file; so
        does ``TRACKSMITH_OFFLINE=1``. Every file of the card must be there.

    Returns
    -------
    list of Path
        The files in the cache.

    Raises
    ------
    TrustError
        A file is not the published one; what was downloaded ends in ``.bad``.
    ResourceError
        No source answers, the network breaks, or the disk is full; offline,
        files are missing, each of which is named.
    InputError, UsageError
        The folder lacks files, or the source is no folder and no address, or
        an address offline.
    """
    card = model.card
    notify(licence_notice(card))
    if not needs_weights(model):
        notify(f"{card.name} needs no weights.")
        return []
    cache = weights_cache(card)
    _make_folder(cache)
    if offline or _offline_everywhere():
        jobs = _jobs_offline(model, source, cache)
        missing = [job for job in jobs if not _obtain_offline(job, notify)]
        if missing or not jobs:
            raise ResourceError(_missing(card, cache, missing, len(jobs)))
    else:
        jobs = _jobs(model, source, cache)
        for job in jobs:
            _obtain(job, notify, progress or Silent())
    _require_usable(model, cache)
    return [job.target for job in jobs]


def _require_usable(model: Model, cache: Path) -> None:
    """Raise where older files of the cache stand in the way of the new ones."""
    try:
        locate_weights(model, cache, "the cache")
    except InputError as error:
        raise InputError(
            f"{error}\nThe files were brought, but the model cannot be used: remove from {cache} "
            "what does not belong to it."
        ) from error


def _offline_everywhere() -> bool:
    return os.environ.get("TRACKSMITH_OFFLINE", "0") not in ("", "0")


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


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(
            f"Cannot make the folder {folder}: {error.strerror or error}. "
            "Set TRACKSMITH_CACHE to a folder that you may write."
        ) from error


def _jobs(model: Model, source: str | None, cache: Path) -> list[Job]:
    card = model.card
    if source is None:
        if not card.weights:
            raise UsageError(
                f"The card of {card.name} lists no files to fetch. Get them from the authors "
                f"({card.citation}) and give their folder: "
                f"`tracksmith models fetch {card.name} --from FOLDER`."
            )
        return [Job(card, file, cache / file.name, file.urls) for file in card.weights]
    if _is_address(source):
        return _jobs_under(card, source, cache)
    return _jobs_from_files(model, _local(source), cache)


def _is_address(source: str) -> bool:
    return urlsplit(source).scheme in ("http", "https")


def _local(source: str) -> Path:
    parts = urlsplit(source)
    path = Path(unquote(parts.path)) if parts.scheme == "file" else Path(source).expanduser()
    if not path.exists():
        raise UsageError(
            f"--from {source}: neither an existing file or folder nor an http(s):// address."
        )
    return path


def _jobs_under(card: ModelCard, base: str, cache: Path) -> list[Job]:
    last = unquote(urlsplit(base).path.rpartition("/")[2])
    single = [file for file in card.weights if Path(file.name).name == last]
    if single:
        return [Job(card, single[0], cache / single[0].name, (base,))]
    return [
        Job(card, file, cache / file.name, (f"{base.rstrip('/')}/{quote(file.name)}",))
        for file in card.weights
    ]


def _jobs_from_files(model: Model, path: Path, cache: Path) -> list[Job]:
    """Return the copies to make; which files count is decided as for ``--weights``."""
    card = model.card
    jobs = []
    for fold, files in locate_weights(model, path, "--from").items():
        for found in files:
            file = _file_of_card(model, fold, found, path)
            jobs.append(Job(card, file, cache / file.name, (str(found),)))
    return jobs


def _file_of_card(model: Model, fold: str, found: Path, path: Path) -> WeightFile:
    """Return the card's entry for a file that was found, or one that states nothing."""
    listed = [file for file in model.card.weights if file.fold == fold]
    if model.find_weights is None and len(listed) == 1:
        return listed[0]
    for file in listed:
        if Path(file.name).name == found.name:
            return file
    inside = path.is_dir() and found.is_relative_to(path)
    return WeightFile(str(found.relative_to(path)) if inside else found.name, fold)


def _jobs_offline(model: Model, source: str | None, cache: Path) -> list[Job]:
    """Return a job for every file that is wanted; those without a source must be there.

    Wanted are the card's files, but not of a fold for which there are weights of the user's own.
    """
    card = model.card
    if source is not None and _is_address(source):
        raise UsageError(f"--from {source}: nothing is downloaded offline. Give a folder.")
    place = cache if source is None else _local(source)
    try:
        found = _jobs_from_files(model, place, cache)
    except InputError:
        if source is not None and not card.weights:
            raise
        found = []
    if source is None:
        found = [replace(job, sources=()) for job in found]
    own = {job.file.fold for job in found if job.file not in card.weights}
    jobs = {job.target: job for job in found}
    for file in card.weights:
        beside = place / file.name
        sources = (str(beside),) if source is not None and beside.is_file() else ()
        if file.fold not in own:
            jobs.setdefault(cache / file.name, Job(card, file, cache / file.name, sources))
    return list(jobs.values())


def _obtain_offline(job: Job, notify: Notify) -> bool:
    """Bring one file to its place from a folder; say whether it is there now."""
    if _in_place(job, notify):
        return True
    if not job.sources:
        return False
    _bring(job, notify, Silent())
    return True


def _missing(card: ModelCard, cache: Path, missing: list[Job], wanted: int) -> str:
    """Say what is missing offline, and how to bring it."""
    listed = "".join(f"  - {job.target}{_facts(job.file)}\n" for job in missing)
    head = f"Offline, {len(missing)} of {wanted} files of {card.name} {card.version} are missing:\n"
    if not wanted:
        head = f"Offline, there are no weights of {card.name} {card.version} in {cache}.\n"
    own = "" if card.weights else f" (get them from the authors: {card.citation})"
    return (
        f"{head}{listed}"
        "Nothing was downloaded. Bring the files into some folder of this machine and run "
        f"`tracksmith models fetch {card.name} --from FOLDER --offline`{own}; or, where there is a "
        f"network, run `tracksmith models fetch {card.name}` and copy the folder that "
        f"`tracksmith models show {card.name}` names there to {cache}."
    )


def _facts(file: WeightFile) -> str:
    size = f"{file.size:,} bytes" if file.size else ""
    digest = f"sha256 {file.sha256}" if file.sha256 else ""
    facts = ", ".join(filter(None, (size, digest)))
    return f" ({facts})" if facts else ""


def _in_place(job: Job, notify: Notify) -> bool:
    """Say whether the right file is there; a wrong one is set aside."""
    if not job.target.is_file():
        return False
    if not job.fits(job.target):
        why = "not the published file"
    elif _other_content(job):
        why = f"another file than {job.sources[0]}"
    else:
        notify(f"{job.target} is there already.")
        return True
    bad = set_aside(job.target)
    notify(f"{job.target} is {why}; it is now {bad}.")
    return False


def _other_content(job: Job) -> bool:
    """Whether a local source differs from what is there, and the card cannot say who is right."""
    if job.file.sha256 or not job.sources or _is_address(job.sources[0]):
        return False
    return digest_of_file(Path(job.sources[0])) != digest_of_file(job.target)


def _obtain(job: Job, notify: Notify, progress: Progress) -> None:
    """Bring one file to its place, unless the right one is there already."""
    if not _in_place(job, notify):
        _bring(job, notify, progress)


def _bring(job: Job, notify: Notify, progress: Progress) -> None:
    _make_folder(job.target.parent)
    if job.sources and not _is_address(job.sources[0]):
        _copy(job, Path(job.sources[0]))
    else:
        download(job, notify, progress)
    stated = "as published" if job.file.sha256 else "the publisher states none to compare with"
    notify(f"{job.target}: sha256 {digest_of_file(job.target)} ({stated}).")


def _copy(job: Job, source: Path) -> None:
    with aside(job.target) as temporary:
        shutil.copyfile(source, temporary)
        if not job.fits(temporary):
            raise job.misfit(temporary, str(source), "Nothing was put into the cache.")
