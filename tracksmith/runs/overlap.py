"""Parts one after another; on a GPU the next begins while the last is being written."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context

from tracksmith.errors import PluginError
from tracksmith.runs.kind import Overlapping, Worker

__all__ = ["computed_parts"]


def computed_parts(
    worker: Worker, parts: Sequence[int]
) -> Iterator[tuple[int, PluginError | None]]:
    """Compute parts; yield each, in order, with what a plugin raised on it.

    Whatever else is raised ends all. Leaving the loop early gives up the parts under way.
    """
    if not isinstance(worker, Overlapping) or worker.side_by_side < 2:
        for part in parts:
            yield part, _compute(worker, part)
        return
    with ThreadPoolExecutor(worker.side_by_side, "part") as pool:
        running: deque[tuple[int, Future[PluginError | None]]] = deque()
        try:
            for part in parts:
                # Consent to unpickle weights belongs to a context, which each part's thread needs.
                submitted = pool.submit(copy_context().run, _compute, worker, part)
                running.append((part, submitted))
                if len(running) == worker.side_by_side:
                    yield _settled(running)
            while running:
                yield _settled(running)
        except BaseException:
            worker.stop()
            for _, future in running:
                future.cancel()
            raise


def _settled(
    running: deque[tuple[int, Future[PluginError | None]]],
) -> tuple[int, PluginError | None]:
    """Wait for the part that was begun first."""
    part, future = running.popleft()
    return part, future.result()


def _compute(worker: Worker, part: int) -> PluginError | None:
    try:
        worker.compute(part)
    except PluginError as error:
        return error
    return None
