"""From which window each bin of a haplotype gets its value, so that its bases are in register.

Windows stay on the reference's grid. A base that an indel moved by ``offset`` bp sits at
its own place in the window of its core when that window is cut ``offset`` bp further right
from the edited contig. So a window is named by a core and an offset.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracksmith.engine.tiling import Tiling
from tracksmith.genome.edited import EditedContig

__all__ = ["Sources", "bin_sources", "inserted_sources"]

Numbers = NDArray[np.int64]


class Sources(NamedTuple):
    """For each value, int64 ``(n,)``: the core and offset of its window, and the bin of that core.

    ``core`` is -1 where there is no value: all bases are deleted.
    """

    core: Numbers
    offset: Numbers
    bin: Numbers


class _Bins(NamedTuple):
    """The surviving bases of each bin: the offset of the first; how far the middle one moves on.

    ``middle`` is where the middle one lies behind the begin of its bin, in bp, with its offset.
    """

    number: Numbers
    offset: Numbers
    middle: Numbers
    survives: NDArray[np.bool_]


def bin_sources(
    edits: EditedContig, start: int, end: int, tiling: Tiling, *, exact: bool
) -> Sources:
    """Return where the bins of ``[start, end)`` bp get their values; ``start`` begins a core.

    ``exact`` puts the first surviving base of every bin in register. Else a core has one
    window, its middle in register, and each bin takes the bin of that window which holds
    most of its bases; what that window does not reach is exact all the same.
    """
    bins = _surviving_bases(edits, start, end, tiling.bin)
    core = bins.number // tiling.bins
    sources = Sources(core, bins.offset.copy(), bins.number - core * tiling.bins)
    if not exact:
        _take_middle(sources, bins, edits, tiling)
    sources.core[~bins.survives] = -1
    return sources


def _surviving_bases(edits: EditedContig, start: int, end: int, size: int) -> _Bins:
    count = -(-(end - start) // size)
    offsets, survives = edits.offsets(start, start + count * size)
    # The last bin may pass the contig's end; no base lies there that could survive.
    survives[max(edits.length - start, 0) :] = False
    kept: NDArray[np.bool_] = survives.reshape(count, size)
    begin = np.arange(count, dtype=np.int64) * size
    passed: Numbers = np.cumsum(kept, axis=1, dtype=np.int64)
    most = passed[:, -1]
    middle = (passed > most[:, None] // 2).argmax(axis=1)
    return _Bins(
        start // size + np.arange(count, dtype=np.int64),
        offsets[begin + kept.argmax(axis=1)],
        middle + offsets[begin + middle],
        most > 0,
    )


def _take_middle(sources: Sources, bins: _Bins, edits: EditedContig, tiling: Tiling) -> None:
    """Take the bins of one window a core where it covers them."""
    middle = _middle_offsets(edits, sources.core, tiling)
    # Most of its bases are where the middle one of those that survive is.
    nearest = (bins.number * tiling.bin + bins.middle - middle) // tiling.bin
    covered = nearest // tiling.bins == sources.core
    sources.offset[covered] = middle[covered]
    sources.bin[covered] = (nearest - sources.core * tiling.bins)[covered]


def _middle_offsets(edits: EditedContig, cores: Numbers, tiling: Tiling) -> Numbers:
    """Return the offset of the first base at or behind the middle of each core that survives."""
    known, where = np.unique(cores, return_inverse=True)
    edited, _ = edits.to_edited(known * tiling.stride + tiling.stride // 2)
    base, _ = edits.to_reference(edited)
    moved, _ = edits.to_edited(base)
    offsets: Numbers = (moved - base)[where]
    return offsets


def inserted_sources(
    edits: EditedContig, number: int, tiling: Tiling, *, exact: bool
) -> Sources | None:
    """Return where the inserted bases of an edit get their values; None where it has none.

    They follow on the bases before them, in whose register they are.
    """
    edit = edits.edits[number]
    kept = min(len(edit.bases), edit.end - edit.start)
    count = len(edit.bases) - kept
    if count <= 0:
        return None
    offset = sum(before.change for before in edits.edits[:number])
    place = edit.start + kept + np.arange(count, dtype=np.int64)
    offsets = np.full(count, offset, np.int64)
    if not exact:
        own = np.full(1, edit.start // tiling.stride, np.int64)
        middle = int(_middle_offsets(edits, own, tiling)[0])
        moved = place + offset - middle
        covered = moved // tiling.stride == own
        place, offsets = np.where(covered, moved, place), np.where(covered, middle, offset)
    core = place // tiling.stride
    return Sources(core, offsets, (place - core * tiling.stride) // tiling.bin)
