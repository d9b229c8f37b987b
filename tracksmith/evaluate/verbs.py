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

__all__ = ["evaluate_effects", "evaluate_tracks"]

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
    from tracksmith.evaluate.track_run import TracksRequest
    from tracksmith.evaluate.track_run import evaluate_tracks as compare

    if missing not in MISSING:
        raise UsageError(f"--missing {missing}: use gap or zero.")
    request = TracksRequest(
        _texts(measured), _path(regions), _path(alias), missing == "zero", allow_other_lengths,
        tuple(bins),
    )  # fmt: skip
    return compare(Path(run), request, Path(out), progress or Silent())


def evaluate_effects(
    runs: File | Sequence[File],
    measured: File,
    out: File,
    *,
    value: str | None = None,
    label: str | None = None,
    score: str | None = None,
    tracks: Sequence[str] = (),
    alias: File | None = None,
    resamples: int = 1_000,
    seed: int = 1,
    progress: Progress | None = None,
) -> Evaluation:
    """Compare the predicted effects of finished runs with measured ones.

    Parameters
    ----------
    runs
        Folder of a run of variants, or several on one genome, which are compared with each other.
    measured
        Table with the columns chrom, pos (1-based), ref and alt.
    out
        Folder for ``numbers.tsv``, ``variants.tsv``, ``evaluation.json`` and ``report.html``.
    value, label
        Its columns of effects, and of 0 and 1; ``value`` is found by its name where it can be.
    score, tracks
        The score to compare, the run's first by default; the tracks or pairs, all by default.
    resamples, seed
        Of the bootstrap.

    Returns
    -------
    evaluation
        ``evaluation.value("effects_pearson", "plus+minus log2fc")``; all numbers in ``.rows``.

    Raises
    ------
    TracksmithError
        See :mod:`tracksmith.errors`.
    """
    require_libraries("scipy", "sklearn", "matplotlib")
    from tracksmith.evaluate.effect_run import EffectsRequest
    from tracksmith.evaluate.effect_run import evaluate_effects as compare
    from tracksmith.evaluate.effects import Resampling
    from tracksmith.evaluate.truth import Columns

    several = [runs] if isinstance(runs, (str, Path)) else runs
    request = EffectsRequest(
        Path(measured), Columns(value, label), score, tuple(tracks), _path(alias),
        Resampling(resamples, seed),
    )  # fmt: skip
    return compare([Path(run) for run in several], request, Path(out), progress or Silent())


def _texts(files: File | Sequence[File] | Mapping[str, File]) -> list[str]:
    """Return files as the command line says them."""
    if isinstance(files, Mapping):
        return [f"{name}={path}" for name, path in files.items()]
    return [str(files)] if isinstance(files, (str, Path)) else list(map(str, files))


def _path(text: File | None) -> Path | None:
    return None if text is None else Path(text)
