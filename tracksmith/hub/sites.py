"""Nodes of stretches of letters with the names of what they match."""

from __future__ import annotations

from tracksmith.hub.runs import Output
from tracksmith.hub.signals import Maker
from tracksmith.hub.tree import Node, node

__all__ = ["site_track"]


def site_track(maker: Maker, output: Output) -> Node:
    """Return a bigBed of named stretches."""
    name = maker.names.take(output.unique)
    title = f"{output.owner}: {output.title}"
    of = (output.run, output.model)
    made = node("leaf", name, title, of, short=maker.labels.of(output), outputs=[output])
    made.stanza.add("type", "bigBed 9 +")
    made.stanza.add("bigDataUrl", maker.url(output))
    made.stanza.add_all(visibility="pack", itemRgb="on", maxItems=10_000, noScoreFilter="on")
    made.stanza.add_all(labelFields="name,best", defaultLabelFields="name", mouseOver="$name")
    return made
