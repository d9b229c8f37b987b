"""Who computes the parts: this process, or Dask workers, one for each device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracksmith.errors import IncompleteError, PluginError, UsageError
from tracksmith.progress import Progress
from tracksmith.runs.device import device_kind, parse_devices, resolve_devices
from tracksmith.runs.estimate import ModelCost
from tracksmith.runs.failures import device_faults_told
from tracksmith.runs.kind import Kind, Worker
from tracksmith.runs.lanes import threads_restored
from tracksmith.runs.notes import failure_message, note_failure
from tracksmith.runs.overlap import computed_parts
from tracksmith.runs.parts import PartStore
from tracksmith.runs.run import Run

__all__ = [
    "Devices", "compute_parts", "costs", "devices_of", "load", "reach", "refuse_missing",
    "run_parts",
]  # fmt: skip

FAILURES_WITHOUT_PROGRESS = 3


@dataclass(frozen=True)
class Devices:
    """Where parts are computed: devices of this machine, or the workers of a Dask scheduler.

    ``scheduler`` is its address or file, ``""`` without one.
    """

    names: tuple[str, ...]
    scheduler: str = ""

    @property
    def own(self) -> str:
        """The device on which this process opens the run."""
        # A scheduler's workers have the devices; here is none, perhaps.
        return "cpu" if self.scheduler else self.names[0]

    @property
    def elsewhere(self) -> bool:
        """Whether other processes compute the parts."""
        return bool(self.scheduler) or len(self.names) > 1


def devices_of(run: Run, text: str, scheduler: str = "") -> Devices:
    """Return the devices that ``--device`` and ``--dask`` name for the parts of a run.

    ``auto`` is a device of the kind that the run was planned for.

    Raises
    ------
    UsageError
        Devices of another kind: they give other last digits.
    """
    planned = run.plan.device
    if text == "auto":
        return Devices((planned,), scheduler)
    names = _names(text, scheduler)
    # decision: parts-on-planned-device (another kind gives other last digits)
    if device_kind(names[0]) != planned:
        raise UsageError(
            f"--device {text}: {run.folder} was planned for {planned}, and another kind of device "
            f"gives other last digits. Use {planned}, or plan another run with --device {text}."
        )
    return Devices(tuple(names), scheduler)


def _names(text: str, scheduler: str) -> list[str]:
    names = parse_devices(text)
    if scheduler and (len(names) > 1 or ":" in names[0]):
        raise UsageError(
            f"--device {text}: each worker of the scheduler has one device of its own. Say which "
            "kind they have: --device cuda or --device cpu."
        )
    return names


def refuse_missing(text: str, scheduler: str) -> None:
    """Refuse a device that is not here, unless a scheduler's workers have it.

    Raises
    ------
    ResourceError
        There is no such device.
    UsageError
        ``text`` names none, or several for a scheduler's workers.
    """
    if scheduler:
        _names(text, scheduler)
    else:
        resolve_devices(text)


def reach(devices: Devices) -> None:
    """Prove that the scheduler of the devices, where there is one, answers and has workers.

    Raises
    ------
    ResourceError, TrustError, UsageError
        As :func:`tracksmith.runs.dask_scheduler.workers_of`.
    """
    if devices.scheduler:
        from tracksmith.runs.dask_scheduler import refuse_unreachable

        refuse_unreachable(devices.scheduler)


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
    devices: Devices,
    parts: Sequence[int],
    labels: tuple[str, str],
    progress: Progress,
) -> None:
    """Compute parts: in this process on one device, by Dask workers on several.

    ``labels`` is what progress calls the work, and its unit.

    Raises
    ------
    IncompleteError
        A plugin broke some parts, or workers died on them each time; the others are done.
    PluginError
        The first parts all failed.
    ResourceError
        A device or Dask is missing, workers die before a single part is done, or no worker
        is left.
    DeviceError
        The device broke; of several, every one did again and again.
    """
    what, unit = labels
    if devices.elsewhere:
        _run_elsewhere(kind, worker.store, devices, parts, progress, what)
    else:
        progress.start(what, sum(map(worker.size, parts)), unit)
        with threads_restored(), device_faults_told(devices.own):
            compute_parts(worker, parts)
    progress.finish()


def _run_elsewhere(
    kind: Kind,
    store: PartStore,
    devices: Devices,
    parts: Sequence[int],
    progress: Progress,
    what: str,
) -> None:
    from tracksmith.runs.dask_driver import DaskDriver
    from tracksmith.runs.dask_pool import own_workers
    from tracksmith.runs.dask_scheduler import workers_of

    if devices.scheduler:
        workers = workers_of(devices.scheduler, store.run, progress.note)
    else:
        resolve_devices(",".join(devices.names))
        workers = own_workers(devices.names, progress.note)
    with workers as pool:
        DaskDriver(kind, store, parts, pool, progress).run(what)


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
