"""What a kind of run says of itself; everything else is done by :mod:`tracksmith.runs.job`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from tracksmith.files import aside
from tracksmith.models.registry import Registry
from tracksmith.progress import Progress
from tracksmith.runs.estimate import Disk, ModelCost
from tracksmith.runs.parts import PartStore
from tracksmith.runs.record import Limits, Places, PlanRecord, Results
from tracksmith.runs.request import Request
from tracksmith.runs.run import Run, make_folder

__all__ = ["Draft", "Kind", "Overlapping", "Worker"]


@dataclass(frozen=True)
class Draft:
    """A plan that is not written yet, with all that was found out on the way.

    ``texts`` are small files that lie beside ``run.json``, by name. ``files``
    are the names of the finished files; ``cure`` says how to need less disk.
    ``now`` says where files that can be read once are until ``places`` holds.
    """

    plan: PlanRecord
    places: Places
    files: tuple[str, ...]
    disk: Disk
    texts: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    cure: str = "fewer tracks with -t"
    now: Places | None = None

    def write(self, folder: Path, *, aside: bool = False) -> Run:
        """Write it as a new run into a folder, or into one ``aside`` where it is tried first."""
        run = Run(folder, self.plan, self.places, self.limits)
        self.settle(run, folder)
        if aside and self.now is not None:
            run.places = self.now
        return run

    def settle(self, run: Run, folder: Path) -> None:
        """Write a run that was tried elsewhere into its own folder."""
        run.places = self.places
        make_folder(folder)
        for name, text in self.texts.items():
            with aside(folder / name) as temporary:
                temporary.write_text(text, encoding="utf-8")
        run.folder = folder
        run.create()


class Worker(Protocol):
    """A run opened on one device: computes parts and joins them into files."""

    store: PartStore

    def load(self) -> None:
        """Load what the first part of each stage would load, so that faults show now."""

    def compute(self, part: int) -> None:
        """Compute one part and write it, whole or not at all; count its units as progress."""

    def size(self, part: int) -> int:
        """Return how many units, which progress counts, a part has."""

    def finish(self, progress: Progress) -> Results:
        """Write every finished file, whole or not at all; all parts are there."""

    def costs(self) -> list[ModelCost]:
        """Return the cost of every model, after a trial."""

    def close(self) -> None:
        """Let go of files."""


@runtime_checkable
class Overlapping(Protocol):
    """A worker that may compute several parts at a time, from as many threads."""

    side_by_side: int

    def stop(self) -> None:
        """Have every part under way given up soon: its ``compute`` raises."""


class Kind(Protocol):
    """A kind of run."""

    @property
    def name(self) -> str:
        """What ``run.json`` calls it."""

    def draft(self, request: Request, registry: Registry, progress: Progress) -> Draft:
        """Open all files, fill in every default, and cut the work into parts.

        Raises
        ------
        TracksmithError
            Of the kind that fits; nothing was written.
        """

    def open(self, run: Run, device: str, progress: Progress) -> Worker:
        """Open a planned run on a device.

        Raises
        ------
        TrustError
            A file, a model or a version is not what was planned.
        """

    def finishes_on(self, run: Run) -> str:
        """Return the kind of device that finishing needs: ``cpu`` where no network runs then."""

    def accept(self, run: Run) -> None:
        """Check a finished run once more when its command is repeated."""
