"""The tracks and arcs of one model, written as its readouts come."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from tracksmith.files import crash_point
from tracksmith.perturbations.arcs import Arcs
from tracksmith.perturbations.names import FOLDER, STATISTICS, FileNames
from tracksmith.perturbations.results import ReadoutResults
from tracksmith.perturbations.track_files import (
    Pieces,
    effect_intervals,
    effect_piece,
    stored_sign,
    window_lines,
    window_piece,
)
from tracksmith.runs.record import FileEntry
from tracksmith.tracks.bigwig import TrackData
from tracksmith.tracks.formats import FORMATS, value_facts
from tracksmith.tracks.intervals import INTERVAL_BIN
from tracksmith.tracks.options import TrackOptions

__all__ = ["TrackFiles"]


class TrackFiles:
    """Writes tracks into the folder of a run; ``entries`` are those written so far."""

    def __init__(self, names: FileNames, folder: Path, options: TrackOptions) -> None:
        self.names, self.plan = names, names.plan
        self.folder, self.options = folder, options
        self.arcs = Arcs(self.plan, folder / FOLDER)
        self.entries: list[FileEntry] = []

    def __enter__(self) -> TrackFiles:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.arcs.close()

    def add(self, results: ReadoutResults) -> None:
        """Write the tracks of a readout, and keep its arcs."""
        self.arcs.add(results)
        self._write_effects(results)
        self._write_windows(results)

    def _write_effects(self, results: ReadoutResults) -> None:
        if not results.scored:
            return
        intervals = effect_intervals(self.plan, results)
        for number, track in enumerate(self.plan.record.tracks):
            path = self.names.effect(track, results.number)
            pieces = partial(
                effect_piece, self.plan, results.number, intervals, number, self.options
            )
            about: dict[str, Any] = {"track": track, "statistic": "effect", "stored_sign": 1}
            self._write_track(path, pieces, INTERVAL_BIN, readout=results.number, **about)

    def _write_windows(self, results: ReadoutResults) -> None:
        for drawn in (one for one in self.names.drawn if one.readout == results.number):
            lines = window_lines(self.plan, results, drawn)
            for number, track in enumerate(self.plan.record.tracks):
                for statistic in STATISTICS:
                    path = self.names.window(track, drawn, statistic)
                    which = (statistic, number)
                    pieces = partial(window_piece, self.plan, drawn, lines, which, self.options)
                    about: dict[str, Any] = {"track": track, "statistic": statistic}
                    about["edit"] = self.plan.inputs.edits[drawn.edit].name
                    sign = stored_sign(self.plan, track, statistic)
                    self._write_track(
                        path, pieces, 1, readout=drawn.readout, stored_sign=sign, **about
                    )

    def _write_track(
        self, path: str, pieces: Callable[[], Pieces], bin_size: int, *, readout: int, **about: Any
    ) -> None:
        form = FORMATS["bigwig"]
        contigs = list(self.plan.contigs)
        data = TrackData(contigs, pieces, bin_size)
        summary = form.write(self.folder / path, data, self.options)
        crash_point("track-finished")
        name = self.plan.inputs.readouts[readout].name
        about = {**about, "model": self.plan.record.name, "readout": name}
        written = FileEntry.of(self.folder, path, form.name, **about, **value_facts(summary))
        self.entries.append(written)

    def write_arcs(self) -> None:
        """Write the arcs of every track, once all readouts were taken."""
        for number, track in enumerate(self.plan.record.tracks):
            path = self.names.arcs(track)
            count, most = self.arcs.write(self.folder / path, number, self.options.compressor)
            crash_point("track-finished")
            about = {"model": self.plan.record.name, "track": track, "statistic": "arcs"}
            written = FileEntry.of(
                self.folder, path, "biginteract", rows=count, max=most,
                values=None if count else 0, **about,
            )  # fmt: skip
            self.entries.append(written)
