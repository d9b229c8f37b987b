"""Who computes the parts: this process, or one Dask worker process per device."""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tracksmith.errors import (
    IncompleteError,
    PluginError,
    ResourceError,
    TracksmithError,
    UsageError,
)
from tracksmith.models.trust import consent, trusting
from tracksmith.progress import Progress, Silent
from tracksmith.runs.device import device_kind, parse_devices, resolve_device, usable_cores
from tracksmith.runs.estimate import ModelCost
from tracksmith.runs.failures import device_faults_told
from tracksmith.runs.kind import Kind, Worker
from tracksmith.runs.lanes import threads_restored
from tracksmith.runs.overlap import computed_parts
from tracksmith.runs.parts import PartStore
from tracksmith.runs.record import Places
from tracksmith.runs.run import Run

__all__ = ["compute_parts", "costs", "devices_of", "load", "run_parts"]

FAILURES_WITHOUT_PROGRESS = 3
DEATHS_PER_PART = 3


def devices_of(run: Run, text: str) -> list[str]:
    """Return the devices that ``--device`` names for the parts of a run.

    ``auto`` is a device of the kind that the run was planned for.

    Raises
    ------
    UsageError
        Devices of another kind: they give other last digits.
    """
    planned = run.plan.device
    if text == "auto":
        return [planned]
    names = parse_devices(text)
    # decision: parts-on-planned-device (another kind gives other last digits)
    if device_kind(names[0]) != planned:
        raise UsageError(
            f"--device {text}: {run.folder} was planned for {planned}, and another kind of device "
            f"gives other last digits. Use {planned}, or plan another run with --device {text}."
        )
    return names


def load(worker: Worker, device: str) -> None:
    """Load the models of a worker; raises DeviceError or ResourceError where a device fails."""
    with device_faults_told(device):
        worker.load()


def costs(worker: Worker, device: str) -> tuple[ModelCost, ...]:
    """Return what models cost, after a trial; raises as :func:`load`."""
    with device_faults_told(device):
        return tuple(worker.costs())


def run_parts(
    kind: Kind,
    worker: Worker,
    devices: Sequence[str],
    parts: Sequence[int],
    told_as: tuple[str, str],
    progress: Progress,
) -> None:
    """Compute parts: in this process on one device, through Dask on several.

    ``told_as`` is what progress calls the work, and its unit.

    Raises
    ------
    IncompleteError
        A plugin broke some parts, or workers died on them each time; the others are done.
    PluginError
        The first parts all failed.
    ResourceError
        A device or Dask is missing, or workers die before a single part is done.
    """
    what, unit = told_as
    if len(devices) > 1:
        for name in devices:
            resolve_device(name)
        _DaskDriver(kind, worker.store, list(devices), parts, progress).run(what)
    else:
        progress.start(what, sum(map(worker.size, parts)), unit)
        with threads_restored(), device_faults_told(devices[0]):
            compute_parts(worker, parts)
    progress.finish()


def compute_parts(worker: Worker, parts: Sequence[int]) -> None:
    """Compute parts one after another; one that a plugin breaks is set aside, the rest goes on.

    Raises
    ------
    IncompleteError
        Some parts failed; they are listed with the reason of the first.
    PluginError
        The first parts all failed: going on would be pointless.
    """
    failed: dict[int, PluginError] = {}
    done = 0
    for part, error in computed_parts(worker, parts):
        if error is None:
            done += 1
            continue
        failed[part] = error
        note_failure(worker.store, part, error)
        if not done and len(failed) >= min(FAILURES_WITHOUT_PROGRESS, len(parts)):
            raise error
    if failed:
        raise IncompleteError(failure_message(worker.store, failed))


def note_failure(store: PartStore, part: int, error: BaseException) -> None:
    """Leave a note with the trace beside the parts."""
    text = "".join(traceback.format_exception(error))
    with suppress(OSError):
        store.failure_path(part).write_text(text, encoding="utf-8")


def failure_message(store: PartStore, failed: Mapping[int, TracksmithError]) -> str:
    """Return the message for parts that a plugin broke."""
    first = min(failed)
    shown = ", ".join(str(part) for part in sorted(failed)[:10])
    return (
        f"{len(failed)} of {len(store)} parts failed ({shown}); the others are done and safe.\n"
        f"Part {first}: {failed[first]}\n"
        f"The trace is in {store.failure_path(first)}. Once the cause is mended, finish with "
        f"`tracksmith work {store.run.folder}` and `tracksmith finish {store.run.folder}`."
    )


def _compute_on_worker(
    kind: Kind,
    folder: str,
    places: Places,
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
    kept: dict[str, Worker] = worker.__dict__.setdefault("_tracksmith_parts", {})
    try:
        with trusting(trusted):
            if folder not in kept:
                run = Run.open(Path(folder))
                run.places = places
                kept[folder] = kind.open(run, devices[int(worker.name)], Silent())
            kept[folder].compute(part)
    except PluginError as error:
        note_failure(PartStore(Run.open(Path(folder))), part, error)
        return str(error)
    return None


class _DaskDriver:
    """Hands part indices to one worker process per device and watches what comes back."""

    def __init__(
        self,
        kind: Kind,
        store: PartStore,
        devices: list[str],
        parts: Sequence[int],
        progress: Progress,
    ) -> None:
        self.kind = kind
        self.store = store
        self.devices = devices
        self.waiting = list(parts)
        self.progress = progress
        self.trusted = [f"sha256:{digest}" for digest in sorted(consent().digests)]
        self.deaths: dict[int, int] = {}
        self.failed: dict[int, TracksmithError] = {}
        self.asked = len(parts)
        self.done = 0

    def run(self, what: str) -> None:
        """Run all parts; ``what`` is how progress calls the work."""
        distributed = _import_distributed()
        self.progress.start(what, len(self.waiting), "parts")
        threads = max(1, usable_cores() // len(self.devices))
        # The budget of a worker: its lanes, not the threads of one product.
        environment = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        with (
            self._cluster(distributed, environment) as cluster,
            distributed.Client(cluster) as client,
        ):
            self._drive(distributed, client)
        if self.failed:
            raise IncompleteError(failure_message(self.store, self.failed))

    def _cluster(self, distributed: Any, environment: dict[str, str]) -> Any:
        """Start a worker process for each device.

        Raises
        ------
        ResourceError
            One did not come up.
        """
        try:
            return distributed.LocalCluster(
                n_workers=len(self.devices),
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                silence_logs=50,
                memory_limit=0,
                env=environment,
            )
        except Exception as error:
            raise ResourceError(
                f"The {len(self.devices)} worker processes could not be started: "
                f"{type(error).__name__}: {error}. Give fewer devices, then repeat the command."
            ) from error

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
        # decision: worker-per-device (a part is the unit; deaths are counted here, not by Dask)
        future = client.submit(
            _compute_on_worker, self.kind, str(run.folder.resolve()), run.places, part,
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
