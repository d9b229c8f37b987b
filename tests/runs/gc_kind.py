"""A toy fourth kind of run, GC per region: all that a kind has to say, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tracksmith.files import aside, crash_point
from tracksmith.genome.bed import read_bed
from tracksmith.genome.fasta import Genome
from tracksmith.runs.estimate import Disk, ModelCost
from tracksmith.runs.genome import genome_record, open_genome
from tracksmith.runs.kind import Draft
from tracksmith.runs.parts import PartStore, PartWriter
from tracksmith.runs.planned import check_file
from tracksmith.runs.record import FileEntry, FileRecord, Places, PlanRecord, Results, Stage
from tracksmith.runs.versions import installed_versions, refuse_other_versions

PART = 10
"""Regions of a part."""


@dataclass(frozen=True)
class Gc:
    """GC of every region of a BED file, as a bedGraph."""

    name: str = "gc"

    def draft(self, request, registry, progress) -> Draft:
        genome = Genome.open(request.genome, notify=progress.note)
        (path,) = map(Path, request.regions)
        count = len(read_bed(path, genome.contigs).starts)
        plan = PlanRecord(
            self.name, genome_record(genome), (),
            (Stage(0, "gc", "regions", tuple(range(0, count, PART)), count),),
            "cpu", "zlib", installed_versions(),
            details={"bed": FileRecord.of(path).sha256, "name": path.name},
        )  # fmt: skip
        places = Places(str(genome.path), files={"bed": str(path.absolute())})
        return Draft(plan, places, ("tracks/gc.bedGraph",), Disk(4 * count, 40 * count))

    def open(self, run, device, progress) -> GcWorker:
        refuse_other_versions(run)
        return GcWorker(run, progress)

    def finishes_on(self, run) -> str:
        return "cpu"

    def accept(self, run) -> None:
        """Nothing but its files matters."""


class GcWorker:
    def __init__(self, run, progress) -> None:
        self.run, self.progress, self.store = run, progress, PartStore(run)
        genome = open_genome(run, progress.note)
        record = FileRecord(run.plan.details["name"], 0, run.plan.details["bed"])
        path = check_file(Path(run.places.files["bed"]), record, "BED file")
        self.genome, self.bed = genome, read_bed(path, genome.contigs)

    def load(self) -> None:
        """There is nothing to load."""

    def size(self, part: int) -> int:
        first, last = self.store.items(part)
        return last - first

    def compute(self, part: int) -> None:
        first, last = self.store.items(part)

        def fill(writer: PartWriter) -> dict[str, Any]:
            values = [self._gc(row) for row in range(first, last)]
            writer.write_chunk([np.array(values, np.float32).tobytes()])
            return {"interval": f"regions {first + 1}-{last}"}

        crash_point("part-begin")
        self.store.write(part, fill)
        self.progress.advance(last - first)

    def _gc(self, row: int) -> float:
        bed, names = self.bed, self.genome.contigs.names
        start, end = int(bed.starts[row]), int(bed.ends[row])
        masks = self.genome.read(names[int(bed.contig[row])], start, end)
        return float(np.isin(masks, (2, 4)).mean())

    def finish(self, progress) -> Results:
        raw = b"".join(data for _, data in self.store.pieces(0, 0))
        path = "tracks/gc.bedGraph"
        (self.run.folder / "tracks").mkdir(exist_ok=True)
        with aside(self.run.folder / path) as temporary, temporary.open("w") as out:
            for row, value in enumerate(np.frombuffer(raw, np.float32)):
                name = self.genome.contigs.names[int(self.bed.contig[row])]
                out.write(f"{name}\t{self.bed.starts[row]}\t{self.bed.ends[row]}\t{value:g}\n")
        return Results((FileEntry.of(self.run.folder, path, "bedgraph"),))

    def costs(self) -> list[ModelCost]:
        return []

    def close(self) -> None:
        """Nothing is held open."""
