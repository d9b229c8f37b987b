"""The workers of a Dask scheduler that is there already: found, and refused where of no use."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tracksmith.errors import InputError, ResourceError, TrustError, UsageError
from tracksmith.runs.dask_pool import Member, Pool, import_distributed, silent
from tracksmith.runs.run import Run
from tracksmith.runs.values import is_address
from tracksmith.runs.versions import installed_versions, same_versions

__all__ = ["refuse_unreachable", "workers_of"]

REACH_SECONDS = 20
"""How long a scheduler may take to answer."""

SEE_SECONDS = 10
"""How long a shared disk may take to show the run to a worker."""


@contextmanager
def workers_of(scheduler: str, run: Run, notify: Callable[[str], None]) -> Iterator[Pool]:
    """Use the workers of a scheduler that is there, by its address or its file.

    Raises
    ------
    ResourceError
        It cannot be reached, or has no workers.
    TrustError
        A worker has no tracksmith, or another version.
    InputError
        A worker does not see the run's folder.
    UsageError
        There is no such file, or it is no scheduler's.
    """
    distributed = import_distributed()
    folder = str(run.folder.resolve())
    # decision: existing-scheduler (one device a worker, which is its first)
    device = "cuda:0" if run.plan.device == "cuda" else run.plan.device

    def admit(address: str, said: Any) -> Member:
        _refuse_stranger(address, said)
        _refuse_blind(client, address, said, folder, run.id)
        # Without a nanny a worker has all cores of its host, with one a single thread: what Dask
        # calls its threads is what it was given.
        return Member(address, said["name"], said["host"], device, said["threads"])

    with silent(), _client(distributed, scheduler) as client:
        pool = Pool(client, admit, notify)
        pool.wait()
        yield pool


def refuse_unreachable(scheduler: str) -> None:
    """Raise as :func:`workers_of` where a scheduler has no workers of use, before there is a run.

    Whether they see its folder is not asked: it may not be there yet.
    """

    def admit(address: str, said: Any) -> Member:
        _refuse_stranger(address, said)
        return Member(address, said["name"], said["host"], device="")

    with silent(), _client(import_distributed(), scheduler) as client:
        Pool(client, admit, lambda note: None).wait()


def _sight(folder: str) -> Callable[..., str | None]:
    """Return the question which run a worker sees in a folder."""

    def seen() -> str | None:
        import json
        import os

        try:
            os.listdir(folder)  # noqa: PTH208 - has a shared disk look anew
            with open(os.path.join(folder, "run.json"), encoding="utf-8") as handle:  # noqa: PTH118, PTH123
                identity = json.load(handle)["id"]
        except (OSError, ValueError, KeyError):
            return None
        return str(identity)

    return seen


def _client(distributed: Any, scheduler: str) -> Any:
    """Connect to a scheduler; raises ResourceError where it does not answer."""
    named = scheduler
    if not is_address(scheduler):
        named = _address_in(Path(scheduler))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions, which are compared here
            return distributed.Client(named, timeout=REACH_SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError, RuntimeError) as error:
        raise ResourceError(
            f"--dask {scheduler}: no Dask scheduler answers at {named} within {REACH_SECONDS} "
            f"seconds ({type(error).__name__}: {_first_line(error)}). Start one with "
            "`dask scheduler`, or give the address that it printed."
        ) from None


def _address_in(path: Path) -> str:
    """Return the address that a scheduler's file names."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["address"])
    except FileNotFoundError:
        raise UsageError(
            f"--dask {path}: there is no such file. Give the address of a Dask scheduler, "
            "tcp://HOST:PORT, or the file that `dask scheduler --scheduler-file` wrote."
        ) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"--dask {path}: this is no scheduler's file. `dask scheduler --scheduler-file` "
            "writes one."
        ) from None


def _refuse_stranger(address: str, said: Any) -> None:
    """Refuse a worker that cannot be asked, or has other versions than this command."""
    if isinstance(said, Exception):
        raise TrustError(
            f"The Dask worker at {address} cannot be used: {type(said).__name__}: "
            f"{_first_line(said)}. It needs the same Python and the same tracksmith as this "
            "command."
        )
    here, there = installed_versions(), said["versions"]
    if same_versions(here, there):
        return
    listed = (
        "; ".join(
            f"{name} {there[name]}, here {version}"
            for name, version in here.items()
            if there[name] != version
        )
        .replace("tracksmith none", "no tracksmith")
        .replace("torch none", "no torch")
    )
    raise TrustError(
        f"The Dask worker {said['name']} on {said['host']} has {listed}. Install the same there: "
        "parts of different versions may not be mixed."
    )


def _refuse_blind(client: Any, address: str, said: Any, folder: str, run_id: str) -> None:
    """Refuse a worker that does not see the run in its folder."""
    deadline = time.monotonic() + SEE_SECONDS
    while True:
        seen = client.run(_sight(folder), workers=[address], on_error="return").get(address)
        if seen == run_id:
            return
        if time.monotonic() > deadline:
            break
        time.sleep(0.5)
    other = "another run there" if isinstance(seen, str) else "no run there"
    raise InputError(
        f"The Dask worker {said['name']} on {said['host']} does not see the run in {folder} "
        f"({other}). Put the run, the genome and the weights on a disk that all workers share, "
        "under the same path."
    )


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0]
