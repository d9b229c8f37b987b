"""A VCF with more INFO: every line and field as it was, apart from what is added.

Written as bgzip with a tabix index, in the order of the records, whole or not
at all (VCF 4.3, sections 1.4.2 and 1.6.1).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from tracksmith.errors import InputError, ResourceError, TracksmithError, UsageError
from tracksmith.files import aside
from tracksmith.genome.bgzf_writer import (
    INDEX_SUFFIXES,
    BgzfWriter,
    Compress,
    by_zlib,
    index_suffix,
    write_tabix_index,
)
from tracksmith.genome.fasta import Notify, silent
from tracksmith.genome.numbers import clipped_number
from tracksmith.genome.vcf import VariantRecord, VcfHeader

__all__ = ["AnnotatedVcfWriter", "InfoField", "annotated_vcf"]

Value: TypeAlias = str | int | float | None
_KEY = re.compile(r"[A-Za-z_][0-9A-Za-z_.]*")
_REACH = re.compile(rb"(?:^|;)(END|SVLEN)=(-?[0-9]+(?:,-?[0-9]+)*)")
_FARTHEST = 2**32
_ESCAPED = {ord(c): f"%{ord(c):02X}" for c in "%:;=,\r\n\t "}


@dataclass(frozen=True)
class InfoField:
    """A field of INFO and its line of the header; ``number`` as in VCF: 1, A (per ALT), '.'."""

    key: str
    number: str
    type: Literal["Float", "Integer", "String"]
    description: str

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key) or self.key == "1000G":
            raise UsageError(
                f"{self.key!r} cannot name an INFO field: a letter or '_', then letters, digits, "
                "'_' and '.'."
            )

    def line(self) -> bytes:
        """Return the line of the header, without its end."""
        text = self.description.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
        return (
            f'##INFO=<ID={self.key},Number={self.number},Type={self.type},Description="{text}">'
        ).encode()


class AnnotatedVcfWriter:
    """Writes the lines of one VCF with INFO added; made by :func:`annotated_vcf`.

    Fields that the file had under the same keys are replaced, in the header
    and in every line.
    """

    def __init__(self, output: BgzfWriter, header: VcfHeader, fields: Sequence[InfoField]) -> None:
        self._output = output
        self._keys = {field.key: field for field in fields}
        self._bytes = {field.key.encode() for field in fields}
        self.sorted = True
        self.longest = 0
        self._seen: set[str] = set()
        self._last = ("", -1)
        own = tuple(f"##INFO=<ID={field.key},".encode() for field in fields)
        kept = [line for line in header.lines if not line.startswith(own)]
        lines = [*kept[:-1], *(field.line() for field in fields), kept[-1]]
        output.write(b"".join(line + b"\n" for line in lines))

    def write(
        self, record: VariantRecord, line: bytes, values: Mapping[str, Value | Sequence[Value]]
    ) -> None:
        """Write one line of the source with values added, one for each ALT where there are several.

        A field whose values are all None is left out.
        """
        added = [text for key, value in values.items() if (text := self._info_text(key, value))]
        self.write_info(record, line, b";".join(added))

    def write_info(self, record: VariantRecord, line: bytes, info: bytes) -> None:
        """Write one line of the source with ``info`` added: entries ``KEY=value`` joined by ';'."""
        parts = line.split(b"\t", 8)
        self._note_order(record, parts[7])
        if len(parts) == 8:
            parts[7], end = _without_end(parts[7])
        else:
            end = b""
        kept = b"" if parts[7] == b"." else self._without_own(parts[7])
        parts[7] = b";".join(text for text in (kept, info) if text) or b"."
        whole = b"\t".join(parts) + end
        self._output.write(whole if whole.endswith(b"\n") else whole + b"\n")

    def _without_own(self, info: bytes) -> bytes:
        """Return INFO without entries that this writer adds."""
        if not any(key in info for key in self._bytes):
            return info
        entries = info.split(b";")
        return b";".join(e for e in entries if e.partition(b"=")[0] not in self._bytes)

    def _info_text(self, key: str, value: Value | Sequence[Value]) -> bytes:
        several = [value] if isinstance(value, str | int | float) or value is None else list(value)
        texts = [_text(one) for one in several]
        if all(text == "." for text in texts):
            return b""
        return f"{self._keys[key].key}={','.join(texts)}".encode("utf-8", "surrogateescape")

    def _note_order(self, record: VariantRecord, info: bytes) -> None:
        contig, position = self._last
        if record.contig != contig:
            self.sorted &= record.contig not in self._seen
            self._seen.add(record.contig)
        else:
            self.sorted &= record.position >= position
        self._last = (record.contig, record.position)
        end = record.position + len(record.ref) + 1
        if b"END=" in info or b"SVLEN=" in info:  # an index holds a record up to there
            for key, text in _REACH.findall(info):
                numbers = text.replace(b"-", b"").split(b",")
                reach = max(clipped_number(number, _FARTHEST) for number in numbers)
                end = max(end, reach + (record.position + 1 if key == b"SVLEN" else 1))
        self.longest = max(self.longest, end)


def _without_end(text: bytes) -> tuple[bytes, bytes]:
    bare = text.rstrip(b"\r\n")
    return bare, text[len(bare) :]


def _text(value: Value) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "."
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value).translate(_ESCAPED) if isinstance(value, str) else str(value)


@contextmanager
def annotated_vcf(
    path: Path,
    header: VcfHeader,
    fields: Sequence[InfoField],
    notify: Notify = silent,
    compress: Compress = by_zlib,
) -> Iterator[AnnotatedVcfWriter]:
    """Write a bgzipped VCF and its index, both when all is well and neither otherwise.

    Where the records are not sorted, or hold what htslib cannot index, there is
    no index, and ``notify`` is told.

    Raises
    ------
    InputError
        The source has no header: it is no VCF.
    ResourceError
        The disk is full or the folder not writable.
    """
    if not header.lines:
        raise InputError("Only a VCF can be written with annotations: the source has no header.")
    kept = ""
    with ExitStack() as stack:
        temporary = stack.enter_context(aside(path))
        with BgzfWriter(temporary, compress) as output:
            writer = AnnotatedVcfWriter(output, header, fields)
            yield writer
        kept = index_suffix(writer.longest)
        index = path.with_name(path.name + kept)
        if not writer.sorted:
            notify(f"{path} is not sorted, as its source, so it gets no index: bcftools sort")
            kept = ""
        elif not _has_index(temporary, index, writer.longest):
            notify(
                f"{path} gets no index: columns that were kept as they are in the source hold what "
                "htslib cannot index, such as zero bytes."
            )
            kept = ""
    for suffix in INDEX_SUFFIXES:
        if suffix != kept:  # of a file that was replaced
            path.with_name(path.name + suffix).unlink(missing_ok=True)


def _has_index(path: Path, index: Path, longest: int) -> bool:
    """Write the index, and say whether htslib could."""
    try:
        with aside(index) as temporary:
            write_tabix_index(path, temporary, "vcf", longest)
    except ResourceError:
        raise
    except TracksmithError:
        return False
    return True
