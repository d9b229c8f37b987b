"""Enformer's tracks: made up from their order, or named by the authors' table."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tracksmith.plugin import InputError, Track, reading

__all__ = ["HUMAN", "MOUSE", "Species", "tracks_of_table"]

COLORS = {
    "DNASE": (31, 78, 121),
    "ATAC": (23, 118, 118),
    "CHIP": (110, 62, 140),
    "CAGE": (178, 67, 36),
}
UNITS = "coverage of 128 bp on the training scale"
COLUMNS = ("index", "identifier", "description")


@dataclass(frozen=True)
class Species:
    """One output head: how many tracks of each assay, in order, and those with known names.

    ``named`` maps a row of the head to the authors' identifier and description.
    """

    name: str
    assays: tuple[tuple[str, int], ...]
    named: dict[int, tuple[str, str]]

    @property
    def table(self) -> str:
        """Name of the authors' table, which names every track."""
        return f"targets_{self.name}.txt"

    def tracks(self) -> tuple[Track, ...]:
        """Return the tracks as far as they are known without the table.

        A track that is not ``named`` has its assay and its row in its id: ``DNASE.0``.
        """
        return tuple(self._tracks())

    def _tracks(self) -> Iterator[Track]:
        end = 0
        for assay, count in self.assays:
            start, end = end, end + count
            alike = _track(f"{assay}.0", "", assay)
            for row in range(start, end):
                if row in self.named:
                    yield _track(*self.named[row], assay)
                else:
                    yield _renamed(alike, f"{assay}.{row}", f"{assay}:track {row}")


def _track(identifier: str, description: str, assay: str) -> Track:
    return Track(
        identifier,
        description,
        assay=assay,
        cell_type=_cell(description),
        units=UNITS,
        color=COLORS.get(assay, Track.color),
    )


def _renamed(track: Track, identifier: str, label: str) -> Track:
    """Copy a track under another name.

    The constructor of a frozen dataclass takes three times as long, and thousands
    of tracks are made whenever models are listed.
    """
    copy = object.__new__(Track)
    copy.__dict__.update(track.__dict__, id=identifier, label=label)
    return copy


def _cell(description: str) -> str:
    """Return what a description ``ASSAY:sample`` or ``CHIP:target:sample`` says of the sample."""
    assay, _, sample = description.partition(":")
    return sample.partition(":")[2] or sample if assay == "CHIP" else sample


def tracks_of_table(path: Path) -> tuple[Track, ...]:
    """Read the authors' table of targets, plain or gzip.

    Tab-separated with a header line; the columns ``index``, ``identifier`` and
    ``description`` are read, and the others left alone. The index is that of
    the row of the head plus that of the first line, which is not 0 for mouse.

    Raises
    ------
    InputError
        The file is damaged, lacks a column, or its index has a gap.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    with (
        reading(path, "table of targets", csv.Error),
        opened(path, "rt", encoding="utf-8") as handle,
    ):
        lines = list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))
    missing = [column for column in COLUMNS if not lines or lines[0].get(column) is None]
    if missing:
        raise InputError(
            f"{path} is no table of Enformer's targets: it needs a header and the tab-separated "
            f"columns {', '.join(COLUMNS)}; missing: {', '.join(missing)}."
        )
    first = lines[0]["index"]
    return tuple(_of_line(path, number, line, first) for number, line in enumerate(lines))


def _of_line(path: Path, row: int, line: dict[str, str], first: str) -> Track:
    index, identifier, description = (line[column] for column in COLUMNS)
    if not index or not first.isdecimal() or index != str(int(first) + row):
        wanted = str(int(first) + row) if first.isdecimal() else "a number"
        raise InputError(
            f"{path}, line {row + 2}: index {index!r} should be {wanted}. The table must name "
            "every row of the head, in order."
        )
    if not identifier or not description:
        raise InputError(f"{path}, line {row + 2}: the identifier or the description is empty.")
    return _track(identifier, description, description.partition(":")[0])


_CML = "CAGE:chronic myelogenous leukemia cell line:K562"
HUMAN = Species(
    "human",
    (("DNASE", 674), ("ATAC", 10), ("CHIP", 3991), ("CAGE", 638)),
    {
        33: ("ENCFF899YDP", "DNASE:K562 treated with 1 uM vorinostat for 72 hours"),
        34: ("ENCFF515UNC", "DNASE:K562 G2 phase"),
        35: ("ENCFF708UIS", "DNASE:K562 G1 phase"),
        121: ("ENCFF413AHU", "DNASE:K562"),
        122: ("ENCFF868NHV", "DNASE:K562"),
        123: ("ENCFF565YDB", "DNASE:K562"),
        625: ("ENCFF971AHO", "DNASE:K562"),
        4828: ("CNhs11250", _CML),
        5111: ("CNhs12336", f"{_CML} ENCODE, biol_"),
    },
)
MOUSE = Species("mouse", (("DNASE", 101), ("ATAC", 127), ("CHIP", 1058), ("CAGE", 357)), {})
