"""Nodes of variant effects: a bigBed with filters, and the same file as lollipops."""

from __future__ import annotations

import math

from tracksmith.hub.runs import Output
from tracksmith.hub.signals import Maker
from tracksmith.hub.tree import Node, node
from tracksmith.hub.values import first_short
from tracksmith.tracks.head import BbiHead, read_local_head

__all__ = ["lollipops", "variant_track"]

HEIGHT_FIELD = "absEffect"
EFFECT_FIELD = "effect"
HOVER_FIELD = "_mouseOver"
_LABELS = ("name", "topTrack", "flags")
_TEXTS = {"topTrack": "Strongest track", "flags": "Flags"}


def variant_track(maker: Maker, output: Output, reach: float) -> Node:
    """Return a bigBed of variant effects; only fields that the file has are named.

    ``reach`` is the largest effect's absolute value, in the effect's units.
    """
    head = read_local_head(output.path)
    made = _base(maker, output, "variants", f"{output.owner}: variant effects")
    stanza = made.stanza
    plus = " +" if head.field_count > head.defined_field_count else ""
    stanza.add("type", f"bigBed {head.defined_field_count or head.field_count}{plus}")
    stanza.add("bigDataUrl", maker.url(output))
    stanza.add_all(visibility="pack", itemRgb="on", maxItems=10_000, noScoreFilter="on")
    labels = [name for name in _LABELS if head.index_of(name)]
    if labels:
        stanza.add("labelFields", ",".join(labels)).add("defaultLabelFields", labels[0])
    _hover(made, head)
    if head.indexed:
        stanza.add("searchIndex", ",".join(head.indexed))
    _filters(made, head, reach)
    if head.index_of(HOVER_FIELD):
        stanza.add("skipFields", HOVER_FIELD)
    return made


def lollipops(maker: Maker, output: Output, reach: float) -> Node | None:
    """Return the same file as lollipops: height is the effect's size, colour its direction.

    UCSC draws stems from the bottom, so the height is never signed. None where
    the file does not hold the size.
    """
    head = read_local_head(output.path)
    position = head.index_of(HEIGHT_FIELD)
    if position is None:
        return None
    made = _base(maker, output, "lollipops", f"{output.owner}: size of variant effects")
    stanza = made.stanza
    stanza.add("type", "bigLolly")
    stanza.add("bigDataUrl", maker.url(output))
    # UCSC's older code reads a number only; the newer one takes a name as well.
    stanza.add_all(visibility="full", lollyField=position, lollyMaxSize=6)
    stanza.add_all(autoScale="on", maxHeightPixels="128:64:16", yAxisNumLabels="on")
    _hover(made, head)
    return made


def _base(maker: Maker, output: Output, suffix: str, title: str) -> Node:
    name = maker.names.take(output.model.label, suffix)
    of = (output.run, output.model)
    label = output.run.label if output.run.label != suffix else ""
    short = first_short(f"{output.owner} {suffix}", f"{label} {suffix}", suffix)
    return node("leaf", name, title, of, short=short, outputs=[output])


def _hover(made: Node, head: BbiHead) -> None:
    if head.index_of(HOVER_FIELD):
        made.stanza.add("mouseOver", f"${HOVER_FIELD}")
    elif head.index_of("name"):
        made.stanza.add("mouseOver", "$name")


def _filters(made: Node, head: BbiHead, reach: float) -> None:
    """Add range filters; UCSC's own defaults are 0 to 1000 and would hide negative effects."""
    top = max(1, math.ceil(reach))
    for field, low, high, text in (
        (HEIGHT_FIELD, 0, top, "Size of the effect"),
        (EFFECT_FIELD, -top, top, "Effect: alternative minus reference"),
        ("percentile", 0, 100, "Percentage of alleles with a strictly smaller absolute effect"),
    ):
        if head.index_of(field):
            made.stanza.add(f"filter.{field}", f"{low}:{high}")
            made.stanza.add(f"filterByRange.{field}", "on")
            made.stanza.add(f"filterLimits.{field}", f"{low}:{high}")
            made.stanza.add(f"filterLabel.{field}", text)
    for field, text in _TEXTS.items():
        if head.index_of(field):
            made.stanza.add(f"filterText.{field}", "*")
            made.stanza.add(f"filterLabel.{field}", text)
