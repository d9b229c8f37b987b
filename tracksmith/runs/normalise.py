"""Tracks of a finished run as quantiles, so that models of other units share one scale."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tracksmith.errors import IncompleteError, UsageError
from tracksmith.models.geometry import WindowGeometry
from tracksmith.progress import Progress, Silent
from tracksmith.runs.record import FileEntry
from tracksmith.runs.run import Run
from tracksmith.tracks.formats import FORMATS, track_path, value_facts
from tracksmith.tracks.options import TrackOptions
from tracksmith.tracks.quantile_tracks import write_quantiles

__all__ = ["QUANTILE", "normalise"]

QUANTILE = "quantile"
"""The statistic of a track that holds quantiles."""


def normalise(run: str | Path, *, progress: Progress | None = None) -> list[FileEntry]:
    """Write ``MODEL.TRACK.quantile.bw`` beside every predicted track of a finished run.

    A value becomes the share of the track's bases that have a smaller one, and half of those that
    have an equal one (values that agree to 1/4096 are equal): 0 to 1, stored negative where the
    track is. Files of an earlier call are written anew.

    Raises
    ------
    IncompleteError
        The run is not finished.
    UsageError
        It holds no predicted bigWig.
    """
    folder = Path(run)
    opened = Run.open(folder)
    if opened.results is None:
        raise IncompleteError(
            f"{folder} is not finished. Finish it with `tracksmith work {folder}` and "
            f"`tracksmith finish {folder}`."
        )
    predicted = [
        file for file in opened.files
        if file.kind == "bigwig" and file.statistic == "mean" and file.track and file.values
    ]  # fmt: skip
    if not predicted:
        raise UsageError(f"{folder} holds no predicted bigWig with a value.")
    with opened.lock():
        written = [_write(opened, file, progress or Silent()) for file in predicted]
        kept = tuple(file for file in opened.files if file.statistic != QUANTILE)
        opened.results = replace(opened.results, files=(*kept, *written))
        opened.save()
    return written


def _write(run: Run, source: FileEntry, progress: Progress) -> FileEntry:
    model = next(model for model in run.plan.models if model.name == source.model)
    track = next(track for track in model.card.tracks if track.id == source.track)
    geometry, bin_size = model.card.geometry, 1
    if isinstance(geometry, WindowGeometry):
        bin_size = geometry.at_stride(model.stride).bin
    path = track_path(source.model, source.track, QUANTILE, FORMATS["bigwig"].suffix)
    bases = sum(length for _, length in run.plan.genome.contigs)
    progress.start(f"{source.model} {source.track}: quantiles", 2 * bases, "bp")
    summary = write_quantiles(
        run.folder / source.path, run.folder / path, (bin_size, track.stored_sign),
        TrackOptions.of(run.plan.compressor), progress.advance,
    )  # fmt: skip
    progress.finish()
    return FileEntry.of(
        run.folder, path, "bigwig", model=source.model, track=source.track, statistic=QUANTILE,
        stored_sign=track.stored_sign, **value_facts(summary),
    )  # fmt: skip
