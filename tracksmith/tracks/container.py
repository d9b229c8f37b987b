"""What bigWig and bigBed share: the head of the file, the zoom list, totals and contigs.

Ids of contigs follow the genome's order; names lie sorted in the B+ tree, which
maps a name to its id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from tracksmith.errors import InputError
from tracksmith.tracks.bbi import LITTLE, VERSION, FileStart
from tracksmith.tracks.piece import Summary
from tracksmith.tracks.pyramid import MOST_LEVELS, ZOOM_BLOCK_BYTES
from tracksmith.tracks.trees import write_name_tree

__all__ = ["FileHead", "begin_file", "check_contigs", "end_file"]


@dataclass
class FileHead:
    """Offsets and counts that are known once everything else is written."""

    magic: int
    contigs: int = 0
    data: int = 0
    index: int = 0
    items: int = 0
    block_size: int = 0
    totals: Summary = field(default_factory=Summary)
    zooms: list[tuple[int, int, int]] = field(default_factory=list)
    fields: int = 0
    defined_fields: int = 0
    declaration: str = ""
    autosql: int = 0
    totals_offset: int = 0
    extension: int = 0


def begin_file(
    out: BinaryIO, head: FileHead, contigs: Sequence[tuple[str, int]], extra: bytes = b""
) -> None:
    """Leave room for the head and write the contigs; data may follow.

    The bytes ``extra`` go where ``head.extension`` then points. Readers
    measure the table's declaration by where the totals begin.
    """
    out.write(bytes(LITTLE.start.size + MOST_LEVELS * LITTLE.zoom.size))
    if head.declaration:
        head.autosql = out.tell()
        out.write(head.declaration.encode() + b"\0")
    head.totals_offset = out.tell()
    out.write(bytes(LITTLE.totals.size))
    if extra:
        head.extension = out.tell()
        out.write(extra)
    head.contigs = out.tell()
    _write_contigs(out, contigs)
    head.data = out.tell()
    out.write(bytes(LITTLE.offset.size))


def end_file(out: BinaryIO, head: FileHead) -> None:
    """Append the closing magic, then fill in the start of the file and the item count."""
    out.write(LITTLE.magic.pack(head.magic))
    out.seek(0)
    block_size = max(head.block_size, ZOOM_BLOCK_BYTES if head.zooms else 0)
    start = FileStart(
        magic=head.magic,
        version=VERSION,
        zooms=len(head.zooms),
        contigs_at=head.contigs,
        data_at=head.data,
        index_at=head.index,
        fields=head.fields,
        defined_fields=head.defined_fields,
        autosql_at=head.autosql,
        totals_at=head.totals_offset,
        block_size=block_size,
        extension_at=head.extension,
    )
    out.write(LITTLE.start.pack(*start))
    for level in head.zooms:
        out.write(LITTLE.zoom.pack(*level))
    out.seek(head.totals_offset)
    totals = head.totals if head.totals.bases else Summary(0, 0, 0.0, 0.0)
    out.write(LITTLE.totals.pack(totals.bases, *totals[2:]))
    out.seek(head.data)
    out.write(LITTLE.offset.pack(head.items))


def check_contigs(contigs: Sequence[tuple[str, int]]) -> None:
    """Refuse contigs that no bigWig or bigBed can list."""
    if not contigs:
        raise InputError("The genome has no contigs: there is nothing to write a track for.")
    seen: set[str] = set()
    for name, length in contigs:
        if not name or "\0" in name or name in seen:
            kind = "occurs twice" if name in seen else "is not possible"
            raise InputError(f"The contig name {name!r} {kind} in a track: rename it in the FASTA.")
        if not 1 <= length <= 0xFFFFFFFF:
            raise InputError(
                f"Contig {name!r} has {length:,} bp; a track holds contigs of 1 to 4,294,967,295."
            )
        seen.add(name)


def _write_contigs(out: BinaryIO, contigs: Sequence[tuple[str, int]]) -> None:
    """Write the B+ tree from contig name to id and length."""
    listed = sorted((name.encode(), id_, length) for id_, (name, length) in enumerate(contigs))
    key_size = max(len(name) for name, _, _ in listed)
    entries = (name.ljust(key_size, b"\0") + LITTLE.contig.pack(*value) for name, *value in listed)
    write_name_tree(out, entries, len(listed), key_size, LITTLE.contig.size)
