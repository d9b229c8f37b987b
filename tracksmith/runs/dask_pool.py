"""Dask workers that are alive; those of this machine, a process for each device."""

from __future__ import annotations

import atexit
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tracksmith.errors import InputError, ResourceError, TrustError
from tracksmith.runs.device import usable_cores

__all__ = ["Member", "Pool", "import_distributed", "own_workers", "silent"]

WORKERS_SECONDS = 60
"""How long the first worker may take to come up, and another when the last one is gone."""


@dataclass(frozen=True)
class Member:
    """A worker process: its address, its name (which outlives a restart), host and device."""

    address: str
    name: str
    host: str
    device: str
    threads: int | None = None


class Pool:
    """The workers that are alive now.

    ``admit`` makes a member of what a worker says of itself, or raises where it is of no use.

    Attributes
    ----------
    members
        Those that are alive and of use, by address.
    names
        Of all that were, and may come back.
    """

    def __init__(
        self, client: Any, admit: Callable[[str, Any], Member], notify: Callable[[str], None]
    ) -> None:
        self.client = client
        self._admit = admit
        self._notify = notify
        self._known: dict[str, Member | None] = {}
        self.members: dict[str, Member] = {}
        self.names: set[str] = set()

    def refresh(self, *, strict: bool = False) -> dict[str, Member]:
        """Return the workers that are alive, by address.

        Raises
        ------
        ResourceError
            The scheduler is gone.
        TracksmithError
            With ``strict``: a worker is of no use; else it is told once, and left out.
        """
        alive = self._ask(self.client.nthreads)
        self._known = {key: member for key, member in self._known.items() if key in alive}
        fresh = [address for address in alive if address not in self._known]
        answers = self._ask(lambda: self._said(fresh)) if fresh else {}
        for address, said in answers.items():
            if isinstance(said, OSError):  # it left while it was asked
                continue
            try:
                self._known[address] = self._admit(address, said)
            except (InputError, ResourceError, TrustError) as error:
                if strict:
                    raise
                self._known[address] = None
                self._notify(f"NOTE: {error}")
        self.members = {key: member for key, member in self._known.items() if member is not None}
        self.names |= {member.name for member in self.members.values()}
        return self.members

    def wait(self) -> None:
        """Wait for the first workers, each of which must be of use.

        Raises
        ------
        ResourceError
            None came.
        """
        deadline = time.monotonic() + WORKERS_SECONDS
        while not self.refresh(strict=True):
            if time.monotonic() > deadline:
                raise ResourceError(
                    f"The Dask scheduler {self.client.scheduler.address} has no workers, after "
                    f"{WORKERS_SECONDS} seconds. Start some (`dask worker`, or scale(4) of "
                    "dask-jobqueue), then repeat the command."
                )
            time.sleep(0.5)

    def _said(self, addresses: Sequence[str]) -> dict[str, Any]:
        answers: dict[str, Any] = self.client.run(
            _question(), workers=list(addresses), on_error="return"
        )
        return answers

    def _ask(self, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except (OSError, RuntimeError, TimeoutError, ValueError) as error:
            raise ResourceError(
                f"The Dask scheduler does not answer any more: {type(error).__name__}: {error}. "
                "Parts that were done are safe: repeat the command."
            ) from error


def _question() -> Callable[..., dict[str, Any]]:
    """Return what a worker is asked; also one that has no tracksmith."""

    def about(dask_worker: Any) -> dict[str, Any]:
        # Nested, so that it travels as code: a worker without tracksmith could not look it up.
        import socket
        from importlib import metadata

        versions = {}
        for name in ("tracksmith", "torch"):
            try:
                versions[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                versions[name] = "none"
        return {
            "name": str(dask_worker.name),
            "host": socket.gethostname(),
            "threads": int(dask_worker.state.nthreads),
            "versions": versions,
        }

    return about


@contextmanager
def own_workers(devices: Sequence[str], notify: Callable[[str], None]) -> Iterator[Pool]:
    """Start a worker process for each device of this machine.

    Raises
    ------
    ResourceError
        Dask is missing, or a process did not come up.
    """
    distributed = import_distributed()
    threads = max(1, usable_cores() // len(devices))
    # The budget of a worker: its lanes, not the threads of one product.
    environment = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}

    def admit(address: str, said: Any) -> Member:
        if isinstance(said, Exception):
            raise ResourceError(f"A worker process does not answer: {said}")
        return Member(address, said["name"], said["host"], devices[int(said["name"])])

    with (
        silent(),
        _started(distributed, len(devices), environment) as local,
        distributed.Client(local) as client,
    ):
        pool = Pool(client, admit, notify)
        pool.names.update(map(str, range(len(devices))))
        yield pool


def _started(distributed: Any, workers: int, environment: dict[str, str]) -> Any:
    try:
        return distributed.LocalCluster(
            n_workers=workers,
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
            f"The {workers} worker processes could not be started: "
            f"{type(error).__name__}: {error}. Give fewer devices, then repeat the command."
        ) from error
    except BaseException:
        # Stopped by a signal: at exit Dask would close what it only began, and print a trace.
        atexit.unregister(distributed.deploy.spec.close_clusters)
        raise


@contextmanager
def silent() -> Iterator[None]:
    """Keep Dask's own words from the user: deaths are counted and told by the driver."""
    names = [
        name
        for name in logging.root.manager.loggerDict
        if name.partition(".")[0] in ("distributed", "tornado", "asyncio")
    ]
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    stopped = False
    try:
        yield
    except BaseException as error:
        # After a signal the process ends: what Dask then says of what it only began stays unsaid.
        stopped = not isinstance(error, Exception)
        raise
    finally:
        for name, level in before.items():
            if not stopped:
                logging.getLogger(name).setLevel(level)


def import_distributed() -> Any:
    """Return Dask's module of that name; raises ResourceError where it is missing."""
    try:
        import dask

        # Before distributed is imported: it sets up its loggers then. One death is one try, since
        # the driver counts and decides; no pages about the workers are served; and freed memory is
        # kept, since giving it back after every batch takes almost as long as the batch.
        dask.config.set(
            {
                "logging.distributed": "critical",
                "distributed.scheduler.allowed-failures": 0,
                "distributed.scheduler.http.routes": [],
                "distributed.worker.http.routes": [],
                "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
            }
        )
        import distributed
    except ImportError:
        raise ResourceError(
            "Workers of Dask need it here too: `pip install 'tracksmith[dask]'`. Without it, name "
            "one --device and no --dask."
        ) from None
    return distributed
