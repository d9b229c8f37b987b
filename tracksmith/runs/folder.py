"""A run's own files: checked, and removed without anything else that lies in the folder."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from tracksmith.errors import IncompleteError
from tracksmith.files import TEMPORARY_PREFIX, digest_of_file
from tracksmith.runs.parts import PartStore
from tracksmith.runs.run import FILE_FOLDERS, Run
from tracksmith.runs.spool import Spool

__all__ = ["LOGS", "MARKS", "damaged_files", "refuse_damage", "remove_parts", "remove_run"]

LOGS = "logs"
"""Where the scripts of a template write what the commands say."""

MARKS = ".tasks"
"""Where they mark what was done, until the run is replaced."""

SHARED_NAMES = (
    "annotated.vcf.gz", "annotated.vcf.gz.tbi", "annotated.vcf.gz.csi", "skipped.tsv",
    "summary.html", "edits.tsv",
)  # fmt: skip
"""Finished files that bear no model's name."""


def damaged_files(run: Run) -> list[str]:
    """Return the finished files that are missing or not as they were written."""
    damaged = []
    for file in run.files:
        path = run.folder / file.path
        same_size = path.is_file() and path.stat().st_size == file.size
        if not same_size or digest_of_file(path) != file.sha256:
            damaged.append(file.path)
    return damaged


def refuse_damage(run: Run) -> None:
    """Raise when a finished run lost or changed a file and its parts are gone.

    Raises
    ------
    IncompleteError
        Lists the files and how to make them again.
    """
    damaged = damaged_files(run)
    if damaged:
        listed = "\n".join(f"  {path}" for path in damaged[:20])
        raise IncompleteError(
            f"{run.folder} was finished, but these files are missing or changed:\n{listed}\n"
            "Make them again with the same command and --overwrite."
        )


def remove_parts(run: Run) -> None:
    """Remove the parts of a finished run, and the inputs that were kept for it."""
    # Of whomever: what a machine was writing when it was killed, or writes in vain.
    for left in run.parts_folder.glob(f"{TEMPORARY_PREFIX}*"):
        with suppress(OSError):
            left.unlink()
    PartStore(run).remove()
    Spool.remove(run)


def remove_run(run: Run) -> None:
    """Remove a run's own files, and nothing else that lies in its folder."""
    with run.lock():
        for path in _own_files(run):
            path.unlink(missing_ok=True)
        for folder in (run.parts_folder, run.folder / MARKS):
            shutil.rmtree(folder, ignore_errors=True)
        (run.folder / "run.json").unlink(missing_ok=True)


def _own_files(run: Run) -> list[Path]:
    """Return the files of a run; of one that was stopped while finishing, those by its names."""
    if run.finished:
        return [run.folder / file.path for file in run.files]
    names = tuple(f"{model.name}." for model in run.plan.models)
    if run.plan.haplotypes is not None:
        names += tuple(f"{sample.file_name}." for sample in run.plan.haplotypes.samples)
    return [
        path
        for folder in FILE_FOLDERS
        for path in (run.folder / folder).glob("*")
        if path.name.startswith(names) or path.name in SHARED_NAMES
    ]
