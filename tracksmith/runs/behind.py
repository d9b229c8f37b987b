"""Work that is done while a device is busy with what comes next."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

__all__ = ["Behind"]


class Behind:
    """Calls that run one after another in a thread, at most one behind; or at once.

    Within ``with``: what a call raises is raised by the next :meth:`run`, or at the end.
    """

    def __init__(self, *, in_thread: bool) -> None:
        self._pool = ThreadPoolExecutor(1, "behind") if in_thread else None
        self._last: Future[None] | None = None

    def run(self, call: Callable[[], None]) -> None:
        """Do something once what was handed in before is done."""
        if self._pool is None:
            call()
            return
        self._wait()
        self._last = self._pool.submit(call)

    def _wait(self) -> None:
        last, self._last = self._last, None
        if last is not None:
            last.result()

    def __enter__(self) -> Behind:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._wait()
        finally:
            if self._pool is not None:
                self._pool.shutdown(wait=True, cancel_futures=True)
