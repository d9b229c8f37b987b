"""Stanzas of a hub: settings that are checked when they are added."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from tracksmith.errors import UsageError
from tracksmith.hub.settings import find_setting
from tracksmith.hub.values import line_problem

__all__ = ["Role", "Stanza", "number"]

Role = Literal["hub", "genome", "group", "super", "composite", "multiwig", "leaf"]


@dataclass
class Stanza:
    """Settings in order; iterating gives ``(name, value)`` lines.

    ``depth`` only indents: 1 for a child, 2 for a child's child.

    Raises
    ------
    UsageError
        On adding: a setting that is unknown, does not belong to this role and
        type, comes twice, or has a value that breaks its grammar. So no value
        can add a line, whatever a label or a file name holds.
    """

    role: Role
    depth: int = 0
    _settings: dict[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._settings.items())

    def __getitem__(self, name: str) -> str:
        return self._settings[name]

    def get(self, name: str, default: str = "") -> str:
        """Return the value of a setting, or ``default``."""
        return self._settings.get(name, default)

    @property
    def name(self) -> str:
        """The value of the first setting: the name of the hub, genome, group or track."""
        return next(iter(self._settings.values()))

    @property
    def track_type(self) -> str:
        """The first word of ``type``, '' where there is none."""
        return self.get("type").partition(" ")[0]

    def add(self, name: str, value: str | int) -> Stanza:
        """Add one setting and return the stanza."""
        text = str(value)
        setting = find_setting(name)
        problem = None
        if setting is None:
            problem = "is no setting that tracksmith writes"
        elif name in self._settings:
            problem = "is there already"
        elif not setting.allowed(self.role, self.track_type):
            problem = f"does not belong into a {self.role} of type {self.track_type or 'none'}"
        if problem is None and setting is not None:
            wrong = line_problem(text) or setting.grammar(text)
            problem = f"cannot be {text[:80]!r}: the value {wrong}" if wrong else None
        if problem:
            where = f" of {self.name[:80]!r}" if self._settings else ""
            raise UsageError(f"Hub setting {name}{where} {problem}.")
        self._settings[name] = text
        return self

    def add_all(self, **settings: str | int) -> Stanza:
        """Add several settings in order; names with a dot go through :meth:`add`."""
        for name, value in settings.items():
            self.add(name, value)
        return self


def number(value: float) -> str:
    """Return a number in few digits, as trackDb and JSON both read it."""
    return f"{value:.6g}"
