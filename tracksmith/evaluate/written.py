"""The files of an evaluation: tables, JSON and the report, in a folder of their own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tracksmith.errors import UsageError
from tracksmith.evaluate.report import Picture, report_page
from tracksmith.evaluate.results import COLUMNS, Evaluation, NumberRow, cells_of
from tracksmith.files import aside, write_json
from tracksmith.runs.lock import is_left_over
from tracksmith.runs.run import make_folder
from tracksmith.version import __version__

__all__ = ["check_folder", "write_evaluation", "write_table"]

MARK = "evaluation.json"
"""The file by which a folder is known to be an evaluation."""


def check_folder(folder: Path) -> None:
    """Raise UsageError unless a folder is new, empty or an earlier evaluation."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: choose a folder with -o.")
    files = [path for path in folder.iterdir() if not is_left_over(path)] if folder.exists() else []
    if files and not (folder / MARK).is_file():
        raise UsageError(
            f"{folder} is neither empty nor an evaluation: choose another folder with -o."
        )


def write_evaluation(folder: Path, evaluation: Evaluation, pictures: Sequence[Picture]) -> None:
    """Write numbers.tsv, evaluation.json and report.html."""
    make_folder(folder)
    evaluation.folder = folder
    write_table(folder / "numbers.tsv", COLUMNS, map(cells_of, evaluation.rows))
    with aside(folder / "report.html") as temporary:
        temporary.write_text(report_page(evaluation, pictures), encoding="utf-8", newline="\n")
    write_json(folder / MARK, _as_json(evaluation))


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table, tab-separated, with a line of names."""
    with aside(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as out:
        out.write("\t".join(columns) + "\n")
        out.writelines("\t".join(row) + "\n" for row in rows)


def _as_json(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "tracksmith": __version__,
        "title": evaluation.title,
        "about": evaluation.about,
        "findings": evaluation.findings,
        "counts": list(evaluation.counts),
        "numbers": [_number(row) for row in evaluation.rows],
        "definitions": {
            row.definition.key: {
                "name": row.definition.name,
                "definition": row.definition.text,
                "source": row.definition.source,
                "interval": row.definition.interval,
            }
            for row in evaluation.rows
        },
    }


def _number(row: NumberRow) -> dict[str, Any]:
    values = {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in asdict(row.estimate).items()
    }
    return {
        "model": row.model, "track": row.track, "group": row.group.kind, "name": row.group.name,
        "training": row.group.held_out, "number": row.definition.key, "left_out": row.left_out,
        **values,
    }  # fmt: skip
