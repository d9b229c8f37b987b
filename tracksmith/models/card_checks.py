"""What can be said of a plugin without torch: its card, and how it is imported."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator

from tracksmith.models.card import ModelCard, Track

__all__ = ["HEAVY", "card_problems", "heavy_imports"]

HEAVY = ("torch", "tensorflow", "jax", "keras")
"""Libraries that must wait for ``load``: listing models would take seconds."""

_WORDS = {"+": {"plus", "forward", "fwd", "pos"}, "-": {"minus", "reverse", "rev", "neg"}}
_IMPORT = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps([name for name in sys.argv[2:] if name in sys.modules]))
"""


def card_problems(card: ModelCard) -> list[str]:
    """Return what a card says that is legal but cannot be meant, one sentence each."""
    return [*_strand_problems(card), *_option_problems(card), *_storage_problems(card)]


def _strand_problems(card: ModelCard) -> Iterator[str]:
    by_id = {track.id: track for track in card.tracks}
    for track in card.tracks:
        other = _opposite(track)
        if other and other in _words(track) and not _WORDS[track.strand] & _words(track):
            yield f"track {track.id} is on the {track.strand} strand but is called {other!r}"
        if track.strand == "." or card.reverse_complement == "wrong":
            continue
        partner = by_id[track.rc_partner or track.id]
        if partner.strand == track.strand:
            yield (
                f"track {track.id} is on the {track.strand} strand and its reverse complement is "
                f"said to give {partner.id}, on the same strand: set rc_partner"
            )


def _words(track: Track) -> set[str]:
    return set(re.split(r"[^a-z]+", f"{track.id} {track.label}".lower()))


def _opposite(track: Track) -> str:
    """Return the word for the other strand that a track's name uses, if any."""
    if track.strand == ".":
        return ""
    other = _WORDS["-" if track.strand == "+" else "+"]
    return next(iter(sorted(other & _words(track))), "")


def _option_problems(card: ModelCard) -> Iterator[str]:
    for option in card.options:
        if option.choices and option.default not in option.choices:
            choices = ", ".join(option.choices)
            yield f"option {option.name}: its default {option.default!r} is none of {choices}"


def _storage_problems(card: ModelCard) -> Iterator[str]:
    try:
        json.dumps(card.to_dict(), allow_nan=False)
    except (TypeError, ValueError) as error:
        yield f"it cannot be stored as JSON: {error}"


def heavy_imports(module: str) -> list[str]:
    """Return which of :data:`HEAVY` are loaded by importing ``module`` in a new interpreter.

    Raises
    ------
    ImportError
        The module cannot be imported there; the message is the interpreter's last line.
    """
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT, module, *HEAVY],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    if done.returncode:
        raise ImportError((done.stderr.strip().splitlines() or ["no reason given"])[-1])
    imported: list[str] = json.loads(done.stdout.splitlines()[-1])
    return imported
