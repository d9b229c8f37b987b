"""Fetching weights into the cache: the only code that downloads anything.

Files land whole or not at all. A download that was cut goes on where it
stopped when the file's sha256 is known, and from the start otherwise, because
only a digest can show that both pieces belong together.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from tracksmith.errors import ResourceError, UsageError
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

    Returns
    -------
    list of Path
        The files in the cache.

    Raises
    ------
    TrustError
        A file is not the published one; what was downloaded ends in ``.bad``.
    ResourceError
        No source answers, the network breaks, or the disk is full.
    InputError, UsageError
        The folder lacks files, or the source is no folder and no address.
    """
    card = model.card
    notify(licence_notice(card))
    if not needs_weights(model):
        notify(f"{card.name} needs no weights.")
        return []
    cache = weights_cache(card)
    _make_folder(cache)
    jobs = _jobs(model, source, cache)
    for job in jobs:
        _obtain(job, notify, progress or Silent())
    return [job.target for job in jobs]


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
    scheme = urlsplit(source).scheme
    if scheme in ("http", "https"):
        return _jobs_under(card, source, cache)
    path = Path(unquote(urlsplit(source).path)) if scheme == "file" else Path(source).expanduser()
    if not path.exists():
        raise UsageError(
            f"--from {source}: neither an existing file or folder nor an http(s):// address."
        )
    return _jobs_from_files(model, path, cache)


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
    for fold, files in locate_weights(model, path).items():
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


def _obtain(job: Job, notify: Notify, progress: Progress) -> None:
    """Bring one file to its place, unless the right one is there already."""
    if job.target.is_file():
        if job.fits(job.target):
            notify(f"{job.target} is there already.")
            return
        bad = set_aside(job.target)
        notify(f"{job.target} is not the published file; it is now {bad}.")
    _make_folder(job.target.parent)
    if job.sources and not urlsplit(job.sources[0]).scheme.startswith("http"):
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
