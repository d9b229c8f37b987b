"""BCF: the sites of a file, read by htslib without the samples."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pysam

from tracksmith.errors import InputError
from tracksmith.genome.bgzf import is_bgzf, is_gzip
from tracksmith.genome.htslib import quiet_htslib
from tracksmith.genome.stream import ByteStream

__all__ = ["Site", "read_bcf_header", "read_bcf_sites"]

_LONGEST_HEADER = 1 << 29


class Site(NamedTuple):
    """The site of a record; ``position`` is 0-based, ``line`` VCF where that was asked for."""

    contig: str
    position: int
    id: str
    ref: str
    alts: tuple[str, ...]
    line: bytes


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
    text = stream.read(length) if length < _LONGEST_HEADER else b""
    if len(text) < length or not text:
        raise InputError(f"{stream.name}: the header of this BCF is cut short. Copy it again.")
    return text.rstrip(b"\0")


# decision: bcf-through-pysam (one decoder less, and twice as fast)
def read_bcf_sites(stream: ByteStream, path: Path, *, with_lines: bool) -> Iterator[Site]:
    """Yield the site of every record of a file on disk.

    Parameters
    ----------
    stream
        Has read the header; the caller keeps its ``place``, the last good one.
    with_lines
        Make the whole record a line of VCF, which takes the samples and more time.

    Raises
    ------
    InputError
        A record is cut short or contradicts itself, with its number; the end
        marker of bgzip is missing; or it is no file that can be opened again.
    """
    if not path.is_file():
        raise InputError(
            f"{stream.name}: a BCF is read from a file on disk. Save it first, or pipe VCF: "
            "bcftools view -Ov"
        )
    if is_gzip(stream.head) and not is_bgzf(stream.head):
        raise InputError(
            f"{stream.name} is compressed with gzip, a BCF with bgzip. Recompress it: "
            f"gunzip -c {stream.name} | bgzip > new.bcf"
        )
    number = 0
    try:
        with _opened(path, drop_samples=not with_lines) as records:
            for number, record in enumerate(records, 1):
                site = _site(record, str(record).encode() if with_lines else b"")
                problem = _problem(site)
                if problem:
                    raise ValueError(problem)
                yield site
                number += 1  # what an error would be about
    except (OSError, ValueError) as error:
        raise InputError(
            f"{stream.name}: record {max(number, 1)} of this BCF is broken: {error}. The last good "
            f"place is {stream.place}. Copy the file again, or make it anew."
        ) from error
    stream.require_end_of(path)


@contextmanager
def _opened(path: Path, *, drop_samples: bool) -> Iterator[pysam.VariantFile]:
    with quiet_htslib(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a missing end marker: it is looked for at the end
        with pysam.VariantFile(
            str(path.absolute()), drop_samples=drop_samples, ignore_truncation=True
        ) as records:
            yield records


def _site(record: pysam.VariantRecord, line: bytes) -> Site:
    alts = record.alts or ()
    if alts == (".",):
        alts = ()
    return Site(record.chrom, record.start, record.id or ".", record.ref or "", alts, line)


def _problem(site: Site) -> str:
    """Say what htslib lets pass and no VCF could hold."""
    if not site.ref:
        return "it has no reference allele"
    if site.position < -1:
        return f"its position is {site.position + 1}"
    for what, text in (("ID", site.id), *(("allele", text) for text in (site.ref, *site.alts))):
        if "\t" in text or "\n" in text or "\r" in text:
            return f"its {what} {text[:40]!r} holds a tab or the end of a line"
    return ""
