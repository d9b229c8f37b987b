"""A hub's tracks as a tree of nodes, each with its stanza and what its page tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tracksmith.errors import UsageError
from tracksmith.hub.runs import Output, ShownModel, ShownRun
from tracksmith.hub.stanza import Role, Stanza
from tracksmith.hub.values import LONG_LABEL, SHORT_LABEL, label, safe_name

__all__ = ["Names", "Node", "node"]


@dataclass
class Node:
    """One track of a hub: a container with children, or a leaf with a file.

    ``title`` is the full name, of any length and characters, for the page.
    """

    stanza: Stanza
    title: str
    run: ShownRun
    model: ShownModel
    outputs: list[Output] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)
    sheet: list[dict[str, str]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The track name in the hub."""
        return self.stanza.name

    def adopt(self, child: Node, value: str = "") -> Node:
        """Take a child; ``value`` is on or off after the parent's name, '' for neither."""
        child.stanza.add("parent", f"{self.name} {value}".strip())
        self.children.append(child)
        return child

    def walk(self, depth: int = 0) -> Iterator[Node]:
        """Yield this node and everything below it, parents first; sets the indents."""
        self.stanza.depth = depth
        yield self
        for child in self.children:
            yield from child.walk(depth + 1)


class Names:
    """Gives out track names, each once, letter case ignored."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, *parts: str) -> str:
        """Return a name of the parts that nobody has yet."""
        wanted = safe_name(*parts)
        name, count = wanted, 1
        while name.lower() in self._taken:
            count += 1
            name = f"{wanted}_{count}"
        self._taken.add(name.lower())
        return name

    def claim(self, name: str) -> str:
        """Take exactly this name.

        Raises
        ------
        UsageError
            It is taken.
        """
        if self.take(name) != name:
            raise UsageError(f"Two tracks of the hub would be called {name!r}.")
        return name


def node(role: Role, name: str, title: str, of: tuple[ShownRun, ShownModel], **more: Any) -> Node:
    """Return a node with the settings that every track has: name, labels, page."""
    run, model = of
    short, long = more.pop("short", None) or title, more.pop("long", title)
    stanza = Stanza(role)
    stanza.add("track", name)
    made = Node(stanza, title, run, model, **more)
    made.stanza.add("shortLabel", label(short, SHORT_LABEL))
    made.stanza.add("longLabel", label(long, LONG_LABEL))
    return made
