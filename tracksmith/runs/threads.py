"""Work in threads whose order does not show."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["Stop", "in_order"]

Item = TypeVar("Item")
Result = TypeVar("Result")


class Stop:
    """Tells threads that nobody waits for their results any more."""

    def __init__(self) -> None:
        self._set = threading.Event()

    def set(self) -> None:
        """Stop them."""
        self._set.set()

    def passing(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items, until it is set: then the thread ends with an error nobody sees."""
        for item in items:
            if self._set.is_set():
                raise RuntimeError("stopped")
            yield item


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], stop: Stop, threads: int
) -> list[Result]:
    """Return ``function(item)`` of every item, in their order, computed by some threads.

    The first error, or Ctrl-C, sets ``stop`` and starts nothing more; it is raised once the
    threads have ended.
    """
    if threads == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(function, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
