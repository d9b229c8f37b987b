"""Finding checkpoints: which cell line and which training run a file is, from its path.

The authors name training runs in two ways: a folder ``model_VAL_TEST`` and a
file ``best_model_testTEST_valVAL.ckpt``. Note the order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePath, PurePosixPath
from typing import TypeAlias

from tracksmith.plugin import InputError, WeightPaths

__all__ = ["CELL_LINES", "FOLDS", "SINGLE", "by_cell_line", "find_weights", "place_in_folder"]

CELL_LINES = ("HepG2", "K562", "WTC11")
SINGLE = "single"
"""Fold of a cell line's only checkpoint when its path names no training run."""
RUNS = range(1, 11)
FOLDS = (SINGLE, *(f"test{test}_val{val}" for test in RUNS for val in RUNS if test != val))

CheckpointFiles: TypeAlias = "tuple[Path, Path | None]"
"""A checkpoint and its ``config.json``, if there is one."""
FilesByLine: TypeAlias = "dict[str, dict[str, CheckpointFiles]]"
"""By cell line and fold."""

_SUFFIXES = {".ckpt", ".pt", ".pth", ".bin", ".safetensors"}
_CELL_LINE = re.compile(r"(?<![a-z0-9])(hepg2|k562|wtc11)(?![a-z0-9])", re.IGNORECASE)
_IN_NAME = re.compile(r"(?<![a-z])test(?P<test>\d+)_val(?P<val>\d+)(?!\d)")
_IN_FOLDER = re.compile(r"model_(?P<val>\d+)_(?P<test>\d+)")
_LAST = re.compile(r"last(_model)?\b.*")
"""The last epoch of a training run, which stands beside the best one and is not used."""


def find_weights(path: Path) -> WeightPaths:
    """Return checkpoints and configurations by fold.

    Parameters
    ----------
    path
        A checkpoint, or a folder with checkpoints at any depth. The path of
        each must name its cell line, in its own name or that of a folder.

    Returns
    -------
    weights
        For each training run, checkpoints in the order of `CELL_LINES`, each
        followed by its ``config.json`` if there is one.

    Raises
    ------
    InputError
        Nothing is there, a file cannot be told apart, or the cell lines have
        different training runs.
    """
    by_line: FilesByLine = {}
    for file in _checkpoints(path):
        line, fold = _cell_line(file.absolute()), _training_run(file.absolute())
        runs = by_line.setdefault(line, {})
        if fold in runs:
            raise InputError(_twice(line, fold, runs[fold][0], file))
        runs[fold] = (file, _config_of(file))
    by_line = _name_singles_alike(by_line)
    _check_same_runs(by_line, path)
    return {fold: _flat(by_line, fold) for fold in FOLDS if fold in next(iter(by_line.values()))}


def by_cell_line(files: Iterable[Path]) -> dict[str, CheckpointFiles]:
    """Return the checkpoints of one fold by cell line, as `find_weights` listed them."""
    lines: dict[str, CheckpointFiles] = {}
    line = ""
    for file in files:
        if file.suffix == ".json":
            lines[line] = (lines[line][0], file)
        else:
            line = _cell_line(file.absolute())
            lines[line] = (file, None)
    return lines


def place_in_folder(name: str) -> str | None:
    """Return where a file of a published archive belongs: ``K562/best_model_test1_val2.ckpt``.

    Checkpoints and configurations are wanted whose path names a cell line, and
    a configuration for all of them; last epochs and all else are not. A file
    of no training run keeps its own name.
    """
    file = PurePosixPath("/", name.replace("\\", "/"))
    settings = file.name == "config.json"
    if not settings and (file.suffix not in _SUFFIXES or _LAST.match(file.name)):
        return None
    if any(part.startswith((".", "__MACOSX")) for part in file.parts):
        return None
    try:
        line, run = _cell_line(file), _training_run(file)
    except InputError:
        return file.name if settings else None
    if settings or run == SINGLE:
        return f"{line}/{file.name}"
    return f"{line}/best_model_{run}{file.suffix}"


def _checkpoints(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"There is nothing at {path}. Name a checkpoint or a folder of them.")
    files = sorted(file for file in path.rglob("*") if file.is_file())
    chosen = [file for file in files if file.suffix in _SUFFIXES and not _LAST.match(file.name)]
    if not chosen:
        misspelt = [file.name for file in files if file.suffix == ".cpkt"]
        hint = f" Rename {misspelt[0]} so that it ends in .ckpt." if misspelt else ""
        endings = ", ".join(sorted(_SUFFIXES))
        raise InputError(f"No MPRALegNet weights in {path}: no file ends in {endings}.{hint}")
    return chosen


def _cell_line(file: PurePath) -> str:
    """Return the cell line that the innermost part of an absolute path names."""
    for part in reversed(file.parts):
        named = {match.lower() for match in _CELL_LINE.findall(part.replace("_", " "))}
        if len(named) > 1:
            raise InputError(f"{file}: its path names several cell lines: {', '.join(named)}.")
        if named:
            return next(line for line in CELL_LINES if line.lower() in named)
    raise InputError(
        f"{file}: its path does not say which cell line it is. Put it into a folder called "
        f"{', '.join(CELL_LINES[:-1])} or {CELL_LINES[-1]}."
    )


def _training_run(file: PurePath) -> str:
    match = _IN_NAME.search(file.name)
    folders = reversed(file.parent.parts)
    match = match or next(filter(None, map(_IN_FOLDER.fullmatch, folders)), None)
    if match is None:
        return SINGLE
    test, val = int(match["test"]), int(match["val"])
    if test not in RUNS or val not in RUNS or test == val:
        raise InputError(
            f"{file}: test fold {test} and validation fold {val} are no training run; both lie "
            "from 1 to 10 and differ."
        )
    return f"test{test}_val{val}"


def _config_of(file: Path) -> Path | None:
    """Return the run's ``config.json``: beside the checkpoint, above it, or above Lightning's tree.

    Lightning writes ``RUNS/model_VAL_TEST/lightning_logs/version_0/checkpoints``, and
    the configuration lies in ``RUNS``.
    """
    parents = list(file.absolute().parents)
    above_tree = parents[4:5] if file.parent.name == "checkpoints" else []
    for folder in [*parents[:2], *above_tree]:
        if (folder / "config.json").is_file():
            return folder / "config.json"
    return None


def _name_singles_alike(by_line: FilesByLine) -> FilesByLine:
    """Where each cell line has one checkpoint and the runs differ, call them all `SINGLE`."""
    folds = {fold for runs in by_line.values() for fold in runs}
    if len(folds) == 1 or any(len(runs) > 1 for runs in by_line.values()):
        return by_line
    return {line: {SINGLE: files} for line, runs in by_line.items() for files in runs.values()}


def _check_same_runs(by_line: FilesByLine, path: Path) -> None:
    every = {fold for runs in by_line.values() for fold in runs}
    lacking = {
        line: sorted(every - set(runs)) for line, runs in by_line.items() if every - set(runs)
    }
    if lacking:
        said = "; ".join(
            f"{line} lacks {', '.join(folds[:4])}{' ...' if len(folds) > 4 else ''}"
            for line, folds in lacking.items()
        )
        raise InputError(
            f"{path}: the cell lines have different training runs, and a run is one fold of all "
            f"of them: {said}. Complete them, or name the folder of one cell line."
        )


def _twice(line: str, fold: str, first: Path, second: Path) -> str:
    if fold == SINGLE:
        return (
            f"{line} has several checkpoints whose names say no training run: {first} and "
            f"{second}. Call them best_model_test1_val2.ckpt and so on, or name one file."
        )
    return f"{line} has training run {fold} twice: {first} and {second}."


def _flat(by_line: FilesByLine, fold: str) -> tuple[Path, ...]:
    files = (by_line[line][fold] for line in CELL_LINES if line in by_line)
    return tuple(file for pair in files for file in pair if file is not None)
