"""Checking how tracks hang together: parents, containers, subgroups, pages, groups."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tracksmith.errors import InputError, ResourceError
from tracksmith.hub.check.genome import GenomeFacts
from tracksmith.hub.check.parse import Finding, ParsedStanza
from tracksmith.hub.check.sources import Source

__all__ = ["check_tracks"]

Tracks = dict[str, ParsedStanza]
_NEEDED = ("shortLabel", "longLabel")


def check_tracks(
    source: Source, tracks: Sequence[ParsedStanza], genome_facts: GenomeFacts
) -> Iterator[Finding]:
    """Yield what is wrong between track stanzas, and with the pages they name."""
    listed = [track for track in tracks if track.first == "track"]
    yield from _duplicates(listed)
    by_name: Tracks = {track.name.split()[0]: track for track in listed if track.name}
    children: dict[str, list[ParsedStanza]] = {}
    for track in listed:
        if track.parent:
            children.setdefault(track.parent, []).append(track)
    for track in listed:
        yield from _required(track)
        yield from _parent(track, by_name)
        yield from _container(track, children.get(track.name, []), by_name)
        yield from _subgroups(track, by_name)
        yield from _page(source, track, by_name)
        yield from _group(track, by_name, genome_facts)
        if track.get("compositeTrack") == "faceted":
            yield from _faceted(source, track, children.get(track.name, []))


def _at(track: ParsedStanza, name: str, level: str, what: str, cure: str) -> Finding:
    return Finding(track.file, track.line_of(name), level, what, cure)


def _duplicates(tracks: Sequence[ParsedStanza]) -> Iterator[Finding]:
    seen: dict[str, ParsedStanza] = {}
    for track in tracks:
        before = seen.setdefault(track.name, track)
        if before is not track:
            yield _at(track, "track", "error", f"The track {track.name!r} comes twice.",
                      f"Rename it; the first is in line {before.line}.")  # fmt: skip


def _required(track: ParsedStanza) -> Iterator[Finding]:
    for name in _NEEDED:
        if not track.get(name):
            yield _at(track, "track", "error", f"{track.name!r} has no {name}.", "Add it.")
    if track.role in ("super", "view"):
        return
    if not track.get("type"):
        yield _at(track, "track", "error", f"{track.name!r} has no type.", "Add it.")
    if track.role == "leaf" and not track.get("bigDataUrl"):
        yield _at(track, "track", "error", f"{track.name!r} has no bigDataUrl.",
                  "Name its file, or make it a container.")  # fmt: skip
    if "idInUrlSql" in track:
        yield _at(track, "idInUrlSql", "error", "idInUrlSql is forbidden in hubs.", "Drop it.")


def _parent(track: ParsedStanza, tracks: Tracks) -> Iterator[Finding]:
    if not track.parent:
        return
    parent = tracks.get(track.parent)
    if parent is None:
        yield _at(track, "parent", "error",
                  f"The parent {track.parent!r} of {track.name!r} does not exist.",
                  "Correct the name.")  # fmt: skip
        return
    if parent.role == "leaf":
        yield _at(track, "parent", "error",
                  f"The parent {track.parent!r} of {track.name!r} is no container.",
                  "Give it superTrack on, compositeTrack on or container multiWig.")  # fmt: skip
    if track.role == "multiwig" and parent.role in ("composite", "view"):
        yield _at(track, "parent", "error",
                  f"The multiWig {track.name!r} cannot lie inside a composite.",
                  "Put it into a superTrack, or beside the composite.")  # fmt: skip
    if track.role == "super":
        yield _at(track, "parent", "error", f"The superTrack {track.name!r} has a parent.",
                  "A superTrack is always at the top.")  # fmt: skip
    if parent.line > track.line and parent.file == track.file:
        yield _at(track, "parent", "warning",
                  f"{track.name!r} stands before its parent {track.parent!r}.",
                  "Some browsers want parents first.")  # fmt: skip


def _container(
    track: ParsedStanza, children: Sequence[ParsedStanza], tracks: Tracks
) -> Iterator[Finding]:
    if track.role == "leaf":
        return
    if "bigDataUrl" in track:
        yield _at(track, "bigDataUrl", "error", f"The container {track.name!r} has a bigDataUrl.",
                  "Give it to a child.")  # fmt: skip
    if not children:
        yield _at(track, "track", "error", f"The container {track.name!r} has no children.",
                  "Add some, or drop it.")  # fmt: skip
    if track.role != "multiwig":
        return
    if len(children) == 1:
        yield _at(track, "track", "error", f"The multiWig {track.name!r} has a single child.",
                  "An overlay needs two or more.")  # fmt: skip
    for child in children:
        if child.track_type not in ("bigWig", ""):
            yield _at(child, "type", "error",
                      f"{child.name!r} in a multiWig is of type {child.track_type}.",
                      "Only bigWigs can be overlaid.")  # fmt: skip


def _subgroups(track: ParsedStanza, tracks: Tracks) -> Iterator[Finding]:
    """Hold a child's subGroups against its composite, and a composite's orders against its own."""
    declared = _declared(track)
    if len([name for name in track.settings if name.startswith("subGroup")]) > 10:
        yield _at(track, "track", "error", "A composite has at most nine subgroups.", "Join some.")
    for name in ("dimensions", "sortOrder"):
        words = [word.partition("=") for word in track.get(name).split()]
        for left, _, right in words:
            tag = right if name == "dimensions" else left
            if tag not in declared:
                yield _at(track, name, "error", f"{name} of {track.name!r} names {tag!r}.",
                          "No subGroup declares that tag.")  # fmt: skip
    composite = _composite_of(track, tracks)
    if composite is None or track.role == "view" or composite.get("compositeTrack") == "faceted":
        return
    groups = _declared(composite)
    own = dict(word.partition("=")[::2] for word in track.get("subGroups").split())
    for tag, member in own.items():
        if member not in groups.get(tag, {}):
            yield _at(track, "subGroups", "error",
                      f"{track.name!r} is in {tag}={member}, which {composite.name!r} lacks.",
                      "Declare it in a subGroup, or correct it.")  # fmt: skip
    for tag in groups:
        if tag not in own and tag != "view":
            yield _at(track, "subGroups", "error",
                      f"{track.name!r} does not say its {tag}, a subgroup of {composite.name!r}.",
                      f"Add {tag}=MEMBER to its subGroups.")  # fmt: skip


def _declared(track: ParsedStanza) -> dict[str, dict[str, str]]:
    """Return the members of every subgroup of a composite, by tag."""
    subgroups = {}
    for name, (value, _) in track.settings.items():
        words = value.split()
        if re.fullmatch(r"subGroup[1-9]", name) and words:
            subgroups[words[0]] = dict(word.partition("=")[::2] for word in words[2:])
    return subgroups


def _composite_of(track: ParsedStanza, tracks: Tracks) -> ParsedStanza | None:
    parent = tracks.get(track.parent)
    if parent is not None and parent.role == "view":
        parent = tracks.get(parent.parent)
    return parent if parent is not None and parent.role == "composite" else None


def _page(source: Source, track: ParsedStanza, tracks: Tracks) -> Iterator[Finding]:
    reference = track.get("html")
    if not reference:
        if not track.parent or not tracks.get(track.parent):
            yield _at(track, "track", "warning", f"{track.name!r} has no html page.",
                      "Add one: what it is, how made, whose.")  # fmt: skip
        return
    name = reference if reference.endswith(".html") else f"{reference}.html"
    if not source.exists(source.resolve(track.file, name)):
        yield _at(track, "html", "error", f"The page {name} of {track.name!r} cannot be opened.",
                  "Correct the address or write the page.")  # fmt: skip


def _group(track: ParsedStanza, tracks: Tracks, genome_facts: GenomeFacts) -> Iterator[Finding]:
    group = track.get("group")
    parent = tracks.get(track.parent)
    if group and parent is not None and parent.get("group", group) != group:
        yield _at(track, "group", "error",
                  f"{track.name!r} is in group {group!r}, its parent is not.",
                  "Give the group to the parent only.")  # fmt: skip
    if genome_facts.groups is None:
        return
    if group and group not in genome_facts.groups:
        yield _at(track, "group", "error", f"The group {group!r} is not in groups.txt.",
                  f"Known: {', '.join(sorted(genome_facts.groups)) or 'none'}.")  # fmt: skip
    if not group and not track.parent:
        yield _at(track, "track", "warning", f"{track.name!r} has no group.",
                  "On an assembly hub it lands in a group without a name.")  # fmt: skip


def _faceted(
    source: Source, track: ParsedStanza, children: Sequence[ParsedStanza]
) -> Iterator[Finding]:
    """Hold the sheet of a faceted composite against its children."""
    key, reference = track.get("primaryKey"), track.get("metaDataUrl")
    if not key or not reference:
        yield _at(track, "compositeTrack", "error",
                  f"The faceted {track.name!r} needs metaDataUrl and primaryKey.",
                  "Add both.")  # fmt: skip
        return
    try:
        text = source.text(source.resolve(track.file, reference))
    except (InputError, ResourceError) as error:
        yield _at(track, "metaDataUrl", "error", str(error), "Correct the address.")
        return
    rows = [line.split("\t") for line in text.splitlines() if line]
    if not rows or key not in rows[0]:
        yield _at(track, "primaryKey", "error", f"The sheet {reference} has no column {key!r}.",
                  "Name its column of track keys.")  # fmt: skip
        return
    column = rows[0].index(key)
    keys = {f"{track.name}_{row[column]}" for row in rows[1:] if len(row) > column}
    missing = [child.name for child in children if child.name not in keys]
    lost = sorted(keys - {child.name for child in children})
    for what, names in (("is not in the sheet", missing), ("is in the sheet only", lost)):
        if names:
            yield _at(track, "metaDataUrl", "error", f"{names[0]!r} {what} ({len(names)} so).",
                      f"Children are named {track.name}_KEY, one row each.")  # fmt: skip
