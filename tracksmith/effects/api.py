"""The verbs on a run of variants: plan, work, finish, score."""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tracksmith.effects.estimate import (
    Need,
    VariantEstimate,
    disk_needed,
    estimate_model,
    file_names,
    forecast,
)
from tracksmith.effects.finish import Limits, finish_variants
from tracksmith.effects.region_plan import RegionPlan
from tracksmith.effects.request import ResolvedVariants, VariantRequest, resolve_variants
from tracksmith.effects.survey import Counts
from tracksmith.effects.worker import VariantPlan, VariantWorker, open_variant_worker
from tracksmith.engine.api import chosen_parts, keep_batch_sizes, remove_run, tidy
from tracksmith.engine.device import parse_devices, resolve_devices
from tracksmith.engine.estimate import refuse_to_fill
from tracksmith.engine.executors import PartJob, devices_of, run_on_devices
from tracksmith.engine.region_work import prepare_regions
from tracksmith.engine.work import compute_parts, load_forward
from tracksmith.errors import TracksmithError, UsageError
from tracksmith.files import TEMPORARY_PREFIX, aside, owner_suffix
from tracksmith.models.registry import Registry, load_registry
from tracksmith.models.trust import trusting
from tracksmith.progress import Progress, Silent
from tracksmith.run import Run, make_folder

__all__ = ["Estimate", "estimate", "finish", "is_variant_run", "plan", "score", "work"]

SPOOL = "input"
"""Where variants from standard input are kept while the run is at work."""

CURE = "fewer tracks with -t, fewer scores with --score"


def is_variant_run(run: Run) -> bool:
    """Say whether a run scores variants."""
    return "variants" in run.request


def plan(
    asked: VariantRequest,
    out: Path,
    progress: Progress | None = None,
    overwrite: bool = False,
    force: bool = False,
    limits: Limits | None = None,
) -> Run:
    """Fix a run in the folder ``out``, or find it there already.

    ``limits`` are kept for a later :func:`finish`.

    Raises
    ------
    UsageError
        ``out`` holds another run; the differences are named.
    InputError
        The variants cannot be read.
    ResourceError
        The disk cannot hold the run (``force`` goes on all the same).
    """
    return _plan(asked, out, progress or Silent(), overwrite, force, limits)


def _plan(
    asked: VariantRequest,
    out: Path,
    told: Progress,
    overwrite: bool,
    force: bool,
    limits: Limits | None,
    here: bool = False,
) -> Run:
    """Fix a run or find it; ``here`` says that this process will compute it, too."""
    registry = load_registry()
    if asked.saturate is not None and limits not in (None, Limits()):
        raise UsageError("--saturate skips no allele: leave out --strict and --max-skipped.")
    if here:
        resolve_devices(asked.predict.device)  # what is missing claims no folder
    with trusting(asked.trust_weights), resolved_source(asked, out, registry, told) as resolved:
        if asked.over is None and asked.predict.batch_size is not None:
            for entry in resolved.request["models"]:
                entry["batch_chosen"] = True
        if Run.exists(out) and not overwrite:
            run = Run.open(out)
            keep_batch_sizes(resolved, run)
            run.refuse_other(resolved.request, resolved.versions)
            run.find_at(resolved.places)
        else:
            refuse_to_fill(disk_needed(resolved, registry), out, force, CURE)
            if Run.exists(out):
                if here:
                    _load_all(resolved, registry, asked.predict.device)
                remove_run(Run.open(out))
            run = resolved.create(out)
        if not run.finished:
            _keep_spool(asked, out)
    _keep_limits(run, limits or Limits())
    return run


def _load_all(resolved: ResolvedVariants, registry: Registry, devices: str) -> None:
    """Look for the devices and load every model: what fails, fails before a run is replaced."""
    names = parse_devices(devices)
    found = resolve_devices(devices)
    with TemporaryDirectory() as folder:
        engine = VariantPlan(resolved.create(Path(folder)), registry).engine
        if isinstance(engine, RegionPlan):
            prepare_regions(engine.resolved.on(names[0]), Silent())
            return
        for model in engine.models:
            load_forward(model, found[0])


@contextmanager
def resolved_source(
    asked: VariantRequest, folder: Path, registry: Registry, progress: Progress
) -> Iterator[ResolvedVariants]:
    """Resolve a request; standard input is copied into ``folder`` first, since it is read twice.

    The copy lies aside until the caller renames it, so that a request that is
    refused leaves what was there.
    """
    if asked.source is None or str(asked.source) != "-":
        yield resolve_variants(asked, registry, progress)
        return
    fresh, spool = not folder.exists(), _spool_path(folder)
    try:
        make_folder(folder)
        with aside(spool) as temporary, temporary.open("wb") as handle:
            shutil.copyfileobj(sys.stdin.buffer, handle, 1 << 20)
        try:
            resolved = resolve_variants(replace(asked, source=spool), registry, progress)
        except TracksmithError as error:
            raise type(error)(str(error).replace(str(spool), "standard input")) from error
        resolved.request["variants"]["source"]["name"] = SPOOL
        resolved.places["variants"] = str((folder / SPOOL).resolve())
        yield resolved
    finally:
        with suppress(OSError):
            spool.unlink(missing_ok=True)
            if fresh:
                folder.rmdir()


def _keep_spool(asked: VariantRequest, folder: Path) -> None:
    if asked.source is not None and str(asked.source) == "-":
        _spool_path(folder).replace(folder / SPOOL)


def _spool_path(folder: Path) -> Path:
    return folder / f"{TEMPORARY_PREFIX}{SPOOL}{owner_suffix(os.getpid())}"


def _keep_limits(run: Run, limits: Limits) -> None:
    """Store the limits with a run: they decide whether it may be finished, and no byte of it."""
    if run.finished or run.content.get("limits", asdict(Limits())) == asdict(limits):
        return
    with run.lock():
        run.content["limits"] = asdict(limits)
        run.save()


@dataclass(frozen=True)
class Estimate:
    """What a run would do and cost: its models, resolved request, files and bytes."""

    models: list[VariantEstimate]
    request: dict[str, Any]
    files: list[str]
    need: Need


def estimate(asked: VariantRequest, progress: Progress | None = None) -> Estimate:
    """Return what a run would cost, timing a few variants; nothing is kept.

    Raises
    ------
    TracksmithError
        As :func:`plan`, but for the disk.
    """
    told, registry = progress or Silent(), load_registry()
    with (
        trusting(asked.trust_weights),
        TemporaryDirectory() as name,
        resolved_source(asked, Path(name), registry, told) as resolved,
    ):
        folder = Path(name)
        run = resolved.create(folder)
        _keep_spool(asked, folder)
        count = len(resolved.parts)
        with _worker(run, devices_of(run, asked.predict.device)[0], told) as worker:
            models = [estimate_model(worker, number, resolved.size) for number in range(count)]
        need = sum((forecast(resolved, registry, number) for number in range(count)), Need())
        return Estimate(models, resolved.request, file_names(resolved), need)


def score(
    asked: VariantRequest,
    out: Path,
    limits: Limits | None = None,
    progress: Progress | None = None,
    overwrite: bool = False,
    keep_parts: bool = False,
    force: bool = False,
) -> Run:
    """Plan, score all parts and finish; repeated, go on from where it stopped.

    Returns
    -------
    run
        The finished run; ``run.files`` lists what was written, and
        ``run.content["counts"]`` what became of the records.
    """
    told, limits = progress or Silent(), limits or Limits()
    run = _plan(asked, out, told, overwrite, force, limits, here=True)
    if run.finished:
        _check_finished(run, limits, keep_parts)
        told.note(f"{out} is finished already; nothing to do.")
        return run
    device = asked.predict.device
    with trusting(asked.trust_weights), run.lock(), _worker(run, device, told) as worker:
        _compute(worker, device, worker.store.missing(), told)
        finish_variants(worker, limits, told, keep_parts)
    return run


def work(
    out: Path,
    device: str = "auto",
    part: int | None = None,
    of: tuple[int, int] | None = None,
    progress: Progress | None = None,
) -> list[int]:
    """Score parts of a planned run: one, the share ``of = (i, n)`` from 0, or all missing.

    Needs no lock. What the plan trusted is not trusted here: see
    :func:`tracksmith.models.trust.trusting`. Returns the parts that were computed.
    """
    told = progress or Silent()
    run = Run.open(out)
    if run.finished:
        told.note(f"{out} is finished already; nothing to do.")
        return []
    with _worker(run, device, told) as worker:
        mine = chosen_parts(len(worker.store), part, of)
        todo = sorted(set(mine) & set(worker.store.missing()))
        _compute(worker, device, todo, told)
    return todo


def finish(
    out: Path,
    progress: Progress | None = None,
    keep_parts: bool = False,
    limits: Limits | None = None,
    device: str = "auto",
) -> Run:
    """Join the parts of a run into its files; the limits are those it was planned with."""
    told = progress or Silent()
    run = Run.open(out)
    limits = limits or Limits(**run.content.get("limits", {}))
    if run.finished:
        _check_finished(run, limits, keep_parts)
        return run
    with run.lock(), _worker(run, device, told) as worker:
        finish_variants(worker, limits, told, keep_parts)
    return run


def _check_finished(run: Run, limits: Limits, keep_parts: bool) -> None:
    """Check the files of a finished run, and the limits of this command against its counts.

    What a kill between finishing and cleaning up left is removed.
    """
    tidy(run, keep_parts)
    if not keep_parts and (run.folder / SPOOL).exists():
        (run.folder / SPOOL).unlink()
    name = run.request["variants"]["source"].get("name", "")
    for found in run.content.get("counts", {}).values():
        counts = Counts(alleles_scored=found["alleles_scored"], reasons=Counter(found["reasons"]))
        limits.check(counts, name)


@contextmanager
def _worker(run: Run, device: str, progress: Progress) -> Iterator[VariantWorker]:
    first = devices_of(run, device)[0]
    planned = VariantPlan(run, load_registry(), progress.note)
    worker = VariantWorker(planned, first, progress)
    try:
        yield worker
    finally:
        worker.close()


def _compute(worker: VariantWorker, device: str, parts: Sequence[int], progress: Progress) -> None:
    """Score parts: in this process on one device, through Dask on several."""
    if not parts:
        return
    names = devices_of(worker.plan.run, device)
    if len(names) > 1:
        job = PartJob("variants", worker.store, open_variant_worker)
        run_on_devices(job, names, parts, progress)
        return
    progress.start("variants", sum(worker.records(part) for part in parts), "variants")
    compute_parts(worker, parts)
    progress.finish()
