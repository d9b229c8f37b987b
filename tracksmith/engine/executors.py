"""Who computes the parts: this process, or one Dask worker process per device."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tracksmith.engine.device import parse_devices, usable_cores
from tracksmith.engine.lanes import threads_restored
from tracksmith.engine.parts import PartStore
from tracksmith.engine.plan import Plan, check_genome
from tracksmith.engine.work import (
    FAILURES_WITHOUT_PROGRESS,
    PartWorker,
    compute_parts,
    failure_message,
    note_failure,
)
from tracksmith.errors import IncompleteError, PluginError, ResourceError
from tracksmith.genome.fasta import Genome, silent
from tracksmith.models.registry import load_registry
from tracksmith.models.trust import consent, trusting
from tracksmith.progress import Progress, Silent
from tracksmith.run import Run

__all__ = ["run_parts"]

DEATHS_PER_PART = 3


def run_parts(
    plan: Plan, genome: Genome, device: str, parts: Sequence[int], progress: Progress
) -> None:
    """Compute parts: in this process on one device, through Dask on several.

    Raises
    ------
    IncompleteError, PluginError, ResourceError
        As :func:`tracksmith.engine.work.compute_parts`; a worker that keeps
        dying stops the run.
    """
    names = parse_devices(device)
    if len(names) == 1:
        worker = PartWorker(plan, genome, names[0], progress)
        total, left = _bases(worker, range(len(worker.store))), _bases(worker, parts)
        progress.start("predict", total, "bp", total - left)
        with threads_restored():
            compute_parts(worker, parts)
    else:
        _DaskDriver(plan, names, parts, progress).run()
    progress.finish()


def _bases(worker: PartWorker, parts: Sequence[int]) -> int:
    return sum(worker.bases(part) for part in parts)


def _compute_on_worker(
    folder: str, part: int, devices: list[str], trusted: list[str]
) -> str | None:
    """Compute one part inside a Dask worker; return a plugin's complaint, if any.

    The loaded model stays with the Dask worker, so that it is loaded once.
    """
    from distributed import get_worker

    worker: Any = get_worker()
    kept: dict[str, PartWorker] = worker.__dict__.setdefault("_tracksmith_parts", {})
    if folder not in kept:
        plan = Plan(Run.open(Path(folder)), load_registry())
        genome = Genome.open(Path(plan.run.places["genome"]), notify=silent)
        check_genome(genome, plan.run.request)
        kept[folder] = PartWorker(plan, genome, devices[int(worker.name)], Silent())
    try:
        with trusting(trusted):
            kept[folder].compute(part)
    except PluginError as error:
        note_failure(kept[folder].store, part, error)
        return str(error)
    return None


class _DaskDriver:
    """Hands part indices to one worker process per device and watches what comes back."""

    def __init__(
        self, plan: Plan, devices: list[str], parts: Sequence[int], progress: Progress
    ) -> None:
        self.plan = plan
        self.devices = devices
        self.waiting = list(parts)
        self.progress = progress
        self.trusted = [f"sha256:{digest}" for digest in sorted(consent().digests)]
        self.store = PartStore(plan.run)
        self.deaths: dict[int, int] = {}
        self.failed: dict[int, PluginError] = {}
        self.done = 0

    def run(self) -> None:
        """Run all parts."""
        distributed = _import_distributed()
        self.progress.start("predict", len(self.waiting), "parts")
        threads = max(1, usable_cores() // len(self.devices))
        # The budget of a worker: its lanes, not the threads of one product.
        environment = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        with (
            distributed.LocalCluster(
                n_workers=len(self.devices),
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address=None,
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
        folder = str(self.plan.run.folder.resolve())
        # A key of its own per try: Dask would otherwise hand back the failed one.
        key = f"part-{part}-{self.deaths.get(part, 0)}-{os.getpid()}"
        future = client.submit(
            _compute_on_worker, folder, part, self.devices, self.trusted,
            key=key, pure=False, retries=0,
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
        """Try a part again whose worker died; whatever else went wrong is raised."""
        if not isinstance(error, distributed.scheduler.KilledWorker):
            raise error
        self.deaths[part] = self.deaths.get(part, 0) + 1
        total = sum(self.deaths.values())
        if self.deaths[part] >= DEATHS_PER_PART or (not self.done and total >= DEATHS_PER_PART):
            raise ResourceError(
                f"The worker process died {self.deaths[part]} times on part {part}, "
                "perhaps for want of memory. Give a smaller --batch-size or fewer devices, "
                "then repeat the command: finished parts are kept."
            ) from error
        self.waiting.insert(0, part)


def _import_distributed() -> Any:
    try:
        import dask

        # Before distributed is imported: it sets up its loggers then. One death is one try, since
        # the driver counts and decides; and no pages about the workers are served.
        dask.config.set(
            {
                "logging.distributed": "error",
                "distributed.scheduler.allowed-failures": 0,
                "distributed.scheduler.http.routes": [],
            }
        )
        import distributed
    except ImportError:
        raise ResourceError(
            "Several devices need Dask: `pip install 'tracksmith[dask]'`, or name one --device."
        ) from None
    return distributed
