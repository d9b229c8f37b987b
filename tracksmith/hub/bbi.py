"""The head of a bigWig or bigBed: what it holds, read in a few ranges, nothing decoded.

The library that reads values crashes on a file whose summary is NaN and knows
no indexes of extra fields; a checker must survive both. Layout after Kent et
al. 2010, doi:10.1093/bioinformatics/btq351, and its supplement.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tracksmith.errors import InputError

__all__ = ["BbiHead", "Field", "ReadRange", "parse_autosql", "read_head", "read_local_head"]

ReadRange = Callable[[int, int], bytes]

BIGWIG, BIGBED = 0x888FFC26, 0x8789F2EB
_TREE = 0x78CA8C91
_KINDS = {BIGWIG: "bigWig", BIGBED: "bigBed"}
_MAX_CONTIGS = 5_000_000
_MAX_KEY = 4096
_FIELD = re.compile(r"^\s*(?P<type>[a-zA-Z]\w*(?:\s*\[[^\]]*\])?)\s+(?P<name>\w+)\s*;", re.M)
_NUMERIC = ("int", "uint", "short", "ushort", "byte", "ubyte", "float", "double", "bigint")


@dataclass(frozen=True)
class Field:
    """A column of a bigBed: its autoSql type and name."""

    type: str
    name: str

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers."""
        return self.type in _NUMERIC


@dataclass(frozen=True)
class BbiHead:
    """What the head of a file says.

    ``contigs`` are lengths in bp; ``summary`` bases covered, minimum, maximum,
    sum and sum of squares; ``indexed`` the names of fields with a name index;
    ``first`` contig and start (0-based) of all data, ``last`` contig and end;
    ``names`` the contigs by their number in the file.
    """

    kind: str
    zooms: int
    contigs: dict[str, int]
    field_count: int
    defined_field_count: int
    fields: tuple[Field, ...] = ()
    summary: tuple[int, float, float, float, float] | None = None
    indexed: tuple[str, ...] = ()
    item_count: int = 0
    first: tuple[str, int] | None = None
    last: tuple[str, int] | None = None
    names: dict[int, str] = field(default_factory=dict)

    def index_of(self, name: str) -> int | None:
        """Return the 1-based number of a field, None where there is none."""
        names = [column.name for column in self.fields]
        return names.index(name) + 1 if name in names else None


def read_head(read: ReadRange, source: str) -> BbiHead:
    """Read the head of a bigWig or bigBed; ``read(start, length)`` gives bytes.

    Raises
    ------
    InputError
        It is neither, or it is cut short.
    """
    try:
        return _read_head(read, source)
    except (struct.error, IndexError, UnicodeDecodeError):
        raise InputError(f"{source} is cut short or damaged: its head cannot be read.") from None


def read_local_head(path: Path) -> BbiHead:
    """Read the head of a file on this machine."""
    with path.open("rb") as handle:

        def read(start: int, length: int) -> bytes:
            handle.seek(start)
            return handle.read(length)

        return read_head(read, str(path))


def _read_head(read: ReadRange, source: str) -> BbiHead:
    first = read(0, 64)
    order = next((mark for mark in "<>" if struct.unpack(f"{mark}I", first[:4])[0] in _KINDS), None)
    if order is None:
        raise InputError(f"{source} is neither bigWig nor bigBed: its first bytes differ.")
    (
        magic,
        _,
        zooms,
        tree_at,
        data_at,
        index_at,
        fields,
        defined,
        sql_at,
        summary_at,
        _,
        extra_at,
    ) = struct.unpack(f"{order}IHHQQQHHQQIQ", first)
    # Kent writes the number of items in eight bytes before bigBed data, in four before bigWig.
    wide = magic == BIGBED
    count = struct.unpack(f"{order}{'Q' if wide else 'I'}", read(data_at, 8 if wide else 4))[0]
    columns = parse_autosql(_text(read, sql_at)) if sql_at else ()
    indexed = _indexes(read, extra_at, order, columns) if extra_at else ()
    contigs = list(_contigs(read, tree_at, order))
    names = {number: name for name, number, _ in contigs}
    bounds = struct.unpack(f"{order}4I", read(index_at + 16, 16)) if index_at and count else None
    start, end = (bounds[:2], bounds[2:]) if bounds else ((-1, 0), (-1, 0))
    return BbiHead(
        kind=_KINDS[magic],
        zooms=zooms,
        contigs={name: length for name, _, length in contigs},
        field_count=fields,
        defined_field_count=defined,
        fields=columns,
        summary=struct.unpack(f"{order}Q4d", read(summary_at, 40)) if summary_at else None,
        indexed=indexed,
        item_count=count,
        first=(names[start[0]], start[1]) if start[0] in names else None,
        last=(names[end[0]], end[1]) if end[0] in names else None,
        names=names,
    )


def parse_autosql(text: str) -> tuple[Field, ...]:
    """Return the columns that an autoSql table declares."""
    _, paren, body = text.partition("(")
    if not paren:
        return ()
    found = (
        (re.sub(r'"[^"\n]*"', "", line), line) for line in body.rpartition(")")[0].splitlines()
    )
    columns = []
    for bare, _ in found:
        match = _FIELD.match(bare)
        if match:
            columns.append(Field(re.sub(r"\s", "", match["type"]), match["name"]))
    return tuple(columns)


def _text(read: ReadRange, at: int) -> str:
    data = b""
    while b"\0" not in data and len(data) < 1 << 20:
        more = read(at + len(data), 1 << 14)
        if not more:
            break
        data += more
    return data.partition(b"\0")[0].decode("utf-8")


def _indexes(read: ReadRange, at: int, order: str, columns: tuple[Field, ...]) -> tuple[str, ...]:
    size, count, list_at = struct.unpack(f"{order}HHQ", read(at, 12))
    names: list[str] = []
    position = list_at
    for _ in range(count if size >= 12 else 0):
        _, fields, _, _ = struct.unpack(f"{order}HHQI", read(position, 16))
        position += 16
        for _ in range(fields):
            number, _ = struct.unpack(f"{order}HH", read(position, 4))
            position += 4
            if number < len(columns):
                names.append(columns[number].name)
    return tuple(names)


def _contigs(read: ReadRange, at: int, order: str) -> Iterator[tuple[str, int, int]]:
    """Yield name, number and length of each contig; a node that comes twice is damage."""
    magic, _, key_size, value_size, count = struct.unpack(f"{order}IIIIQ", read(at, 24))
    if magic != _TREE or value_size != 8 or count > _MAX_CONTIGS or key_size > _MAX_KEY:
        raise struct.error
    open_nodes, seen = [at + 32], {at + 32}
    width = key_size + 8
    while open_nodes:
        node = open_nodes.pop()
        is_leaf, _, items = struct.unpack(f"{order}BBH", read(node, 4))
        body = read(node + 4, width * items)
        if len(body) < width * items:
            raise struct.error
        children = []
        for start in range(0, len(body), width):
            if is_leaf:
                key = body[start : start + key_size].rstrip(b"\0").decode("utf-8")
                number, length = struct.unpack_from(f"{order}II", body, start + key_size)
                yield key, number, length
            else:
                children.append(struct.unpack_from(f"{order}Q", body, start + key_size)[0])
        if seen.intersection(children) or len(set(children)) < len(children):
            raise struct.error
        seen.update(children)
        open_nodes += reversed(children)
