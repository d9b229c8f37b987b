"""Where a readout lies in a model's window: its middle in the middle of the core."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tracksmith.engine.plan import WindowPlan
from tracksmith.engine.tiling import Orientation, orientations
from tracksmith.errors import UsageError
from tracksmith.perturbations.readouts import Readout

__all__ = ["Place", "Placer"]


@dataclass(frozen=True)
class Place:
    """The window of a readout, in bp of the reference, and the bins that are read.

    The windows of all orientations lie in ``[low, high)``; ``core`` is where the plain one's core
    starts. ``span`` are the bases that are read, ``bins`` the bins of the core that hold them,
    both half-open. ``anchor`` is the base that stays where it is in the window.
    """

    low: int
    high: int
    core: int
    span: tuple[int, int]
    bins: tuple[int, int]
    anchor: int


@dataclass(frozen=True)
class Placer:
    """Places readouts in the windows of a planned model; ``around`` as asked, None by the model."""

    plan: WindowPlan
    asked_around: int | None = None

    @cached_property
    def ways(self) -> list[Orientation]:
        """The shifts and strands that are averaged."""
        record = self.plan.record
        return orientations(self.plan.tiling, record.shifts, reverse=record.reverse_complement)

    @property
    def around(self) -> int:
        """Bases to either side of a start site that are read: as asked, else one bin or 100 bp."""
        return max(self.plan.tiling.bin, 100) if self.asked_around is None else self.asked_around

    @property
    def whole(self) -> bool:
        """Whether the model has one value a window, for all of it."""
        return self.plan.card.window_geometry.whole_window

    @cached_property
    def frame(self) -> tuple[int, int]:
        """The bins of the core that every orientation predicts, half-open."""
        moved = [0 if self.whole else way.moved_bins for way in self.ways]
        return max(0, *moved), self.plan.tiling.bins + min(0, *moved)

    @property
    def middle(self) -> int:
        """The place of the middle within the core: that of its middle bin, in bp."""
        tiling = self.plan.tiling
        return tiling.bins // 2 * tiling.bin + tiling.bin // 2

    def place(self, readout: Readout) -> Place:
        """Return where a readout lies.

        Raises
        ------
        UsageError
            It is longer than the core, or a shift moves it out of the core.
        """
        tiling = self.plan.tiling
        length = int(self.plan.contigs.lengths[readout.contig])
        span = readout.span(self.around, length)
        # decision: read-around-readouts (one reference a readout, whatever is edited)
        core = readout.middle - self.middle
        bins = self.bins_of(span, core)
        if bins[0] < self.frame[0] or bins[1] > self.frame[1]:
            first, last = self.frame
            raise UsageError(
                f"The readout {readout.name} has {span[1] - span[0]:,} bp; the windows of "
                f"{self.plan.card.name} predict {(last - first) * tiling.bin:,} bp around its "
                "middle. Give smaller readouts, a smaller --around or smaller --shifts."
            )
        start = core - tiling.core_start
        deltas = [way.delta for way in self.ways]
        return Place(
            start + min(deltas), start + tiling.window + max(deltas), core, span, bins,
            min(max(readout.middle, span[0]), span[1] - 1),
        )  # fmt: skip

    def bins_of(self, span: tuple[int, int], core: int) -> tuple[int, int]:
        """Return the bins of a core from ``core`` bp on that hold the bases of a span."""
        if self.whole:
            return 0, 1
        size = self.plan.tiling.bin
        return (span[0] - core) // size, -(-(span[1] - core) // size)
