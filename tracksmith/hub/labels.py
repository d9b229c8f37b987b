"""Short labels: what tells a track from its neighbours, in few characters.

A label that fits is taken as it is. A longer one is made anew: the cell line
first, then the assay or its target, the strand and the statistic.
"""

from __future__ import annotations

import re
from collections import Counter

from tracksmith.hub.pairs import Pair
from tracksmith.hub.runs import Output
from tracksmith.hub.values import first_short, label, plain_text

# decision: labels-made-anew (a cut label often loses the cell line)
__all__ = ["ShortLabels"]

_CUT = ".."
_LEAST = 5
"""Of a word that has to be cut, so much is shown at least, the two dots included."""
_WORD = 9
"""Characters of the name of an edit or a readout: its end tells it from others."""
_ENDS = ",;:-/ "
_BRIEF = {"absmax": "strongest effect"}
_STRAND_WORDS = ("plus", "minus", "forward", "reverse", "strand", "both", "strands")
_BRACKETS = re.compile(r"\s*\([^()]*\)")


class ShortLabels:
    """Gives out labels of at most ``limit`` characters, each once for a model of a run."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._given: dict[tuple[str, ...], str] = {}
        self._taken: dict[tuple[str, str], Counter[str]] = {}

    def of(self, output: Output) -> str:
        """Return the label of one track, the same whenever it is asked for."""
        if output.sample:
            return self._of_person(output)
        sign = output.track.strand.strip(".")
        tail = f" {sign}" if sign else ""
        if output.statistic not in ("", "mean"):
            tail += f" {output.file.base or _of_edits(output) or output.statistic}"
        title = _BRIEF.get(output.statistic, output.title)
        if not output.track_id:
            title = first_short(f"{output.model.name} {title}", title, limit=self.limit)
        return self._label((str(output.path),), output, title, tail)

    def _of_person(self, output: Output) -> str:
        return self._personal((output,), output.statistic.replace("hap", "h"))

    def of_haplotypes(self, pair: Pair) -> str:
        """Return the label of both haplotypes of a person in one row."""
        return self._personal(pair, "h1/h2")

    def _personal(self, outputs: tuple[Output, ...], brief: str) -> str:
        first = outputs[0]
        title = f"{first.sample} {brief} {first.track.strand.strip('.')}".rstrip()
        return self._label(tuple(str(out.path) for out in outputs), first, title, f" {title}")

    def of_pair(self, pair: Pair, title: str, tail: str) -> str:
        """Return the label of an overlay; ``tail`` says what is overlaid, as ``+/-``."""
        paths = tuple(str(output.path) for output in pair)
        return self._label(paths, pair[0], title, f" {tail}")

    def _label(self, key: tuple[str, ...], output: Output, title: str, tail: str) -> str:
        if key not in self._given:
            title = plain_text(title)
            short = title if 0 < len(title) <= self.limit else self._made(output, tail)
            self._given[key] = self._unique(output, short, tail)
        return self._given[key]

    def _unique(self, output: Output, short: str, tail: str) -> str:
        """Return the label, numbered where a neighbour has it, after its run's where both fit."""
        taken = self._taken.setdefault((str(output.run.folder), output.model.name), Counter())
        wanted = short
        while taken[short]:
            taken[wanted] += 1
            short = self._made(output, f"{tail} {taken[wanted]}")
        taken[short] += 1
        return first_short(f"{output.run.label} {short}", short, limit=self.limit)

    def _made(self, output: Output, tail: str) -> str:
        room = max(self.limit - len(tail), _LEAST)
        cell, target = _cell(output), _target(output)
        if not cell:
            named = plain_text(output.track.label) or output.track_id or output.title
            return label(_strandless(named) if output.track.id else named, room) + tail
        return (_joined(cell, target, room) if target else _shortened(cell, room)) + tail


def _of_edits(output: Output) -> str:
    """Return the edit or else the readout of a track of perturbations, in few characters."""
    word = plain_text(output.file.edit or output.file.readout)
    return word if len(word) <= _WORD else f"..{word[2 - _WORD :]}"


def _cell(output: Output) -> str:
    return _BRACKETS.sub("", plain_text(output.track.cell_type)).strip(_ENDS)


def _strandless(text: str) -> str:
    """Return a label without the words for its strand, which a sign stands for."""
    words = [word for word in text.split() if word.strip(",;:()").lower() not in _STRAND_WORDS]
    return " ".join(words).rstrip(_ENDS) or text


def _target(output: Output) -> str:
    """Return what was assayed: the middle of a label ``ASSAY:TARGET:CELL``, else the assay."""
    parts = plain_text(output.track.label).split(":")
    assay = plain_text(output.track.assay).strip(_ENDS)
    if len(parts) > 2 and parts[0] == assay and parts[1].strip(". "):
        return parts[1].strip()
    return assay


def _joined(cell: str, target: str, room: int) -> str:
    """Return both within ``room``: words of the cell's name go first, then both are cut.

    Where both would be cut to stumps, the cell stands alone.
    """
    if len(target) > _LEAST and room <= 2 * _LEAST:
        return _shortened(cell, room)
    words = _words_within(cell, room - len(target) - 1)
    left = room - len(words) - 1
    if left < min(len(target), _LEAST):
        shown = _cut(target, room // 2)
        return f"{_cut(words, room - len(shown) - 1)} {shown}"
    return f"{words} {_cut(target, left)}"


def _shortened(text: str, room: int) -> str:
    """Return the first words of a text within ``room``, or its first one with the cut marked."""
    return _cut(_words_within(text, room), room)


def _words_within(text: str, room: int) -> str:
    """Return as many words as fit, the first one at least."""
    words = text.split()
    while len(words) > 1 and len(" ".join(words)) > room:
        words.pop()
    return " ".join(words).rstrip(_ENDS)


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - len(_CUT)] + _CUT
