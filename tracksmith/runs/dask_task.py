"""What runs inside a Dask worker: some parts on its device; a worker whose device broke leaves."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

import torch

from tracksmith.errors import DeviceError, PluginError
from tracksmith.models.trust import trusting
from tracksmith.progress import Silent
from tracksmith.runs.device import resolve_device
from tracksmith.runs.failures import device_faults_told
from tracksmith.runs.kind import Kind, Worker
from tracksmith.runs.lanes import threads_restored
from tracksmith.runs.notes import note_failure
from tracksmith.runs.overlap import computed_parts
from tracksmith.runs.record import Places
from tracksmith.runs.run import Run

__all__ = ["PartsBroken", "Task", "compute"]

LEAVE_AFTER = 4.0
"""Seconds in which a worker whose device broke still tells of it, on a busy machine too."""

_turn = threading.Lock()
_opened: dict[tuple[str, str, str], Worker] = {}


@dataclass(frozen=True)
class Task:
    """Some parts of a run, for one worker.

    ``places`` are those of the command: files may have moved since the run was planned;
    ``trusted`` are the digests of weights that it trusts. ``threads`` are the lanes of a
    CPU; None leaves them as the worker's environment says.
    """

    kind: Kind
    folder: str
    places: Places
    parts: tuple[int, ...]
    device: str
    threads: int | None
    trusted: tuple[str, ...]


class PartsBroken(Exception):  # noqa: N818 - an answer, not an error
    """A plugin broke some parts: what it said, by part.

    Raised, because what is raised reaches the driver at once; what is returned stays with
    the worker until it is fetched, and is lost with it.
    """


def compute(task: Task) -> None:
    """Compute parts inside a worker process; the opened run stays there for the next ones.

    Raises
    ------
    PartsBroken
        A plugin broke some of them; the others are done.
    DeviceError
        The device broke: this process ends soon, so that another takes its place.
    TracksmithError
        Whatever else stops the run.
    """
    broken: dict[int, str] = {}
    with _turn, trusting(task.trusted), threads_restored():
        if task.threads is not None:
            torch.set_num_threads(task.threads)
        try:
            with device_faults_told(task.device):
                worker = _worker(task)
                for part, error in computed_parts(worker, task.parts):
                    if error is not None:
                        note_failure(worker.store, part, error)
                        broken[part] = str(error)
        except PluginError as error:  # it could not even be opened
            broken = dict.fromkeys(task.parts, str(error))
        except DeviceError:
            # decision: broken-device-leaves (it answers at once, and would take all parts)
            timer = threading.Timer(LEAVE_AFTER, os._exit, (1,))
            timer.daemon = True
            timer.start()
            raise
    if broken:
        raise PartsBroken(broken)


def _worker(task: Task) -> Worker:
    """Return the opened run of a task; another run than the last one replaces it."""
    run = Run.open(Path(task.folder))
    key = (task.folder, run.id, task.device)
    if key not in _opened:
        for old in _opened.values():
            old.close()
        _opened.clear()
        if task.device.startswith("cuda"):
            # What a plugin does with plain "cuda" belongs on this worker's device as well.
            torch.cuda.set_device(resolve_device(task.device))
        run.places = task.places
        _opened[key] = task.kind.open(run, task.device, Silent())
    return _opened[key]
