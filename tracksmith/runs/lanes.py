"""Lanes of a CPU: each runs whole batches with a fixed number of torch threads.

A matrix product split over other threads sums in another order, so the number
of threads decides the last digits of a network's output. It is therefore fixed
by the plan, and more cores mean more lanes. That is also faster: the
operations of a small batch are too short to be worth splitting.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from torch import nn

__all__ = ["LARGE_WINDOW", "Lanes", "own_copy", "threads_per_lane", "threads_restored"]

LARGE_WINDOW = 32_768
"""Windows beyond, in bp, get several threads each: their operations are long, and so many at a
time would not fit into memory."""

LARGE_WINDOW_THREADS = 4

GROUPS_PER_LANE = 4
"""Batches are handed out in so many groups per lane: handing out costs as much as a free batch."""

Raised: TypeAlias = tuple[tuple[int, int], BaseException]
"""A range, and what was raised on it."""


def threads_per_lane(kind: str, window: int) -> int:
    """Return the torch threads of a lane, by kind of device and window (bp)."""
    # decision: lanes-fixed-threads (the number of threads decides last digits)
    return LARGE_WINDOW_THREADS if kind == "cpu" and window > LARGE_WINDOW else 1


@contextmanager
def threads_restored() -> Iterator[None]:
    """Give torch back its number of threads afterwards: lanes change it for the whole process."""
    import torch

    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def own_copy(network: nn.Module) -> nn.Module:
    """Return a copy of a module that shares every tensor and nothing else.

    A network that keeps something in an attribute while it runs would
    otherwise see what another lane keeps there.
    """
    # decision: copy-per-lane (a network may keep something while it runs)
    shared = {id(tensor): tensor for tensor in [*network.parameters(), *network.buffers()]}
    return copy.deepcopy(network, dict(shared))


class Lanes:
    """Threads that run batches side by side; the order in which they end is of no matter.

    Attributes
    ----------
    number
        How many there are.
    """

    def __init__(self, lanes: int, threads: int) -> None:
        self.number = lanes
        self._threads = threads
        self._pool = ThreadPoolExecutor(lanes, "lane")
        self._local = threading.local()

    def run(
        self, forward: Callable[[int, int], None], ranges: Sequence[tuple[int, int]]
    ) -> list[Raised]:
        """Call ``forward`` on every range; return those that raised, with what they raised.

        A signal that raises in the caller ends every lane after the batch it is at.
        """
        size = max(1, len(ranges) // (self.number * GROUPS_PER_LANE))
        stop = threading.Event()
        futures: list[Future[list[Raised]]] = []
        try:
            for first in range(0, len(ranges), size):
                group = ranges[first : first + size]
                futures.append(self._pool.submit(self._infer, forward, group, stop))
            return [raised for future in futures for raised in future.result()]
        except BaseException:
            stop.set()
            for future in futures:
                future.cancel()
            raise

    def network(self, key: str, original: nn.Module) -> nn.Module:
        """Return this thread's own copy of a network."""
        kept: dict[str, nn.Module] = self._local.__dict__
        if key not in kept:
            kept[key] = own_copy(original)
        return kept[key]

    def _infer(
        self,
        forward: Callable[[int, int], None],
        ranges: Sequence[tuple[int, int]],
        stop: threading.Event,
    ) -> list[Raised]:
        import torch

        raised: list[Raised] = []
        for first, last in ranges:
            if stop.is_set():
                break
            # For each batch: one of torch's libraries keeps the number for the process, not the
            # thread.
            torch.set_num_threads(self._threads)
            try:
                with torch.inference_mode():
                    forward(first, last)
            except BaseException as error:  # noqa: BLE001 - the caller raises it
                raised.append(((first, last), error))
        return raised
