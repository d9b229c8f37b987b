"""Finishing a run of perturbations: every file from its parts, in one pass over readouts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracksmith.files import aside
from tracksmith.genome.bgzf_writer import BgzfWriter
from tracksmith.perturbations.counts import Counts
from tracksmith.perturbations.model import ModelPlan
from tracksmith.perturbations.names import FOLDER, FileNames
from tracksmith.perturbations.parquet import ParquetTable, has_parquet
from tracksmith.perturbations.plan import PerturbPlan
from tracksmith.perturbations.results import ModelResults
from tracksmith.perturbations.tables import COLUMNS, PairRows, Row, Top, edits_table, line
from tracksmith.perturbations.tracks import TrackFiles
from tracksmith.progress import Progress
from tracksmith.runs.parts import PartStore
from tracksmith.runs.record import FileEntry, Results
from tracksmith.tracks.options import TrackOptions

__all__ = ["finish_perturbations"]


def finish_perturbations(plan: PerturbPlan, store: PartStore, progress: Progress) -> Results:
    """Write every file of the run, whole or not at all."""
    options = TrackOptions.of(plan.run.plan.compressor, None)
    folder = plan.run.folder
    (folder / FOLDER).mkdir(exist_ok=True)
    path = f"{FOLDER}/edits.tsv"
    with aside(folder / path) as temporary:
        temporary.write_bytes(edits_table(plan.models[0]))
    files = [FileEntry.of(folder, path, "edits", rows=len(plan.inputs.edits))]
    for model in plan.models:
        job = _ModelFiles(model, store, folder, options)
        files += job.write()
        progress.note(job.said)
    return Results(tuple(files))


@dataclass
class _ModelFiles:
    """The files of one model, written side by side as the readouts come."""

    plan: ModelPlan
    store: PartStore
    folder: Path
    options: TrackOptions
    said: str = ""

    def __post_init__(self) -> None:
        self.names = FileNames(self.plan)
        self.rows = PairRows(self.plan)
        self.top = Top(self.rows)
        self.counts = Counts(self.plan, self.store)
        self._rows = 0

    def write(self) -> list[FileEntry]:
        """Write all files; return their entries."""
        table, parquet = self.names.of_model("tsv.gz"), self.names.of_model("parquet")
        with ExitStack() as stack:
            tracks = stack.enter_context(TrackFiles(self.names, self.folder, self.options))
            out = stack.enter_context(aside(self.folder / table))
            columns = None
            if has_parquet():
                aside_parquet = stack.enter_context(aside(self.folder / parquet))
                columns = stack.enter_context(ParquetTable(aside_parquet))
            with BgzfWriter(out) as text:
                text.write(line(COLUMNS))
                for rows in self._every(tracks):
                    text.write(b"".join(map(line, rows)))
                    if columns is not None:
                        columns.add(rows)
            if not self.plan.recipe.table_only:
                tracks.write_arcs()
        about = {"model": self.plan.record.name, "rows": self._rows}
        written = [FileEntry.of(self.folder, table, "effects", **about)]
        if has_parquet():
            written.append(FileEntry.of(self.folder, parquet, "parquet", **about))
        counts, self.said = self.counts.table()
        written.append(
            self._text(
                "top.tsv",
                "table",
                self.top.table(),
                rows=len(self.top),
                variants=self.counts.values,
            )
        )
        written.append(self._text("counts.tsv", "counts", counts))
        return [*written, *tracks.entries]

    def _every(self, tracks: TrackFiles) -> Iterator[list[Row]]:
        """Yield the rows of every readout, and feed all other files on the way."""
        seen: set[int] = set()
        for results in ModelResults(self.plan, self.store).readouts():
            seen.update(pair.edit for pair in results.pairs)
            self.counts.add(results)
            self.top.add(results)
            if not self.plan.recipe.table_only:
                tracks.add(results)
            yield self._taken(self.rows.of_readout(results))
        yield self._taken(self.rows.lonely_edits(seen))

    def _taken(self, rows: Iterable[Row]) -> list[Row]:
        listed = list(rows)
        self._rows += len(listed)
        return listed

    def _text(self, end: str, kind: str, content: bytes, **about: Any) -> FileEntry:
        path = self.names.of_model(end)
        with aside(self.folder / path) as temporary:
            temporary.write_bytes(content)
        return FileEntry.of(self.folder, path, kind, model=self.plan.record.name, **about)
