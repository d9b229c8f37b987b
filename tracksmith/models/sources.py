"""Which files of a model to bring, and from where: the card, an address, a folder, an archive."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from tracksmith.errors import InputError, UsageError
from tracksmith.models.card import ModelCard, WeightFile
from tracksmith.models.contract import Model
from tracksmith.models.download import Job
from tracksmith.models.weights import locate_weights

__all__ = ["archive_job", "is_address", "jobs_for", "missing_offline", "offline_jobs"]


def is_address(source: str) -> bool:
    """Say whether a source is an address of the web, not a path."""
    return urlsplit(source).scheme in ("http", "https")


def jobs_for(model: Model, source: str | None, cache: Path, *, partly: bool = False) -> list[Job]:
    """Return a job for every file: of the card's addresses, another one, or a folder.

    ``partly`` is content with some of the card's files in a folder.

    Raises
    ------
    UsageError, InputError
        The card lists none, or the source is none.
    """
    card = model.card
    if source is None:
        if not card.weights:
            raise UsageError(
                f"The card of {card.name} lists no files to fetch. Get them from the authors "
                f"({card.citation}) and give their folder: "
                f"`tracksmith models fetch {card.name} --from FOLDER`."
            )
        return [Job(card, file, cache / file.name, file.urls) for file in card.weights]
    if is_address(source):
        return _jobs_under(card, source, cache)
    place = _local(source)
    try:
        return _jobs_from_files(model, place, cache)
    except InputError:
        files = [file for file in card.weights if (place / file.name).is_file()]
        if not partly or not files:
            raise
        return [Job(card, file, cache / file.name, (str(place / file.name),)) for file in files]


def archive_job(model: Model, source: str | None, cache: Path, *, offline: bool) -> Job | None:
    """Return the job of an archive to unpack; None where loose files are meant.

    An archive is meant when the card names one and the source is the card, an
    address that ends in ``.zip``, such a file, or a folder that holds the
    card's archive and no weights beside it.
    """
    card = model.card
    if not card.archives:
        return None
    file = card.archives[0]
    if source is None:
        return None if offline else Job(card, file, cache / file.name, file.urls)
    if is_address(source):
        if not urlsplit(source).path.endswith(".zip"):
            source = f"{source.rstrip('/')}/{quote(file.name)}"
        return Job(card, file, cache / file.name, (source,))
    path = _local(source)
    archive = path / file.name
    if path.is_dir() and archive.is_file() and not _holds_weights(model, path):
        path = archive
    if path.suffix == ".zip" and path.is_file():
        return Job(card, replace(file, name=path.name), path, (str(path),))
    return None


def _holds_weights(model: Model, folder: Path) -> bool:
    try:
        return bool(locate_weights(model, folder))
    except InputError:
        return False


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
        for place in files:
            file = _file_of_card(model, fold, place, path)
            jobs.append(Job(card, file, cache / file.name, (str(place),)))
    return jobs


def _file_of_card(model: Model, fold: str, place: Path, path: Path) -> WeightFile:
    """Return the card's entry for a file that was found, or one that states nothing."""
    listed = [file for file in model.card.weights if file.fold == fold]
    if model.find_weights is None and len(listed) == 1:
        return listed[0]
    for file in listed:
        if Path(file.name).name == place.name:
            return file
    inside = path.is_dir() and place.is_relative_to(path)
    return WeightFile(str(place.relative_to(path)) if inside else place.name, fold)


def offline_jobs(model: Model, source: str | None, cache: Path) -> list[Job]:
    """Return a job for every file that is wanted; those without a source must be there.

    Wanted are the card's files, but not of a fold for which there are weights of the user's own.
    """
    card = model.card
    if source is not None and is_address(source):
        raise UsageError(f"--from {source}: nothing is downloaded offline. Give a folder.")
    place = cache if source is None else _local(source)
    try:
        local_jobs = _jobs_from_files(model, place, cache)
    except InputError:
        if source is not None and not card.weights:
            raise
        local_jobs = []
    if source is None:
        local_jobs = [replace(job, sources=()) for job in local_jobs]
    own = {job.file.fold for job in local_jobs if job.file not in card.weights}
    jobs = {job.target: job for job in local_jobs}
    for file in card.weights:
        beside = place / file.name
        sources = (str(beside),) if source is not None and beside.is_file() else ()
        if file.fold not in own:
            jobs.setdefault(cache / file.name, Job(card, file, cache / file.name, sources))
    return list(jobs.values())


def missing_offline(card: ModelCard, cache: Path, missing: list[Job], wanted: int) -> str:
    """Say what is missing offline, and how to bring it."""
    listed = "".join(f"  - {job.target}{_size_and_digest(job.file)}\n" for job in missing)
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


def _size_and_digest(file: WeightFile) -> str:
    size = f"{file.size:,} bytes" if file.size else ""
    digest = f"sha256 {file.sha256}" if file.sha256 else ""
    stated = ", ".join(filter(None, (size, digest)))
    return f" ({stated})" if stated else ""
