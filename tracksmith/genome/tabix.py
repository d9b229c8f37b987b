"""BED files with a tabix index, read interval by interval."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pysam

from tracksmith.errors import InputError

__all__ = ["TabixBed"]


class TabixBed:
    """A bgzipped BED file with its index (``.tbi`` or ``.csi`` beside it).

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InputError
        The file or its index is missing or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise InputError(f"{path} does not exist (that is {path.absolute()}).")
        if not any(Path(f"{path}{suffix}").is_file() for suffix in (".tbi", ".csi")):
            raise InputError(
                f"{path} has no index beside it. Make one: `tabix -p bed {path}` "
                "(the file must be sorted and compressed with bgzip)."
            )
        try:
            self._file: Any = pysam.TabixFile(str(path), encoding="utf-8")
        except (OSError, ValueError) as error:
            raise InputError(
                f"Cannot read {path} with its index: {error}. "
                f"Compress it anew with bgzip and index it: `tabix -f -p bed {path}`."
            ) from None
        self.contigs: tuple[str, ...] = tuple(self._file.contigs)

    def overlapping(self, contig: str, start: int, end: int) -> Iterator[tuple[str, ...]]:
        """Yield the columns of every record that shares a base with ``[start, end)``.

        A contig without records yields nothing.

        Raises
        ------
        InputError
            The file is damaged, or no longer fits its index.
        """
        if contig not in self.contigs:
            return
        try:
            for line in self._file.fetch(contig, start, end):
                yield tuple(line.split("\t"))
        except (OSError, ValueError, UnicodeDecodeError) as error:
            raise InputError(
                f"{self.path}, records at {contig}:{start + 1}-{end}: {error}. "
                f"Compress it anew with bgzip and index it: `tabix -f -p bed {self.path}`."
            ) from None

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> TabixBed:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
