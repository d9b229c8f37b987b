"""tracksmith turns sequence-to-function models into genome browser tracks."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tracksmith.version import __version__

if TYPE_CHECKING:
    from tracksmith import notebook
    from tracksmith.api import (
        build_hub,
        check_hub,
        estimate,
        explain,
        finish,
        perturb,
        plan,
        predict,
        score_variants,
        status,
        work,
    )
    from tracksmith.evaluate.verbs import evaluate_effects, evaluate_tracks
    from tracksmith.plot.verbs import plot_locus

__all__ = [
    "__version__",
    "build_hub",
    "check_hub",
    "estimate",
    "evaluate_effects",
    "evaluate_tracks",
    "explain",
    "finish",
    "normalise",
    "notebook",
    "perturb",
    "plan",
    "plot_locus",
    "predict",
    "score_variants",
    "status",
    "work",
]


def __getattr__(name: str) -> Any:
    # The verbs need torch; importing the package must not.
    if name == "notebook":
        return import_module("tracksmith.notebook")
    if name in ("evaluate_tracks", "evaluate_effects"):
        return getattr(import_module("tracksmith.evaluate.verbs"), name)
    if name == "normalise":
        return import_module("tracksmith.runs.normalise").normalise
    if name == "plot_locus":
        return import_module("tracksmith.plot.verbs").plot_locus
    if name in __all__:
        from tracksmith import api

        return getattr(api, name)
    raise AttributeError(f"module 'tracksmith' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
