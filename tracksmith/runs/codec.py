"""Frozen dataclasses as JSON and back, with every type checked on the way back.

A field that has its default value is left out, so that a record of today and
the same record of a version with more fields have one text and one digest.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

from tracksmith.errors import TracksmithError, TrustError

__all__ = ["decode", "encode"]

T = TypeVar("T")
Reader: TypeAlias = Callable[[Any, str], Any]
"""Reads a value of one type; the text says where it stands."""

_READERS: dict[Any, Reader] = {}

PLAIN = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


LEAVES = frozenset((str, int, float, bool, type(None)))


def encode(value: Any, *, full: bool = False) -> Any:
    """Return dataclasses as dictionaries and tuples as lists; ``full`` keeps defaults."""
    if type(value) in LEAVES:  # most of what there is, where a run has thousands of tracks
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: encode(getattr(value, field.name), full=full)
            for field in fields(value)
            # decision: defaults-left-out (a new field leaves the ids of today's runs as they are)
            if full or not _is_default(field, getattr(value, field.name))
        }
    if isinstance(value, Mapping):
        return {key: encode(item, full=full) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item, full=full) for item in value]
    return value


def _is_default(field: Field[Any], value: Any) -> bool:
    if field.default is not MISSING:
        return bool(value == field.default and type(value) is type(field.default))
    return field.default_factory is not MISSING and bool(value == field.default_factory())


def decode(kind: type[T], value: Any, where: str) -> T:
    """Return what :func:`encode` wrote, as the dataclass it was.

    Raises
    ------
    TrustError
        A field is unknown, missing, or of another type; ``where`` and its name are told.
    """
    record: T = _reader(kind)(value, where)
    return record


def _reader(kind: Any) -> Reader:
    """Return what reads values of a type, made once."""
    if kind not in _READERS:
        _READERS[kind] = _make_reader(kind)
    return _READERS[kind]


def _make_reader(kind: Any) -> Reader:
    origin, inner = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _record_reader(kind)
    if origin in (Union, types.UnionType):
        return _union_reader(inner)
    if origin is Literal:
        return _literal_reader(inner)
    if origin is tuple:
        return _tuple_reader(inner)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping_reader(inner[1])
    return _plain_reader(kind)


def _refuse(where: str, value: Any, due: str) -> TrustError:
    shown = ascii(value)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    place = _printable(where)
    return TrustError(f"{place} is {shown}, but {due} is due. Restore the file, or start anew.")


def _printable(where: str) -> str:
    """Return the place of a value; the names in it are whatever somebody wrote into the file."""
    plain = where if where.isprintable() else ascii(where)[1:-1]
    return plain if len(plain) <= 300 else f"{plain[:240]}...{plain[-57:]}"


LARGEST = 1e300
"""No number of a record is larger: a whole one beyond what a float holds breaks sums."""


def _plain_reader(kind: Any) -> Reader:
    if kind is Any:
        return lambda value, where: value
    accepted = (int, float) if kind is float else (kind,)

    def read(value: Any, where: str) -> Any:
        if type(value) not in accepted or (kind is float and abs(value) > LARGEST):
            raise _refuse(where, value, PLAIN.get(kind, str(kind)))
        return value

    return read


def _literal_reader(choices: tuple[Any, ...]) -> Reader:
    def read(value: Any, where: str) -> Any:
        if value not in choices:
            raise _refuse(where, value, f"one of {', '.join(map(str, choices))}")
        return value

    return read


def _tuple_reader(inner: tuple[Any, ...]) -> Reader:
    if len(inner) == 2 and inner[1] is ...:
        each = _reader(inner[0])

        def read_many(value: Any, where: str) -> Any:
            if not isinstance(value, list):
                raise _refuse(where, value, "a list")
            return tuple([each(item, where) for item in value])

        return read_many
    readers = [_reader(kind) for kind in inner]

    def read_some(value: Any, where: str) -> Any:
        if not isinstance(value, list) or len(value) != len(readers):
            raise _refuse(where, value, f"a list of {len(readers)}")
        return tuple(read(item, where) for read, item in zip(readers, value, strict=True))

    return read_some


def _mapping_reader(kind: Any) -> Reader:
    each = _reader(kind)

    def read(value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            raise _refuse(where, value, "an object")
        return {str(key): each(item, f"{where}.{key}") for key, item in value.items()}

    return read


def _union_reader(inner: tuple[Any, ...]) -> Reader:
    """Read ``X | None``, or one of several records, told apart by their fields."""
    records = [kind for kind in inner if is_dataclass(kind)]
    others = [_reader(kind) for kind in inner if kind is not type(None) and kind not in records]

    def read(value: Any, where: str) -> Any:
        if value is None and type(None) in inner:
            return None
        if isinstance(value, dict) and records:
            fits = [kind for kind in records if value.keys() <= _names(kind)]
            return _reader((fits or records)[0])(value, where)
        if not others:
            raise _refuse(where, value, "an object")
        return others[0](value, where)

    return read


def _names(kind: Any) -> frozenset[str]:
    return frozenset(field.name for field in fields(kind))


def _record_reader(kind: Any) -> Reader:
    hints = get_type_hints(kind)
    readers: dict[str, Reader] = {}  # filled at first use: a record may hold its own kind
    needed = [
        field.name
        for field in fields(kind)
        if field.default is MISSING and field.default_factory is MISSING
    ]

    def read(value: Any, where: str) -> Any:
        if not readers:
            readers.update({field.name: _reader(hints[field.name]) for field in fields(kind)})
        if not isinstance(value, dict):
            raise _refuse(where, value, "an object")
        if unknown := sorted(value.keys() - readers.keys()):
            raise _refuse(f"{where}.{unknown[0]}", value[unknown[0]], "no such field")
        if missing := [name for name in needed if name not in value]:
            place = _printable(where)
            raise TrustError(f"{place} lacks {missing[0]!r}. Restore the file, or start anew.")
        given = {name: readers[name](item, f"{where}.{name}") for name, item in value.items()}
        try:
            return kind(**given)
        except TracksmithError as error:
            place = _printable(where)
            raise TrustError(f"{place}: {error}\nRestore the file, or start anew.") from None

    return read
