"""Running a region model over windows of neighbouring regions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracksmith.errors import PluginError, TracksmithError
from tracksmith.models.card import RegionGeometry
from tracksmith.regions.peaks import Peaks
from tracksmith.regions.windows import PlacedWindows
from tracksmith.runs.batch import BatchSize
from tracksmith.runs.failures import is_of_device
from tracksmith.runs.lanes import Lanes
from tracksmith.runs.precision import in_precision

__all__ = ["RegionForward"]


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
    lanes
        Where batches run side by side on a CPU; None on other devices.
    """

    name: str
    networks: Sequence[nn.Module]
    geometry: RegionGeometry
    tracks: int
    device: torch.device
    batch: BatchSize
    dtype: str = "float32"
    lanes: Lanes | None = None

    @classmethod
    def on(
        cls,
        device: torch.device,
        networks: Sequence[nn.Module],
        returned: tuple[str, int],
        geometry: RegionGeometry,
        batch_size: int,
        dtype: str,
    ) -> RegionForward:
        """Bring networks to a device; ``returned`` are the model's name and its tracks."""
        moved = [network.to(device).eval() for network in networks]
        lanes = Lanes(torch.get_num_threads(), 1) if device.type == "cpu" else None
        return cls(
            returned[0], moved, geometry, returned[1], device, BatchSize(batch_size), dtype, lanes
        )

    @torch.inference_mode()
    def predict(
        self,
        peaks: Peaks,
        matrix: NDArray[np.float32],
        placed: PlacedWindows,
        first: int,
        last: int,
    ) -> NDArray[np.float32]:
        """Predict the regions that the windows ``[first, last)`` give values to.

        Parameters
        ----------
        matrix
            float32 ``(regions, features)``, of all regions of the run.

        Returns
        -------
        values : float32, shape (regions, tracks), in the order of ``placed.kept(first, last)``

        Raises
        ------
        PluginError
            The network returned another shape, or a value that is not finite.
        """
        rows = torch.from_numpy(matrix)
        counts = (placed.keep_to - placed.keep_from)[first:last]
        ends = np.cumsum(counts)
        values = np.empty((int(ends[-1]), self.tracks), dtype=np.float32)

        def forward(low: int, high: int) -> None:
            starts = placed.start[low:high]
            index = torch.from_numpy(starts[:, None] + np.arange(placed.length[low]))
            predicted = self._call(rows[index].to(self.device)).cpu().numpy()
            for row in range(low, high):
                begin, count = placed.keep_from[row] - placed.start[row], counts[row - first]
                end = ends[row - first]
                values[end - count : end] = predicted[row - low, begin : begin + count]

        for low, high in placed.alike(first, last):
            self._in_batches(forward, low, high)
        self._refuse_unfinite(values, peaks, placed.kept(first, last))
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

        self._in_batches(forward, 0, len(rows))
        return values

    def _in_batches(self, forward: Callable[[int, int], None], first: int, last: int) -> None:
        if self.lanes is None:
            self.batch.run(forward, first, last)
            return

        def shifted(low: int, high: int) -> None:
            forward(first + low, first + high)

        self.batch.run_in(self.lanes, shifted, last - first)

    def _call(self, x: Tensor) -> Tensor:
        outputs: list[Tensor] = []
        for number, original in enumerate(self.networks):
            network = original
            if self.lanes is not None:
                network = self.lanes.network(str(number), original)
            with in_precision(self.dtype, self.device):
                values = self._run(network, x)
            wanted = (*x.shape[:2], self.tracks)
            if not isinstance(values, Tensor) or values.shape != wanted:
                shape = tuple(getattr(values, "shape", ()))
                raise PluginError(
                    f"{self.name} returned {type(values).__name__} of shape {shape} for "
                    f"{x.shape[0]} windows of {x.shape[1]} regions; the card promises {wanted}."
                )
            outputs.append(values.float())
        return outputs[0] if len(outputs) == 1 else torch.stack(outputs).mean(dim=0)

    def _run(self, network: nn.Module, x: Tensor) -> Any:
        try:
            return network(x)
        except TracksmithError:
            raise
        except (Exception, SystemExit) as error:
            if is_of_device(error):
                raise
            raise PluginError(
                f"{self.name} raised {type(error).__name__}: {error}\n"
                f"It happened on {x.shape[0]} windows of {x.shape[1]} regions."
            ) from error

    def _refuse_unfinite(
        self, values: NDArray[np.float32], peaks: Peaks, regions: NDArray[np.int64]
    ) -> None:
        bad = ~np.isfinite(values)
        if bad.any():
            row, track = (int(n) for n in np.argwhere(bad)[0])
            raise PluginError(
                f"{self.name} returned {values[row, track]} as value {track} of the region at "
                f"{peaks.place(int(regions[row]))}. Check the weights, the inputs and --dtype."
            )
