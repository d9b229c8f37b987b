"""Running a region model over the windows of all contigs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracksmith.engine.device import DTYPES, BatchSize
from tracksmith.engine.region_peaks import Peaks
from tracksmith.engine.region_windows import region_windows
from tracksmith.errors import PluginError
from tracksmith.models.card import RegionGeometry
from tracksmith.progress import Progress

__all__ = ["RegionForward"]


@dataclass(frozen=True)
class _Windows:
    """Windows of one length, of any contig; positions count all regions of the run."""

    length: int
    starts: NDArray[np.int64]
    keep_from: NDArray[np.int64]
    keep_to: NDArray[np.int64]


@dataclass(frozen=True)
class RegionForward:
    """The networks of a region model on a device; the values of several are averaged.

    Attributes
    ----------
    networks
        Each maps float32 ``(batch, regions, features)`` to
        ``(batch, regions, tracks)``.
    tracks
        Values that a network returns per region.
    """

    name: str
    networks: Sequence[nn.Module]
    geometry: RegionGeometry
    tracks: int
    device: torch.device
    batch: BatchSize
    dtype: str = "float32"

    @torch.inference_mode()
    def predict(
        self, peaks: Peaks, matrix: NDArray[np.float32], progress: Progress
    ) -> NDArray[np.float32]:
        """Predict every region once, from the window in which it is nearest the centre.

        Parameters
        ----------
        matrix
            float32 ``(regions, features)``.

        Returns
        -------
        values : float32, shape (regions, tracks)

        Raises
        ------
        PluginError
            The network returned another shape, or a value that is not finite.
        """
        values = np.full((len(peaks), self.tracks), np.nan, dtype=np.float32)
        rows = torch.from_numpy(matrix)
        progress.start(self.name, len(peaks), "regions")
        for windows in self._windows(peaks):

            def forward(first: int, last: int, windows: _Windows = windows) -> None:
                starts = windows.starts[first:last]
                index = torch.from_numpy(starts[:, None] + np.arange(windows.length))
                predicted = self._call(rows[index].to(self.device)).cpu().numpy()
                for row, start in enumerate(starts, first):
                    begin, end = windows.keep_from[row], windows.keep_to[row]
                    values[begin:end] = predicted[row - first, begin - start : end - start]
                    progress.advance(int(end - begin))

            self.batch.run(forward, 0, len(windows.starts))
        progress.finish()
        self._refuse_unfinite(values, peaks)
        return values

    @torch.inference_mode()
    def windows(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict windows that the caller put together.

        Parameters
        ----------
        rows
            float32 ``(windows, regions, features)``.

        Returns
        -------
        values : float32, shape (windows, regions, tracks)
        """
        values = np.empty((*rows.shape[:2], self.tracks), dtype=np.float32)

        def forward(first: int, last: int) -> None:
            piece = torch.from_numpy(np.ascontiguousarray(rows[first:last]))
            values[first:last] = self._call(piece.to(self.device)).cpu().numpy()

        self.batch.run(forward, 0, len(rows))
        return values

    def _windows(self, peaks: Peaks) -> Iterator[_Windows]:
        """Yield the windows of all contigs, those of one length together, the longest first."""
        by_length: dict[int, list[NDArray[np.int64]]] = {}
        for _, regions in peaks.on_contigs():
            first, count = regions.start, regions.stop - regions.start
            placed = region_windows(count, self.geometry.context, self.geometry.stride)
            table = np.stack([placed.starts, placed.keep[:-1], placed.keep[1:]]) + first
            by_length.setdefault(placed.length, []).append(table)
        for length in sorted(by_length, reverse=True):
            starts, keep_from, keep_to = np.concatenate(by_length[length], axis=1)
            yield _Windows(length, starts, keep_from, keep_to)

    def _call(self, x: Tensor) -> Tensor:
        dtype = DTYPES[self.dtype]
        found: list[Tensor] = []
        for network in self.networks:
            with torch.autocast(self.device.type, dtype, enabled=dtype is not torch.float32):
                values = network(x)
            wanted = (*x.shape[:2], self.tracks)
            if not isinstance(values, Tensor) or values.shape != wanted:
                shape = tuple(getattr(values, "shape", ()))
                raise PluginError(
                    f"{self.name} returned {type(values).__name__} of shape {shape} for "
                    f"{x.shape[0]} windows of {x.shape[1]} regions; the card promises {wanted}."
                )
            found.append(values.float())
        return found[0] if len(found) == 1 else torch.stack(found).mean(dim=0)

    def _refuse_unfinite(self, values: NDArray[np.float32], peaks: Peaks) -> None:
        bad = ~np.isfinite(values)
        if bad.any():
            region, track = (int(n) for n in np.argwhere(bad)[0])
            raise PluginError(
                f"{self.name} returned {values[region, track]} as value {track} of the region at "
                f"{peaks.place(region)}. Check the weights, the inputs and --dtype."
            )
