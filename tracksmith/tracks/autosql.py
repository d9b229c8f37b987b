"""autoSql: the table that says what the columns of a bigBed are.

Kent & Brumbaugh 2002, "autoSql and autoXml"; the subset that bigBed readers know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from tracksmith.errors import UsageError

__all__ = ["BED9", "BED12", "AutoSql", "Column", "bed9_schema", "interact_schema"]

Formatter: TypeAlias = Callable[[Any], str]
BatchCheck: TypeAlias = Callable[[Sequence[Any]], bool]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
CHARACTERS = re.compile(r"char\[(\d+)\]")
LIST = re.compile(r"int\[[A-Za-z_][A-Za-z0-9_]*\]")
NUMBERS = re.compile(r"(-?[0-9]{1,10},)+")
COLOUR = re.compile(r"\d{1,3},\d{1,3},\d{1,3}")
WHOLE = {
    "int": (-(1 << 31), (1 << 31) - 1),
    "uint": (0, (1 << 32) - 1),
    "short": (-(1 << 15), (1 << 15) - 1),
    "ushort": (0, (1 << 16) - 1),
    "byte": (-128, 127),
    "ubyte": (0, 255),
    "bigint": (-(1 << 63), (1 << 63) - 1),
}
STRING_BYTES = 255
LONG_STRING_BYTES = 65_535


@dataclass(frozen=True)
class Column:
    """One column: autoSql type, name and one line that describes it."""

    type: str
    name: str
    comment: str

    def batch(self) -> tuple[str, BatchCheck]:
        """Return a ``%`` format, and what says that it writes many values as the formatter does.

        The check may say no, or raise ValueError, where a formatter would not.
        """
        if self.type in WHOLE:
            return "%d", _all_whole(*WHOLE[self.type])
        if self.type in ("float", "double"):
            return "%.6g", _all_real
        if LIST.fullmatch(self.type):
            return "%s", _all_lists
        if match := CHARACTERS.fullmatch(self.type):
            return "%s", _all_text(int(match[1]))
        return "%s", _all_text(STRING_BYTES if self.type == "string" else LONG_STRING_BYTES)

    def formatter(self) -> Formatter:
        """Return what turns a value into the column's text, or raises ValueError."""
        if self.type in WHOLE:
            return _whole(*WHOLE[self.type])
        if self.type in ("float", "double"):
            return _real
        if LIST.fullmatch(self.type):
            return _list
        if match := CHARACTERS.fullmatch(self.type):
            return _text(int(match[1]))
        if self.type in ("string", "lstring"):
            return _text(STRING_BYTES if self.type == "string" else LONG_STRING_BYTES)
        raise UsageError(
            f"Column {self.name!r} has type {self.type!r}; known are {', '.join(WHOLE)}, float, "
            "double, char[N], int[NAME], string (up to 255 bytes) and lstring."
        )


def _whole(low: int, high: int) -> Formatter:
    def convert(value: Any) -> str:
        number = int(value)
        if number != value or not low <= number <= high:
            raise ValueError(f"is not a whole number from {low} to {high}")
        return str(number)

    return convert


def _real(value: Any) -> str:
    text = f"{value:.6g}"
    if text[-1] in "nf":
        raise ValueError("is not finite; use a text column where a value may be missing")
    return text


def _text(most: int) -> Formatter:
    def convert(value: Any) -> str:
        if type(value) is not str:
            raise ValueError("is not a text")
        if len(value) * 4 > most and len(value.encode()) > most:
            raise ValueError(f"is longer than {most} bytes")
        return value

    return convert


def _list(value: Any) -> str:
    if type(value) is not str or not NUMBERS.fullmatch(value):
        raise ValueError("is no list of whole numbers such as 3,20,")
    return value


def _all_lists(values: Sequence[Any]) -> bool:
    return all(type(value) is str and NUMBERS.fullmatch(value) for value in values)


def _all_whole(low: int, high: int) -> BatchCheck:
    def check(values: Sequence[Any]) -> bool:
        array = np.array(values)
        return array.dtype.kind in "iu" and low <= array.min() and array.max() <= high

    return check


def _all_real(values: Sequence[Any]) -> bool:
    array = np.array(values)
    return array.dtype.kind in "iuf" and bool(np.isfinite(array).all())


def _all_text(most: int) -> BatchCheck:
    def check(values: Sequence[Any]) -> bool:
        if set(map(type, values)) != {str}:
            return False
        longest = max(map(len, values))
        return 4 * longest <= most or all(len(value.encode()) <= most for value in values)

    return check


def _score(value: Any) -> str:
    return _whole(0, 1000)(value)


def _strand(value: Any) -> str:
    if value not in ("+", "-", "."):
        raise ValueError("is not one of + - .")
    return str(value)


def _colour(value: Any) -> str:
    if not COLOUR.fullmatch(str(value)) or max(map(int, value.split(","))) > 255:
        raise ValueError("is not a colour such as 202,0,32")
    return str(value)


BED9 = (
    Column("string", "chrom", "Chromosome or scaffold"),
    Column("uint", "chromStart", "Start in the chromosome, 0-based"),
    Column("uint", "chromEnd", "End in the chromosome, not included"),
    Column("string", "name", "Name of the item"),
    Column("uint", "score", "Score from 0 to 1000"),
    Column("char[1]", "strand", "+ or - or ."),
    Column("uint", "thickStart", "Start of where the item is drawn thick"),
    Column("uint", "thickEnd", "End of where the item is drawn thick"),
    # Not itemRgb: as bedToBigBed names it, and as R's rtracklayer takes it for a colour.
    Column("uint", "reserved", "Colour as red,green,blue"),
)
"""The nine columns that every BED reader knows."""

BED12 = (
    *BED9,
    Column("int", "blockCount", "Number of blocks, such as exons"),
    Column("int[blockCount]", "blockSizes", "Sizes of the blocks, each followed by a comma"),
    Column("int[blockCount]", "chromStarts", "Starts of the blocks after chromStart"),
)
"""The nine, and blocks."""

SPECIAL = {"score": _score, "strand": _strand, "reserved": _colour}


def _each(formatter: Formatter) -> BatchCheck:
    """Check each distinct value: these columns have few."""

    def check(values: Sequence[Any]) -> bool:
        for value in set(values):
            formatter(value)
        return True

    return check


SPECIAL_BATCH: dict[str, tuple[str, BatchCheck]] = {
    "score": ("%d", _all_whole(0, 1000)),
    "strand": ("%s", _each(_strand)),
    "reserved": ("%s", _each(_colour)),
}


@dataclass(frozen=True)
class AutoSql:
    """A table: its name, what it holds, and its columns.

    The first ``defined`` columns (3 to 9, or 12) are those of BED, the rest is our own.
    """

    name: str
    comment: str
    columns: tuple[Column, ...]
    defined: int = 9

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        wrong = [name for name in (self.name, *names) if not NAME.fullmatch(name)]
        wrong += sorted({name for name in names if names.count(name) > 1})
        if wrong:
            raise UsageError(f"Names of a table that are not possible or occur twice: {wrong}.")
        comments = [self.comment, *(column.comment for column in self.columns)]
        if any(not text.isprintable() or '"' in text for text in comments):
            raise UsageError(f"A comment of table {self.name} has a quote or is not one line.")
        standard = [(column.type, column.name) for column in BED12[: self.defined]]
        given = [(column.type, column.name) for column in self.columns[: self.defined]]
        if self.defined not in (*range(3, 10), 12) or given != standard:
            raise UsageError(
                f"The first {self.defined} columns of table {self.name} are not those of BED: "
                f"{', '.join(' '.join(pair) for pair in standard)}."
            )
        self.formatters()

    def formatters(self) -> Sequence[Formatter]:
        """Return a formatter for each column after chrom, chromStart and chromEnd."""
        known = {name: SPECIAL[name] for name in SPECIAL if self._is_bed(name)}
        return [known.get(column.name, column.formatter()) for column in self.columns[3:]]

    def batches(self) -> Sequence[tuple[str, BatchCheck]]:
        """Return format and check (:meth:`Column.batch`) for each column after the third."""
        known = {name: SPECIAL_BATCH[name] for name in SPECIAL if self._is_bed(name)}
        return [known.get(column.name, column.batch()) for column in self.columns[3:]]

    def _is_bed(self, name: str) -> bool:
        return any(column.name == name for column in self.columns[: self.defined])

    def index(self, name: str) -> int:
        """Return a column's number from 0, as an index over it is declared."""
        for number, column in enumerate(self.columns):
            if column.name == name:
                return number
        raise UsageError(f"Table {self.name} has no column {name!r}.")

    def text(self) -> str:
        """Return the declaration as a file stores it."""
        rows = "".join(f'    {c.type} {c.name}; "{c.comment}"\n' for c in self.columns)
        return f'table {self.name}\n"{self.comment}"\n    (\n{rows}    )\n'


def bed9_schema(name: str, comment: str, columns: Sequence[Column]) -> AutoSql:
    """Return a table of type ``bigBed 9 +``: the BED columns and ``columns`` after them."""
    return AutoSql(name, comment, (*BED9, *columns))


INTERACT = (
    *BED9[:5],
    Column("double", "value", "Effect: with the edit minus without it"),
    Column("string", "exp", "Track of the model"),
    Column("string", "color", "Colour as #RRGGBB: red raises the readout, blue lowers it"),
    Column("string", "sourceChrom", "Contig of the edit"),
    Column("uint", "sourceStart", "Start of the edit, 0-based"),
    Column("uint", "sourceEnd", "End of the edit, not included"),
    Column("string", "sourceName", "Name of the edit"),
    Column("string", "sourceStrand", "Always ."),
    Column("string", "targetChrom", "Contig of the readout"),
    Column("uint", "targetStart", "Start of the readout, 0-based"),
    Column("uint", "targetEnd", "End of the readout, not included"),
    Column("string", "targetName", "Name of the readout"),
    Column("string", "targetStrand", "Strand of the readout, + or - or ."),
)
"""The eighteen columns of UCSC's bigInteract, by its names: readers take them by place or name."""


def interact_schema() -> AutoSql:
    """Return the table of UCSC's bigInteract, ``bed 5 + 13``; igv.js knows it by its name."""
    return AutoSql("interact", "Effects of edits on readouts", INTERACT, defined=5)
