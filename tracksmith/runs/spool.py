"""Files that can be read once only, such as standard input, kept while a run needs them."""

from __future__ import annotations

import shutil
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tracksmith.errors import InputError, ResourceError, TracksmithError
from tracksmith.files import remedy, temporary_name
from tracksmith.runs.record import Places
from tracksmith.runs.request import Request
from tracksmith.runs.run import Run, make_folder

__all__ = ["Spool", "spooled"]

# decision: kept-inputs (every worker reads the input, and standard input has no second reading)
FOLDER = ".inputs"
"""Where kept files lie in a run's folder: a name that no file of the user has."""

NAMES = {
    "variants": "input", "alias": "input-alias", "peaks": "input-peaks", "vcf": "input-vcf",
    "alleles": "input-alleles",
    "edits": "input-edits", "readouts": "input-readouts",
}  # fmt: skip
"""Under which name a file is kept, by the field of the request."""


@dataclass
class Spool:
    """The files that were kept aside: what the user called each, by its name."""

    folder: Path
    aside: Path
    kept: dict[str, str] = field(default_factory=dict)

    def take(self, source: Path, name: str) -> Path:
        """Copy a source into the folder aside and return the copy."""
        make_folder(self.folder)
        self.aside.mkdir(exist_ok=True)
        try:
            with (self.aside / name).open("wb") as copy:
                if str(source) == "-":
                    shutil.copyfileobj(sys.stdin.buffer, copy, 1 << 20)
                else:
                    with source.open("rb") as handle:
                        shutil.copyfileobj(handle, copy, 1 << 20)
        except OSError as error:
            reason = error.strerror or error
            raise ResourceError(f"Cannot keep {source}: {reason}. {remedy(error)}") from None
        self.kept[name] = "standard input" if str(source) == "-" else str(source)
        return self.aside / name

    @contextmanager
    def named(self) -> Iterator[None]:
        """Call the kept files in errors what the user called them."""
        try:
            yield
        except TracksmithError as error:
            text = str(error)
            for name, called in self.kept.items():
                text = text.replace(str(self.aside / name), called)
            if text == str(error):
                raise
            raise type(error)(text) from error

    def places(self, places: Places) -> Places:
        """Return the places with those that the kept files will have."""

        def moved(path: str) -> str:
            own = Path(path)
            kept = self.folder.absolute() / FOLDER / own.name
            return str(kept) if own.parent == self.aside else path

        files: Mapping[str, str] = {what: moved(path) for what, path in places.files.items()}
        return replace(places, files=files)

    def keep(self, run: Run) -> None:
        """Give the kept files their names in the folder of the run, if it still needs them."""
        if not self.kept or run.finished:
            return
        (run.folder / FOLDER).mkdir(exist_ok=True)
        for name in self.kept:
            (self.aside / name).replace(run.folder / FOLDER / name)

    @staticmethod
    def remove(run: Run) -> None:
        """Remove the kept files of a finished run."""
        shutil.rmtree(run.folder / FOLDER, ignore_errors=True)


@contextmanager
def spooled(request: Request, folder: Path) -> Iterator[tuple[Request, Spool]]:
    """Yield the request with every file that can be read once replaced by a copy.

    The copies lie aside in ``folder`` until they are kept: a request that is
    refused leaves what was there.
    """
    fresh = not folder.exists()
    aside = folder.absolute() / temporary_name("input")
    spool = Spool(folder, aside)
    try:
        yield _with_copies(request, spool), spool
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        if fresh and spool.kept:
            with suppress(OSError):
                folder.rmdir()


def _with_copies(request: Request, spool: Spool) -> Request:
    for name in ("variants", "alias", "vcf", "alleles", "edits", "readouts"):
        path = getattr(request, name)
        if path is not None and _once(path):
            kept: dict[str, Any] = {name: spool.take(path, NAMES[name])}
            request = replace(request, **kept)
    for model, values in request.own.items():
        path = values.get("peaks")
        if path is not None and _once(path):
            name = NAMES["peaks"] + (f"-{model}" if model else "")
            request = request.with_own(model, peaks=spool.take(path, name))
    return request


def _once(path: Path) -> bool:
    """Say whether a file can be read once only: standard input, a pipe, a device."""
    if str(path) == "-":
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False  # said by whoever opens it
    if stat.S_ISSOCK(mode):
        raise InputError(f"{path} is a socket, not a file.")
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)
