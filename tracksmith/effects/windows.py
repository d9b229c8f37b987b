"""Where the two alleles of a variant lie in a window. Integer arithmetic only.

The bases left of a variant stay put and the far end gives or takes: up to the
variant, a position means the same base in the reference and in the
alternative. From the *edge* on, which is where the shorter of both alleles
ends, the alternative runs ahead (an insertion) or behind (a deletion)::

    reference    a c g T A A c t g a        REF = TAA, ALT = T: the edge lies
    alternative  a c g T - - c t g a (g)    behind T, two bases are deleted and
                                            two more are taken at the far end
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import UsageError
from tracksmith.genome.bases import Masks
from tracksmith.models.card import ModelCard

__all__ = [
    "Frame",
    "Matched",
    "Placement",
    "Positions",
    "frame_of",
    "match_bins",
    "place",
    "splice",
]

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Placement:
    """Where the variant sits in the windows of all orientations.

    A window moved by ``delta`` bp starts ``offset - delta`` bp before the
    variant. The *stretch* of a site is the union of its windows: it starts
    ``lead`` bp before the variant and is ``length`` bp long.

    ``limit`` is the longest allele, reference or alternative, in bp.
    """

    window: int
    offset: int
    deltas: tuple[int, ...]
    limit: int

    @property
    def lead(self) -> int:
        """Bases of the stretch before the variant's first base."""
        return self.offset - min(self.deltas)

    @property
    def length(self) -> int:
        """Bases of the stretch."""
        return self.window + max(self.deltas) - min(self.deltas)

    def start(self, delta: int) -> int:
        """Return where in the stretch the window moved by ``delta`` starts."""
        return delta - min(self.deltas)


def place(window: int, offset: int, deltas: Sequence[int], max_allele: int) -> Placement:
    """Put a variant at ``offset`` of a window of ``window`` bp, and into the moved windows.

    Raises
    ------
    UsageError
        A window is moved so far that the variant leaves it.
    """
    room = window - offset + min(deltas)
    if max(deltas) > offset or room < 1:
        raise UsageError(
            f"Shifts of {min(deltas)} to {max(deltas)} bp move the variant, at {offset} of a "
            f"window of {window} bp, out of the window. Give smaller --shifts."
        )
    return Placement(window, offset, tuple(deltas), min(max_allele, room))


def splice(
    reference: Masks, at: int, reference_length: int, alternative: Masks, length: int
) -> Masks:
    """Return ``length`` bases of the alternative, from the same start as ``reference``.

    Parameters
    ----------
    reference
        uint8; at least ``length`` bases, and as many more as the allele deletes.
    at, reference_length
        The bases ``[at, at + reference_length)`` of ``reference`` are replaced.
    alternative
        uint8: what replaces them.
    """
    after = at + reference_length
    ahead = at + len(alternative)
    row = np.empty(length, dtype=np.uint8)
    row[:at] = reference[:at]
    row[at:ahead] = alternative[: length - at]
    row[ahead:] = reference[after : after + length - ahead]
    return row


@dataclass(frozen=True)
class Matched:
    """Which bin of the alternative corresponds to which of the reference.

    int64, shape (bins,): ``reference`` and ``alternative`` hold bin numbers, -1
    where there is no such bin (inserted, deleted); ``place`` the bin of the
    reference where the pair is shown: an inserted bin at the base before it.
    """

    reference: Positions
    alternative: Positions
    place: Positions


def match_bins(bins: int, edge: int, change: int, scored: tuple[int, int]) -> Matched:
    """Match the 1-bp bins of both alleles over the scored bins of the reference.

    A deleted base has no bin of the alternative; an inserted base has none of
    the reference, and is scored where the base before it is. Bins of the
    reference to which no computed bin of the alternative corresponds, at the
    far end behind an insertion, are left out.

    Parameters
    ----------
    bins
        Bins of the core, of both alleles.
    edge
        The bin at which the shorter allele ends; may lie outside the core.
    change
        Length of the alternative minus length of the reference allele, bp.
    scored
        Half-open range of bins of the reference.
    """
    first, last = scored
    if change <= 0:
        reference = np.arange(first, last, dtype=np.int64)
        behind = reference >= edge
        alternative = np.where(behind, reference + change, reference)
        alternative[behind & (reference < edge - change)] = -1
        # A deletion before the core moves bins in that the core does not hold.
        outside = (alternative < 0) & behind & (reference >= edge - change)
        kept = ~outside
        return Matched(reference[kept], alternative[kept], reference[kept])
    alternative = np.arange(bins, dtype=np.int64)
    inserted = (alternative >= edge) & (alternative < edge + change)
    reference = np.where(alternative < edge, alternative, alternative - change)
    shown = np.where(inserted, edge - 1, reference)
    kept = (shown >= first) & (shown < last)
    reference[inserted] = -1
    return Matched(reference[kept], alternative[kept], shown[kept])


@dataclass(frozen=True)
class Frame:
    """Which bins are taken from the core, and which of these are scored.

    ``first`` and ``last`` bound the bins that every orientation predicts;
    ``scored`` counts from ``first``. ``by_base`` says whether the bins of both
    alleles are matched base by base (bins of 1 bp) or by their number.
    """

    first: int
    last: int
    scored: tuple[int, int]
    by_base: bool

    @property
    def bins(self) -> int:
        """Bins taken."""
        return self.last - self.first


def frame_of(card: ModelCard, moved: Sequence[int], every_bin: bool = False) -> Frame:
    """Return the bins to compare when orientations are moved by so many bins.

    ``every_bin`` takes the whole core, whatever bins the card scores.

    Raises
    ------
    UsageError
        A shift moves the scored bins out of the core.
    """
    geometry = card.window_geometry
    if geometry.whole_window:
        return Frame(0, 1, (0, 1), False)
    low, high = max(0, *moved), geometry.bins + min(0, *moved)
    first, last = (not every_bin and card.variants.bins) or (low, high)
    if first < low or last > high or first >= last:
        raise UsageError(
            f"These --shifts move the scored bins {card.variants.bins or ''} of {card.name} out of "
            f"its core of {geometry.bins} bins. Give smaller shifts."
        )
    if geometry.bin > 1:
        return Frame(first, last, (0, last - first), False)
    return Frame(low, high, (first - low, last - low), True)
