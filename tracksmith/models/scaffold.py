"""Writing the beginning of a plugin: an installable package whose tests pass."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from tracksmith.errors import UsageError
from tracksmith.models.registry import load_registry

__all__ = ["write_plugin"]

FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "{package}/__init__.py": "init.py",
    "{package}/plugin.py": "plugin.py",
    "{package}/network.py": "network.py",
    "{package}/golden.json": "golden.json",
    "tests/test_plugin.py": "test_plugin.py",
}
"""What is written, and from which template."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def write_plugin(name: str, folder: Path | None = None) -> Path:
    """Write a plugin with one model called ``name`` and return its folder.

    Parameters
    ----------
    folder
        A new or empty folder; ``tracksmith-NAME`` by default.

    Raises
    ------
    UsageError
        The name is unfit or taken, or the folder holds something.
    """
    if not _NAME.fullmatch(name) or len(name) > 40:
        raise UsageError(
            f"{name!r} cannot name a plugin: use small letters, digits and single hyphens, a "
            "letter first, 40 at most."
        )
    if name in load_registry().models:
        raise UsageError(f"A model is already called {name!r}: choose another name.")
    target = folder or Path(f"tracksmith-{name}")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} exists and is not an empty folder: choose another --out.")
    package = f"tracksmith_{name.replace('-', '_')}"
    words = {"@name@": name, "@package@": package, "@distribution@": f"tracksmith-{name}"}
    words["@Class@"] = "".join(part.capitalize() for part in name.split("-"))
    templates = resources.files("tracksmith.models") / "template"
    for path, template in FILES.items():
        text = (templates / f"{template}.txt").read_text(encoding="utf-8")
        for mark, word in words.items():
            text = text.replace(mark, word)
        written = target / path.format(package=package)
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(text, encoding="utf-8")
    return target
