"""A plugin that ends the process by ``os._exit`` has failed like one that raises.

``exit`` raises SystemExit, which whoever calls a plugin takes for a failure.
``os._exit`` would end the command without a word, in the middle of its work, or a
Dask worker again and again, which looks like a want of memory.
"""

from __future__ import annotations

import os
import sys
from types import FrameType
from typing import NoReturn

__all__ = ["catch_exits"]

_end = os._exit
_process: int | None = None


def catch_exits() -> None:
    """Have ``os._exit`` raise SystemExit where tracksmith called what calls it, in this process."""
    global _process
    _process = os.getpid()
    # decision: exits-are-failures (a process that ends itself tells nobody why)
    os._exit = _raise_or_end


def _raise_or_end(status: int) -> NoReturn:
    caller = sys._getframe(1)
    # A forked child ends itself so, and so do threads of libraries that watch their parent.
    if os.getpid() == _process and not _is_ours(caller.f_globals) and _is_called_by_us(caller):
        raise SystemExit(f"os._exit({status})")
    _end(status)


def _is_called_by_us(frame: FrameType | None) -> bool:
    while frame is not None:
        if _is_ours(frame.f_globals):
            return True
        frame = frame.f_back
    return False


def _is_ours(names: dict[str, object]) -> bool:
    return str(names.get("__name__", "")).partition(".")[0] == "tracksmith"
