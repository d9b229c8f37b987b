"""htslib's own messages, which go to standard error past everybody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pysam

__all__ = ["quiet_htslib"]


@contextmanager
def quiet_htslib() -> Iterator[None]:
    """Keep htslib silent: what it would write is in the errors that it raises too."""
    level = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(level)
