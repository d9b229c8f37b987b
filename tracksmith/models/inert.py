"""A pickle read as a description: nothing that it names is imported, called or changed.

`pickletools` tells the opcodes apart, and the machine here follows them with
values of its own: a tensor becomes a `TensorRecord`, whatever is neither plain
data nor a tensor a `StandIn`. No object of torch exists meanwhile, so none can
be called, given attributes or made larger than the file.
"""

from __future__ import annotations

import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

__all__ = ["InertContent", "StandIn", "StorageRecord", "TensorRecord", "read_inert"]

# decision: torch-file-described (torch.load makes room for whatever a file claims)
MOST_OPCODES = 4_000_000
"""A checkpoint of 5,000 tensors with an optimiser's copies takes 750,000."""

HARMLESS = {
    "_codecs.encode",
    "builtins.bytearray",
    "builtins.complex",
    "builtins.set",
    "collections.Counter",
    "collections.OrderedDict",
    "torch.Size",
    "torch.Tensor",
    "torch.device",
    "torch._tensor._rebuild_from_type_v2",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch.nn.parameter.Parameter",
    "torch.serialization._get_layout",
}
"""Names beside torch's own types that a file of tensors holds anyway."""


@dataclass(frozen=True)
class StandIn:
    """What the pickle calls ``name``, or an object of that class: it does nothing."""

    name: str


class StorageRecord(NamedTuple):
    """Numbers in a row: where they lie (``key``), the name of their type, how many (``length``).

    ``start`` is where a view of a storage begins in it, in numbers.
    """

    key: str
    kind: str
    length: int
    start: int = 0


class TensorRecord(NamedTuple):
    """A tensor as the file describes it; nothing is checked yet."""

    storage: StorageRecord
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass
class InertContent:
    """What a pickle describes, the storages that it names, and the classes that it would import."""

    value: Any = None
    storages: dict[str, StorageRecord] = field(default_factory=dict)
    imports: list[str] = field(default_factory=list)


def read_inert(stream: BinaryIO) -> InertContent:
    """Read one pickle and leave the stream behind it.

    Dictionaries keep their items with text keys alone: tensors have names.

    Raises
    ------
    ValueError, KeyError, IndexError, TypeError
        The bytes are no pickle, or describe what no checkpoint holds.
    """
    machine = _Machine()
    for number, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
        if number == MOST_OPCODES:
            raise ValueError(f"a pickle of more than {MOST_OPCODES:,} steps")
        machine.step(opcode.name, argument)
    return machine.content


class _Machine:
    """The stack, the marks in it and the memo that the opcodes work on."""

    def __init__(self) -> None:
        self.content = InertContent()
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        """Follow one opcode."""
        if name in _ARGUMENTS:
            self.push(argument)
        elif name in _CONSTANTS:
            self.push(_CONSTANTS[name]())
        elif name not in _IGNORED:
            if name not in _STEPS:
                raise ValueError(f"the opcode {name}, which no checkpoint has")
            _STEPS[name](self, argument)

    def push(self, value: Any) -> None:
        """Put a value down."""
        self.stack.append(value)

    def pop_to_mark(self, _: Any = None) -> list[Any]:
        """Return what lies above the last mark."""
        items = self.stack
        self.stack = self.below.pop()
        return items

    def pop(self, count: int) -> list[Any]:
        """Return the top ``count`` values, the topmost last."""
        if len(self.stack) < count:
            raise IndexError("a pickle that takes more than it put down")
        items = self.stack[-count:]
        del self.stack[-count:]
        return items

    def stop(self, _: Any) -> None:
        (self.content.value,) = self.pop(1)

    def mark(self, _: Any) -> None:
        self.below.append(self.stack)
        self.stack = []

    def put(self, place: int) -> None:
        self.memo[place] = self.stack[-1]

    def memoize(self, _: Any) -> None:
        self.put(len(self.memo))

    def get(self, place: int) -> None:
        self.push(self.memo[place])

    def duplicate(self, _: Any) -> None:
        self.push(self.stack[-1])

    def drop(self, _: Any) -> None:
        if not self.stack:
            self.pop_to_mark()
        else:
            self.pop(1)

    def tuple_of_marked(self, _: Any) -> None:
        self.push(tuple(self.pop_to_mark()))

    def tuple_of(self, count: int) -> None:
        self.push(tuple(self.pop(count)))

    def list_of_marked(self, _: Any) -> None:
        self.push(self.pop_to_mark())

    def dict_of_marked(self, _: Any) -> None:
        items = self.pop_to_mark()
        self.push(_items(items))

    def frozen_set_of_marked(self, _: Any) -> None:
        self.pop_to_mark()
        self.push(StandIn("builtins.frozenset"))

    def append(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif not isinstance(target, StandIn):
            raise TypeError(f"values appended to a {type(target).__name__}")

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, dict):
            target.update(_items(items))
        elif not isinstance(target, StandIn):
            raise TypeError(f"items set in a {type(target).__name__}")

    def import_name(self, name: str) -> None:
        if name not in HARMLESS and not _is_type_of_torch(name):
            self.content.imports.append(name)
        self.push(StandIn(name))

    def import_from_stack(self, _: Any) -> None:
        module, name = self.pop(2)
        self.import_name(f"{_text(module)}.{_text(name)}")

    def instance_of_marked(self, name: str) -> None:
        self.pop_to_mark()
        self.import_name(name.replace(" ", ".", 1))

    def object_of_marked(self, _: Any) -> None:
        what, *arguments = self.pop_to_mark()
        self.push(_result(what, tuple(arguments)))

    def reduce(self, _: Any) -> None:
        what, arguments = self.pop(2)
        self.push(_result(what, arguments))

    def new_object_with_names(self, _: Any) -> None:
        what, arguments, _named = self.pop(3)
        self.push(_result(what, arguments))

    def build(self, _: Any) -> None:
        """Forget the attributes: only a class's own code would know what they mean."""
        (_state,) = self.pop(1)
        if not isinstance(self.stack[-1], (StandIn, dict)):
            raise TypeError(f"attributes set on a {type(self.stack[-1]).__name__}")

    def persistent(self, _: Any) -> None:
        (identity,) = self.pop(1)
        record = _storage(identity)
        if isinstance(record, StorageRecord):
            first = self.content.storages.setdefault(record.key, record)
            if first[:3] != record[:3]:
                raise ValueError("one storage described in two ways")
        self.push(record)


def _is_type_of_torch(name: str) -> bool:
    """Whether a name is a dtype or a storage class: data about numbers, never called here."""
    module, _, last = name.rpartition(".")
    storage = module in ("torch", "torch.cuda", "torch.storage") and last.endswith("Storage")
    return storage or (module == "torch" and _DTYPE.fullmatch(last) is not None)


def _items(items: list[Any]) -> dict[str, Any]:
    if len(items) % 2:
        raise ValueError("a dictionary whose last key has no value")
    pairs = zip(items[::2], items[1::2], strict=True)
    return {key: value for key, value in pairs if isinstance(key, str)}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a name that is a {type(value).__name__}")
    return value


def _result(what: Any, arguments: Any) -> Any:
    """Return what calling ``what`` would give, where that is a tensor or a dictionary."""
    name = what.name if isinstance(what, StandIn) else type(what).__name__
    if type(arguments) is not tuple:
        raise TypeError(f"{name} called with a {type(arguments).__name__}")
    if name in ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor"):
        storage, offset, size, stride = arguments[:4]
        if not isinstance(storage, StorageRecord):
            return StandIn(name)
        return TensorRecord(storage, offset, size, stride)
    if name in _WRAPPERS and arguments:
        return arguments[0]
    if name == "torch._tensor._rebuild_from_type_v2" and len(arguments) > 2:
        return _result(arguments[0], arguments[2])
    if name == "torch.Size" and arguments:
        return arguments[0]
    if name == "collections.OrderedDict":
        pairs = arguments[0] if arguments else []
        return {key: value for key, value in pairs if isinstance(key, str)}
    return StandIn(name)


def _storage(identity: Any) -> StorageRecord | StandIn:
    """Return the storage that a persistent id names, as torch writes it."""
    if type(identity) is not tuple or len(identity) < 5 or identity[0] != "storage":
        return StandIn("persistent id")
    _, kind, key, _location, length, *view = identity
    start = 0
    if view and view[0] is not None:
        _, start, _ = view[0]
    if not isinstance(kind, StandIn) or type(length) is not int or type(start) is not int:
        raise TypeError("a storage without type, length or place")
    return StorageRecord(_text(key), kind.name.rpartition(".")[2], length, start)


_WRAPPERS = {"torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"}
_DTYPE = re.compile(r"(bfloat|float|double|half|u?int|long|short|bool|complex)\d*(_\w+)?")

_ARGUMENTS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("BYTEARRAY8", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
}
"""Opcodes that put down their argument."""

_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": lambda: StandIn("builtins.set"),
}
_IGNORED = {"PROTO", "FRAME"}

_STEPS: dict[str, Callable[[_Machine, Any], object]] = {
    "STOP": _Machine.stop,
    "MARK": _Machine.mark,
    "POP": _Machine.drop,
    "POP_MARK": _Machine.pop_to_mark,
    "DUP": _Machine.duplicate,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine.put),
    "MEMOIZE": _Machine.memoize,
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.get),
    "TUPLE": _Machine.tuple_of_marked,
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "LIST": _Machine.list_of_marked,
    "DICT": _Machine.dict_of_marked,
    "APPEND": lambda machine, _: machine.append(machine.pop(1)),
    "APPENDS": lambda machine, _: machine.append(machine.pop_to_mark()),
    "ADDITEMS": lambda machine, _: machine.append(machine.pop_to_mark()),
    "FROZENSET": _Machine.frozen_set_of_marked,
    "SETITEM": lambda machine, _: machine.set_items(machine.pop(2)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_to_mark()),
    "GLOBAL": lambda machine, name: machine.import_name(name.replace(" ", ".", 1)),
    "STACK_GLOBAL": _Machine.import_from_stack,
    "INST": _Machine.instance_of_marked,
    "OBJ": _Machine.object_of_marked,
    "REDUCE": _Machine.reduce,
    "NEWOBJ": _Machine.reduce,
    "NEWOBJ_EX": _Machine.new_object_with_names,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.persistent,
}
