"""Tensors from the files that ``torch.save`` writes, each no larger than its file.

`tracksmith.models.inert` says what a file describes; here the descriptions are
held against the file's size, and only then become tensors.
"""

from __future__ import annotations

import copy
import io
import mmap
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from tracksmith.files import crc32
from tracksmith.models.inert import InertContent, StorageRecord, TensorRecord, read_inert

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["NESTED", "Checkpoint", "open_checkpoint"]

NESTED = ("state_dict", "model_state_dict", "model")
"""Under which names a checkpoint keeps its tensors."""

MOST_DIMENSIONS = 32
MOST_COPIES = 4
"""How often the file's size all tensors together may take: published files name some twice."""

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
"""How a file written before torch 1.6 begins."""

_KINDS = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}


class Checkpoint(NamedTuple):
    """What a file describes, how large it is, and how the bytes of a storage are had.

    ``read`` returns an untyped storage of ``count`` numbers of ``itemsize`` bytes.
    """

    content: InertContent
    file_size: int
    read: Callable[[StorageRecord, int], torch.UntypedStorage]

    def tensors(self) -> dict[str, Tensor]:
        """Return the named tensors; none where the file holds none.

        Raises
        ------
        ValueError, TypeError, RuntimeError
            A tensor does not lie inside the file, or all of them are many times larger.
        """
        return {name: self._tensor(record) for name, record in self._bounded()}

    def _bounded(self) -> list[tuple[str, TensorRecord]]:
        records = _named(self.content.value)
        total = sum(_checked_bytes(name, record) for name, record in records)
        if total > MOST_COPIES * self.file_size:
            raise ValueError(f"its tensors take {total:,} bytes, the file {self.file_size:,}")
        return records

    def _tensor(self, record: TensorRecord) -> Tensor:
        import torch

        dtype = _dtype(record.storage.kind)
        storage = self.read(record.storage, dtype.itemsize)
        offset = record.storage.start + record.offset
        empty = torch.empty(0, dtype=dtype)
        return empty.set_(cast(Any, storage), offset, record.size, record.stride)


def open_checkpoint(path: Path) -> Checkpoint:
    """Read what a file of ``torch.save`` describes, in either of its two layouts.

    Raises
    ------
    OSError, ValueError and others of `tracksmith.models.damage`
        The file is damaged, cut short or of another kind.
    """
    with path.open("rb") as handle:
        zipped = handle.read(4) == b"PK\3\4"
    return _open_zip(path) if zipped else _open_legacy(path)


def _named(value: Any) -> list[tuple[str, TensorRecord]]:
    candidates: Iterator[Any] = iter([value])
    if isinstance(value, Mapping):
        candidates = iter([*(value.get(key) for key in NESTED), value])
    for candidate in candidates:
        if isinstance(candidate, Mapping):
            named = [(k, v) for k, v in candidate.items() if isinstance(v, TensorRecord)]
            if named:
                return named
    return []


def _dtype(kind: str) -> torch.dtype:
    import torch

    if kind not in _KINDS:
        raise ValueError(f"numbers of the kind {kind[:40]!r}, which is not read here")
    dtype: torch.dtype = getattr(torch, _KINDS[kind])
    return dtype


def _checked_bytes(name: str, record: TensorRecord) -> int:
    """Return how many bytes a tensor takes after comparing its place with its storage."""
    size, stride, offset = record.size, record.stride, record.offset
    whole = type(size) is tuple and type(stride) is tuple and len(size) == len(stride)
    if not whole or len(size) > MOST_DIMENSIONS:
        raise ValueError(f"tensor {name!r:.80} has no proper shape")
    if not all(type(n) is int and 0 <= n < 1 << 48 for n in (*size, *stride, offset)):
        raise ValueError(f"the shape of tensor {name!r:.80} is not made of whole numbers")
    if not name.isprintable():
        raise ValueError(f"a tensor called {name!r:.80}")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 not in size and not 0 <= last < record.storage.length - record.storage.start:
        raise ValueError(f"tensor {name!r:.80} reaches past its numbers")
    count = 1
    for n in size:
        count *= n
    return count * _dtype(record.storage.kind).itemsize


def _open_zip(path: Path) -> Checkpoint:
    """Open an archive as torch has written them since 1.6; its numbers are mapped, not copied."""
    import torch

    with (
        path.open("rb") as handle,
        zipfile.ZipFile(handle) as archive,
        mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        root, file_size = _root(archive), len(data)
        content = read_inert(io.BytesIO(data[slice(*_place(archive, data, f"{root}data.pkl"))]))
        if f"{root}byteorder" in archive.NameToInfo:
            _refuse_big_endian(data[slice(*_place(archive, data, f"{root}byteorder"))])
        places = {key: _place(archive, data, f"{root}data/{key}") for key in content.storages}
    mapped = torch.UntypedStorage.from_file(str(path), False, file_size)

    def read(record: StorageRecord, itemsize: int) -> torch.UntypedStorage:
        start, end = places[record.key]
        wanted = record.length * itemsize
        if not 0 <= wanted <= end - start:
            raise ValueError(f"{end - start:,} bytes where there should be {wanted:,}")
        piece: torch.UntypedStorage = mapped[start : start + wanted]
        return piece if start % itemsize == 0 else copy.copy(piece)

    return Checkpoint(content, file_size, read)


def _root(archive: zipfile.ZipFile) -> str:
    roots = [name[: -len("data.pkl")] for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise ValueError(f"a zip archive with {len(roots)} files called data.pkl")
    return roots[0]


def _refuse_big_endian(order: bytes) -> None:
    if order != b"little":
        raise ValueError("its numbers are big-endian")


def _place(archive: zipfile.ZipFile, data: mmap.mmap, name: str) -> tuple[int, int]:
    """Return where a member's bytes begin and end in the file, after comparing their checksum.

    torch can be told to leave checksums out; it then writes 0.
    """
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        raise ValueError("it was packed again, compressed: torch never does that; save it anew")
    archive.open(info).close()  # compares both of the member's headers
    start = info.header_offset + 30
    start += sum(struct.unpack_from("<HH", data, info.header_offset + 26))
    end = start + info.file_size
    if info.file_size != info.compress_size or end > len(data):
        raise ValueError("a part of it reaches past its end")
    with memoryview(data) as view, view[start:end] as piece:
        if info.CRC and crc32(piece) != info.CRC:
            raise ValueError("the checksum of a part of it is wrong")
    return start, end


def _open_legacy(path: Path) -> Checkpoint:
    """Read a file of the old layout: pickles, then each storage's length and numbers."""
    import torch

    with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
        content = _legacy_content(cast(BinaryIO, data))
        pieces: dict[str, bytearray] = {}
        if content.storages:
            for key in _legacy_keys(read_inert(cast(BinaryIO, data)).value, content):
                record = content.storages[key]
                (count,) = struct.unpack("<q", data.read(8))
                length = record.length * _dtype(record.kind).itemsize
                piece = data.read(length) if count == record.length >= 0 else b""
                if len(piece) != length:
                    raise ValueError("it is cut, or its storages are not as long as it says")
                pieces[key] = bytearray(piece)
        file_size = len(data)

    def read(record: StorageRecord, itemsize: int) -> torch.UntypedStorage:
        if not record.length:
            return torch.empty(0).untyped_storage()
        return torch.frombuffer(pieces[record.key], dtype=torch.uint8).untyped_storage()

    return Checkpoint(content, file_size, read)


def _legacy_content(data: BinaryIO) -> InertContent:
    first = read_inert(data)
    if first.value != MAGIC:
        if first.imports:
            return first
        raise ValueError("neither a zip archive nor a pickle of torch")
    protocol, system, content = (read_inert(data) for _ in range(3))
    if protocol.value != PROTOCOL:
        raise ValueError("a layout of torch that is not known here")
    if isinstance(system.value, Mapping) and system.value.get("little_endian") is False:
        _refuse_big_endian(b"big")
    content.imports += protocol.imports + system.imports
    return content


def _legacy_keys(keys: Any, content: InertContent) -> list[str]:
    """Return the storages in the order in which they lie in the file."""
    known = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
    if not known or set(keys) != set(content.storages) or len(set(keys)) != len(keys):
        raise ValueError("the list of its storages is not that of its tensors")
    return list(keys)
