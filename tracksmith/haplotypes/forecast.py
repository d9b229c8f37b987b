"""How many windows the haplotypes of people will need, from the places of their edits alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracksmith.haplotypes.inserted import CoreTally
from tracksmith.haplotypes.people import Haplotype, Person
from tracksmith.haplotypes.phase import spanning_cores
from tracksmith.haplotypes.pieces import Reach
from tracksmith.haplotypes.plan import HaplotypePlan

__all__ = ["forecast"]

_MIX = np.uint64(0x9E3779B97F4A7C15)


def forecast(plan: HaplotypePlan, people: Sequence[Person], reach: Reach) -> CoreTally:
    """Return the cores of all haplotypes, those in reach of an edit, and the windows they need.

    Windows that hold equal edits are counted once. A core that an indel lies in needs one
    window more for each; where a core has one window, for each deletion of half a bin or more,
    which draws in bins that this window does not reach.
    """
    haplotypes = [haplotype for person in people for haplotype in person.haplotypes]
    cores = computed = windows = spanning = 0
    for contig in sorted({int(number) for number in plan.chunks.contig}):
        own = _asked_cores(plan, contig)
        cores += len(own) * len(haplotypes)
        needed = [_needed(plan, haplotype, contig, own, reach) for haplotype in haplotypes]
        rows = np.concatenate(needed) if needed else np.empty((0, 3), np.uint64)
        computed += len(rows)
        _, first = np.unique(rows[:, :2], axis=0, return_index=True)
        windows += int(rows[first, 2].sum())
        spanning += sum(_spanning(plan, person, contig, own, reach) for person in people)
    return CoreTally(cores, computed, windows, spanning)


def _asked_cores(plan: HaplotypePlan, contig: int) -> NDArray[np.int64]:
    """Return the cores of a contig that hold a base that was asked for."""
    stride = plan.tiling.stride
    total = -(-int(plan.contigs.lengths[contig]) // stride)
    if plan.widened is None:
        return np.arange(total, dtype=np.int64)
    edges = np.zeros(total + 1, np.int64)
    starts, ends = plan.widened.contig_arrays(contig)
    np.add.at(edges, starts // stride, 1)
    np.add.at(edges, np.minimum(-(-ends // stride), total), -1)
    numbers: NDArray[np.int64] = np.flatnonzero(np.cumsum(edges[:-1]) > 0)
    return numbers


def _needed(
    plan: HaplotypePlan, haplotype: Haplotype, contig: int, cores: NDArray[np.int64], reach: Reach
) -> NDArray[np.uint64]:
    """Return core, a digest of the edits in its reach, and windows, for each core in reach."""
    stride = plan.tiling.stride
    first, last = haplotype.range_of(contig)
    starts, ends = haplotype.starts[first:last], haplotype.ends[first:last]
    begin = cores * stride
    low = np.searchsorted(ends, begin + reach.low, "left")
    high = np.searchsorted(starts, begin + reach.high, "right")
    near = low < high
    sizes = haplotype.person.rows["size"][haplotype.rows[first:last]]
    sums = _running(_digests(haplotype, first, last))
    change = sizes - (ends - starts)
    moved = change != 0 if plan.exact else -2 * change >= plan.tiling.bin
    indels = np.concatenate([[0], np.cumsum(moved)])
    inside = (
        np.searchsorted(starts, begin, "right"),
        np.searchsorted(starts, begin + stride, "left"),
    )
    extra = np.maximum(indels[inside[1]] - indels[inside[0]], 0)
    columns = (cores.astype(np.uint64), sums[high] - sums[low], (1 + extra).astype(np.uint64))
    return np.stack(columns, axis=1)[near]


def _digests(haplotype: Haplotype, first: int, last: int) -> NDArray[np.uint64]:
    """Return a number for each edit, by place and bases (up to eight)."""
    person, rows = haplotype.person, haplotype.rows[first:last]
    begins, sizes = person.rows["bases"][rows], person.rows["size"][rows]
    bases = np.frombuffer(person.bases, np.uint8)
    digest = haplotype.starts[first:last].astype(np.uint64) * _MIX
    digest ^= haplotype.ends[first:last].astype(np.uint64) << np.uint64(7)
    for place in range(8):
        longer = sizes > place
        digest[longer] ^= bases[begins[longer] + place].astype(np.uint64) << np.uint64(4 * place)
        digest *= _MIX
    return digest


def _running(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return np.concatenate([np.zeros(1, np.uint64), np.cumsum(values, dtype=np.uint64)])


def _spanning(
    plan: HaplotypePlan, person: Person, contig: int, cores: NDArray[np.int64], reach: Reach
) -> int:
    if not len(cores):
        return 0
    bounds = int(cores[0]), int(cores[-1]) + 1
    spanning = spanning_cores(person, contig, bounds, plan.tiling.stride, reach)
    return int(np.count_nonzero(spanning[cores - bounds[0]]))
