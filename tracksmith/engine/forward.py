"""From the bases of a chunk to the values of its tracks: folds, strands, shifts, stitching."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracksmith.engine.calls import Networks, stretch_bases
from tracksmith.engine.feed import Feed, on_device, to_device
from tracksmith.engine.pending import Blank, ChunkPlace, Pending
from tracksmith.engine.replays import Replays
from tracksmith.engine.returned import Returned
from tracksmith.engine.tiling import Orientation, Tiling, orientations, tile
from tracksmith.engine.windows import Stretch, WindowView, as_read
from tracksmith.errors import PluginError, TracksmithError
from tracksmith.models.card import ModelCard, WindowGeometry
from tracksmith.models.contract import Predictor
from tracksmith.models.encoding import encoding_table
from tracksmith.runs.batch import BatchSize
from tracksmith.runs.failures import is_of_device
from tracksmith.runs.lanes import Lanes, threads_per_lane

__all__ = ["Coming", "Forward", "ForwardOptions"]


@dataclass(frozen=True)
class ForwardOptions:
    """What is averaged, and in which precision."""

    reverse: bool = False
    shifts: tuple[int, ...] = (0,)
    spread: bool = False
    dtype: str = "float32"
    shortcuts: bool = True


Coming = Pending | Blank
"""The values of a chunk, which may still be on their way."""


class Forward:
    """A loaded model on a device, applied chunk by chunk.

    ``card`` holds the tracks to compute, in order, closed under ``rc_partner``;
    ``predictor.tracks`` names those that the networks return, if others.
    """

    def __init__(
        self,
        card: ModelCard,
        predictor: Predictor,
        tiling: Tiling,
        device: torch.device,
        batch: BatchSize,
        options: ForwardOptions,
    ) -> None:
        self.card = card
        self.tiling = tiling
        self.device = device
        self.batch = batch
        self.options = options
        threads = threads_per_lane(device.type, tiling.window)
        lanes = max(1, torch.get_num_threads() // threads)
        self._lanes = Lanes(lanes, threads) if device.type == "cpu" else None
        self._feed = Feed(encoding_table(card.alphabet), device)
        self._calls = Networks(card.name, predictor.networks, device, options.dtype, self._lanes)
        self._returned = Returned(card, predictor, device, spread=options.spread)
        self._replays = Replays(device, wanted=options.shortcuts)
        self.orientations = orientations(tiling, options.shifts, reverse=options.reverse)
        shared = options.shortcuts and not tiling.network.whole_window
        self._stretch_windows = self._calls.stretch_windows if shared else 0
        if self._stretch_windows > batch.windows and batch.chosen:
            self._stretch_windows = 0
        elif self._stretch_windows > batch.windows:
            self.batch = BatchSize(self._stretch_windows)
        self.batch.let_go = self._replays.forget

    def over(self, geometry: WindowGeometry) -> Forward:
        """Return the same model on windows of another geometry; both share the networks."""
        other = copy.copy(self)
        other.tiling = tile(geometry)
        other.orientations = orientations(
            other.tiling, self.options.shifts, reverse=self.options.reverse
        )
        return other

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """The networks by fold, on the device."""
        return self._calls.by_fold

    def reach(self, start: int, end: int) -> tuple[int, int]:
        """Return the bases ``[start, end)`` that predicting ``[start, end)`` bp needs."""
        lows, highs = [], []
        for orientation in self.orientations:
            first, last = self._cores(start, end, orientation)
            lows.append(self.tiling.window_start(first) + orientation.delta)
            highs.append(self.tiling.window_start(last - 1) + orientation.delta)
        return min(*lows, start), max(max(highs) + self.tiling.window, end)

    def _cores(self, start: int, end: int, orientation: Orientation) -> tuple[int, int]:
        moved = orientation.moved_bins * self.tiling.bin
        return self.tiling.cores(start - moved, end - moved)

    def predict(
        self,
        stretch: Stretch,
        start: int,
        end: int,
        folds: Sequence[str],
        wanted: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.float32]:
        """Predict the bins of ``[start, end)``; ``start`` lies on the core grid.

        Parameters
        ----------
        stretch
            Bases covering at least :meth:`reach`.
        folds
            Names of the folds to average; none gives gaps only.
        wanted
            bool ``(bins,)``: bins that were asked for; None means all.

        Returns
        -------
        values
            float32 ``(outputs, bins)``: the mean of every track, then, with
            ``spread``, the standard deviation over folds (n - 1) of every
            track. NaN where nothing was predicted.
        """
        return self.launch(stretch, start, end, folds, wanted).result()

    @torch.inference_mode()
    def launch(
        self,
        stretch: Stretch,
        start: int,
        end: int,
        folds: Sequence[str],
        wanted: NDArray[np.bool_] | None = None,
    ) -> Coming:
        """Begin what :meth:`predict` does; a GPU works on while the next chunk is launched."""
        with on_device(self.device):
            return self._launch(stretch, (start, end), folds, wanted)

    def _launch(
        self,
        stretch: Stretch,
        span: tuple[int, int],
        folds: Sequence[str],
        wanted: NDArray[np.bool_] | None,
    ) -> Coming:
        start, end = span
        bins = -(-(end - start) // self.tiling.bin)
        gaps = self._gaps(stretch, start, bins, wanted)
        if not folds or gaps.all():
            statistics = 2 if self.options.spread else 1
            return Blank(len(self.card.tracks) * statistics, bins)
        total, missing = torch.zeros((), device=self.device), np.zeros(bins, dtype=np.bool_)
        for orientation in self.orientations:
            values, missed = self._one_way(stretch, orientation, (start, end), folds, gaps)
            total = values.add_(total)  # the first time 0, which turns -0 into 0
            missing |= missed
        if len(self.orientations) > 1:
            total /= len(self.orientations)
        place = ChunkPlace(self.card, self.tiling, start, folds, gaps | missing)
        return Pending(place, total, spread=self.options.spread)

    def _gaps(
        self, stretch: Stretch, start: int, bins: int, wanted: NDArray[np.bool_] | None
    ) -> NDArray[np.bool_]:
        gaps = np.zeros(bins, dtype=np.bool_) if wanted is None else ~wanted
        blank = stretch.blank_bins(start, bins, self.tiling.bin)
        return gaps if blank is None else gaps | blank

    def _one_way(
        self,
        stretch: Stretch,
        orientation: Orientation,
        span: tuple[int, int],
        folds: Sequence[str],
        gaps: NDArray[np.bool_],
    ) -> tuple[Tensor, NDArray[np.bool_]]:
        """Return ``(sets, tracks, bins)`` of one orientation, and the bins without a window."""
        first, last = self._cores(*span, orientation)
        skip = span[0] // self.tiling.bin - orientation.moved_bins - first * self.tiling.bins
        bins = gaps.size
        useful = np.zeros((last - first) * self.tiling.bins, dtype=np.bool_)
        useful[skip : skip + bins] = ~gaps
        view = stretch.windows(self.tiling, orientation, first, last)
        keep = view.known & useful.reshape(-1, self.tiling.bins).any(axis=1)
        sets = 1 + len(folds) if self.options.spread else 1
        shape = (sets, len(self.card.tracks), last - first, self.tiling.bins)
        stitched = torch.zeros(shape, device=self.device)
        for chosen in self._passes(keep):
            self._fill(stitched, view, orientation, folds, chosen)
        missed = np.repeat(~keep, self.tiling.bins)[skip : skip + bins]
        return stitched.flatten(2)[:, :, skip : skip + bins], missed & ~gaps

    def _passes(self, keep: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
        """Return the kept windows in sets: runs of neighbours where these share work, else one."""
        chosen = np.flatnonzero(keep)
        if not self._stretch_windows:
            return [chosen]
        return np.split(chosen, np.flatnonzero(np.diff(chosen) != 1) + 1)

    def _fill(
        self,
        stitched: Tensor,
        view: WindowView,
        orientation: Orientation,
        folds: Sequence[str],
        chosen: NDArray[np.int64],
    ) -> None:
        """Predict the chosen windows of a view into ``stitched``."""

        def forward(first: int, last: int) -> None:
            rows = chosen[first:last]
            neighbours = rows[-1] - rows[0] == len(rows) - 1
            masks = view.masks[rows[0] : rows[-1] + 1] if neighbours else view.masks[rows]
            try:
                values = self._twice(masks, folds, reverse=orientation.reverse, plain=view.plain)
            except PluginError as error:
                start = self.tiling.window_start(view.first_core + int(rows[0]))
                start += orientation.delta
                strand = "reverse complement" if orientation.reverse else "forward"
                raise PluginError(
                    f"{error}\nIt happened on {len(rows)} windows ({strand}), the first at "
                    f"{start + 1}-{start + self.tiling.window}."
                ) from error
            if neighbours:
                stitched[:, :, int(rows[0]) : int(rows[-1]) + 1] = values
            else:
                stitched[:, :, to_device(rows, self.device)] = values

        self.in_batches(forward, len(chosen))

    def in_batches(self, forward: Callable[[int, int], None], count: int) -> None:
        """Call ``forward(first, last)`` over ``[0, count)`` in batches.

        On a CPU they run side by side, so ``forward`` may only write to what is
        its own batch's.
        """
        if self._lanes is None:
            self.batch.run(forward, 0, count)
        else:
            self.batch.run_in(self._lanes, forward, count)

    def _twice(
        self, masks: NDArray[np.uint8], folds: Sequence[str], *, reverse: bool, plain: bool
    ) -> Tensor:
        """Run a batch; a plugin that raises gets a second try before it fails."""
        for attempt in (1, 2):
            try:
                return self._read(masks, folds, reverse=reverse, plain=plain)
            except TracksmithError:
                raise
            except (Exception, SystemExit) as error:
                if is_of_device(error):
                    raise
                if attempt == 2:
                    raise PluginError(
                        f"{self.card.name} raised {type(error).__name__}: {error}"
                    ) from error
        raise AssertionError

    @torch.inference_mode()
    def windows(
        self, masks: NDArray[np.uint8], folds: Sequence[str], *, reverse: bool, plain: bool = False
    ) -> Tensor:
        """Predict windows that the caller cut.

        Parameters
        ----------
        masks
            uint8 ``(windows, window)``, in the forward frame.
        reverse
            The network reads the reverse complement, and the result is turned back.
        plain
            Promises that there is nothing but A, C, G and T.

        Returns
        -------
        values
            float32 ``(sets, tracks, windows, bins)`` on the device: the mean over
            folds, then, with ``spread``, every fold. Values of minus-strand
            tracks are not negated here.
        """
        read = as_read(masks, reverse=reverse)
        with on_device(self.device):
            return self._run(read, folds, reverse=reverse, plain=plain, complement=reverse)

    @property
    def offers_alleles(self) -> bool:
        """Whether the networks have a shortcut for pairs of alleles, and it may be used."""
        return self._calls.offer("predict_alleles") and self.options.shortcuts

    @torch.inference_mode()
    def alleles(
        self,
        reference: NDArray[np.uint8],
        alternative: NDArray[np.uint8],
        changed: tuple[int, int],
        folds: Sequence[str],
        *,
        reverse: bool,
        plain: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """Predict pairs of windows by the networks' shortcut; see :meth:`windows`.

        ``reference`` and ``alternative``, uint8 ``(pairs, window)``, are equal
        outside the columns ``changed``, half-open. One reference may stand for all pairs.
        """
        window = reference.shape[1]
        if reverse:
            changed = (window - changed[1], window - changed[0])
        own, other = as_read(reference, reverse=reverse), as_read(alternative, reverse=reverse)
        with on_device(self.device):
            channels = [
                self._feed.channels(
                    self._feed.load(masks, plain=plain, complement=reverse), complement=reverse
                )
                for masks in (own, other)
            ]
            first, second = self._calls.alleles(channels[0], channels[1], changed, folds)
        return (
            self._returned.sets(first, len(own), self.tiling, reverse=reverse),
            self._returned.sets(second, len(other), self.tiling, reverse=reverse),
        )

    def _read(
        self, masks: NDArray[np.uint8], folds: Sequence[str], *, reverse: bool, plain: bool
    ) -> Tensor:
        """Return the sets of windows of a view, neighbours if these share work."""
        if len(masks) < 2 or not self._stretch_windows:
            return self._run(masks, folds, reverse=reverse, plain=plain, complement=False)
        windows, stride = len(masks), self.tiling.stride
        loaded = self._feed.load(stretch_bases(masks, stride, reverse=reverse)[None], plain=plain)

        def call(bases: Tensor) -> Tensor:
            channels = self._feed.channels(bases)[0]
            raws = self._calls.stretch(channels, stride, folds, reverse=reverse)
            return self._returned.sets(raws, windows, self.tiling, reverse=reverse)

        return self._replays.run((loaded.shape, windows, tuple(folds), reverse), loaded, call)

    def _run(
        self,
        masks: NDArray[np.uint8],
        folds: Sequence[str],
        *,
        reverse: bool,
        plain: bool,
        complement: bool,
    ) -> Tensor:
        """Return the sets of windows one by one."""
        loaded = self._feed.load(masks, plain=plain, complement=complement)

        def call(bases: Tensor) -> Tensor:
            channels = self._feed.channels(bases, complement=complement)
            raws = self._calls.windows(channels, folds)
            return self._returned.sets(raws, len(masks), self.tiling, reverse=reverse)

        key = (loaded.shape, tuple(folds), reverse, complement)
        return self._replays.run(key, loaded, call)
