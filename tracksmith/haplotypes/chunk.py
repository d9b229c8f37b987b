"""One chunk on all haplotypes: what differs is computed, each window once, the rest is copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracksmith.engine.work import Chunk, ChunkValues
from tracksmith.genome.edited import EditedContig, ReadBases
from tracksmith.haplotypes.inserted import CoreTally, Inserted, pack
from tracksmith.haplotypes.people import Haplotype, Person
from tracksmith.haplotypes.phase import spanning_cores
from tracksmith.haplotypes.pieces import REFERENCE, Computed, Pieces, Reach
from tracksmith.haplotypes.plan import HaplotypePlan
from tracksmith.haplotypes.register import Sources, bin_sources, inserted_sources

if TYPE_CHECKING:
    from tracksmith.engine.forward import Coming, Forward

__all__ = ["HaplotypeChunk", "Task"]

_GAP = -2

Numbers = NDArray[np.int64]
Values = NDArray[np.float32]


class Task(NamedTuple):
    """What the chunks of a model share: its plan, the people, the forward pass."""

    plan: HaplotypePlan
    people: Sequence[Person]
    forward: Forward
    reach: Reach


class _Placed(NamedTuple):
    """The slot of the window of each value, and its bin there; REFERENCE, or a gap."""

    slots: Numbers
    bins: Numbers


@dataclass
class _Local:
    """One haplotype around a chunk: its edits, and where its values come from.

    ``touched`` are the bins of cores that an edit is in reach of. ``inserted`` holds, by the
    number of an edit, where the values of its inserted bases come from.
    """

    haplotype: Haplotype
    first: int
    edits: EditedContig
    touched: NDArray[np.bool_]
    placed: _Placed
    computed: int = 0
    inserted: dict[int, _Placed] = field(default_factory=dict)


class HaplotypeChunk:
    """The values of a chunk for the reference and for all people, on their way."""

    def __init__(self, task: Task, chunk: Chunk, read: ReadBases) -> None:
        self.task, self.chunk = task, chunk
        self.tiling = task.plan.tiling
        forward = task.forward
        self.reference: Coming = forward.launch(
            chunk.stretch, chunk.start, chunk.end, chunk.folds, chunk.wanted
        )
        self.bins = -(-(chunk.end - chunk.start) // self.tiling.bin)
        self.cores = self.tiling.cores(chunk.start, chunk.end)
        self.wanted = np.ones(self.bins, np.bool_) if chunk.wanted is None else chunk.wanted
        self.pieces = Pieces(self.tiling, task.reach, chunk.stretch, self.cores)
        keys = [
            self._edits_around(haplotype)
            for person in task.people
            for haplotype in person.haplotypes
        ]
        # decision: haplotypes-by-content (swapped haplotypes swap, equal ones are equal)
        known: dict[tuple[bytes, ...], _Local] = {}
        for key, haplotype, first, edits in sorted(keys, key=lambda item: item[0]):
            if key not in known:
                known[key] = self._local(haplotype, first, edits, read)
        self.locals = [known[key] for key, *_ in keys]
        self.firsts = [first for _, _, first, _ in keys]
        self.computed: Computed = self.pieces.launch(forward, chunk.folds)

    def _edits_around(
        self, haplotype: Haplotype
    ) -> tuple[tuple[bytes, ...], Haplotype, int, EditedContig]:
        """Return what tells the haplotype from others here, and its edits."""
        stride, reach = self.tiling.stride, self.task.reach
        low = self.cores[0] * stride + reach.low
        # A core more than the chunk has: an insertion at its end passes into the next one.
        high = self.cores[1] * stride + reach.high
        first, last = haplotype.around(self.chunk.contig, low, high)
        edits = [haplotype.edit(number) for number in range(first, last)]
        length = int(self.task.plan.contigs.lengths[self.chunk.contig])
        key = tuple(b"%d %d %b" % (edit.start, edit.end, edit.bases) for edit in edits)
        return key, haplotype, first, EditedContig(length, edits)

    def _local(
        self, haplotype: Haplotype, first: int, edits: EditedContig, read: ReadBases
    ) -> _Local:
        chunk, tiling, exact = self.chunk, self.tiling, self.task.plan.exact
        touched = np.repeat(self._touched_cores(edits), tiling.bins)[: self.bins]
        slots = np.full(self.bins, REFERENCE, np.int64)
        local = _Local(haplotype, first, edits, touched, _Placed(slots, np.arange(self.bins)))
        if not touched.any():
            return local
        sources = bin_sources(edits, chunk.start, chunk.end, tiling, exact=exact)
        slots[touched] = _GAP
        at = np.flatnonzero(touched & self.wanted & (sources.core >= 0))
        own = sources.bin[at] == at % tiling.bins
        mine = Sources(*(column[at] for column in sources))
        groups = [mine]
        inserted = {
            number: places
            for number in self._inserting(edits)
            if (places := inserted_sources(edits, number, tiling, exact=exact)) is not None
        }
        groups += inserted.values()
        apart = [np.zeros(len(places.core), np.bool_) for places in inserted.values()]
        windows, where = self._windows(groups, np.concatenate([own, *apart]), edits, read)
        parts = np.split(where, np.cumsum([len(places.core) for places in groups])[:-1])
        slots[at] = windows[parts[0]]
        bins = np.arange(self.bins)
        bins[at] = np.where(slots[at] == REFERENCE, at, mine.bin)
        local.computed = len(np.unique(mine.core[slots[at] != REFERENCE]))
        local.placed = _Placed(slots, bins)
        local.inserted = {
            number: _Placed(windows[part], places.bin)
            for (number, places), part in zip(inserted.items(), parts[1:], strict=True)
        }
        return local

    def _windows(
        self,
        groups: Sequence[Sources],
        own: NDArray[np.bool_],
        edits: EditedContig,
        read: ReadBases,
    ) -> tuple[Numbers, Numbers]:
        """Return the slots of all windows that are asked for, and which one each value has."""
        offset = np.concatenate([group.offset for group in groups])
        core = np.concatenate([group.core for group in groups])
        lowest, first = int(offset.min(initial=0)), int(core.min(initial=0))
        width = int(core.max(initial=0)) - first + 1
        keys, where = np.unique((offset - lowest) * width + core - first, return_inverse=True)
        offsets, cores = np.divmod(keys, width)
        alike = np.ones(len(keys), np.bool_)
        alike[where[~own]] = False
        windows = zip((offsets + lowest).tolist(), (cores + first).tolist(), strict=True)
        taken = self.pieces.take(edits, read, list(windows), alike.tolist())
        return np.array(taken, np.int64), where

    def _touched_cores(self, edits: EditedContig) -> NDArray[np.bool_]:
        """Say in which cores' reach an edit lies."""
        stride, reach, (begin, end) = self.tiling.stride, self.task.reach, self.cores
        edges = np.zeros(end - begin + 1, np.int64)
        for edit in edits.edits:
            first = -(-(edit.start - reach.high) // stride)
            last = (edit.end - reach.low) // stride + 1
            edges[min(max(first, begin), end) - begin] += 1
            edges[min(max(last, begin), end) - begin] -= 1
        touched: NDArray[np.bool_] = np.cumsum(edges[:-1]) > 0
        return touched

    def _inserting(self, edits: EditedContig) -> list[int]:
        """Return the numbers of the edits of this chunk that were asked for and insert bases."""
        numbers = []
        for number, edit in enumerate(edits.edits):
            place = min(edit.start, edits.length - 1) - self.chunk.start
            inside = 0 <= place < self.chunk.end - self.chunk.start
            if edit.change > 0 and inside and self.wanted[place // self.tiling.bin]:
                numbers.append(number)
        return numbers

    def result(self) -> ChunkValues:
        """Wait for the values and put them together."""
        reference = self.reference.result()
        self.computed.fetch()
        unique = {id(local): local for local in self.locals}
        values = {name: self._values(reference, local) for name, local in unique.items()}
        blocks = [reference]
        for first, second in zip(self.locals[::2], self.locals[1::2], strict=True):
            one, other = values[id(first)], values[id(second)]
            blocks += [one, other, self._difference(one, other)]
        return ChunkValues(np.concatenate(blocks), (self._beside(),))

    def _values(self, reference: Values, local: _Local) -> Values:
        if not local.touched.any():
            return reference
        slots, bins = local.placed
        values = reference.copy()
        values[:, slots == _GAP] = np.nan
        at = np.flatnonzero(slots >= 0)
        self.computed.put(values, at, slots[at], bins[at])
        return values

    def _difference(self, one: Values, other: Values) -> Values:
        """Return first minus second; up is more on the first, on both strands."""
        # decision: deltas-point-up (minus strands are stored negative, differences are not)
        difference = one - other
        for row, track in enumerate(self.task.plan.card.tracks):
            if track.stored_sign < 0:
                np.subtract(other[row], one[row], out=difference[row])
        return difference

    def _beside(self) -> bytes:
        """Return what the part keeps: the cores that were computed, and inserted bases."""
        wanted = self.wanted
        if wanted.size % self.tiling.bins:
            wanted = np.pad(wanted, (0, -wanted.size % self.tiling.bins))
        cores = wanted.reshape(-1, self.tiling.bins).any(axis=1)
        spanning = sum(
            int(np.count_nonzero(cores & self._spanning(person))) for person in self.task.people
        )
        tally = CoreTally(
            int(cores.sum()) * len(self.locals),
            sum(local.computed for local in self.locals),
            self.computed.windows,
            spanning,
        )
        return pack(tally, self._inserted())

    def _spanning(self, person: Person) -> NDArray[np.bool_]:
        return spanning_cores(
            person, self.chunk.contig, self.cores, self.tiling.stride, self.task.reach
        )

    def _inserted(self) -> list[Inserted]:
        """Return sum and strongest value over the inserted bases of every edit of the chunk."""
        card, tracks = self.task.plan.card, self.task.plan.record.tracks
        rows = [n for n, track in enumerate(card.tracks) if track.id in tracks]
        signs = np.array([card.tracks[row].stored_sign for row in rows], np.float32)
        total = len(card.tracks) * (2 if self.task.plan.record.folds.spread else 1)
        inserted = []
        for number, (local, first) in enumerate(zip(self.locals, self.firsts, strict=True)):
            person, haplotype = divmod(number, 2)
            for edit, (slots, bins) in local.inserted.items():
                values = np.full((total, len(slots)), np.nan, np.float32)
                self.computed.put(values, np.arange(len(slots)), slots, bins)
                row = int(self._rows(number)[first + edit])
                inserted.append(
                    Inserted.of(person, row, haplotype, values[rows] * signs[:, None] + 0)
                )
        return inserted

    def _rows(self, number: int) -> NDArray[np.int32]:
        person, haplotype = divmod(number, 2)
        return self.task.people[person].haplotypes[haplotype].rows
