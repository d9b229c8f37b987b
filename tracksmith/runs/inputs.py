"""Files and people that decide what a run computes, as ``run.json`` holds them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tracksmith.files import digest_of_file

__all__ = ["FileRecord", "HaplotypesRecord", "SampleRecord"]


@dataclass(frozen=True)
class FileRecord:
    """A file by its name, size (bytes) and sha256."""

    name: str
    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> FileRecord:
        """Read a file and return its record."""
        return cls(path.name, path.stat().st_size, digest_of_file(path))


@dataclass(frozen=True)
class SampleRecord:
    """A person of a run: the name in the file of genotypes, and how many edits are applied."""

    name: str
    edits: int

    @property
    def file_name(self) -> str:
        """What files call the person: letters that no path can hold are replaced."""
        return re.sub(r"^[.-]|[^A-Za-z0-9_.+-]", "_", self.name)[:100] or "_"


@dataclass(frozen=True)
class HaplotypesRecord:
    """The people of a run of haplotypes, and the file of their genotypes.

    ``unphased`` says what became of heterozygous genotypes without phase; ``alias`` is the
    sha256 of the table of aliases.
    """

    file: FileRecord
    samples: tuple[SampleRecord, ...]
    unphased: str = "refuse"
    alias: str | None = None
    allow_truncated: bool = False
