"""Choosing tracks by id, label, assay, cell type, strand or number."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from fnmatch import translate

from tracksmith.errors import UsageError
from tracksmith.models.card import ModelCard, Track

__all__ = ["grep_tracks", "select_tracks", "selectable_fields"]

KEYS: dict[str, Callable[[Track], str]] = {
    "assay": lambda track: track.assay,
    "cell": lambda track: track.cell_type,
    "strand": lambda track: track.strand,
}
STRANDS = {"plus": "+", "minus": "-", "none": "."}
_CONDITION = re.compile(r"([a-z_]+)=(.*)", re.DOTALL)


def select_tracks(card: ModelCard, patterns: Sequence[str]) -> list[str]:
    """Return the ids of the tracks that any pattern names, in the card's order.

    A pattern is one of

    - an id (``plus``), or a label or ``ASSAY:cell type`` that only one track has;
    - a glob over these, upper and lower case alike (``DNASE:K562*``);
    - ``assay=``, ``cell=`` or ``strand=`` with a glob; several joined by commas
      must all hold (``assay=CAGE,cell=K562``);
    - a whole number: the track's place on the card, from 0.

    No patterns choose all tracks.

    Raises
    ------
    UsageError
        A pattern names no track, or a name without wildcard names several;
        the message has the nearest ones.
    """
    if not patterns:
        return [track.id for track in card.tracks]
    chosen: set[str] = set()
    for pattern in patterns:
        chosen.update(_matching(card, pattern))
    return [track.id for track in card.tracks if track.id in chosen]


def selectable_fields(track: Track) -> tuple[str, ...]:
    """Return the names by which a track can be asked for."""
    names = (track.id, track.label)
    return (*names, f"{track.assay}:{track.cell_type}") if track.assay else names


def grep_tracks(card: ModelCard, text: str) -> list[Track]:
    """Return the tracks that have ``text`` in any of their facts, upper and lower case alike."""
    wanted = text.lower()
    return [
        track
        for track in card.tracks
        if any(
            wanted in fact.lower()
            for fact in (*selectable_fields(track), track.ontology, track.units)
        )
    ]


def _matching(card: ModelCard, pattern: str) -> list[str]:
    for exact in (lambda track: (track.id,), selectable_fields):
        ids = [track.id for track in card.tracks if pattern in exact(track)]
        if len(ids) == 1:
            return ids
        if ids:
            raise UsageError(
                f"--tracks {pattern}: {len(ids)} tracks of {card.name} are called so: "
                f"{_shown(ids)}. Give an id, or {pattern + '*'!r} for all of them."
            )
    if pattern.isdecimal():
        return [_by_number(card, int(pattern))]
    conditions = _conditions(card, pattern)
    if conditions:
        ids = [t.id for t in card.tracks if all(holds(t) for holds in conditions)]
    else:
        fits = _glob(pattern)
        ids = [t.id for t in card.tracks if any(map(fits, selectable_fields(t)))]
    if not ids:
        raise UsageError(_unknown(card, pattern))
    return ids


def _by_number(card: ModelCard, number: int) -> str:
    if number >= len(card.tracks):
        raise UsageError(
            f"--tracks {number}: {card.name} has {len(card.tracks)} tracks, "
            f"numbered 0 to {len(card.tracks) - 1}."
        )
    return card.tracks[number].id


def _conditions(card: ModelCard, pattern: str) -> list[Callable[[Track], bool]]:
    """Return what ``key=value`` pieces ask for; nothing when the pattern is no such list."""
    pieces = [_CONDITION.fullmatch(piece) for piece in re.split(r",(?=[a-z_]+=)", pattern)]
    if not all(pieces):
        return []
    return [_condition(card, piece[1], piece[2]) for piece in pieces if piece]


def _condition(card: ModelCard, key: str, value: str) -> Callable[[Track], bool]:
    if key not in KEYS:
        near = difflib.get_close_matches(key, KEYS, n=1, cutoff=0.4)
        hint = f" Did you mean {near[0]}=?" if near else ""
        raise UsageError(f"--tracks {key}={value}: use assay=, cell= or strand=.{hint}")
    read, fits = KEYS[key], _glob(STRANDS.get(value, value) if key == "strand" else value)
    if not any(fits(read(track)) for track in card.tracks):
        there = sorted({read(track) for track in card.tracks} - {""})
        near = difflib.get_close_matches(value, there, n=3, cutoff=0.4) or there[:5]
        raise UsageError(
            f"--tracks {key}={value}: no track of {card.name} has that. "
            + (f"Nearest: {_shown(near)}." if near else f"Its tracks state no {key}.")
        )
    return lambda track: fits(read(track))


def _glob(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(translate(pattern), re.IGNORECASE)
    return lambda text: compiled.match(text) is not None


def _unknown(card: ModelCard, pattern: str) -> str:
    text = pattern.strip("*?")
    near = [track.id for track in grep_tracks(card, text)][:6] if len(text) > 1 else []
    how = "contain it"
    if not near:
        names = dict(_names(card))
        near = [names[n] for n in difflib.get_close_matches(text.lower(), names, n=3, cutoff=0.5)]
        how = "are nearest"
    hint = f" These {how}: {_shown(near)}." if near else ""
    return (
        f"--tracks {pattern}: {card.name} has no such track.{hint} "
        f"`tracksmith models tracks {card.name} --grep TEXT` searches all {len(card.tracks)}."
    )


def _names(card: ModelCard) -> Iterator[tuple[str, str]]:
    for track in card.tracks:
        for name in selectable_fields(track):
            yield name.lower(), track.id


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
