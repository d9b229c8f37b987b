"""What an evaluation found: numbers with their groups, findings in words, what was compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tracksmith.evaluate.definitions import Definition
from tracksmith.evaluate.held_out import MIXED, Group
from tracksmith.evaluate.numbers import Estimate

__all__ = ["COLUMNS", "Evaluation", "NumberRow", "cells_of", "mixed_note"]

COLUMNS = (
    "model", "track", "group", "name", "training", "number", "value", "low", "high", "interval",
    "p", "n", "left_out", "definition",
)  # fmt: skip


@dataclass(frozen=True)
class NumberRow:
    """One number: of which prediction, over which contigs, and from how much.

    ``left_out`` counts regions, bins or variants for which the number is not defined.
    """

    model: str
    track: str
    group: Group
    definition: Definition
    estimate: Estimate
    left_out: int = 0


@dataclass
class Evaluation:
    """Everything that an evaluation says.

    Attributes
    ----------
    rows
        The numbers.
    findings
        What to know before believing them, in sentences.
    counts
        What was compared and what was not, by track.
    about
        The run and the files, for the report and the JSON.
    folder
        Where tables and report were written.
    """

    title: str
    rows: list[NumberRow] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    counts: list[Mapping[str, Any]] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    folder: Path = Path()

    def value(self, number: str, track: str, group: str = "all", model: str = "") -> float:
        """Return one number by its key; NaN where it is not defined.

        Raises
        ------
        KeyError
            There is no such number.
        """
        for row in self.rows:
            same = row.definition.key == number and row.track == track
            if same and row.group.name == group and model in ("", row.model):
                return row.estimate.value
        raise KeyError(f"{number} of {track} in {group}")


def cells_of(row: NumberRow) -> list[str]:
    """Return the columns of a number's row; a number that is not defined is an empty field."""
    estimate, about = row.estimate, row.definition
    has_interval = about.interval and not math.isnan(estimate.low)
    return [
        row.model, row.track, row.group.kind, row.group.name, row.group.held_out, about.key,
        _text(estimate.value), _text(estimate.low), _text(estimate.high),
        about.interval if has_interval else "", _text(estimate.p), str(estimate.count),
        str(row.left_out), about.cited,
    ]  # fmt: skip


def _text(value: float) -> str:
    return "" if math.isnan(value) else repr(float(value))


def mixed_note(groups: Sequence[Group]) -> list[str]:
    """Return the sentence for numbers over contigs some of which were seen in training."""
    # decision: held-out-beside-every-number (what a model was trained on flatters it)
    if not any(group.held_out == MIXED for group in groups):
        return []
    return [
        "MIXED: some numbers are over contigs of which the model saw some in training and others "
        "not; such numbers flatter. Look at the group held-out."
    ]
