"""The verbs on a run, whatever its kind: plan, run, work, finish, estimate, status."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from tracksmith.errors import ResourceError, UsageError
from tracksmith.files import crash_point
from tracksmith.models.trust import trusting
from tracksmith.progress import Progress
from tracksmith.runs.drafts import drafted, planned_before
from tracksmith.runs.estimate import Estimate, refuse_to_fill
from tracksmith.runs.executors import (
    Devices,
    costs,
    devices_of,
    load,
    reach,
    refuse_missing,
    run_parts,
)
from tracksmith.runs.folder import refuse_damage, remove_parts, remove_run
from tracksmith.runs.kind import Draft, Kind, Worker
from tracksmith.runs.notes import failure_reason
from tracksmith.runs.parts import PartStore
from tracksmith.runs.planned import trusted_files
from tracksmith.runs.request import Request
from tracksmith.runs.run import Run

# decision: one-driver (the only place where these verbs are written)
__all__ = ["RunStatus", "estimate", "finish", "plan", "run_all", "status", "work"]


@dataclass(frozen=True)
class RunStatus:
    """How far a run is.

    ``problems`` maps part numbers to why they cannot be used, ``reasons`` those of parts
    that failed to what was said then; ``next`` is what to do, in words.
    """

    parts: int
    done: int
    problems: dict[int, str]
    finished: bool
    files: list[str]
    reasons: dict[int, str] = field(default_factory=dict)
    next: str = ""


def plan(
    kind: Kind,
    request: Request,
    out: Path,
    progress: Progress,
    *,
    overwrite: bool = False,
    force: bool = False,
) -> Run:
    """Fix a run in the folder ``out``, or find it there already.

    Raises
    ------
    UsageError
        ``out`` holds another run; the differences are named.
    ResourceError
        The disk cannot hold the run (``force`` goes on all the same).
    """
    if request.dask:
        raise UsageError("--dask: planning computes nothing. Give it to `tracksmith work`.")
    with drafted(kind, request, out, progress) as (draft, spool):
        run = None if overwrite else planned_before(draft, out)
        if run is None:
            refuse_to_fill(draft.disk, out, draft.cure, force=force)
            if Run.exists(out):
                remove_run(Run.open(out))
            run = draft.write(out)
        spool.keep(run)
    return run


def run_all(
    kind: Kind,
    request: Request,
    out: Path,
    progress: Progress,
    *,
    overwrite: bool = False,
    force: bool = False,
    keep_parts: bool = False,
) -> Run:
    """Plan, compute all parts and finish; repeated, go on from where it stopped."""
    refuse_missing(request.device, request.dask)  # what is missing claims no folder
    with (
        trusting(request.trust_weights),
        drafted(kind, request, out, progress) as (draft, spool),
    ):
        run = None if overwrite else planned_before(draft, out)
        worker = None
        if run is None:
            refuse_to_fill(draft.disk, out, draft.cure, force=force)
            run, worker = _claim(kind, draft, request, out, progress)
        spool.keep(run)
        if run.finished:
            _tidy(kind, run, keep_parts=keep_parts)
            progress.note(f"{out} is finished already; nothing to do.")
            return run
        with run.lock():
            devices = devices_of(run, request.device, request.dask)
            worker = worker or kind.open(run, _own_device(kind, run, devices), progress)
            with closing(worker):
                _compute(kind, worker, devices, worker.store.missing(), progress)
                _finish(run, worker, progress, keep_parts=keep_parts)
    return run


def work(
    kind: Kind,
    run: Run,
    progress: Progress,
    *,
    device: str = "auto",
    dask: str = "",
    part: int | None = None,
    of: tuple[int, int] | None = None,
) -> list[int]:
    """Compute parts of a planned run: one, the share ``of = (i, n)`` from 0, or all missing.

    ``dask`` is the address or the file of a Dask scheduler, whose workers compute them.

    Needs no lock: any number of these may run at once, on any machine that
    sees the folder. What the plan trusted is not trusted here: see
    :func:`tracksmith.models.trust.trusting`. Returns the parts that were computed.
    """
    chosen = _chosen_parts(run, part, of)
    if run.finished:
        progress.note(f"{run.folder} is finished already; nothing to do.")
        return []
    devices = devices_of(run, device, dask)
    with closing(kind.open(run, devices.own, progress)) as worker:
        todo = sorted(chosen & set(worker.store.missing()))
        try:
            _compute(kind, worker, devices, todo, progress)
        except ResourceError:
            # Another machine did these parts too, was faster, and the parts are gone.
            if not Run.exists(run.folder) or not Run.open(run.folder).finished:
                raise
            progress.note(f"{run.folder} was finished meanwhile; nothing is left to do.")
    return todo


def finish(kind: Kind, run: Run, progress: Progress, *, keep_parts: bool = False) -> Run:
    """Join the parts of a run into its files; safe to kill and to repeat.

    Raises
    ------
    IncompleteError
        Parts are missing or broken; the message lists them all.
    """
    if run.finished:
        _tidy(kind, run, keep_parts=keep_parts)
        return run
    with run.lock(), closing(kind.open(run, kind.finishes_on(run), progress)) as worker:
        _finish(run, worker, progress, keep_parts=keep_parts)
    return run


def status(run: Run, *, deep: bool = False) -> RunStatus:
    """Say how far a run is, from its manifests; ``deep`` checks every byte.

    Raises
    ------
    IncompleteError
        With ``deep``: files of a finished run are missing or changed.
    """
    files = [file.path for file in run.files]
    if run.finished:
        if deep:
            refuse_damage(run)
        return RunStatus(run.parts, run.parts, {}, True, files)
    store = PartStore(run)
    every = {part: store.problem(part, deep=deep) for part in range(len(store))}
    problems = {part: problem for part, problem in every.items() if problem}
    said = {part: failure_reason(store, part) for part in problems}
    reasons = {part: reason for part, reason in said.items() if reason}
    place = f"./{run.folder}" if str(run.folder).startswith("-") else str(run.folder)
    following = f"`tracksmith {'work' if problems else 'finish'} {shlex.quote(place)}`"
    if reasons:
        trace = store.failure_path(min(reasons))
        following = f"mend what failed (the trace is in {trace}), then {following}"
    done = len(store) - len(problems)
    return RunStatus(len(store), done, problems, False, files, reasons, following)


def estimate(kind: Kind, request: Request, progress: Progress) -> Estimate:
    """Return what a run would cost, timing a few batches; nothing is kept.

    Raises
    ------
    TracksmithError
        As :func:`plan`, but for the disk.
    """
    with TemporaryDirectory() as name, trusting(request.trust_weights):
        folder = Path(name)
        with drafted(kind, request, folder, progress) as (draft, spool):
            run = draft.write(folder)
            spool.keep(run)
            device = devices_of(run, request.device).own
            with closing(kind.open(run, device, progress)) as worker:
                model_costs = costs(worker, device)
    return Estimate(draft.plan, model_costs, draft.files, draft.disk)


def _claim(
    kind: Kind, draft: Draft, request: Request, out: Path, progress: Progress
) -> tuple[Run, Worker | None]:
    """Take the folder for a new run, once it is known that it can start.

    The run is opened and its models are loaded in a folder aside: what fails
    there claims no folder and removes no older run.
    """
    # decision: tried-aside (what fails claims no folder and deletes no run)
    with TemporaryDirectory() as aside:
        run = draft.write(Path(aside), aside=True)
        devices = devices_of(run, request.device, request.dask)
        own = _own_device(kind, run, devices)
        worker = kind.open(run, own, progress)
        try:
            load(worker, own)
            reach(devices)
            if Run.exists(out):
                remove_run(Run.open(out))
            draft.settle(run, out)
        except BaseException:
            worker.close()
            raise
    if not devices.elsewhere:
        return run, worker
    worker.close()  # each device gets a process of its own
    return run, None


def _own_device(kind: Kind, run: Run, devices: Devices) -> str:
    """Return the device of this process, which finishes what a scheduler's workers computed."""
    return kind.finishes_on(run) if devices.scheduler else devices.own


def _compute(
    kind: Kind, worker: Worker, devices: Devices, parts: Sequence[int], progress: Progress
) -> None:
    """Compute parts stage by stage: stages of a later wave need all of the earlier ones."""
    store = worker.store

    def step(part: int) -> tuple[int, str, str]:
        stage = store.stage(part)
        return stage.wave, stage.what, stage.unit

    for (wave, what, unit), group in groupby(sorted(parts, key=step), key=step):
        mine = sorted(group)
        store.require(_before(store, {store.stage(part).model for part in mine}, wave))
        run_parts(kind, worker, devices, mine, (what, unit), progress)


def _before(store: PartStore, models: set[int], wave: int) -> list[int]:
    """Return the parts of these models in earlier waves."""
    return [
        part
        for part in range(len(store))
        if store.stage(part).model in models and store.stage(part).wave < wave
    ]


def _finish(run: Run, worker: Worker, progress: Progress, *, keep_parts: bool) -> None:
    """Join the parts; the caller holds the run's lock."""
    run.sweep()
    worker.store.require_all()
    results = worker.finish(progress)
    trusted = trusted_files(run.plan.models, worker.store.trusted())
    gpus = worker.store.gpus()
    if len(gpus) > 1:
        progress.note(
            f"Parts were computed on {len(gpus)} kinds of GPU, which may differ in last digits: "
            + "; ".join(gpus)
        )
    run.results = replace(results, trusted_weights=trusted, gpus=gpus)
    run.save()
    crash_point("finished")
    if not keep_parts:
        remove_parts(run)


def _tidy(kind: Kind, run: Run, *, keep_parts: bool) -> None:
    """Check a finished run; write into its folder only to remove what a kill left."""
    refuse_damage(run)
    kind.accept(run)
    if run.parts_folder.is_dir() and not keep_parts:
        with run.lock():
            remove_parts(run)


def _chosen_parts(run: Run, part: int | None, of: tuple[int, int] | None) -> set[int]:
    """Return the parts that a command asks for: one, a share of every stage, or all.

    Raises
    ------
    UsageError
        There is no such part or share.
    """
    if part is not None:
        if not 0 <= part < run.parts:
            raise UsageError(f"--part {part}: this run has parts 0 to {run.parts - 1}.")
        return {part}
    if of is None:
        return set(range(run.parts))
    number, shares = of
    if not 0 <= number < shares:
        raise UsageError(f"--part {number}/{shares}: give 0/{shares} to {shares - 1}/{shares}.")
    store = PartStore(run)
    waves = {stage.wave for stage in run.plan.stages}
    chosen: set[int] = set()
    for wave in waves:
        every = [part for part in range(len(store)) if store.stage(part).wave == wave]
        chosen.update(share(every, number, shares))
    return chosen


def share(parts: Sequence[int], number: int, shares: int) -> Sequence[int]:
    """Return the ``number``-th of ``shares`` even shares of the parts."""
    return parts[len(parts) * number // shares : len(parts) * (number + 1) // shares]
