"""Where windows, cores, bins and chunks lie. Integer arithmetic only.

Cores lie on a grid from the contig's start: core ``k`` covers
``[k * stride, (k + 1) * stride)``, whatever region was asked for, so that a
base has the same value in a run over a peak and in a run over the genome.
A chunk is a fixed run of cores of one contig: what is read, batched and
stitched at once. Neither depends on the parts, so the parts cannot change a
byte of the output.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tracksmith.errors import UsageError
from tracksmith.models.card import WindowGeometry
from tracksmith.tracks.zoom import BINS_PER_RECORD

__all__ = ["Orientation", "Tiling", "chunk_stride", "orientations", "tile"]

CHUNK_BASES = 1 << 18
CHUNK_WINDOWS = 16
SMALL_CHUNK_BASES = 1 << 13
CHUNKS_OF_A_SMALL_GENOME = 8
CHUNK_VALUES = 1 << 25


@dataclass(frozen=True)
class Tiling:
    """The effective geometry of a run.

    ``network`` is the card's geometry; the kept core starts ``core_start`` bp
    into the window and is ``stride`` bp long in bins of ``bin`` bp, which are
    the network's bins ``[first_bin, first_bin + bins)``. The card's core lies
    ``off_centre`` / 2 bp behind the middle of its window.
    """

    network: WindowGeometry
    core_start: int
    stride: int
    bin: int
    first_bin: int
    off_centre: int = 0

    @property
    def window(self) -> int:
        """Bases that the network reads."""
        return self.network.window

    @property
    def bins(self) -> int:
        """Values kept per window and track."""
        return self.stride // self.bin

    @property
    def trimmed(self) -> bool:
        """Whether the network returns more bins than are kept."""
        return self.bins != self.network.bins

    def window_start(self, core: int) -> int:
        """Return where the window of core ``core`` starts, in bp; may be negative."""
        # decision: grid-from-contig-start (a base has one value, whatever was asked for)
        return core * self.stride - self.core_start

    def cores(self, start: int, end: int) -> tuple[int, int]:
        """Return the half-open range of cores that overlap ``[start, end)`` bp."""
        return start // self.stride, -(-end // self.stride)


def tile(geometry: WindowGeometry, stride: int | None = None) -> Tiling:
    """Return the tiling of a model, at its own stride or a smaller one.

    A smaller stride keeps the central part of every core, where the context is
    the most even; a model with one value a window paints it over the stride.

    Raises
    ------
    UsageError
        The stride is no whole number of bins, or passes the core.
    """
    step = geometry.core_length if stride is None else stride
    if geometry.whole_window:
        return _paint(geometry, step)
    if step < 1 or step % geometry.bin or step > geometry.core_length:
        raise UsageError(
            f"A stride of {step} bp does not fit: this model's output covers "
            f"{geometry.core_length} bp in bins of {geometry.bin} bp. "
            f"Give a multiple of {geometry.bin} up to {geometry.core_length}."
        )
    # decision: middle-of-the-core (context is the most even there)
    start = geometry.at_stride(step).core_start
    skipped = (start - geometry.core_start) // geometry.bin
    return Tiling(geometry, start, step, geometry.bin, skipped, _off_centre(geometry))


def _paint(geometry: WindowGeometry, stride: int) -> Tiling:
    if not 1 <= stride <= geometry.window:
        raise UsageError(
            f"A stride of {stride} bp does not fit: give 1 to {geometry.window} bp, "
            "the window of this model."
        )
    network = geometry.at_stride(stride)
    return Tiling(network, network.core_start, stride, stride, 0, _off_centre(geometry))


def _off_centre(geometry: WindowGeometry) -> int:
    return 2 * geometry.core_start + geometry.core_length - geometry.window


def chunk_stride(tiling: Tiling, values_per_bin: int, genome_bases: int) -> int:
    """Return the length of a chunk in bp: near 256 kb, less in a small genome or for many tracks.

    Large windows come sixteen to a chunk, since neighbours may share their work.

    It depends on the geometry, the number of values per bin and the size of
    the genome alone, never on batch size, device, regions or parts. Where the
    grids allow it, chunks end on the border of a zoom record as well as of a
    core.
    """
    # decision: chunk-fixes-bytes (bytes depend on neither parts nor devices)
    fair = max(SMALL_CHUNK_BASES, genome_bases // CHUNKS_OF_A_SMALL_GENOME)
    most = max(CHUNK_BASES, CHUNK_WINDOWS * tiling.stride)
    bases = min(most, fair, CHUNK_VALUES * tiling.bin // max(1, values_per_bin))
    step = math.lcm(tiling.stride, BINS_PER_RECORD * tiling.bin)
    if step > bases:
        step = tiling.stride
    return max(step, bases // step * step)


@dataclass(frozen=True)
class Orientation:
    """One way of looking at the same bins: a shift in bp, forward or reverse complement.

    The windows of this orientation start ``delta`` bp after those of the plain
    grid, and their bins lie ``moved_bins`` bins further along the contig.
    """

    reverse: bool
    delta: int
    moved_bins: int


def orientations(tiling: Tiling, shifts: tuple[int, ...], *, reverse: bool) -> list[Orientation]:
    """Return every combination of shift and strand, forward first.

    A shift of whole bins is undone exactly. The rest of a shift that is no
    whole number of bins stays: bin ``b`` of the shifted window is averaged with
    bin ``b`` of the plain one, as Karollus et al. (2023) do.

    The reverse complement of a window whose core is off-centre is taken from
    another window, chosen so that its core covers the same bases.
    """
    ways = []
    for shift in shifts:
        whole = round(shift / tiling.bin) if tiling.bin > 1 else shift
        ways.append(Orientation(False, shift, whole))
        if reverse:
            ways.append(Orientation(True, shift + tiling.off_centre, whole))
    return ways
