"""The head of a bigWig or bigBed: what it holds, read in a few ranges, nothing decoded.

The library that reads values crashes on a file whose summary is NaN and knows
no indexes of extra fields; a checker must survive both.
"""

from __future__ import annotations

import re
import stat
import struct
from bisect import bisect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tracksmith.errors import InputError
from tracksmith.tracks.bbi import BIGBED, KINDS, LITTLE, NAME_TREE, FileStart, Layout, layout_of

__all__ = [
    "Apart",
    "BbiHead",
    "Field",
    "ReadRange",
    "parse_autosql",
    "read_head",
    "read_local_head",
    "read_range",
]

ReadRange = Callable[[int, int], bytes]
Place = tuple[int, int]

_MAX_CONTIGS = 5_000_000
_MAX_KEY = 4096
_MAX_INDEXES = 1000
_NOWHERE: tuple[Place, Place] = ((-1, 0), (-1, 0))
_FIELD = re.compile(r"^\s*(?P<type>[a-zA-Z]\w*(?:\s*\[[^\]]*\])?)\s+(?P<name>\w+)\s*;", re.M)
_NUMERIC = ("int", "uint", "short", "ushort", "byte", "ubyte", "float", "double", "bigint")


class Apart:
    """The nodes of a tree that were walked: in a damaged file they may overlap, without end."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def take(self, start: int, size: int) -> None:
        """Add a node; raise ``struct.error`` where it meets another."""
        at, end = bisect(self._starts, start), start + size
        before = self._ends[at - 1] if at else start
        after = self._starts[at] if at < len(self._starts) else end
        if before > start or end > after:
            raise struct.error
        self._starts.insert(at, start)
        self._ends.insert(at, end)


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


def read_range(path: Path, start: int, length: int) -> bytes:
    """Return bytes ``[start, start + length)`` of a file on this machine, fewer at its end.

    Raises
    ------
    InputError
        It cannot be read, or is no file but a folder, a pipe, a device.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for its writer
            raise InputError(f"{path} cannot be read: it is no regular file.")
        length = min(length, status.st_size - start)
        if length <= 0:
            return b""
        with path.open("rb") as handle:
            handle.seek(start)
            return handle.read(length)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        name = str(path) if str(path).isprintable() else repr(str(path))
        raise InputError(f"{name} cannot be read: {reason}.") from None


def read_local_head(path: Path) -> BbiHead:
    """Read the head of a file on this machine."""
    return read_head(partial(read_range, path), str(path))


def _read_head(read: ReadRange, source: str) -> BbiHead:
    first = read(0, LITTLE.start.size)
    layout = layout_of(first)
    if layout is None:
        raise InputError(f"{source} is neither bigWig nor bigBed: its first bytes differ.")
    start = FileStart._make(layout.start.unpack(first))
    zooms = start.zooms * layout.zoom.size
    if len(read(len(first), zooms)) < zooms:
        raise struct.error
    # Kent writes the number of items in eight bytes before bigBed data, in four before bigWig.
    number = layout.offset if start.magic == BIGBED else layout.magic
    (count,) = number.unpack(read(start.data_at, number.size))
    columns = parse_autosql(_text(read, start.autosql_at)) if start.autosql_at else ()
    contigs = _contigs(read, start.contigs_at, layout)
    names = {number: name for name, number, _ in contigs}
    left, right = _extent(read, start.index_at, layout) if start.index_at and count else _NOWHERE
    at, totals = start.totals_at, layout.totals
    return BbiHead(
        kind=KINDS[start.magic],
        zooms=start.zooms,
        contigs={name: length for name, _, length in contigs},
        field_count=start.fields,
        defined_field_count=start.defined_fields,
        fields=columns,
        summary=totals.unpack(read(at, totals.size)) if at else None,
        indexed=_indexes(read, start.extension_at, layout, columns) if start.extension_at else (),
        item_count=count,
        first=(names[left[0]], left[1]) if left[0] in names else None,
        last=(names[right[0]], right[1]) if right[0] in names else None,
        names=names,
    )


def _extent(read: ReadRange, at: int, layout: Layout) -> tuple[Place, Place]:
    """Return where the data of the whole file begin and end, as its index says."""
    head = layout.position_tree.unpack(read(at, layout.position_tree.size))
    return (head[3], head[4]), (head[5], head[6])


def parse_autosql(text: str) -> tuple[Field, ...]:
    """Return the columns that an autoSql table declares."""
    _, paren, body = text.partition("(")
    if not paren:
        return ()
    lines = (
        (re.sub(r'"[^"\n]*"', "", line), line) for line in body.rpartition(")")[0].splitlines()
    )
    columns = []
    for bare, _ in lines:
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


def _indexes(
    read: ReadRange, at: int, layout: Layout, columns: tuple[Field, ...]
) -> tuple[str, ...]:
    """Return the names of the columns that have an index."""
    size, count, list_at = layout.extension.unpack(read(at, layout.extension.size))
    names: list[str] = []
    position = list_at
    for _ in range(min(count, _MAX_INDEXES) if size >= layout.extension.size else 0):
        _, fields, _ = layout.name_index.unpack(read(position, layout.name_index.size))
        position += layout.name_index.size
        for _ in range(min(fields, _MAX_INDEXES)):
            (number,) = layout.index_column.unpack(read(position, layout.index_column.size))
            position += layout.index_column.size
            if number < len(columns):
                names.append(columns[number].name)
    return tuple(names)


def _contigs(read: ReadRange, at: int, layout: Layout) -> list[tuple[str, int, int]]:
    """Return name, number and length of each contig.

    A node or a number that comes twice is damage, as is a number beyond those that
    the tree says it holds: a library would write past its list of them.
    """
    head, child = layout.name_tree, layout.offset
    magic, _, key_size, value_size, count = head.unpack(read(at, head.size))
    if magic != NAME_TREE or value_size != layout.contig.size:
        raise struct.error
    if count > _MAX_CONTIGS or key_size > _MAX_KEY:
        raise struct.error
    open_nodes, apart = [at + head.size], Apart()
    contigs: list[tuple[str, int, int]] = []
    width = key_size + layout.contig.size
    while open_nodes:
        node = open_nodes.pop()
        is_leaf, items = layout.node.unpack(read(node, layout.node.size))
        body = read(node + layout.node.size, width * items)
        apart.take(node, layout.node.size + width * items)
        if len(body) < width * items:
            raise struct.error
        children = []
        for start in range(0, len(body), width):
            if is_leaf:
                key = body[start : start + key_size].rstrip(b"\0").decode("utf-8")
                contigs.append((key, *layout.contig.unpack_from(body, start + key_size)))
            else:
                children.append(child.unpack_from(body, start + key_size)[0])
        open_nodes += reversed(children)
    if sorted(number for _, number, _ in contigs) != list(range(count)):
        raise struct.error
    return contigs
