"""What a mistyped word may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["did_you_mean"]

MOST = 4


def did_you_mean(given: str, names: Iterable[str]) -> str:
    """Return `` Did you mean ...?`` with the names that one may have meant; empty without any.

    All that begin so are named, or else the most alike.
    """
    known, word = sorted(names), given.lower()
    near = [name for name in known if len(word) > 1 and name.lower().startswith(word)]
    near = near or difflib.get_close_matches(word, known, n=MOST)
    if not near:
        return ""
    *first, last = (repr(name) for name in near[:MOST])
    return f" Did you mean {', '.join(first)} or {last}?" if first else f" Did you mean {last}?"
