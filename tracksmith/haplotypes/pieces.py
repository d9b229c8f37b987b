"""The windows of haplotypes that have to be computed, each once, side by side in one stretch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracksmith.engine.tiling import CHUNK_VALUES, Tiling
from tracksmith.engine.windows import Stretch
from tracksmith.errors import PluginError
from tracksmith.genome.bases import Masks
from tracksmith.genome.edited import EditedContig, ReadBases

if TYPE_CHECKING:
    from tracksmith.engine.forward import Coming, Forward

__all__ = ["REFERENCE", "Computed", "Pieces", "Reach"]

REFERENCE = -1
"""The slot of what equals the reference."""

_FILLER = 1


@dataclass(frozen=True)
class Reach:
    """The bases that a core needs: from ``low`` bp after its begin, ``size`` of them."""

    low: int
    size: int

    @classmethod
    def of(cls, forward: Forward) -> Reach:
        """Return what the windows of all orientations need for one core."""
        stride = forward.tiling.stride
        base = stride << 20  # any core does, as long as no position is below 0
        low, high = forward.reach(base, base + stride)
        return cls(low - base, high - low)

    @property
    def high(self) -> int:
        """Where the bases end, in bp after the core's begin."""
        return self.low + self.size


@dataclass
class _Run:
    """Neighbouring cores of one register whose bases overlap: computed as neighbours."""

    slots: list[int]
    masks: Masks


@dataclass
class Pieces:
    """Collects windows by the bases that they hold.

    ``reference`` are the bases around the chunk; a window of equal bases is never computed.
    """

    tiling: Tiling
    reach: Reach
    reference: Stretch
    cores: tuple[int, int]
    _slots: dict[tuple[int, bytes], int] = field(default_factory=dict)
    _runs: list[_Run] = field(default_factory=list)

    def take(
        self,
        edits: EditedContig,
        read: ReadBases,
        windows: Sequence[tuple[int, int]],
        own: Sequence[bool],
    ) -> list[int]:
        """Return the slot of each window (offset, core), which come in ascending order.

        ``own`` says of each whether the reference's values may stand for it: those that are
        asked of it are of the same bins.
        """
        slots: list[int] = []
        for first, last in _neighbours(windows):
            offset, core = windows[first]
            begin = core * self.tiling.stride + self.reach.low + offset
            size = (last - first - 1) * self.tiling.stride + self.reach.size
            masks = edits.read(read, begin, begin + size)
            slots += self._take_run(core, masks, own[first:last])
        return slots

    def _take_run(self, core: int, masks: Masks, own: Sequence[bool]) -> list[int]:
        slots: list[int] = []
        fresh: list[int] = []
        for number, alike in enumerate(own):
            at = number * self.tiling.stride
            bases = masks[at : at + self.reach.size]
            slot = self._slot(core + number, bases, own=alike)
            new = slot is None
            if slot is None:
                slot = len(self._slots)
                self._slots[core + number, _digest(bases)] = slot
                fresh.append(number)
            if fresh and (not new or number + 1 == len(own)):
                self._add_run(fresh, masks, [*slots, slot])
                fresh = []
            slots.append(slot)
        return slots

    def _add_run(self, numbers: Sequence[int], masks: Masks, slots: Sequence[int]) -> None:
        stride, first, last = self.tiling.stride, numbers[0], numbers[-1]
        bases = masks[first * stride : last * stride + self.reach.size]
        self._runs.append(_Run([slots[number] for number in numbers], bases))

    def _slot(self, core: int, bases: Masks, *, own: bool) -> int | None:
        """Return the slot of a window whose bases are known, None for a new one."""
        if own and self.cores[0] <= core < self.cores[1]:
            at = core * self.tiling.stride + self.reach.low - self.reference.start
            if np.array_equal(self.reference.masks[at : at + self.reach.size], bases):
                return REFERENCE
        return self._slots.get((core, _digest(bases)))

    def launch(self, forward: Forward, folds: Sequence[str]) -> Computed:
        """Begin to compute all windows that were taken."""
        tracks = len(forward.card.tracks)
        most = max(1, CHUNK_VALUES // (tracks * self.tiling.bins))
        pad = -(-self.reach.size // self.tiling.stride) - 1
        slabs: list[list[_Run]] = []
        room = 0
        for run in _cut(self._runs, most, self.tiling.stride, self.reach.size):
            needed = len(run.slots) + pad
            if not slabs or needed > room:
                slabs.append([])
                room = most + pad
            slabs[-1].append(run)
            room -= needed
        computed = Computed(self.tiling.bins, len(self._slots))
        for slab in slabs:
            computed.add(forward, folds, slab, self.reach, pad)
        return computed


class Computed:
    """The values of windows, by slot, which may still be on their way."""

    def __init__(self, bins: int, slots: int) -> None:
        self.bins = bins
        self.windows = slots
        self.slab = np.zeros(slots, np.int64)
        self.first = np.zeros(slots, np.int64)
        self._coming: list[Coming] = []
        self._values: list[NDArray[np.float32]] = []

    def add(
        self, forward: Forward, folds: Sequence[str], runs: Sequence[_Run], reach: Reach, pad: int
    ) -> None:
        """Lay runs side by side on a grid of their own, and launch them."""
        stride = forward.tiling.stride
        cores = sum(len(run.slots) + pad for run in runs)
        # What lies between runs is in no window that is computed.
        masks = np.full(cores * stride + reach.size, _FILLER, np.uint8)
        wanted = np.zeros((cores, self.bins), np.bool_)
        at = 0
        for run in runs:
            masks[at * stride : at * stride + len(run.masks)] = run.masks
            wanted[at : at + len(run.slots)] = True
            self.slab[run.slots] = len(self._coming)
            self.first[run.slots] = (at + np.arange(len(run.slots))) * self.bins
            at += len(run.slots) + pad
        stretch = Stretch(masks, reach.low)
        self._coming.append(forward.launch(stretch, 0, cores * stride, folds, wanted.reshape(-1)))

    def fetch(self) -> None:
        """Wait for all values.

        Raises
        ------
        PluginError
            One of them is NaN or infinite.
        """
        try:
            self._values = [coming.result() for coming in self._coming]
        except PluginError as error:
            raise PluginError(
                f"{error}\nThat was an edited window; the position counts along these."
            ) from None

    def put(
        self, target: NDArray[np.float32], at: NDArray[np.int64], slots: NDArray[np.int64],
        bins: NDArray[np.int64],
    ) -> None:  # fmt: skip
        """Write bin ``bins`` of the windows ``slots`` into ``target`` (rows, n) at ``at``."""
        for number, values in enumerate(self._values):
            mine = self.slab[slots] == number
            target[:, at[mine]] = values[:, self.first[slots[mine]] + bins[mine]]


def _neighbours(windows: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the ranges of windows that have one offset and neighbouring cores."""
    edges = [0]
    for number in range(1, len(windows)):
        offset, core = windows[number - 1]
        if windows[number] != (offset, core + 1):
            edges.append(number)
    return list(zip(edges, [*edges[1:], len(windows)], strict=True)) if windows else []


def _cut(runs: Sequence[_Run], most: int, stride: int, size: int) -> list[_Run]:
    """Return runs of at most so many cores."""
    cut = []
    for run in runs:
        for first in range(0, len(run.slots), most):
            slots = run.slots[first : first + most]
            begin = first * stride
            end = begin + (len(slots) - 1) * stride + size
            cut.append(_Run(slots, run.masks[begin:end]))
    return cut


def _digest(bases: Masks) -> bytes:
    return hashlib.blake2b(bases.tobytes(), digest_size=16).digest()
