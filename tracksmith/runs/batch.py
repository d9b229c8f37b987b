"""How many windows go through a network at once, and what happens when memory runs out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar

import torch

from tracksmith.errors import ResourceError
from tracksmith.runs.failures import first_words, is_out_of_memory
from tracksmith.runs.lanes import Lanes

__all__ = ["BatchSize"]

log = logging.getLogger(__name__)
Result = TypeVar("Result")


class BatchSize:
    """A batch size that is halved, and stays halved, when memory runs out.

    ``chosen`` says that somebody asked for it: nothing may make it larger. ``let_go`` is
    called first when memory runs out: it gives back what can be made anew.
    """

    def __init__(self, windows: int, *, chosen: bool = False) -> None:
        self.windows = windows
        self.chosen = chosen
        self.smallest = windows
        self.let_go: Callable[[], None] = _nothing

    def run_in(self, lanes: Lanes, forward: Callable[[int, int], None], count: int) -> None:
        """Call ``forward(a, b)`` over ``[0, count)``, batches side by side in the lanes.

        The batches are those of :meth:`run`. One that does not fit into memory
        is run again alone, in halves.
        """
        if not count:
            return
        batches = -(-count // self.windows)
        edges = [count * number // batches for number in range(batches + 1)]
        raised = lanes.run(forward, list(pairwise(edges)))
        for (first, last), error in raised:
            self._halve(error, last - first)
        for (first, last), _ in raised:
            self.run(forward, first, last)

    def run(self, forward: Callable[[int, int], Result], first: int, last: int) -> list[Result]:
        """Call ``forward(a, b)`` over ``[first, last)`` in batches of even size.

        Raises
        ------
        ResourceError
            Even a single window does not fit.
        """
        results: list[Result] = []
        while first < last:
            left = last - first
            batches = -(-left // self.windows)
            end = first + left // batches
            try:
                results.append(forward(first, end))
            except (RuntimeError, MemoryError) as error:
                self._halve(error, end - first)
                continue
            first = end
        return results

    def _halve(self, error: BaseException, windows: int) -> None:
        if not is_out_of_memory(error):
            raise error
        if windows <= 1:
            raise ResourceError(
                f"Out of memory with a single window: {first_words(error)}\n"
                "Free memory on the device, or use another --device."
            ) from error
        self.let_go()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.windows = min(self.windows, windows // 2)
        self.smallest = min(self.smallest, self.windows)
        log.warning("out of memory with %d windows; going on with %d", windows, self.windows)


def _nothing() -> None:
    """Let nothing go."""
