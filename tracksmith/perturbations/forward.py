"""Windows with and without edits predicted: batches filled across edits and readouts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracksmith.engine.tiling import Orientation
from tracksmith.engine.windows import odd_bases
from tracksmith.errors import PluginError, TracksmithError
from tracksmith.genome.bases import Masks
from tracksmith.perturbations.spent import Spent
from tracksmith.runs.failures import is_of_device

if TYPE_CHECKING:
    from torch import Tensor

    from tracksmith.engine.forward import Forward

__all__ = ["EditForward", "Group", "Reading"]

log = logging.getLogger(__name__)
Values = NDArray[np.float32]

SHARED_BATCH = 16
"""Edits of a readout that share the work on its reference, where nobody chose a batch size."""


@dataclass
class Reading:
    """A sequence to predict: its bases over the windows of all orientations, the bins to keep.

    ``masks`` is uint8 ``(bases,)``; ``bins`` are those of the core, half-open; ``values``, float32
    ``(tracks, bins)``, come out. ``name`` is for messages.
    """

    masks: Masks
    bins: tuple[int, int]
    name: str
    values: Values = field(default_factory=lambda: np.empty(0, np.float32))

    def add(self, predicted: Values) -> None:
        """Add the values of one orientation."""
        self.values += predicted


@dataclass(frozen=True)
class Group:
    """A readout's reference and what edits make of it, all on one contig.

    ``needed`` says that the reference's own values are wanted.
    """

    reference: Reading
    edited: list[Reading]
    folds: tuple[str, ...]
    needed: bool = True


@dataclass(frozen=True)
class EditForward:
    """A loaded model that predicts sequences which lie around readouts."""

    forward: Forward
    low: int
    """The smallest shift of an orientation's windows, bp."""

    def __post_init__(self) -> None:
        batch = self.forward.batch
        if self.forward.offers_alleles and not batch.chosen:
            batch.windows = batch.smallest = max(batch.windows, SHARED_BATCH)

    def predict(self, groups: Sequence[Group]) -> Spent:
        """Fill in the values of every sequence, averaged over folds, strands and shifts."""
        spent = Spent()
        for one in _every(groups):
            shape = (len(self.forward.card.tracks), one.bins[1] - one.bins[0])
            one.values = np.zeros(shape, np.float32)  # 0 turns -0 into 0
        shared = self.forward.offers_alleles
        pairs = [group for group in groups if shared and group.edited]
        rest = [group for group in groups if not (shared and group.edited)]
        for group in pairs:
            self._pairs(group, spent)
        for folds in dict.fromkeys(group.folds for group in rest):
            self._windows(_every([one for one in rest if one.folds == folds]), folds, spent)
        for one in _every(groups):
            one.values /= np.float32(len(self.forward.orientations))
            self._refuse_unfinite(one)
        return spent

    def _windows(self, readings: list[Reading], folds: tuple[str, ...], spent: Spent) -> None:
        """Predict windows one by one, whatever they are of."""
        masks = np.stack([one.masks for one in readings])
        plain = not odd_bases(masks).any()
        for way in self.forward.orientations:
            windows = self._cut(masks, way)

            def forward(first: int, last: int, way: Orientation = way, w: Masks = windows) -> None:
                predicted = self.forward.windows(
                    w[first:last], folds, reverse=way.reverse, plain=plain
                )
                self._put(predicted, readings[first:last], way)

            self._run(forward, readings)
        spent.windows += len(readings) * len(self.forward.orientations)

    def _pairs(self, group: Group, spent: Spent) -> None:
        """Predict the edits of a readout by the networks' shortcut, near ones together."""
        first_time = True
        changed = [_columns(group.reference.masks, one.masks) for one in group.edited]
        for run in _near(changed, self.forward.tiling.window):
            readings = [group.edited[number] for number in run]
            columns = (min(changed[n][0] for n in run), max(changed[n][1] for n in run))
            self._run_of_pairs(group, readings, columns, first_time=first_time)
            first_time = False
            ways = len(self.forward.orientations)
            calls = -(-len(readings) // self.forward.batch.windows)
            spent.windows += calls * ways
            spent.parts += len(readings) * ways
            spent.anew += len(readings) * ways * (columns[1] - columns[0])
            spent.bases += len(readings) * ways * self.forward.tiling.window

    def _run_of_pairs(
        self, group: Group, readings: list[Reading], columns: tuple[int, int], *, first_time: bool
    ) -> None:
        masks = np.stack([group.reference.masks, *(one.masks for one in readings)])
        plain, window = not odd_bases(masks).any(), self.forward.tiling.window
        for way in self.forward.orientations:
            windows, start = self._cut(masks, way), way.delta - self.low
            low, high = (min(max(column - start, 0), window) for column in columns)
            changed = (low, high) if low < high else (0, 1)  # the edits lie in other shifts alone

            def forward(
                first: int,
                last: int,
                way: Orientation = way,
                w: Masks = windows,
                changed: tuple[int, int] = changed,
            ) -> None:
                own, other = self.forward.alleles(
                    w[:1], w[1 + first : 1 + last], changed, group.folds, reverse=way.reverse,
                    plain=plain,
                )  # fmt: skip
                self._put(other, readings[first:last], way)
                if group.needed and first_time and first == 0:
                    self._put(own, [group.reference], way)

            self._run(forward, readings)

    def _cut(self, masks: Masks, way: Orientation) -> Masks:
        """Return the windows of one orientation."""
        start = way.delta - self.low
        return masks[:, start : start + self.forward.tiling.window]

    def _put(self, predicted: Tensor, readings: Sequence[Reading], way: Orientation) -> None:
        """Add the bins that are kept of ``(sets, tracks, windows, bins)``."""
        moved = 0 if self.forward.tiling.network.whole_window else way.moved_bins
        low, high = min(one.bins[0] for one in readings), max(one.bins[1] for one in readings)
        values = predicted[0, :, :, low - moved : high - moved].cpu().numpy()
        for number, one in enumerate(readings):
            one.add(values[:, number, one.bins[0] - low : one.bins[1] - low])

    def _run(self, forward: Callable[[int, int], None], readings: Sequence[Reading]) -> None:
        """Fill batches; a plugin that raises gets a second try before it fails."""

        def twice(first: int, last: int) -> None:
            for attempt in (1, 2):
                try:
                    forward(first, last)
                except TracksmithError:
                    raise
                except (Exception, SystemExit) as error:
                    if is_of_device(error):
                        raise
                    if attempt == 2:
                        raise self._failed(error, readings[first:last]) from error
                    log.warning("%s raised %r; trying once more", self.forward.card.name, error)
                else:
                    return

        self.forward.in_batches(twice, len(readings))

    def _failed(self, error: BaseException, readings: Sequence[Reading]) -> PluginError:
        return PluginError(
            f"{self.forward.card.name} raised {type(error).__name__}: {error}\n"
            f"It happened on {len(readings)} windows, the first of {readings[0].name}."
        )

    def _refuse_unfinite(self, one: Reading) -> None:
        if np.isfinite(one.values).all():
            return
        track, place = np.argwhere(~np.isfinite(one.values))[0].tolist()
        card = self.forward.card
        raise PluginError(
            f"{card.name} returned {one.values[track, place]} for track {card.tracks[track].id} "
            f"of {one.name}. Check the weights and --dtype."
        )


def _every(groups: Sequence[Group]) -> list[Reading]:
    return [
        one
        for group in groups
        for one in ((group.reference, *group.edited) if group.needed else group.edited)
    ]


def _columns(reference: Masks, edited: Masks) -> tuple[int, int]:
    """Return the first and the last base that differ, half-open."""
    differ = np.flatnonzero(reference != edited)
    return (int(differ[0]), int(differ[-1]) + 1) if len(differ) else (0, 0)


def _near(changed: Sequence[tuple[int, int]], window: int) -> list[list[int]]:
    """Return the numbers of edits in runs that are predicted together.

    A run reads its reference, and of each edit all bases that any of the run changes: one more
    joins while that costs no more bases than to begin another run.
    """
    runs: list[list[int]] = []
    low = high = 0
    for number in sorted(range(len(changed)), key=lambda one: changed[one]):
        start, end = changed[number]
        if runs:
            first, last = min(low, start), max(high, end)
            joined = (len(runs[-1]) + 1) * (last - first) - len(runs[-1]) * (high - low)
            if joined <= window + end - start:
                runs[-1].append(number)
                low, high = first, last
                continue
        runs.append([number])
        low, high = start, end
    return runs
