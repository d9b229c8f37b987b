"""From base masks to the network's input: windows of a stretch, encoded batch by batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from tracksmith.engine.tiling import Orientation, Tiling
from tracksmith.genome.bases import OUTSIDE, N, reverse_complement

__all__ = ["Encoder", "Stretch", "WindowView", "as_read", "odd_bases"]

_BITS = np.array([1, 2, 4, 8], dtype=np.uint8)


@dataclass(frozen=True)
class WindowView:
    """All windows of consecutive cores, without copying a base.

    ``masks`` is uint8 ``(cores, window)``, ascending in the forward frame; in
    a reverse view every row is the reverse complement of its window.
    """

    masks: NDArray[np.uint8]
    first_core: int
    known: NDArray[np.bool_]
    plain: bool


class Stretch:
    """The bases around a chunk, as masks, and views of their windows.

    ``masks`` starts at ``start`` bp of the contig (negative before its begin).
    """

    def __init__(self, masks: NDArray[np.uint8], start: int) -> None:
        self.masks = masks
        self.start = start
        self._reversed: NDArray[np.uint8] | None = None
        self.plain = not odd_bases(masks).any()
        blank = None if self.plain else (masks == N) | (masks == OUTSIDE)
        self._known: NDArray[np.int32] | None = None
        if blank is not None and blank.any():
            self._known = np.concatenate([[0], np.cumsum(~blank)], dtype=np.int32)

    def counts(
        self, start: int, end: int, wanted: NDArray[np.bool_] | None = None
    ) -> tuple[int, int]:
        """Return how many bases of ``[start, end)`` are N, and how many another ambiguous code.

        ``wanted``, bool ``(end - start,)``, leaves out the others.
        """
        if self.plain:
            return 0, 0
        masks = self.masks[start - self.start : end - self.start]
        if wanted is not None:
            masks = masks[wanted]
        unknown = int(np.count_nonzero(masks == N))
        return unknown, int(np.count_nonzero(odd_bases(masks))) - unknown

    def windows(
        self, tiling: Tiling, orientation: Orientation, first: int, last: int
    ) -> WindowView:
        """Return the windows of the cores ``[first, last)`` in one orientation."""
        offset = tiling.window_start(first) + orientation.delta - self.start
        shape = (last - first, tiling.window)
        known = self._known_windows(offset, tiling, last - first)
        if not orientation.reverse:
            view = as_strided(self.masks[offset:], shape, (tiling.stride, 1), writeable=False)
            return WindowView(view, first, known, self.plain)
        if self._reversed is None:
            self._reversed = np.ascontiguousarray(reverse_complement(self.masks))
        turned = self._reversed.size - offset - tiling.window
        view = as_strided(self._reversed[turned:], shape, (-tiling.stride, 1), writeable=False)
        return WindowView(view, first, known, self.plain)

    def _known_windows(self, offset: int, tiling: Tiling, count: int) -> NDArray[np.bool_]:
        """Say which windows hold at least one base that is not N."""
        if self._known is None:
            return np.ones(count, dtype=np.bool_)
        starts = offset + np.arange(count) * tiling.stride
        known: NDArray[np.bool_] = self._known[starts + tiling.window] > self._known[starts]
        return known

    def blank_bins(self, start: int, bins: int, bin_size: int) -> NDArray[np.bool_] | None:
        """Say which bins from ``start`` bp hold no known base; None when all do.

        Raises nothing; bases outside the stretch may not be asked for.
        """
        if self._known is None:
            return None
        edges = start - self.start + np.arange(bins + 1) * bin_size
        # decision: gaps-to-the-base (a bin is blank only where no base is known)
        counts = self._known[np.minimum(edges, self.masks.size)]
        blank: NDArray[np.bool_] = counts[1:] == counts[:-1]
        return blank if blank.any() else None


class Encoder:
    """Turns masks into float32 channels by a table of 16 rows (see ``encoding_table``).

    The four plain bases are compared, which is six times faster than a
    look-up; only codes whose row differs from that are looked up.
    """

    def __init__(self, table: NDArray[np.float32]) -> None:
        self.table = table
        plain = np.zeros((16, 4), dtype=np.float32)
        # The row of a plain base is 0 but in its own channel, whatever the sign.
        order = [int(np.argmax(np.abs(table[1 << base]))) for base in range(4)]
        self._bits = np.empty(4, dtype=np.uint8)
        for base, channel in enumerate(order):
            self._bits[channel] = _BITS[base]
            plain[1 << base, channel] = 1
        self._known = float(table[1, order[0]])
        differs = (plain * np.float32(self._known) != table).any(axis=1)
        self._special = np.flatnonzero(differs).astype(np.uint8)

    def __call__(self, masks: NDArray[np.uint8], *, plain: bool = False) -> NDArray[np.float32]:
        """Return float32 ``(windows, 4, window)`` for uint8 masks ``(windows, window)``.

        ``plain`` promises that there is nothing but A, C, G and T.
        """
        encoded = np.empty((masks.shape[0], 4, masks.shape[1]), dtype=np.float32)
        np.equal(masks[:, None, :], self._bits[None, :, None], out=encoded)
        if self._known != 1.0:
            encoded *= self._known
        if not plain:
            self._correct(masks, encoded)
        return encoded

    def _correct(self, masks: NDArray[np.uint8], encoded: NDArray[np.float32]) -> None:
        odd = odd_bases(masks)
        if not odd.any():
            return
        rows, columns = np.nonzero(odd)
        codes = masks[rows, columns]
        special = np.isin(codes, self._special)
        if special.any():
            rows, columns, codes = rows[special], columns[special], codes[special]
            encoded[rows, :, columns] = self.table[codes]


def odd_bases(masks: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Say which masks have two bits or more, or none: everything but A, C, G and T."""
    odd: NDArray[np.bool_] = (masks & (masks - np.uint8(1))) != 0
    odd |= masks == OUTSIDE
    return odd


def as_read(masks: NDArray[np.uint8], *, reverse: bool) -> NDArray[np.uint8]:
    """Return windows ``(n, bases)`` in the order in which the network reads them."""
    return np.ascontiguousarray(masks[:, ::-1]) if reverse else masks
