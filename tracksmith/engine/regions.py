"""The verbs on a run of a region model: predict, work, finish.

A run goes through two stages of parts: the features of the peaks, and the
values of windows over all of them. Files are whole or absent, and the same
request gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.engine.api import chosen_parts, remove_run, tidy
from tracksmith.engine.device import resolve_devices
from tracksmith.engine.estimate import refuse_to_fill
from tracksmith.engine.executors import PartJob, devices_of, run_on_devices
from tracksmith.engine.lanes import threads_restored
from tracksmith.engine.parts import PartStore
from tracksmith.engine.region_estimate import (
    RegionEstimate,
    disk_needed,
    estimate_regions,
    part_bytes,
    rehearse,
)
from tracksmith.engine.region_files import file_names, write_files
from tracksmith.engine.region_request import (
    RegionRequest,
    ResolvedRegions,
    planned_request,
    resolve_region_request,
)
from tracksmith.engine.region_work import FEATURES, VALUES, RegionWorker, prepare_regions
from tracksmith.engine.work import compute_parts
from tracksmith.files import crash_point
from tracksmith.models.card import Track
from tracksmith.models.registry import load_registry
from tracksmith.models.trust import trusted_files, trusting
from tracksmith.progress import Progress, Silent
from tracksmith.run import Run, make_folder

__all__ = [
    "Estimate",
    "RegionRequest",
    "estimate",
    "finish",
    "is_region_run",
    "predict_regions",
    "work",
]

CURE = "fewer tracks with -t, fewer digits with --precision 10bits"


def is_region_run(run: Run) -> bool:
    """Say whether a run predicts the regions of a list."""
    reads = run.request["models"][0]["card"]["reads"]
    return bool(reads == "regions") and "variants" not in run.request


def predict_regions(
    asked: RegionRequest,
    out: Path,
    progress: Progress | None = None,
    overwrite: bool = False,
    force: bool = False,
    keep_parts: bool = False,
) -> Run:
    """Predict every peak and write tracks, a table and the normalisers into ``out``.

    Repeated on a finished run it does nothing; on one that was stopped it goes
    on from there.

    Returns
    -------
    run
        The finished run; ``run.files`` lists what was written.

    Raises
    ------
    TracksmithError
        Of the kind that fits; see :func:`tracksmith.engine.region_peaks.read_peaks`.
    """
    with trusting(asked.trust_weights):
        return _predict(asked, out, progress or Silent(), overwrite, force, keep_parts)


def _predict(
    asked: RegionRequest, out: Path, told: Progress, overwrite: bool, force: bool, keep_parts: bool
) -> Run:
    resolved = resolve_region_request(asked, load_registry(), told)
    worker = None
    if Run.exists(out) and not overwrite:
        run = Run.open(out)
        run.refuse_other(resolved.request, resolved.versions)
        run.find_at(resolved.places)
        if run.finished:
            tidy(run, keep_parts)
            told.note(f"{out} is finished already; nothing to do.")
            return run
    else:
        worker = _create(resolved, out, told, force)
        run = worker.run
    with run.lock():
        worker = worker or RegionWorker(run, prepare_regions(resolved, told), told)
        _compute(worker, asked.device, worker.store.missing())
        _finish(worker)
        if not keep_parts:
            PartStore(run).remove()
    return run


@dataclass(frozen=True)
class Estimate:
    """What a run would do and cost: its resolved request, files, and bytes of its parts."""

    cost: RegionEstimate
    request: dict[str, Any]
    files: list[str]
    part_bytes: int


def estimate(asked: RegionRequest, progress: Progress | None = None) -> Estimate:
    """Return what a run would cost, timing a few regions and windows; nothing is written.

    Raises
    ------
    TracksmithError
        As :func:`predict_regions`, but for the disk.
    """
    told = progress or Silent()
    with trusting(asked.trust_weights):
        resolved = resolve_region_request(asked, load_registry(), told)
        prepared = prepare_regions(resolved, told)
    request = resolved.request
    cost = estimate_regions(request, prepared)
    return Estimate(cost, request, file_names(request), part_bytes(prepared))


def _create(resolved: ResolvedRegions, out: Path, progress: Progress, force: bool) -> RegionWorker:
    """Fix a new run, once everything that can be wrong with its inputs was looked at."""
    resolve_devices(resolved.asked.device)
    prepared = prepare_regions(resolved, progress)
    refuse_to_fill(disk_needed(resolved.request, prepared), out, force, CURE)
    if Run.exists(out):
        rehearse(prepared)
        remove_run(Run.open(out))
    make_folder(out)
    run = Run.create(out, resolved.request, resolved.versions, resolved.places, prepared.parts)
    return RegionWorker(run, prepared, progress)


def work(
    out: Path,
    device: str = "auto",
    part: int | None = None,
    of: tuple[int, int] | None = None,
    progress: Progress | None = None,
) -> list[int]:
    """Compute parts of a run: one, the share ``of = (i, n)`` from 0, or all missing.

    Needs no lock. What was trusted before is not trusted here: see
    :func:`tracksmith.models.trust.trusting`. A share is one of the features and
    one of the values, which wait for the features of all regions. Returns the
    parts that were computed.

    Raises
    ------
    IncompleteError
        Features that another share has to make are missing.
    """
    told = progress or Silent()
    run = Run.open(out)
    if run.finished:
        told.note(f"{out} is finished already; nothing to do.")
        return []
    worker = open_region_worker(run, devices_of(run, device)[0], told)
    if of is None:
        mine = set(chosen_parts(len(worker.store), part, None))
    else:
        stages = (worker.parts_of(FEATURES), worker.parts_of(VALUES))
        mine = {parts[at] for parts in stages for at in chosen_parts(len(parts), None, of)}
    todo = sorted(mine & set(worker.store.missing()))
    _compute(worker, device, todo)
    return todo


def finish(out: Path, progress: Progress | None = None, keep_parts: bool = False) -> Run:
    """Write the files of a run from its parts; safe to kill and to repeat."""
    told = progress or Silent()
    run = Run.open(out)
    if run.finished:
        tidy(run, keep_parts)
        return run
    with run.lock():
        _finish(open_region_worker(run, run.request["device"], told))
        if not keep_parts:
            PartStore(run).remove()
    return run


def open_region_worker(run: Run, device: str, progress: Progress | None = None) -> RegionWorker:
    """Open a planned run for computing its parts on a device."""
    told = progress or Silent()
    resolved = planned_request(run, load_registry(), device, told)
    return RegionWorker(run, prepare_regions(resolved, told), told)


def _compute(worker: RegionWorker, device: str, parts: Sequence[int]) -> None:
    """Compute parts, all those of features first."""
    names = devices_of(worker.run, device)
    for stage, what, unit in ((FEATURES, "features", "regions"), (VALUES, "values", "windows")):
        every = worker.parts_of(stage)
        mine = sorted(set(every) & set(parts))
        if not mine:
            continue
        if stage == VALUES:
            worker.store.require(worker.parts_of(FEATURES))
        if len(names) > 1:
            job = PartJob(what, worker.store, open_region_worker)
            run_on_devices(job, names, mine, worker.progress)
            continue
        worker.progress.start(what, sum(map(worker.size, mine)), unit)
        with threads_restored():
            compute_parts(worker, mine)
        worker.progress.finish()


def _finish(worker: RegionWorker) -> None:
    run = worker.run
    run.sweep()
    worker.store.require_all()
    _, normalisers = worker.matrix
    values = _chosen(worker, worker.values())
    run.content["trusted_weights"] = trusted_files(run.request["models"], worker.store.trusted())
    run.content["files"] = write_files(run, values, worker.work.peaks, normalisers)
    run.content["finished"] = True
    run.save()
    crash_point("finished")


def _chosen(worker: RegionWorker, values: NDArray[np.float32]) -> dict[Track, NDArray[np.float32]]:
    """Return the tracks that were asked for with their values, float32 (regions,)."""
    wanted = {track["id"] for track in worker.run.request["models"][0]["card"]["tracks"]}
    return {
        track: values[:, column]
        for column, track in enumerate(worker.work.card.tracks)
        if track.id in wanted
    }
