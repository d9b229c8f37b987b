"""Where perturbations come from: a table with titles, a BED file, a FASTA of sequences."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tracksmith.errors import InputError
from tracksmith.genome.contigs import MAX_CONTIG
from tracksmith.genome.fasta import Genome, Notify
from tracksmith.genome.kinds import kind_of_bytes
from tracksmith.genome.numbers import clipped_number
from tracksmith.genome.stream import ByteStream
from tracksmith.perturbations.rows import Row, split_names

__all__ = ["read_edit_rows", "read_sequences"]

TITLES = {
    "contig": ("chrom", "chr", "contig", "chromosome"),
    "start": ("start", "chromstart"),
    "end": ("end", "chromend", "stop"),
    "name": ("name", "id", "edit"),
    "operation": ("op", "operation"),
    "bases": ("bases", "sequence"),
    "target": ("to", "target"),
    "readouts": ("readout", "readouts", "gene"),
}
"""What a column may be called."""

_NEEDED = ("contig", "start", "end")

NEARLY = 0.85
"""How alike a title must be to be a misspelt one: readot and readout are 0.92 alike."""


def read_edit_rows(path: Path, operation: str) -> Iterator[Row]:
    """Yield the rows of a table with titles, or of a BED file, of perturbations.

    Positions count from 0, half-open, as in BED. ``operation`` is that of rows that name none.

    Raises
    ------
    InputError
        A line that is no such row, with its number.
    """
    columns: dict[str, int] = {}
    count = 0
    for number, cells in _lines(path):
        place = f"{path}:{number}"
        if not count and not columns and (titles := _titles(cells, place)):
            columns = titles
            continue
        count += 1
        yield _row(place, cells, columns, operation)
    if not count:
        raise InputError(f"{path} holds no edits. Give at least one line: contig, start, end.")


def _titles(cells: Sequence[str], place: str) -> dict[str, int]:
    """Return which column holds what; nothing for a line that is no line of titles."""
    columns: dict[str, int] = {}
    words = [cell.strip().lstrip("#").strip().lower() for cell in cells]
    if words[0] not in TITLES["contig"] or len(words) < 3 or words[1].isdecimal():
        return {}
    for at, word in enumerate(words):
        for name, known in TITLES.items():
            if word in known and name in columns:
                raise InputError(f"{place}: two columns are the {name}; name one of them so.")
            if word in known:
                columns[name] = at
    if missing := [name for name in _NEEDED if name not in columns]:
        raise InputError(
            f"{place}: no column is the {missing[0]}: call it {TITLES[missing[0]][0]}."
        )
    _refuse_misspelt(words, columns, place)
    return columns


def _refuse_misspelt(words: Sequence[str], columns: Mapping[str, int], place: str) -> None:
    """Refuse a title that is nearly one of those that are missing: its column would be ignored."""
    absent = [known for name, names in TITLES.items() if name not in columns for known in names]
    for word in words:
        if near := difflib.get_close_matches(word, absent, n=1, cutoff=NEARLY):
            raise InputError(
                f"{place}: no column is called {word!r} here. If {near[0]!r} is meant, call it so; "
                "if not, give it a name that is less alike."
            )


def _row(place: str, cells: Sequence[str], columns: dict[str, int], operation: str) -> Row:
    at = columns or {"contig": 0, "start": 1, "end": 2, "name": 3}
    if len(cells) <= max(at[name] for name in _NEEDED):
        blanks = len(cells) == 1 and len(cells[0].split()) >= 3
        raise InputError(
            f"{place}: columns are separated by blanks; give tabs."
            if blanks
            else f"{place}: {len(cells)} columns; contig, start and end are due."
        )

    def cell(name: str) -> str:
        text = cells[at[name]].strip() if name in at and at[name] < len(cells) else ""
        return "" if text == "." else text

    own = cell("operation").lower() or operation
    if not own:
        raise InputError(
            f"{place}: it does not say what to do there: give --op, or a table with titles and a "
            "column `op`."
        )
    start, end = (_position(place, name, cell(name)) for name in ("start", "end"))
    return Row(
        place, cell("contig"), start, end, own, cell("name"), cell("bases"), cell("target"),
        split_names(cell("readouts")),
    )  # fmt: skip


def _position(place: str, what: str, text: str) -> int:
    if not text.isdecimal() or not text.isascii():
        raise InputError(f"{place}: {what} {text[:40]!r} is no whole number from 0 on.")
    return clipped_number(text.encode(), MAX_CONTIG)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number, from 1, and the columns of every line that says something.

    Titles may have a # before them, also below comments.
    """
    begun = False
    with ByteStream(path) as stream:
        for number, raw in enumerate(stream.lines(), 1):
            stream.place = f"line {number}"
            if number == 1 and (kind := kind_of_bytes(raw)) is not None:
                raise InputError(f"{path} is no plain text; its first bytes are {kind}.")
            text = raw.rstrip(b"\r\n").decode("utf-8-sig", "backslashreplace")
            titled = not begun and text.startswith("#")
            skipped = (text.startswith("#") and not titled) or text.startswith(
                ("track ", "browser ")
            )
            if text.strip() and not skipped:
                cells = text.split("\t")
                if not titled or _titles(cells, f"{path}:{number}"):
                    begun = True
                    yield number, cells


def read_sequences(path: Path | None, notify: Notify) -> dict[str, bytes]:
    """Return the records of a FASTA file as masks, by name."""
    if path is None:
        return {}
    with Genome.open(path, notify=notify) as sequences:
        return {
            name: sequences.read(name, 0, int(length)).tobytes()
            for name, length in sequences.contigs
        }
