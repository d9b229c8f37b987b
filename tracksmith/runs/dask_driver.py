"""Hands parts to Dask workers and watches what comes back: deaths, broken devices, done parts."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tracksmith.errors import (
    DeviceError,
    IncompleteError,
    PluginError,
    ResourceError,
    TracksmithError,
)
from tracksmith.models.trust import consent
from tracksmith.progress import Progress
from tracksmith.runs.dask_pool import WORKERS_SECONDS, Member, Pool
from tracksmith.runs.dask_task import PartsBroken, Task, compute
from tracksmith.runs.kind import Kind
from tracksmith.runs.notes import failure_message, note_failure
from tracksmith.runs.parts import PartStore

__all__ = ["DaskDriver"]

FAILURES_WITHOUT_PROGRESS = 3
DEATHS_PER_PART = 3
BREAKS_PER_DEVICE = 3
"""So often in a row a device may break before it gets no more parts."""

GROUP = 16
"""Most parts that a GPU gets at a time: so that it writes one while it computes the next."""

LOOK_SECONDS = 1.0
"""How often the workers that are alive are looked at."""


@dataclass
class _Losses:
    """What was lost so far, by part and by worker."""

    deaths: dict[int, int] = field(default_factory=dict)
    breaks: dict[int, list[str]] = field(default_factory=dict)
    in_a_row: dict[str, int] = field(default_factory=dict)
    last_break: DeviceError | None = None

    @property
    def given_up(self) -> set[str]:
        """Names of workers whose device broke again and again."""
        return {name for name, count in self.in_a_row.items() if count >= BREAKS_PER_DEVICE}


class DaskDriver:
    """Gives every living worker some parts; a part is lost with its worker and given again.

    Each worker is chosen here, not by Dask: so one whose device broke gets no other part,
    and its parts go to the others.
    """

    def __init__(
        self, kind: Kind, store: PartStore, parts: Sequence[int], pool: Pool, progress: Progress
    ) -> None:
        self.kind = kind
        self.store = store
        self.pool = pool
        self.progress = progress
        self.waiting: list[tuple[int, ...]] = [(part,) for part in parts]
        self.running: dict[Any, tuple[Member, tuple[int, ...]]] = {}
        self.leaving: set[str] = set()
        self.missed: set[Any] = set()
        self.losses = _Losses()
        self.failed: dict[int, TracksmithError] = {}
        self.total = len(parts)
        self.done = 0
        self._trusted = tuple(f"sha256:{digest}" for digest in sorted(consent().digests))
        self._key = f"tracksmith-{os.getpid()}-{os.urandom(4).hex()}"
        self._numbers = itertools.count()
        self._looked = self._lived = time.monotonic()

    def run(self, what: str) -> None:
        """Run all parts; ``what`` is how progress calls the work.

        Raises
        ------
        IncompleteError
            Some parts failed; the others are done.
        PluginError, DeviceError, ResourceError
            Going on would be pointless.
        """
        self.progress.start(what, self.total, "parts")
        self.pool.refresh()
        if self.store.run.plan.device != "cpu":
            self._group(max(1, len(self.pool.members)))
        try:
            while self.waiting or self.running:
                self._look()
                self._hand_out()
                self._collect()
        finally:
            with suppress(Exception):  # the scheduler may be what failed
                self.pool.client.cancel(list(self.running), force=True)
        if self.failed:
            raise IncompleteError(failure_message(self.store, self.failed))

    def _group(self, workers: int) -> None:
        """Put several parts together, so that every worker gets at least four groups."""
        size = max(1, min(GROUP, self.total // (4 * workers)))
        parts = [part for (part, *_) in self.waiting]
        self.waiting = [tuple(parts[at : at + size]) for at in range(0, len(parts), size)]

    def _look(self) -> None:
        """Learn which workers are alive; what those did that are gone is lost.

        Raises
        ------
        DeviceError, ResourceError
            There is no worker any more, and none came for a while.
        """
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS or not self._usable():
            self._looked = now
            alive = self.pool.refresh()
            self.leaving &= alive.keys()
            gone = {future for future, (it, _) in self.running.items() if it.address not in alive}
            # Twice in a row: what a worker said last may still be on its way.
            for future in gone & self.missed:
                if not future.done():
                    member, parts = self.running.pop(future)
                    future.cancel()
                    self._died(member, parts)
            self.missed = gone
        if self.running or self._usable():
            self._lived = now
        elif self._all_given_up() or now - self._lived > WORKERS_SECONDS:
            raise self._nobody_left()

    def _usable(self) -> list[Member]:
        given_up = self.losses.given_up
        return [
            member
            for address, member in self.pool.members.items()
            if address not in self.leaving and member.name not in given_up
        ]

    def _all_given_up(self) -> bool:
        """Say whether every worker that could come back is one that was given up."""
        names = self.pool.names
        return bool(names) and names <= self.losses.given_up

    def _nobody_left(self) -> TracksmithError:
        if self.losses.last_break is not None:
            return self.losses.last_break
        return ResourceError(
            "No Dask worker is left, and none came back. Parts that were done are safe: start "
            "workers, then repeat the command."
        )

    def _hand_out(self) -> None:
        busy = {member.address for member, _ in self.running.values()}
        for member in self._usable():
            if member.address in busy or not self.waiting:
                continue
            parts = self.waiting.pop(0)
            run = self.store.run
            task = Task(
                self.kind, str(run.folder.resolve()), run.places, parts, member.device,
                member.threads, self._trusted,
            )  # fmt: skip
            # A key of its own per try: Dask would otherwise hand back the failed one.
            # decision: worker-per-device (a part is the unit; deaths are counted here, not by Dask)
            future = self.pool.client.submit(
                compute, task, key=f"{self._key}-{next(self._numbers)}", pure=False, retries=0,
                workers=[member.address], allow_other_workers=False,
            )  # fmt: skip
            self.running[future] = member, parts

    def _collect(self) -> None:
        """Wait a moment for something to end, and take it."""
        if not self.running:
            time.sleep(0.1)
            return
        import distributed

        wait: Any = distributed.wait
        with (
            suppress(TimeoutError, distributed.TimeoutError, distributed.CancelledError),
            self.pool.client.as_current(),
        ):
            wait(list(self.running), LOOK_SECONDS, "FIRST_COMPLETED")
        for future in [future for future in self.running if future.done()]:
            member, parts = self.running.pop(future)
            if future.status == "finished":
                self._take(member, parts, {})
            elif future.status == "error":
                self._take_error(member, parts, future.exception())
            else:
                self._died(member, parts)

    def _take(self, member: Member, parts: Sequence[int], broken: dict[int, str]) -> None:
        self.losses.in_a_row.pop(member.name, None)
        self._count_done(len(parts) - len(broken))
        self.failed |= {part: PluginError(said) for part, said in broken.items()}
        # decision: worker-per-device (as on one device: first parts that all fail end the run)
        if (
            broken
            and not self.done
            and len(self.failed) >= min(FAILURES_WITHOUT_PROGRESS, self.total)
        ):
            raise self.failed[min(broken)]

    def _count_done(self, parts: int) -> None:
        self.done += parts
        self.progress.advance(parts)

    def _take_error(self, member: Member, parts: Sequence[int], error: BaseException) -> None:
        import distributed

        if isinstance(error, PartsBroken):
            self._take(member, parts, error.args[0])
        elif isinstance(error, DeviceError):
            self._broke(member, parts, error)
        elif isinstance(error, (distributed.KilledWorker, distributed.CancelledError)):
            self._died(member, parts)
        elif isinstance(error, TracksmithError):
            raise type(error)(f"On the worker {member.name} ({member.host}): {error}") from None
        else:
            raise error

    def _lost(self, parts: Iterable[int]) -> list[int]:
        """Put parts back that were not done; return them."""
        every = list(parts)
        missing = [part for part in every if self.store.problem(part)]
        self._count_done(len(every) - len(missing))
        return missing

    def _broke(self, member: Member, parts: Sequence[int], error: DeviceError) -> None:
        """Count a device that broke; its parts go to another worker, or are tried again."""
        losses = self.losses
        self.leaving.add(member.address)
        losses.last_break = type(error)(f"On the worker {member.name} ({member.host}): {error}")
        losses.in_a_row[member.name] = losses.in_a_row.get(member.name, 0) + 1
        if member.name in losses.given_up:
            self.progress.note(f"NOTE: {losses.last_break}\nIt gets no more parts.")
        missing = self._lost(parts)
        for part in missing[:1]:
            broken = losses.breaks.setdefault(part, [])
            broken.append(member.name)
            # One part that breaks several devices, where other parts break none, is to blame.
            if len(broken) >= DEATHS_PER_PART and len(set(broken)) > 1 and self.done:
                self._set_aside(part, losses.last_break)
                missing.remove(part)
        self.waiting[:0] = [(part,) for part in missing]

    def _died(self, member: Member, parts: Sequence[int]) -> None:
        """Try parts again whose worker died; one on which it dies each time is set aside."""
        # Until the workers are looked at again, or the part would die at once on the dead one.
        self.leaving.add(member.address)
        missing = self._lost(parts)
        deaths = self.losses.deaths
        for part in missing[:1]:  # they are computed in this order
            deaths[part] = deaths.get(part, 0) + 1
            alone = len(deaths) == 1 < self.total
            if sum(deaths.values()) >= DEATHS_PER_PART and not self.done and not alone:
                raise self._too_many_deaths(part)
            if deaths[part] >= DEATHS_PER_PART:
                self._set_aside(part, self._too_many_deaths(part))
                missing.remove(part)
        self.waiting[:0] = [(part,) for part in missing]

    def _set_aside(self, part: int, error: TracksmithError) -> None:
        self.failed[part] = error
        note_failure(self.store, part, error)

    def _too_many_deaths(self, part: int) -> ResourceError:
        return ResourceError(
            f"The worker process died {self.losses.deaths[part]} times on part {part} without a "
            "word: killed for want of memory, or ended by a crash in the model's code. Give a "
            "smaller --batch-size or fewer devices, then repeat the command: finished parts are "
            "kept. If it dies again, `tracksmith plugin check MODEL` tries the model alone."
        )
