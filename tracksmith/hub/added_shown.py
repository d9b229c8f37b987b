"""How added tracks are drawn: rows of IGV, and tracks of a hub with their pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tracksmith.hub.added import AddedTrack
from tracksmith.hub.scale import Limits, outward
from tracksmith.hub.stanza import Stanza, number
from tracksmith.hub.templates import Templates
from tracksmith.hub.tree import Names
from tracksmith.hub.values import LONG_LABEL, SHORT_LABEL, label

__all__ = ["added_configs", "added_page", "added_stanzas"]

SIGNAL_COLOUR = "0,110,100"
ITEM_COLOUR = "70,70,70"
AddedUrl = Callable[[AddedTrack], str]


def added_configs(added: Sequence[AddedTrack], url_of: AddedUrl) -> list[dict[str, Any]]:
    """Return igv.js's configuration of each track."""
    return [_config(track, url_of(track)) for track in added]


def _config(track: AddedTrack, url: str) -> dict[str, Any]:
    config: dict[str, Any] = {"name": track.label, "url": url, "added": True}
    if track.is_signal:
        return config | {
            "type": "wig", "format": "bigwig", "color": f"rgb({SIGNAL_COLOUR})", "height": 60,
            "windowFunction": "mean", "autoscale": True,
        }  # fmt: skip
    has_colours = track.head.defined_field_count >= 9  # which a colour of the row would hide
    return config | {
        "type": "annotation", "format": "bigbed", "height": 70, "displayMode": "EXPANDED",
        "searchable": False, **({} if has_colours else {"color": f"rgb({ITEM_COLOUR})"}),
    }  # fmt: skip


def added_stanzas(
    added: Sequence[AddedTrack], url_of: AddedUrl, names: Names, group: str
) -> list[Stanza]:
    """Return the track of a hub for each, in front of all others; ``group`` may be ''."""
    stanzas = []
    for position, track in enumerate(added, 1):
        stanza = Stanza("leaf").add("track", names.take("added", track.label))
        stanza.add("shortLabel", label(track.label, SHORT_LABEL))
        stanza.add("longLabel", label(track.label, LONG_LABEL))
        (_draw_signal if track.is_signal else _draw_items)(stanza, track, url_of(track))
        if group:
            stanza.add("group", group)
        stanza.add("priority", position).add("html", f"html/{stanza.name}.html")
        stanzas.append(stanza)
    return stanzas


def _draw_signal(stanza: Stanza, track: AddedTrack, url: str) -> None:
    low, high = _reach(track)
    stanza.add("type", f"bigWig {number(low)} {number(high)}").add("bigDataUrl", url)
    stanza.add_all(
        visibility="full", color=SIGNAL_COLOUR, autoScale="on", alwaysZero="on",
        maxHeightPixels="128:48:8", windowingFunction="mean+whiskers",
    )  # fmt: skip


def _reach(track: AddedTrack) -> Limits:
    _, least, greatest, _, _ = track.head.summary or (0, 0.0, 1.0, 0.0, 0.0)
    low, high = outward(least, up=False), outward(greatest, up=True)
    return (low, high) if low < high else (min(low, 0.0), max(high, low + 1.0))


def _draw_items(stanza: Stanza, track: AddedTrack, url: str) -> None:
    head = track.head
    defined = head.defined_field_count or head.field_count
    more = " +" if head.field_count > defined else ""
    stanza.add("type", f"bigBed {defined}{more}").add("bigDataUrl", url)
    stanza.add_all(visibility="pack", color=ITEM_COLOUR)
    if defined >= 9:
        stanza.add("itemRgb", "on")
    stanza.add_all(maxItems=10_000, noScoreFilter="on")
    if head.index_of("name"):
        stanza.add("labelFields", "name").add("defaultLabelFields", "name")
    if head.indexed:
        stanza.add("searchIndex", ",".join(head.indexed))


def added_page(templates: Templates, track: AddedTrack, email: str) -> str:
    """Return the page of a track in a hub; the template escapes every value."""
    made = "made into a bigBed by tracksmith" if track.made else "as it is"
    return templates.fill(
        "added.html", title=track.label, file=track.source.name, made=made,
        kind="signal" if track.is_signal else "items", rows=track.head.item_count, email=email,
    )  # fmt: skip
