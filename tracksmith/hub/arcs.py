"""Nodes of arcs: a bigInteract of the effects of edits on readouts, with filters."""

from __future__ import annotations

from tracksmith.hub.runs import Output
from tracksmith.hub.scale import outward
from tracksmith.hub.signals import Maker
from tracksmith.hub.tree import Node, node

__all__ = ["arcs"]


def arcs(maker: Maker, output: Output) -> Node:
    """Return the arcs of one track, from each edit to each readout, in the colours of the file.

    The score is the size of the effect, 1000 for the strongest of the track.
    """
    name = maker.names.take(output.unique)
    title = f"{output.owner}: {output.title}"
    of = (output.run, output.model)
    made = node("leaf", name, title, of, short=maker.labels.of(output), outputs=[output])
    stanza = made.stanza
    stanza.add("type", "bigInteract").add("bigDataUrl", maker.url(output))
    stanza.add_all(visibility="full", maxHeightPixels="200:100:16", interactDirectional="true")
    stanza.add("mouseOver", "$sourceName on $targetName: $value")
    reach = outward(output.file.max or 1.0, up=True)
    for field, low, high, text in (
        ("score", 0, 1000, "Size of the effect, 1000 for the strongest"),
        ("value", -reach, reach, "Effect: with the edit minus without it"),
    ):
        limits = f"{low:g}:{high:g}"
        stanza.add(f"filter.{field}", limits).add(f"filterByRange.{field}", "on")
        stanza.add(f"filterLimits.{field}", limits).add(f"filterLabel.{field}", text)
    for field, text in (("sourceName", "Edit"), ("targetName", "Readout")):
        stanza.add(f"filterText.{field}", "*").add(f"filterLabel.{field}", text)
    stanza.add("searchIndex", "name")
    return made
