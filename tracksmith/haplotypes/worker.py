"""A model over windows at work on the haplotypes of people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from tracksmith.engine.work import Chunk, ChunkValues, WindowWorker
from tracksmith.genome.bases import Masks
from tracksmith.genome.edited import ReadBases
from tracksmith.haplotypes.chunk import HaplotypeChunk, Task
from tracksmith.haplotypes.forecast import forecast
from tracksmith.haplotypes.inserted import CoreTally, Inserted, unpack
from tracksmith.haplotypes.pieces import Reach
from tracksmith.haplotypes.plan import HaplotypePlan
from tracksmith.haplotypes.source import People
from tracksmith.runs.estimate import ModelCost
from tracksmith.runs.reader import Opened

if TYPE_CHECKING:
    from tracksmith.engine.forward import Forward

__all__ = ["HaplotypeWorker"]


class HaplotypeWorker(WindowWorker):
    """Computes the parts of one model on the reference and on all haplotypes."""

    beside = 1

    def __init__(self, plan: HaplotypePlan, number: int, opened: Opened, people: People) -> None:
        super().__init__(plan, number, opened)
        self.haplotypes = plan
        self.people = people

    def begin(self, forward: Forward, chunk: Chunk) -> Callable[[], ChunkValues]:
        """Begin to compute a chunk on all haplotypes; return what waits for its values."""
        task = Task(self.haplotypes, self.people.people, forward, Reach.of(forward))
        return HaplotypeChunk(task, chunk, self._reader(chunk)).result

    def _reader(self, chunk: Chunk) -> ReadBases:
        """Return a reader of the chunk's contig that begins with the bases read already."""
        name, stretch = self.plan.contigs.names[chunk.contig], chunk.stretch

        def read(start: int, end: int) -> Masks:
            low = start - stretch.start
            if low >= 0 and end - stretch.start <= len(stretch.masks):
                return stretch.masks[low : end - stretch.start]
            return self.genome.read(name, start, end)

        return read

    def kept(self) -> Iterator[tuple[int, CoreTally, list[Inserted]]]:
        """Yield contig, cores and inserted bases of every chunk, in the order of the genome."""
        for chunk, data in self.store.pieces(self._stage, len(self.plan.outputs)):
            yield (int(self.plan.chunks.contig[chunk]), *unpack(data))

    def tally(self) -> CoreTally:
        """Return the cores of all chunks, summed up."""
        tallies = [tally for _, tally, _ in self.kept()]
        return CoreTally(*np.array(tallies, np.int64).reshape(-1, 4).sum(axis=0).tolist())

    def cost(self) -> ModelCost:
        """Return windows and time of the model, timing two batches."""
        plan, record = self.haplotypes, self.plan.record
        ways = len(record.shifts) * (2 if record.reverse_complement else 1)
        tally = forecast(plan, self.people.people, Reach.of(self.forward))
        windows = (plan.cores + tally.windows) * ways
        share = tally.computed / tally.cores if tally.cores else 0.0
        bases = int(plan.chunks.bases.sum())
        work = (
            f"{bases:,} bp, of the reference and on {2 * len(plan.samples)} haplotypes, "
            f"{share:.1%} of whose cores are in reach of an edit (register {record.register})"
        )
        folds = len(record.folds.names)
        seconds = windows * self.seconds_per_window(ways)
        return ModelCost(record, work, windows, windows * folds, seconds)
