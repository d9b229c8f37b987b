"""What a reader says of its models: those over windows, those over regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from tracksmith.genome.fasta import Genome
from tracksmith.progress import Progress
from tracksmith.runs.begin import Context
from tracksmith.runs.estimate import Disk, ModelCost
from tracksmith.runs.parts import PartStore
from tracksmith.runs.planned import ChosenModel, PlannedModel
from tracksmith.runs.record import BaseCounts, FileEntry, ModelRecord, Stage
from tracksmith.runs.run import Run

__all__ = ["ModelDraft", "ModelResults", "ModelWorker", "Opened", "Reader"]


@dataclass(frozen=True)
class ModelDraft:
    """One model of a new run: its record, its stages, its files (path, what it is), its disk."""

    record: ModelRecord
    stages: tuple[Stage, ...]
    files: tuple[tuple[str, str], ...]
    disk: Disk
    places: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelResults:
    """The finished files of one model, and the bases that it read where that is counted."""

    files: Sequence[FileEntry]
    bases: BaseCounts | None = None


class ModelWorker(Protocol):
    """One model of a run, opened on one device; see :class:`tracksmith.runs.kind.Worker`."""

    def load(self) -> None:
        """Load the networks."""

    def compute(self, part: int) -> None:
        """Compute one part and write it."""

    def size(self, part: int) -> int:
        """Return how many units a part has."""

    def finish(self, progress: Progress) -> ModelResults:
        """Write the model's files."""

    def cost(self) -> ModelCost:
        """Return what the model costs, after a trial."""


class Opened(NamedTuple):
    """What the models of a planned run share while it is open."""

    run: Run
    store: PartStore
    genome: Genome
    device: str
    progress: Progress


class Reader(Protocol):
    """How models that read windows, or those that read regions, are planned and opened."""

    def draft(self, chosen: ChosenModel, number: int, context: Context) -> ModelDraft:
        """Fill in every default of a model and cut its work into parts."""

    def open(self, planned: PlannedModel, number: int, opened: Opened) -> ModelWorker:
        """Open a planned model."""
