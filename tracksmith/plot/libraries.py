"""The libraries that evaluation and figures need, which are no part of a plain installation."""

from __future__ import annotations

from importlib.util import find_spec

from tracksmith.errors import ResourceError

__all__ = ["require_libraries"]

PACKAGES = {"matplotlib": "matplotlib", "scipy": "scipy", "sklearn": "scikit-learn"}
"""The packages of the extra ``evaluate``, by the module that is imported."""


def require_libraries(*modules: str) -> None:
    """Raise ResourceError, which says what to install, unless all modules are there."""
    missing = [PACKAGES[name] for name in modules if find_spec(name) is None]
    if missing:
        raise ResourceError(
            f"This needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            "installed: `pip install 'tracksmith[evaluate]'`."
        )
