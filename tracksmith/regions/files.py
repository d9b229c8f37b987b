"""The files of a run over regions: tracks, a table, the normalisers."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.files import aside, crash_point, write_json
from tracksmith.models.card import Track
from tracksmith.regions.peaks import Peaks
from tracksmith.regions.work import RegionWork
from tracksmith.runs.record import FileEntry, ModelRecord
from tracksmith.runs.run import Run, make_folder
from tracksmith.tracks.bigwig import TrackData
from tracksmith.tracks.formats import FORMATS, TrackFormat, track_files, track_path, value_facts
from tracksmith.tracks.intervals import INTERVAL_BIN, encode_intervals
from tracksmith.tracks.options import TrackOptions
from tracksmith.tracks.piece import EncodedPiece

__all__ = ["region_files", "write_region_files"]


def region_files(record: ModelRecord, formats: Sequence[str], longest: int) -> tuple[str, ...]:
    """Return the files of a model by their paths in the run, in the order they are written."""
    name = record.name
    tracks = [
        path
        for track in _chosen(record)
        for path in track_files(name, track, "mean", formats, longest)
    ]
    return (*tracks, f"regions/{name}.tsv.gz", f"regions/{name}.normalisers.json")


def _chosen(record: ModelRecord) -> list[str]:
    """Return the tracks that were asked for, in the order of the card."""
    return [track.id for track in record.card.tracks if track.id in set(record.tracks)]


def write_region_files(
    run: Run,
    work: RegionWork,
    tracks: Mapping[Track, NDArray[np.float32]],
    normalisers: Mapping[str, Any],
) -> list[FileEntry]:
    """Write every file of a model; return their entries for ``run.json``.

    Parameters
    ----------
    tracks
        The tracks to write, with the value of each region, float32 (regions,).
    """
    model, peaks = work.planned.name, work.peaks
    for folder in ("tracks", "regions"):
        make_folder(run.folder / folder)
    entries = []
    for track, values in tracks.items():
        for name in run.plan.formats:
            entries += _write_track(run, model, (track, values), peaks, FORMATS[name])
            crash_point("track-finished")
    table = f"regions/{model}.tsv.gz"
    _write_table(run, table, tracks, peaks)
    entries.append(FileEntry.of(run.folder, table, "table", model=model, rows=len(peaks)))
    stored = f"regions/{model}.normalisers.json"
    write_json(run.folder / stored, {"model": model, "normalisers": dict(normalisers)})
    entries.append(FileEntry.of(run.folder, stored, "normalisers", model=model))
    return entries


def _write_track(
    run: Run,
    model: str,
    track_values: tuple[Track, NDArray[np.float32]],
    peaks: Peaks,
    form: TrackFormat,
) -> list[FileEntry]:
    """Write one value per region; a minus strand is stored negative."""
    track, values = track_values
    options = TrackOptions.of(run.plan.compressor, run.plan.precision)
    stored = values * np.float32(track.stored_sign)

    def pieces() -> Iterator[tuple[int, EncodedPiece]]:
        for contig, rows in peaks.on_contigs():
            yield (
                contig,
                encode_intervals(
                    peaks.starts[rows],
                    peaks.ends[rows],
                    stored[rows],
                    int(peaks.contigs.lengths[contig]),
                    options,
                    contig=contig,
                ),
            )

    path = track_path(model, track.id, "mean", form.suffix)
    contigs = list(peaks.contigs)
    summary = form.write(run.folder / path, TrackData(contigs, pieces, INTERVAL_BIN), options)
    file = FileEntry.of(
        run.folder, path, form.name, model=model, track=track.id, statistic="mean",
        **value_facts(summary),
    )  # fmt: skip
    beside = form.beside(path, int(peaks.contigs.lengths.max(initial=0)))
    return [file, *(FileEntry.of(run.folder, other, "index", model=model) for other in beside)]


def _write_table(
    run: Run, path: str, tracks: Mapping[Track, NDArray[np.float32]], peaks: Peaks
) -> None:
    """Write a BED-like table of the regions with all values, in the model's units, never negated.

    The bytes depend on the values alone: the gzip header holds no time or name.
    """
    signal = [] if peaks.signal is None else ["signal"]
    heading = ["chrom", "start", "end", "name", *signal, *(track.id for track in tracks)]
    with (
        aside(run.folder / path) as temporary,
        temporary.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as out,
    ):
        out.write(("\t".join(heading) + "\n").encode())
        for row in range(len(peaks)):
            fields = [
                peaks.contigs.names[int(peaks.contig[row])],
                str(int(peaks.starts[row])),
                str(int(peaks.ends[row])),
                peaks.names[row] or ".",
            ]
            if peaks.signal is not None:
                fields.append(f"{peaks.signal[row]:.9g}")
            fields += [f"{values[row]:.9g}" for values in tracks.values()]
            out.write(("\t".join(fields) + "\n").encode("utf-8", "surrogateescape"))
