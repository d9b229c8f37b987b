"""The run folder: its plan, its identity, the lock of its driver."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from tracksmith.errors import InputError, ResourceError, TrustError, UsageError
from tracksmith.files import (
    TEMPORARY_PREFIX,
    canonical_json,
    name_fault,
    temporary_name,
    write_json,
)
from tracksmith.runs.codec import decode, encode
from tracksmith.runs.lock import is_left_over, locked
from tracksmith.runs.record import FORMAT, FileEntry, Limits, Places, PlanRecord, Results

__all__ = ["FILE_FOLDERS", "Run", "differences", "make_folder", "require_name"]

FILE_FOLDERS = ("tracks", "regions", "variants", "ism", "edits", "perturb", "explain")
"""Where the built-in kinds of run put finished files."""


class Run:
    """A folder with ``run.json``, ``parts/`` while at work, and the finished files.

    Attributes
    ----------
    folder
        Where it lies.
    plan
        Everything that decides what is computed; ``plan.id`` names it.
    places
        Where genome, weights and other files were found.
    limits
        How many alleles may be skipped when it is finished.
    results
        The finished files and counts; None while it is at work.
    """

    def __init__(
        self,
        folder: Path,
        plan: PlanRecord,
        places: Places,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        results: Results | None = None,
    ) -> None:
        self.folder = folder
        self.plan = plan
        self.places = places
        self.limits = limits
        self.results = results

    @property
    def id(self) -> str:
        """sha256 of the plan."""
        return self.plan.id

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """The finished files; none while it is at work."""
        return self.results.files if self.results else ()

    @property
    def finished(self) -> bool:
        """Whether every file is written and checked."""
        return self.results is not None

    @property
    def parts(self) -> int:
        """How many parts it has."""
        return sum(len(stage.starts) for stage in self.plan.stages)

    @property
    def parts_folder(self) -> Path:
        """Where parts lie while the run is at work."""
        return self.folder / "parts"

    @classmethod
    def exists(cls, folder: Path) -> bool:
        """Say whether ``folder`` holds a run."""
        return (folder / "run.json").is_file()

    def create(self) -> None:
        """Write a new run; its folder must be writable and hold no other run."""
        make_folder(self.folder)
        make_folder(self.parts_folder)
        self.save()

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Read a run and check that nobody edited it.

        Raises
        ------
        InputError
            There is no run, or ``run.json`` cannot be read.
        TrustError
            It was edited, or another format version wrote it.
        """
        require_name(folder)
        path = folder / "run.json"
        try:
            return _checked(folder, path, _read(path))
        except FileNotFoundError:
            raise InputError(
                f"{folder} holds no run: {path} is missing.\n"
                "Start one with `tracksmith predict` or `tracksmith plan`."
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(f"Cannot read {path}: {error}. Restore it or start anew.") from None

    def save(self) -> None:
        """Write ``run.json`` anew, whole or not at all."""
        content = {
            "format": FORMAT,
            "id": self.plan.id,
            "plan": encode(self.plan),
            "places": encode(self.places),
            "limits": encode(self.limits),
            "results": encode(self.results),
        }
        write_json(self.folder / "run.json", content | {"seal": _seal(content)})

    def find_at(self, places: Places) -> None:
        """Note where genome and weights are by now; that is no part of the identity."""
        if self.places == places:
            return
        self.places = places
        if not self.finished:
            with self.lock():
                self.save()

    def keep_limits(self, limits: Limits) -> None:
        """Store the limits: they decide whether it may be finished, and no byte of it."""
        if self.limits == limits:
            return
        self.limits = limits
        if not self.finished:
            with self.lock():
                self.save()

    def refuse_other(self, plan: PlanRecord) -> None:
        """Raise unless ``plan`` is that of this run.

        Raises
        ------
        UsageError
            With every field that differs.
        """
        if plan == self.plan or plan.id == self.id:
            return
        lines = differences(encode(self.plan, full=True), encode(plan, full=True))
        listed = "\n".join(f"  {line}" for line in lines[:20])
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
        with locked(self.folder / ".lock"):
            yield

    def sweep(self) -> None:
        """Remove temporary files that killed drivers left. Only under the lock.

        Nobody but the driver writes finished files and ``run.json``: what lies beside
        them is of dead ones, on whatever machine. Others' files in ``parts`` may be in use.
        """
        mine = [self.folder / folder for folder in FILE_FOLDERS]
        dead = [left for folder in mine for left in folder.glob(f"{TEMPORARY_PREFIX}*")]
        for name in ("run.json", "lock"):
            dead += self.folder.glob(f"{TEMPORARY_PREFIX}{name}-*")
        for folder in (self.folder, self.parts_folder):
            dead += filter(is_left_over, folder.glob(f"{TEMPORARY_PREFIX}*"))
        for left in dead:
            with suppress(OSError):
                left.unlink()


def require_name(path: Path) -> None:
    """Refuse a folder or file whose whole path no run can hold.

    Raises
    ------
    InputError
        Its path is not UTF-8.
    """
    if fault := name_fault(str(path)) or name_fault(str(path.absolute())):
        raise InputError(f"Cannot use this path: {fault}")


def make_folder(folder: Path) -> None:
    """Make a folder and prove that it can be written to.

    Raises
    ------
    ResourceError
        It cannot be made or written; said before any work is done.
    """
    probe = folder / temporary_name("probe")
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
    if old == new:
        return []
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
    return [f"{path}: {_brief(old)}, {_brief(new)}"]


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _seal(content: Mapping[str, Any]) -> str:
    """Return the sha256 that covers files, statistics and limits; places may be mended by hand."""
    # decision: sealed-but-places (files move; what was planned and found does not)
    sealed = {key: value for key, value in content.items() if key not in ("places", "seal")}
    return hashlib.sha256(canonical_json(sealed).encode()).hexdigest()


def _read(path: Path) -> Any:
    """Return what a JSON file holds; raises ValueError also for what is never written into one."""
    content = json.loads(path.read_text(encoding="utf-8"))
    canonical_json(content).encode()  # Python reads NaN, Infinity and lone surrogates, too
    return content


def _checked(folder: Path, path: Path, content: Any) -> Run:
    if not isinstance(content, dict) or "format" not in content:
        raise InputError(f"{path} is no run of tracksmith. Restore it or start anew.")
    if content["format"] != FORMAT:
        shown = ascii(content["format"])[:40]
        raise TrustError(
            f"{path} has format version {shown}; this tracksmith writes {FORMAT}. "
            f"Finish it with the tracksmith that planned it, or delete {folder} and start anew."
        )
    plan = decode(PlanRecord, content.get("plan"), f"{path}: plan")
    if content.get("id") != plan.id:
        raise TrustError(
            f"{path} was edited: its plan gives id {plan.id[:12]}, it states "
            f"{str(content.get('id'))[:12]}. Restore the file or start anew in another folder."
        )
    if content.get("seal") != _seal(content):
        raise TrustError(f"{path} was edited after it was written. Restore the file or start anew.")
    if not plan.sound:
        raise TrustError(f"{path}: its parts do not cover the run. Start anew in another folder.")
    results = content.get("results")
    run = Run(
        folder,
        plan,
        decode(Places, content.get("places"), f"{path}: places"),
        decode(Limits, content.get("limits"), f"{path}: limits"),
        None if results is None else decode(Results, results, f"{path}: results"),
    )
    for file in run.files:
        place = PurePosixPath(file.path)
        if place.is_absolute() or ".." in place.parts:
            raise TrustError(f"{path} lists {file.path!r}, which lies outside the run.")
    return run
