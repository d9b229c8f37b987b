"""Who computes the parts: this process, or one Dask worker process per device."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from tracksmith.engine.device import device_kind, parse_devices, resolve_device, usable_cores
from tracksmith.engine.lanes import threads_restored
from tracksmith.engine.parts import PartStore
from tracksmith.engine.plan import Plan, check_genome
from tracksmith.engine.work import (
    FAILURES_WITHOUT_PROGRESS,
    Computer,
    PartWorker,
    compute_parts,
    failure_message,
    note_failure,
)
from tracksmith.errors import (
    IncompleteError,
    PluginError,
    ResourceError,
    TracksmithError,
    UsageError,
)
from tracksmith.genome.fasta import Genome, silent
from tracksmith.models.registry import load_registry
from tracksmith.models.trust import consent, trusting
from tracksmith.progress import Progress, Silent
from tracksmith.run import Run

__all__ = ["OpenWorker", "PartJob", "devices_of", "run_on_devices", "run_parts"]

DEATHS_PER_PART = 3

OpenWorker: TypeAlias = Callable[[Run, str], Computer]
"""Opens a run on a device, inside a worker process; a function of a module, so that it travels by
its name."""


@dataclass(frozen=True)
class PartJob:
    """Parts of a run to be computed on several devices; ``what`` is how progress calls it."""

    what: str
    store: PartStore
    open_worker: OpenWorker


def devices_of(run: Run, text: str) -> list[str]:
    """Return the devices that ``--device`` names for the parts of a run.

    ``auto`` is a device of the kind that the run was planned for.

    Raises
    ------
    UsageError
        Devices of another kind: they give other last digits.
    """
    planned = run.request["device"]
    if text == "auto":
        return [planned]
    names = parse_devices(text)
    if device_kind(names[0]) != planned:
        raise UsageError(
            f"--device {text}: {run.folder} was planned for {planned}, and another kind of device "
            f"gives other last digits. Use {planned}, or plan another run with --device {text}."
        )
    return names


def run_parts(
    plan: Plan, genome: Genome, device: str, parts: Sequence[int], progress: Progress
) -> None:
    """Compute parts: in this process on one device, through Dask on several.

    Raises
    ------
    UsageError
        The run was planned for devices of another kind.
    IncompleteError, PluginError, ResourceError
        As :func:`run_on_devices`.
    """
    names = devices_of(plan.run, device)
    if len(names) > 1:
        run_on_devices(PartJob("predict", plan.store, open_part_worker), names, parts, progress)
        return
    worker = PartWorker(plan, genome, names[0], progress)
    progress.start("predict", _bases(worker, parts), "bp")
    with threads_restored():
        compute_parts(worker, parts)
    progress.finish()


def _bases(worker: PartWorker, parts: Sequence[int]) -> int:
    return sum(worker.bases(part) for part in parts)


def open_part_worker(run: Run, device: str) -> PartWorker:
    """Open a run over windows for computing its parts on a device."""
    plan = Plan(run, load_registry())
    genome = Genome.open(Path(run.places["genome"]), notify=silent)
    check_genome(genome, run.request)
    return PartWorker(plan, genome, device, Silent())


def run_on_devices(
    job: PartJob, devices: Sequence[str], parts: Sequence[int], progress: Progress
) -> None:
    """Compute parts through Dask, in one worker process per device.

    Raises
    ------
    IncompleteError
        A plugin broke some parts, or workers died on them each time; the others are done.
    PluginError
        The first parts all failed.
    ResourceError
        A device or Dask is missing, or workers die before a single part is done.
    """
    for name in devices:
        resolve_device(name)
    _DaskDriver(job, list(devices), parts, progress).run()
    progress.finish()


def _compute_on_worker(
    open_worker: OpenWorker,
    folder: str,
    places: dict[str, Any],
    part: int,
    devices: list[str],
    trusted: list[str],
) -> str | None:
    """Compute one part inside a Dask worker; return a plugin's complaint, if any.

    The loaded model stays with the Dask worker, so that it is loaded once.
    ``places`` are those of this command: files may have moved since the run was planned;
    ``trusted`` are the digests of weights that it trusts.
    """
    from distributed import get_worker

    worker: Any = get_worker()
    kept: dict[str, Computer] = worker.__dict__.setdefault("_tracksmith_parts", {})
    try:
        with trusting(trusted):
            if folder not in kept:
                run = Run.open(Path(folder))
                run.content["places"] = places
                kept[folder] = open_worker(run, devices[int(worker.name)])
            kept[folder].compute(part)
    except PluginError as error:
        note_failure(PartStore(Run.open(Path(folder))), part, error)
        return str(error)
    return None


class _DaskDriver:
    """Hands part indices to one worker process per device and watches what comes back."""

    def __init__(
        self, job: PartJob, devices: list[str], parts: Sequence[int], progress: Progress
    ) -> None:
        self.job = job
        self.devices = devices
        self.waiting = list(parts)
        self.progress = progress
        self.trusted = [f"sha256:{digest}" for digest in sorted(consent().digests)]
        self.store = job.store
        self.deaths: dict[int, int] = {}
        self.failed: dict[int, TracksmithError] = {}
        self.asked = len(parts)
        self.done = 0

    def run(self) -> None:
        """Run all parts."""
        distributed = _import_distributed()
        self.progress.start(self.job.what, len(self.waiting), "parts")
        threads = max(1, usable_cores() // len(self.devices))
        # The budget of a worker: its lanes, not the threads of one product.
        environment = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        with (
            distributed.LocalCluster(
                n_workers=len(self.devices),
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                silence_logs=50,
                memory_limit=0,
                env=environment,
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            self._drive(distributed, client)
        if self.failed:
            raise IncompleteError(failure_message(self.store, self.failed))

    def _drive(self, distributed: Any, client: Any) -> None:
        running: dict[Any, int] = {}
        completed = distributed.as_completed()
        for _ in self.devices:
            self._hand_out(client, running, completed)
        for future in completed:
            part = running.pop(future)
            if future.status == "finished":
                self._take(part, future.result())
            else:
                self._count_death(distributed, part, future.exception())
            self._hand_out(client, running, completed)

    def _hand_out(self, client: Any, running: dict[Any, int], completed: Any) -> None:
        if not self.waiting:
            return
        part = self.waiting.pop(0)
        run = self.store.run
        # A key of its own per try: Dask would otherwise hand back the failed one.
        key = f"part-{part}-{self.deaths.get(part, 0)}-{os.getpid()}"
        future = client.submit(
            _compute_on_worker, self.job.open_worker, str(run.folder.resolve()), run.places, part,
            self.devices, self.trusted, key=key, pure=False, retries=0,
        )  # fmt: skip
        running[future] = part
        completed.add(future)

    def _take(self, part: int, complaint: str | None) -> None:
        if complaint is None:
            self.done += 1
            self.progress.advance(1)
            return
        self.failed[part] = PluginError(complaint)
        if not self.done and len(self.failed) >= FAILURES_WITHOUT_PROGRESS:
            raise self.failed[part]

    def _count_death(self, distributed: Any, part: int, error: BaseException) -> None:
        """Try a part again whose worker died; whatever else went wrong is raised.

        A part on which it dies each time is set aside, unless nothing else works either.
        """
        if not isinstance(error, distributed.scheduler.KilledWorker):
            raise error
        self.deaths[part] = self.deaths.get(part, 0) + 1
        total, alone = sum(self.deaths.values()), len(self.deaths) == 1 < self.asked
        if total >= DEATHS_PER_PART and not self.done and not alone:
            raise self._too_many_deaths(part) from error
        if self.deaths[part] < DEATHS_PER_PART:
            self.waiting.insert(0, part)
            return
        self.failed[part] = self._too_many_deaths(part)
        note_failure(self.store, part, self.failed[part])

    def _too_many_deaths(self, part: int) -> ResourceError:
        return ResourceError(
            f"The worker process died {self.deaths[part]} times on part {part}, "
            "perhaps for want of memory. Give a smaller --batch-size or fewer devices, "
            "then repeat the command: finished parts are kept."
        )


def _import_distributed() -> Any:
    try:
        import dask

        # Before distributed is imported: it sets up its loggers then. One death is one try, since
        # the driver counts and decides; no pages about the workers are served; and freed memory is
        # kept, since giving it back after every batch takes almost as long as the batch.
        dask.config.set(
            {
                "logging.distributed": "error",
                "distributed.scheduler.allowed-failures": 0,
                "distributed.scheduler.http.routes": [],
                "distributed.worker.http.routes": [],
                "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
            }
        )
        import distributed
    except ImportError:
        raise ResourceError(
            "Several devices need Dask: `pip install 'tracksmith[dask]'`, or name one --device."
        ) from None
    return distributed
