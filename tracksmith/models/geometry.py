"""What a model reads at once and where its output lies: windows, or consecutive regions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

__all__ = ["RegionGeometry", "WindowGeometry"]


@dataclass(frozen=True)
class WindowGeometry:
    """Where a window's output lies.

    The window ``[s, s + window)`` predicts the core
    ``[s + core_start, s + core_start + core_length)`` in bins of ``bin`` bp.

    ``whole_window`` marks a model with one value for the whole window: its
    core is the stretch over which that value is painted, centred, and a
    stride repaints it without touching the network.
    """

    window: int
    core_start: int
    core_length: int
    bin: int = 1
    whole_window: bool = False

    @property
    def bins(self) -> int:
        """Values that the network returns per window and track."""
        return 1 if self.whole_window else self.core_length // self.bin

    def at_stride(self, stride: int) -> WindowGeometry:
        """Return the core that is kept where windows lie ``stride`` bp apart: its central part."""
        if self.whole_window:
            start = self.core_start + self.core_length // 2 - stride // 2
            return replace(self, bin=stride, core_length=stride, core_start=start)
        skipped = (self.core_length - stride) // 2 // self.bin
        return replace(self, core_start=self.core_start + skipped * self.bin, core_length=stride)

    def problems(self) -> Iterator[str]:
        """Say what is contradictory, one sentence each."""
        if min(self.window, self.core_length, self.bin) < 1 or self.core_start < 0:
            yield "window, core length and bin must be at least 1 bp and the core start at least 0"
        elif self.core_start + self.core_length > self.window and not self.whole_window:
            yield (
                f"the core [{self.core_start}, {self.core_start + self.core_length}) "
                f"passes the window of {self.window} bp"
            )
        elif self.core_length % self.bin:
            yield f"a core of {self.core_length} bp is no whole number of bins of {self.bin} bp"
        if self.whole_window and self.bin != self.core_length:
            yield "a model with one value a window has one bin: bin must equal the core length"


@dataclass(frozen=True)
class RegionGeometry:
    """A region model reads ``context`` consecutive regions at once, ``stride`` apart.

    ``inputs`` names what a user must give beside the genome, e.g. ``peaks``.
    """

    context: int
    stride: int
    inputs: tuple[str, ...]

    def problems(self) -> Iterator[str]:
        """Say what is contradictory, one sentence each."""
        if not 1 <= self.stride <= self.context:
            yield "a region model's stride must lie between 1 and its context"
