"""tracksmith turns sequence-to-function models into genome browser tracks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracksmith.version import __version__

if TYPE_CHECKING:
    from tracksmith.api import plan, predict, score_variants

__all__ = ["__version__", "plan", "predict", "score_variants"]


def __getattr__(name: str) -> Any:
    # The verbs need torch; importing the package must not.
    if name in __all__:
        from tracksmith import api

        return getattr(api, name)
    raise AttributeError(f"module 'tracksmith' has no attribute {name!r}")
