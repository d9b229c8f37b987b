"""What installed distributions offer to tracksmith, found without importing any of it.

A plugin names its modules in an entry-point group: ``tracksmith`` for models,
``tracksmith.commands`` for commands.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from tracksmith.errors import PluginError
from tracksmith.models.exits import catch_exits
from tracksmith.version import __version__

__all__ = ["InstalledEntry", "installed_entries"]

UNREADABLE = "the metadata of this package cannot be read; install it again or remove it"


@dataclass(frozen=True)
class InstalledEntry:
    """An entry point and the distribution that brings it.

    ``point`` is None where the distribution's metadata cannot be read.
    """

    entry_point: str
    distribution: str
    version: str
    point: metadata.EntryPoint | None

    @property
    def summary(self) -> str:
        """The distribution's own line about itself, "" if it has none."""
        if self.point is None or self.point.dist is None:
            return ""
        return str(self.point.dist.metadata.json.get("summary", ""))

    def load(self) -> object:
        """Import what is offered, if it was made for this tracksmith by its own requirements.

        Raises
        ------
        PluginError
            It needs another version of tracksmith, or its metadata cannot be read.
        Exception, SystemExit
            Whatever the import raises.
        """
        if self.point is None:
            raise PluginError(UNREADABLE)
        if self.point.dist is not None:
            # decision: requirements-say-version (a second number could only contradict them)
            _refuse_other_versions(self.point.dist.requires or [])
        catch_exits()
        return self.point.load()


def installed_entries(group: str) -> list[InstalledEntry]:
    """Return the entry points of ``group``, by distribution and name: in a fixed order.

    ``TRACKSMITH_NO_PLUGINS=1`` leaves none.
    """
    if os.environ.get("TRACKSMITH_NO_PLUGINS", "0") not in ("", "0"):
        return []
    entries = {
        (plugin.distribution, plugin.entry_point): plugin
        for distribution in metadata.distributions()
        for plugin in _entries_of(distribution, group)
    }
    return [entries[key] for key in sorted(entries)]


def _entries_of(distribution: metadata.Distribution, group: str) -> Iterator[InstalledEntry]:
    # decision: distributions-one-by-one (entry_points() fails as a whole where one is damaged)
    try:
        if f"[{group}]" not in (distribution.read_text("entry_points.txt") or ""):
            return
    except UnicodeDecodeError:
        return
    try:
        # Of two versions on the path, the first is the one that is imported.
        first = metadata.distribution(distribution.metadata["Name"])
        entries = [
            InstalledEntry(point.name, first.name, first.version, point)
            for point in first.entry_points.select(group=group)
        ]
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is wrong with it alone
        folder = str(getattr(distribution, "_path", distribution.locate_file("")))
        entries = [InstalledEntry("unknown", folder, "unknown", None)]
    yield from entries


def _refuse_other_versions(requirements: list[str]) -> None:
    from packaging.requirements import Requirement

    for line in requirements:
        if not line.lower().startswith("tracksmith"):
            continue
        needed = Requirement(line)
        applies = needed.marker is None or needed.marker.evaluate({"extra": ""})
        fits = needed.specifier.contains(__version__, prereleases=True)
        if needed.name.lower() == "tracksmith" and applies and not fits:
            raise PluginError(
                f"it needs tracksmith{needed.specifier}, and this is {__version__}: "
                "install a version of either that fits the other"
            )
