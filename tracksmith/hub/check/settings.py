"""Checking each setting by itself: is it known, does its value follow the grammar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from tracksmith.hub.check.parse import Finding, ParsedStanza
from tracksmith.hub.settings import KNOWN_TYPES, SETTINGS, find_setting, is_known

__all__ = ["check_settings"]

_LABELS = ("shortLabel", "longLabel")


def check_settings(tracks: Sequence[ParsedStanza]) -> Iterator[Finding]:
    """Yield what is wrong with the settings of track stanzas, each looked at alone."""
    for track in tracks:
        if track.first != "track":
            yield Finding(track.file, track.line, "error",
                          f"A stanza begins with {track.first!r}, not with track.",
                          "Begin it with `track NAME`; a blank line may split it.")  # fmt: skip
            continue
        for name, (value, line) in track.settings.items():
            if value:
                yield from _one(track, name, value, line)


def _one(track: ParsedStanza, name: str, value: str, line: int) -> Iterator[Finding]:
    setting = find_setting(name)
    if setting is None:
        if not is_known(name):
            yield Finding(track.file, line, "error",
                          f"{name} is no setting that browsers know, in {track.name!r}.",
                          _nearest(name))  # fmt: skip
        return
    if name == "track" and len(value.split()) > 1:
        yield Finding(track.file, line, "error", f"Two words after track: {value!r}.",
                      "A track name is one word.")  # fmt: skip
        return
    problem = setting.grammar(value)
    if problem and name in _LABELS:
        yield Finding(track.file, line, "warning", f"{name} of {track.name!r} {problem}.",
                      "Shorten it, or it is cut.")  # fmt: skip
    elif problem:
        yield Finding(track.file, line, "error",
                      f"{name} of {track.name!r} is {value[:60]!r}; it {problem}.",
                      "Correct the value.")  # fmt: skip
    else:
        yield from _careful(track, name, value, line)


def _careful(track: ParsedStanza, name: str, value: str, line: int) -> Iterator[Finding]:
    """Yield what is allowed but does not do what was meant."""
    if name == "type" and track.track_type not in KNOWN_TYPES:
        yield Finding(track.file, line, "error", f"type {track.track_type!r} is unknown.",
                      "UCSC hubs take bigWig, bigBed, bigLolly, bam, vcfTabix ...")  # fmt: skip
    if name == "autoScale" and value == "group" and track.role == "leaf":
        yield Finding(track.file, line, "error", f"autoScale group on the single {track.name!r}.",
                      "It belongs on a composite or multiWig; here write on or off.")  # fmt: skip


def _nearest(name: str) -> str:
    known = [setting.name for setting in SETTINGS]
    close = get_close_matches(name, known, 1) or get_close_matches(name.lower(), known, 1)
    return f"Did you mean {close[0]}?" if close else "Drop it."
