"""The files of a run over regions: tracks, a table, the normalisers."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.engine.finish import value_facts
from tracksmith.engine.region_peaks import Peaks
from tracksmith.files import aside, crash_point, write_json
from tracksmith.models.card import Track
from tracksmith.provenance import file_entry
from tracksmith.run import Run, make_folder
from tracksmith.tracks.bigwig import write_bigwig
from tracksmith.tracks.intervals import INTERVAL_BIN, encode_intervals
from tracksmith.tracks.options import TrackOptions, parse_precision
from tracksmith.tracks.piece import EncodedPiece

__all__ = ["file_names", "write_files"]


def file_names(request: Mapping[str, Any]) -> list[str]:
    """Return the files of a run by their paths in its folder, in the order they are written."""
    card = request["models"][0]["card"]
    tracks = [f"tracks/{card['name']}.{track['id']}.bw" for track in card["tracks"]]
    return [*tracks, *(f"regions/{card['name']}.{end}" for end in ("tsv.gz", "normalisers.json"))]


def write_files(
    run: Run,
    tracks: Mapping[Track, NDArray[np.float32]],
    peaks: Peaks,
    normalisers: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Write every file of the run; return their entries for ``run.json``.

    Parameters
    ----------
    tracks
        The tracks to write, with the value of each region, float32 (regions,).
    """
    model = run.request["models"][0]["card"]["name"]
    for folder in ("tracks", "regions"):
        make_folder(run.folder / folder)
    entries = []
    for track, values in tracks.items():
        entries.append(_write_track(run, model, track, peaks, values))
        crash_point("track-finished")
    table = f"regions/{model}.tsv.gz"
    _write_table(run, table, tracks, peaks)
    entries.append(file_entry(run.folder, table, "table", {"model": model, "rows": len(peaks)}))
    stored = f"regions/{model}.normalisers.json"
    write_json(run.folder / stored, {"model": model, "normalisers": dict(normalisers)})
    entries.append(file_entry(run.folder, stored, "normalisers", {"model": model}))
    return entries


def _write_track(
    run: Run, model: str, track: Track, peaks: Peaks, values: NDArray[np.float32]
) -> dict[str, Any]:
    """Write one value per region; a minus strand is stored negative."""
    precision = run.request["precision"]
    options = TrackOptions(
        compressor=run.request["compressor"],
        precision=parse_precision(precision) if precision else None,
    )
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

    path = f"tracks/{model}.{track.id}.bw"
    summary = write_bigwig(run.folder / path, list(peaks.contigs), pieces, INTERVAL_BIN, options)
    facts = {"model": model, "track": track.id, "statistic": "mean", **value_facts(summary)}
    return file_entry(run.folder, path, "bigwig", facts)


def _write_table(
    run: Run, path: str, tracks: Mapping[Track, NDArray[np.float32]], peaks: Peaks
) -> None:
    """Write a BED-like table of the regions with all values, in the model's units, never negated.

    The bytes depend on the values alone: the gzip header holds no time or name.
    """
    signal = [] if peaks.signal is None else ["signal"]
    heading = ["#contig", "start", "end", "name", *signal, *(track.id for track in tracks)]
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
