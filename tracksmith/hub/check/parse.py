"""Reading hub files as UCSC does: stanzas of ``name value`` lines, with their line numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Finding", "ParsedStanza", "parse_stanzas"]


@dataclass(frozen=True, order=True)
class Finding:
    """One thing wrong with a hub: where, how bad (error, warning), what, and the cure."""

    file: str
    line: int
    level: str
    what: str
    cure: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.level}: {self.what} {self.cure}"


@dataclass
class ParsedStanza:
    """Settings by name, each with its value and line; ``line`` is that of the first."""

    file: str
    line: int
    settings: dict[str, tuple[str, int]] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.settings

    def get(self, name: str, default: str = "") -> str:
        """Return the value of a setting, or ``default``."""
        return self.settings.get(name, (default, 0))[0]

    def line_of(self, name: str) -> int:
        """Return the line of a setting, or of the stanza."""
        return self.settings.get(name, ("", self.line))[1]

    @property
    def first(self) -> str:
        """The name of the first setting: hub, genome, track ..."""
        return next(iter(self.settings), "")

    @property
    def name(self) -> str:
        """The value of the first setting."""
        return self.get(self.first)

    @property
    def track_type(self) -> str:
        """The first word of ``type``."""
        return (self.get("type").split() or [""])[0]

    @property
    def parent(self) -> str:
        """The name of the parent, '' where there is none."""
        return (self.get("parent").split() or [""])[0]

    @property
    def role(self) -> str:
        """What kind of track it is: super, composite, multiwig, view or leaf."""
        if "superTrack" in self and self.get("superTrack").startswith("on"):
            return "super"
        if "compositeTrack" in self and self.get("compositeTrack") != "off":
            return "composite"
        if "container" in self:
            return "multiwig"
        return "view" if "view" in self else "leaf"


def parse_stanzas(text: str, file: str) -> tuple[list[ParsedStanza], list[Finding]]:
    """Split a file into stanzas; lines that no browser understands become findings."""
    stanzas: list[ParsedStanza] = []
    findings: list[Finding] = []
    current: ParsedStanza | None = None
    for number, line in _joined(text):
        stripped = line.strip()
        if not stripped:
            current = None
            continue
        if stripped.startswith("#"):
            continue
        name, _, value = stripped.partition(" ") if "\t" not in stripped else _at_tab(stripped)
        value = value.strip()
        if current is None:
            current = ParsedStanza(file, number)
            stanzas.append(current)
        if name in current.settings:
            findings.append(
                Finding(file, number, "error", f"{name} stands twice in {current.name!r}.",
                        "Keep one of them.")
            )  # fmt: skip
        elif not value:
            findings.append(
                Finding(file, number, "error", f"{name} has no value.",
                        f"Give it one, or drop the line; stanza {current.name or name!r}.")
            )  # fmt: skip
            current.settings[name] = ("", number)
        else:
            current.settings[name] = (value, number)
    return stanzas, findings


def _at_tab(line: str) -> tuple[str, str, str]:
    parts = line.split(None, 1)
    return parts[0], " ", parts[1] if len(parts) > 1 else ""


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines with the number of their first; a backslash at the end joins the next."""
    start, collected = 0, ""
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.rstrip("\r")
        start = start or number
        if bare.endswith("\\"):
            collected += bare[:-1]
            continue
        yield start, collected + bare
        start, collected = 0, ""
