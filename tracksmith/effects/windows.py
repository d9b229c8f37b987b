"""Where the two alleles of a variant lie in a window. Integer arithmetic only.

The bases left of a variant stay put and the far end gives or takes: up to the
variant, a position means the same base in the reference and in the
alternative. From the *edge* on, which is where the shorter of both alleles
ends, the alternative runs ahead (an insertion) or behind (a deletion)::

    reference    a c g T A A c t g a        REF = TAA, ALT = T: the edge lies
    alternative  a c g T - - c t g a (g)    behind T, two bases are deleted and
                                            two more are taken at the far end

For bins wider than a base a second window of the alternative is cut the other way round: the
bases right of the variant stay put, and the near end gives or takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import UsageError
from tracksmith.genome.bases import Masks
from tracksmith.models.card import ModelCard

__all__ = ["Frame", "Placement", "Positions", "frame_of", "place", "splice", "splice_left"]

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


def splice_left(
    reference: Masks, after: int, reference_length: int, alternative: Masks, length: int
) -> Masks:
    """Return ``length`` bases of the alternative, up to the same end as ``reference``.

    As :func:`splice`, seen from the other side: the last ``after`` bases of ``reference`` lie
    behind those that are replaced.
    """
    turned = splice(reference[::-1], after, reference_length, alternative[::-1], length)
    return turned[::-1]


@dataclass(frozen=True)
class Frame:
    """Which bins of the core are compared.

    ``first`` and ``last`` bound the bins that every orientation predicts;
    ``scored`` counts from ``first``. ``size`` is the width of a bin in bp;
    ``whole`` marks a model with one value a window, where no base has a bin.
    """

    first: int
    last: int
    scored: tuple[int, int]
    size: int
    whole: bool = False

    @property
    def bins(self) -> int:
        """Bins that every orientation predicts."""
        return self.last - self.first

    def taken(self, margin: int) -> tuple[int, int]:
        """Return the bins to keep, counted from ``first``, half-open.

        ``margin`` are the bins that an insertion may fill. Bins of one base are all kept, since
        any of them may move into the scored ones.
        """
        if self.size == 1 or self.whole:
            return 0, self.bins
        return max(0, self.scored[0] - margin), min(self.bins, self.scored[1] + margin)


def frame_of(card: ModelCard, moved: Sequence[int], *, every_bin: bool = False) -> Frame:
    """Return the bins to compare when orientations are moved by so many bins.

    ``every_bin`` takes the whole core, whatever bins the card scores.

    Raises
    ------
    UsageError
        A shift moves the scored bins out of the core.
    """
    geometry = card.variant_geometry
    if geometry.whole_window:
        return Frame(0, 1, (0, 1), geometry.bin, whole=True)
    low, high = max(0, *moved), geometry.bins + min(0, *moved)
    first, last = (not every_bin and card.variants.bins) or (low, high)
    if first < low or last > high or first >= last:
        raise UsageError(
            f"These --shifts move the scored bins {card.variants.bins or ''} of {card.name} out of "
            f"its core of {geometry.bins} bins. Give smaller shifts."
        )
    return Frame(low, high, (first - low, last - low), geometry.bin)
