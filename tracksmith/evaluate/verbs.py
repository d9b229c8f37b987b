"""The verbs of evaluation for Python; what they need is imported when they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from tracksmith.errors import UsageError
from tracksmith.plot.libraries import require_libraries
from tracksmith.progress import Progress, Silent

if TYPE_CHECKING:
    from tracksmith.evaluate.results import Evaluation

__all__ = ["evaluate_tracks"]

MISSING = ("gap", "zero")
File: TypeAlias = str | Path


def evaluate_tracks(
    run: File,
    measured: File | Sequence[File] | Mapping[str, File],
    out: File,
    *,
    regions: File | None = None,
    missing: str = "gap",
    bins: Sequence[int] = (1, 32, 128, 1024),
    alias: File | None = None,
    allow_other_lengths: bool = False,
    progress: Progress | None = None,
) -> Evaluation:
    """Compare the predicted tracks of a finished run with measured ones.

    Parameters
    ----------
    measured
        bigWigs, one for each track in its order, or by the names of tracks.
    out
        Folder for ``numbers.tsv``, ``regions.tsv``, ``evaluation.json`` and ``report.html``.
    regions
        BED file: profiles and quantities of its rows.
    missing
        ``gap``: a base without a measured value is left out and counted; ``zero``: it is 0.
    bins
        Widths in bp of the bins along whole contigs.
    alias, allow_other_lengths
        Table of contig aliases; whether contigs may have other lengths in the measured files.

    Returns
    -------
    evaluation
        ``evaluation.value("profile_pearson", "plus")``; all numbers are in ``.rows``, what to
        know before believing them in ``.findings``.

    Raises
    ------
    TracksmithError
        See :mod:`tracksmith.errors`.
    """
    require_libraries("scipy", "sklearn", "matplotlib")
    from tracksmith.evaluate.track_run import TracksAsked
    from tracksmith.evaluate.track_run import evaluate_tracks as compare

    if missing not in MISSING:
        raise UsageError(f"--missing {missing}: use gap or zero.")
    asked = TracksAsked(
        _texts(measured), _path(regions), _path(alias), missing == "zero", allow_other_lengths,
        tuple(bins),
    )  # fmt: skip
    return compare(Path(run), asked, Path(out), progress or Silent())


def _texts(files: File | Sequence[File] | Mapping[str, File]) -> list[str]:
    """Return files as the command line says them."""
    if isinstance(files, Mapping):
        return [f"{name}={path}" for name, path in files.items()]
    return [str(files)] if isinstance(files, (str, Path)) else list(map(str, files))


def _path(text: File | None) -> Path | None:
    return None if text is None else Path(text)
