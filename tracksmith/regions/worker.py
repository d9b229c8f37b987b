"""A model over regions at work: the features of all regions first, then the values of windows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import TrustError
from tracksmith.files import crash_point
from tracksmith.models.card import Track
from tracksmith.progress import Progress
from tracksmith.regions.files import write_region_files
from tracksmith.regions.work import RegionWork, feature_pieces, features_of
from tracksmith.runs.device import device_facts
from tracksmith.runs.estimate import ModelCost, human_time
from tracksmith.runs.parts import PartStore, PartWriter
from tracksmith.runs.reader import ModelResults, Opened

__all__ = ["RegionWorker", "trial"]

TRIAL_BASES = 20_000
"""Bases of regions whose features are made for a trial."""


class RegionWorker:
    """Computes the parts of one model over regions on one device.

    A part is either the features of some regions, or the values that some
    windows give, once the features of all regions are there.
    """

    def __init__(self, work: RegionWork, number: int, opened: Opened) -> None:
        self.work = work
        self.run = opened.run
        self.store: PartStore = opened.store
        self.progress = opened.progress
        stages = self.run.plan.stages
        mine = [index for index, stage in enumerate(stages) if stage.model == number]
        if [stages[index].starts for index in mine] != [work.feature_starts, work.value_starts]:
            raise TrustError(
                f"{self.run.folder} was cut into other parts than its regions are now. "
                "Start anew with --overwrite."
            )
        self.features, self.values_stage = mine
        self.store.check_items(self.features, len(work.peaks))
        self.store.check_items(self.values_stage, len(work.placed))

    def load(self) -> None:
        """Take a few regions all the way: what is wrong with inputs or options fails now."""
        _, matrix = trial(self.work)
        self.work.forward.windows(matrix[None])

    def size(self, part: int) -> int:
        """Return how many regions (of a part of features) or windows a part has."""
        first, last = self.store.items(part)
        return last - first

    def compute(self, part: int) -> None:
        """Compute one part and write it, whole or not at all."""
        first, last = self.store.items(part)
        features = self.store.bounds[part][0] == self.features
        forward = self.work.forward

        def fill(writer: PartWriter) -> dict[str, Any]:
            for values in self._pieces(first, last) if features else [self._values(first, last)]:
                writer.write_chunk([values.tobytes()])
            return {
                "interval": f"{'regions' if features else 'windows'} {first + 1}-{last}",
                **device_facts(forward.device),
                "smallest_batch": forward.batch.smallest,
                "trusted": self.work.trusted,
            }

        crash_point("part-begin")
        self.store.write(part, fill)
        crash_point("part-end")
        self.progress.advance(last - first)

    def _pieces(self, first: int, last: int) -> Iterator[NDArray[np.float32]]:
        for piece in feature_pieces(self.work.peaks):
            if first <= piece.start < last:
                yield features_of(self.work, piece)

    def _values(self, first: int, last: int) -> NDArray[np.float32]:
        matrix, _ = self.matrix
        return self.work.forward.predict(self.work.peaks, matrix, self.work.placed, first, last)

    @cached_property
    def matrix(self) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """The normalised features of all regions, and what they were normalised by.

        Raises
        ------
        IncompleteError
            Parts of the features are missing or broken.
        """
        self.store.require(self.store.parts_of(self.features))
        raw = bytearray().join(data for _, data in self.store.pieces(self.features, 0))
        rows = np.frombuffer(raw, np.float32).reshape(len(self.work.peaks), -1)
        return self.work.normalise(rows)

    def _all_values(self) -> NDArray[np.float32]:
        """Return the values of all regions from the parts, float32 ``(regions, tracks)``."""
        raw = b"".join(data for _, data in self.store.pieces(self.values_stage, 0))
        rows = np.frombuffer(raw, np.float32).reshape(len(self.work.peaks), -1)
        values = np.empty_like(rows)
        values[self.work.placed.kept(0, len(self.work.placed))] = rows
        return values

    def finish(self, progress: Progress) -> ModelResults:
        """Write tracks, the table and the normalisers."""
        _, normalisers = self.matrix
        values = self._all_values()
        wanted = set(self.work.planned.record.tracks)
        tracks: dict[Track, NDArray[np.float32]] = {
            track: values[:, column]
            for column, track in enumerate(self.work.card.tracks)
            if track.id in wanted
        }
        files = write_region_files(self.run, self.work, tracks, normalisers)
        return ModelResults(files)

    def cost(self) -> ModelCost:
        """Return regions, windows and time, timing some features and some windows."""
        work, peaks = self.work, self.work.peaks
        bases = int((peaks.ends - peaks.starts).sum())
        piece, _ = trial(work)
        tried = int((peaks.ends - peaks.starts)[piece].sum())
        features = _seconds(lambda: features_of(work, piece)) / tried * bases
        windows = len(work.placed)
        columns = len(work.source.names)
        text = (
            f"{len(peaks):,} regions of {bases:,} bp in all with {columns} features each (about "
            f"{human_time(features)})"
        )
        seconds = features + windows * window_seconds(work)
        folds = len(work.planned.record.folds.names)
        return ModelCost(work.planned.record, text, windows, windows * folds, seconds)


def window_seconds(work: RegionWork) -> float:
    """Return the seconds of a window, timing about a batch."""
    forward, length = work.forward, int(work.placed.length[0])
    lanes = 1 if forward.lanes is None else forward.lanes.number
    count = min(len(work.placed), lanes * forward.batch.windows)
    rows = np.ones((count, length, len(work.source.names)), np.float32)
    return _seconds(lambda: forward.windows(rows)) / count


def trial(work: RegionWork) -> tuple[slice, NDArray[np.float32]]:
    """Return some of the first regions, of one contig, and their normalised features."""
    piece = next(feature_pieces(work.peaks))
    ends = np.cumsum((work.peaks.ends - work.peaks.starts)[piece])
    count = int(np.searchsorted(ends, TRIAL_BASES)) + 1
    tried = slice(piece.start, min(piece.start + count, piece.stop))
    return tried, work.normalise_some(features_of(work, tried), tried)[0]


def _seconds(run: Callable[[], object]) -> float:
    """Return how long the second of two calls takes."""
    run()
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
