"""The names of the files of a run of perturbations."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from tracksmith.errors import UsageError
from tracksmith.perturbations.model import ModelPlan
from tracksmith.perturbations.parquet import has_parquet

__all__ = ["FOLDER", "STATISTICS", "Drawn", "FileNames", "file_names"]

FOLDER = "perturb"
STATISTICS = ("ref", "alt", "delta")
MOST_FILES = 5000
"""Tracks of a run and model: more of them nobody opens."""

_ODD = re.compile(r"[^A-Za-z0-9._+-]+")
_LONGEST = 60


class Drawn(NamedTuple):
    """A readout and an edit, by number, of which whole windows are drawn."""

    readout: int
    edit: int


class FileNames:
    """The names of one model's files; those of edits and readouts without odd characters."""

    def __init__(self, plan: ModelPlan) -> None:
        self.plan = plan
        self._readouts = _words([one.name for one in plan.inputs.readouts])
        self._edits = _words([one.name for one in plan.inputs.edits])
        items = plan.pairs.items
        self.scored = list(dict.fromkeys(item.readout for item in items))
        """The readouts that an edit in reach has a value in."""
        pairs = (Drawn(item.readout, item.edit) for item in items if item.edit in plan.drawn)
        self.drawn = list(dict.fromkeys(pairs))
        words = [f"{self._readouts[one.readout]}.{self._edits[one.edit]}" for one in self.drawn]
        # Names may hold dots: b.c and d make the same word as b and c.d.
        self._windows = dict(zip(self.drawn, _each_once(words), strict=True))

    def of_model(self, end: str) -> str:
        """Return the name of a file of the model."""
        return f"{FOLDER}/{self.plan.record.name}.{end}"

    def arcs(self, track: str) -> str:
        """Return the name of the arcs of a track."""
        return self.of_model(f"{track}.arcs.bb")

    def effect(self, track: str, readout: int) -> str:
        """Return the name of the effects on a readout, each at its edit."""
        return self.of_model(f"{track}.{self._readouts[readout]}.effect.bw")

    def window(self, track: str, drawn: Drawn, statistic: str) -> str:
        """Return the name of a track of a whole window."""
        return self.of_model(f"{track}.{self._windows[drawn]}.{statistic}.bw")

    def tracks(self) -> Iterator[str]:
        """Yield the names of all tracks and arcs."""
        if self.plan.recipe.table_only:
            return
        for track in self.plan.record.tracks:
            yield self.arcs(track)
            for number in self.scored:
                yield self.effect(track, number)
            for drawn in self.drawn:
                for statistic in STATISTICS:
                    yield self.window(track, drawn, statistic)

    def every(self) -> Iterator[str]:
        """Yield the names of all files.

        Raises
        ------
        UsageError
            There are too many tracks.
        """
        yield from map(self.of_model, ("tsv.gz", "top.tsv", "counts.tsv"))
        if has_parquet():
            yield self.of_model("parquet")
        tracks = list(self.tracks())
        if len(tracks) > MOST_FILES:
            raise UsageError(
                f"{self.plan.record.name}: {len(tracks):,} tracks, one a readout and track, are "
                "too many. Choose tracks with -t, give fewer readouts, or say --table-only."
            )
        yield from tracks


def _words(names: list[str]) -> list[str]:
    """Return names that a file may have, each once."""
    return _each_once([_ODD.sub("_", name)[:_LONGEST].strip(".") or "unnamed" for name in names])


def _each_once(names: list[str]) -> list[str]:
    """Return names with a number behind those that were there before, in capitals or not."""
    taken: set[str] = set()
    words = []
    for plain in names:
        word, count = plain, 1
        while word.lower() in taken:
            count += 1
            word = f"{plain}_{count}"
        taken.add(word.lower())
        words.append(word)
    return words


def file_names(models: list[ModelPlan]) -> tuple[str, ...]:
    """Return the names of all files of a run.

    Raises
    ------
    UsageError
        Two files would have one name, or there are too many.
    """
    names = [f"{FOLDER}/edits.tsv", *(name for one in models for name in FileNames(one).every())]
    for name, count in Counter(names).items():
        if count > 1:
            raise UsageError(
                f"Two tracks would both be written to {name}, since names of tracks and readouts "
                "hold dots. Read them in two runs, or leave one out with --tracks."
            )
    return tuple(names)
