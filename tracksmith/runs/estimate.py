"""What a run will cost: windows, files, disk, and after a trial, time."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tracksmith.errors import ResourceError
from tracksmith.runs.record import ModelRecord, PlanRecord

__all__ = ["Disk", "Estimate", "ModelCost", "human_bytes", "human_time", "refuse_to_fill"]

SPARE_BYTES = 64 << 20


@dataclass(frozen=True)
class Disk:
    """Bytes of the parts, of the finished files, and of files while they are sorted."""

    parts: int = 0
    files: int = 0
    sorting: int = 0

    def __add__(self, other: Disk) -> Disk:
        sorting = max(self.sorting, other.sorting)
        return Disk(self.parts + other.parts, self.files + other.files, sorting)

    @property
    def all(self) -> int:
        """Bytes when it takes the most."""
        return self.parts + self.files + self.sorting


@dataclass(frozen=True)
class ModelCost:
    """The cost of one model in a run.

    ``work`` says in words what there is to do; ``windows`` counts the windows
    of every orientation, ``passes`` these times the folds. ``seconds`` are of
    the forward passes and the features, None where no trial was possible.
    """

    model: ModelRecord
    work: str
    windows: int
    passes: int
    seconds: float | None


@dataclass(frozen=True)
class Estimate:
    """What a run would do and cost."""

    plan: PlanRecord
    models: tuple[ModelCost, ...]
    files: tuple[str, ...]
    disk: Disk

    @property
    def lines(self) -> list[str]:
        """The same in words: a line a model, the files, the disk."""
        shown = ", ".join(self.files[:20])
        more = f" and {len(self.files) - 20:,} more" if len(self.files) > 20 else ""
        disk = f"Disk: at most {human_bytes(self.disk.files)} for the files"
        disk += f", {human_bytes(self.disk.parts)} for the parts"
        if self.disk.sorting:
            disk += f", {human_bytes(self.disk.sorting)} while it sorts"
        lines = [_line(cost, self.plan.device) for cost in self.models]
        return [*lines, f"{len(self.files):,} files: {shown}{more}", f"{disk}."]


def _line(cost: ModelCost, device: str) -> str:
    record = cost.model
    seconds = "an unknown time" if cost.seconds is None else f"about {human_time(cost.seconds)}"
    scores = f"scores {', '.join(record.scores)}; " if record.scores else ""
    folds = ", ".join(name for name in record.folds.names if name) or "none"
    return (
        f"{record.name}: {cost.work}, {cost.windows:,} windows and {cost.passes:,} forward "
        f"passes, {seconds} on {device}; {len(record.tracks):,} tracks; {scores}"
        f"folds: {folds} ({record.folds.rule})"
    )


def refuse_to_fill(disk: Disk, out: Path, cure: str, *, force: bool) -> None:
    """Refuse to write what does not fit; ``cure`` says how to need less.

    Raises
    ------
    ResourceError
        With what is needed and what is free; ``force`` goes on all the same.
    """
    needed = disk.all + SPARE_BYTES
    folder = out.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if needed > free and not force:
        raise ResourceError(
            f"The run needs about {human_bytes(needed)} on {folder}, where {human_bytes(free)} "
            f"are free. Choose another folder with -o, {cure}, or go on all the same with --force."
        )


def human_bytes(count: float) -> str:
    """Return a size for people, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def human_time(seconds: float) -> str:
    """Return a duration for people."""
    for limit, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * limit:
            return f"{seconds / limit:.1f} {unit}"
    return f"{seconds:.1f} seconds"
