"""What a file of a run of variants is: its names beforehand, its writer, what writers share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from tracksmith.effects.background_file import StoredBackground
from tracksmith.effects.scorer import Scorer
from tracksmith.effects.summary import TopRow, top_rows
from tracksmith.effects.survey import ModelResults
from tracksmith.files import aside
from tracksmith.genome.bgzf_writer import INDEX_SUFFIXES, index_suffix
from tracksmith.progress import Progress
from tracksmith.runs.record import FileEntry, ModelRecord, VariantsRecord
from tracksmith.tracks.options import TrackOptions

__all__ = ["FilesJob", "ModelFile", "Outline", "ScorerOf", "SharedFile", "of_list"]

ScorerOf: TypeAlias = Callable[[int], Scorer]
"""Returns the loaded scorer of a model over windows, by its number."""


@dataclass(frozen=True)
class Outline:
    """What decides which files a run has: the variants, the longest contig (bp), their order.

    ``background`` says that effects are ranked among others than those of the file.
    """

    variants: VariantsRecord
    longest: int
    sorted: bool = True
    background: bool = False

    @property
    def index(self) -> str:
        """How the name of a tabix index ends."""
        return index_suffix(self.longest)

    @property
    def saturation(self) -> bool:
        """Whether every substitution of regions is scored, instead of a file."""
        return self.variants.saturation


@dataclass
class FilesJob:
    """What the writers of a run share."""

    folder: Path
    outline: Outline
    options: TrackOptions
    progress: Progress
    scorer: ScorerOf
    tops: dict[int, list[TopRow]] = field(default_factory=dict)
    backgrounds: dict[int, StoredBackground] = field(default_factory=dict)

    def bytes(self, path: str, kind: str, content: bytes, **about: Any) -> FileEntry:
        """Write a small file."""
        with aside(self.folder / path) as temporary:
            temporary.write_bytes(content)
        return FileEntry.of(self.folder, path, kind, **about)

    def index_entries(self, path: str) -> Iterator[FileEntry]:
        """Yield the entry of the index that lies beside a file."""
        for suffix in INDEX_SUFFIXES:
            if (self.folder / f"{path}{suffix}").is_file():
                yield FileEntry.of(self.folder, f"{path}{suffix}", "index")

    def top(self, model: ModelResults) -> list[TopRow]:
        """Return the strongest rows of a model, read once."""
        if model.number not in self.tops:
            self.tops[model.number] = top_rows(model)
        return self.tops[model.number]


@dataclass(frozen=True)
class ModelFile:
    """A file, or files, of each model: its names, and how it is written."""

    names: Callable[[ModelRecord, Outline], list[str]]
    write: Callable[[FilesJob, ModelResults], list[FileEntry]]


@dataclass(frozen=True)
class SharedFile:
    """A file of all models together."""

    names: Callable[[Outline], list[str]]
    write: Callable[[FilesJob, Sequence[ModelResults]], list[FileEntry]]


def of_list(*ends: str) -> Callable[[ModelRecord, Outline], list[str]]:
    """Return the names of files that every model has in a run over a list of variants."""

    def names(model: ModelRecord, outline: Outline) -> list[str]:
        if outline.saturation:
            return []
        return [f"variants/{model.name}.{end}" for end in ends]

    return names
