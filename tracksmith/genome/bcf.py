"""BCF: the site columns of every record, read without the samples.

BCF 2.1 and 2.2 (VCF specification, section 6): little-endian records of a
shared part (site, INFO) and an individual part (samples), which is skipped.
Every length is checked, so that a broken file gives an error and no crash.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pysam

from tracksmith.errors import InputError
from tracksmith.genome.stream import ByteStream

__all__ = ["BcfRecord", "bcf_lines", "read_bcf_header", "read_bcf_records"]

_LONGEST = 1 << 29
_SITE = struct.Struct("<iiifHHI")
_CHARACTERS = 7
_INTEGER_BYTES = {1: 1, 2: 2, 3: 4}


@dataclass(frozen=True, slots=True)
class BcfRecord:
    """The site of one record; ``contig`` is a number of the header, ``position`` 0-based."""

    contig: int
    position: int
    id: str
    ref: str
    alts: tuple[str, ...]


def read_bcf_header(stream: ByteStream) -> bytes:
    """Read up to the first record and return the text of the header.

    Raises
    ------
    InputError
        Another version, or cut short.
    """
    start = stream.read(9)
    if start[:4] != b"BCF\x02" or len(start) < 9:
        raise InputError(
            f"{stream.name} is no BCF of version 2: its first bytes are {start[:5].hex(' ')}. "
            "Convert it: bcftools view -Oz"
        )
    length = int.from_bytes(start[5:], "little")
    text = stream.read(length) if length < _LONGEST else b""
    if len(text) < length or not text:
        raise InputError(f"{stream.name}: the header of this BCF is cut short. Copy it again.")
    return text.rstrip(b"\0")


def read_bcf_records(stream: ByteStream) -> Iterator[BcfRecord]:
    """Yield the site of every record.

    Raises
    ------
    InputError
        A record is cut short or contradicts itself, with its number.
    """
    number = 0
    while lengths := stream.read(8):
        number += 1
        if len(lengths) < 8:
            raise _broken(stream, number, "it is cut short")
        shared, individual = struct.unpack("<II", lengths)
        if not _SITE.size <= shared <= _LONGEST or individual > _LONGEST * 4:
            raise _broken(stream, number, f"it claims {shared:,} and {individual:,} bytes")
        site = stream.read(shared)
        if len(site) < shared or not _skip(stream, individual):
            raise _broken(stream, number, "it is cut short")
        try:
            yield _decode(site)
        except (IndexError, ValueError) as error:
            raise _broken(stream, number, str(error)) from error


def bcf_lines(path: str | Path) -> Iterator[bytes]:
    """Yield every record as a line of VCF, written by htslib.

    Raises
    ------
    InputError
        The BCF comes from standard input, which can be read only once, or htslib
        does not accept a record.
    """
    if str(path) == "-":
        raise InputError(
            "A BCF on standard input cannot be written as VCF with annotations. "
            "Save it to a file, or pipe VCF: bcftools view -Ov"
        )
    try:
        with pysam.VariantFile(str(path)) as records:
            for record in records:
                yield str(record).encode("utf-8", "surrogateescape")
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: htslib cannot write a record of this BCF as VCF: {error}. "
            "Check it with `bcftools view`, or give the VCF that it was made from."
        ) from error


def _skip(stream: ByteStream, length: int) -> bool:
    while length:
        taken = len(stream.read(min(length, 1 << 20)))
        if not taken:
            return False
        length -= taken
    return True


def _broken(stream: ByteStream, number: int, why: str) -> InputError:
    return InputError(
        f"{stream.name}: record {number} of this BCF is broken: {why}. The last good place is "
        f"{stream.place}. Copy the file again, or make it anew."
    )


def _decode(site: bytes) -> BcfRecord:
    contig, position, _, _, _, alleles, _ = _SITE.unpack_from(site)
    name, at = _text(site, _SITE.size)
    texts = []
    for _ in range(alleles):
        text, at = _text(site, at)
        texts.append(text)
    if not texts:
        raise ValueError("it has no reference allele")
    if position < -1:
        raise ValueError(f"its position is {position + 1}")
    for what, text in (("ID", name), *(("allele", text) for text in texts)):
        if any(space in text for space in "\t\n\r"):
            raise ValueError(f"its {what} {text[:40]!r} holds a tab or the end of a line")
    alts = () if texts[1:] == ["."] else tuple(texts[1:])
    return BcfRecord(contig, position, name or ".", texts[0], alts)


def _text(site: bytes, at: int) -> tuple[str, int]:
    """Read one typed string; return it and the place after it."""
    kind, length = site[at] & 15, site[at] >> 4
    at += 1
    if length == 15:
        size = _INTEGER_BYTES.get(site[at] & 15)
        if size is None or site[at] >> 4 != 1:
            raise ValueError("a length is no whole number")
        length = int.from_bytes(site[at + 1 : at + 1 + size], "little", signed=True)
        at += 1 + size
    if kind not in (0, _CHARACTERS) or length < 0 or at + length > len(site):
        raise ValueError("a text passes its end or is none")
    raw = site[at : at + length] if kind else b""
    return raw.rstrip(b"\0").decode("utf-8", "surrogateescape"), at + len(raw)
