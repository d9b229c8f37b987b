"""BED files with a tabix index, read interval by interval."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pysam

from tracksmith.errors import InputError
from tracksmith.files import Closing
from tracksmith.genome.aliases import ContigNames
from tracksmith.genome.bgzf_writer import INDEX_SUFFIXES

__all__ = ["TabixBed"]


class TabixBed(Closing):
    """A bgzipped BED file with its index (``.tbi`` or ``.csi`` beside it).

    Parameters
    ----------
    path
        The file.
    names
        Maps the file's contig names onto the genome's; None where they are the same.

    Attributes
    ----------
    contigs : tuple of str
        The contigs that have records, by the genome's names where it has them.

    Raises
    ------
    InputError
        The file or its index is missing or cannot be read, or two of its names
        mean one contig of the genome.
    """

    def __init__(self, path: Path, names: ContigNames | None = None) -> None:
        self.path = path
        if not path.is_file():
            raise InputError(f"{path} does not exist (that is {path.absolute()}).")
        indexes = [i for i in (Path(f"{path}{suffix}") for suffix in INDEX_SUFFIXES) if i.is_file()]
        if not indexes:
            raise InputError(
                f"{path} has no index beside it. Make one: `tabix -p bed {path}` "
                "(the file must be sorted and compressed with bgzip)."
            )
        try:
            self._file: Any = pysam.TabixFile(str(path), index=str(indexes[0]), encoding="utf-8")
        except (OSError, ValueError) as error:
            raise InputError(
                f"Cannot read {path} with its index: {error}. "
                f"Compress it anew with bgzip and index it: `tabix -f -p bed {path}`."
            ) from None
        _refuse_stale(path, indexes[0])
        self._own = self._mapped(names)
        self.contigs: tuple[str, ...] = tuple(self._own)

    def _mapped(self, names: ContigNames | None) -> dict[str, str]:
        """Return the file's name of every contig; the genome's own names win."""
        own: dict[str, str] = {}
        for name in self._file.contigs:
            number = None if names is None else names.find(name)
            known = name if names is None or number is None else names.contigs.names[number]
            if known in own and name != known and own[known] != known:
                raise InputError(
                    f"{self.path} has contigs {own[known]!r} and {name!r}, both of which the "
                    f"genome calls {known!r}. Keep one of them."
                )
            if known not in own or name == known:
                own[known] = name
        return own

    def overlapping(self, contig: str, start: int, end: int) -> Iterator[tuple[str, ...]]:
        """Yield the columns of every record that shares a base with ``[start, end)``.

        A contig without records yields nothing.

        Raises
        ------
        InputError
            The file is damaged, or no longer fits its index.
        """
        own = self._own.get(contig)
        if own is None:
            return
        try:
            for line in self._file.fetch(own, start, end):
                yield tuple(line.split("\t"))
        except (OSError, ValueError, UnicodeDecodeError) as error:
            raise InputError(
                f"{self.path}, records at {own}:{start + 1}-{end}: {error}. "
                f"Compress it anew with bgzip and index it: `tabix -f -p bed {self.path}`."
            ) from None

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _refuse_stale(path: Path, index: Path) -> None:
    """Refuse an index after whose last record the file goes on: records would be missed.

    Raises
    ------
    InputError
        With the command that makes the index anew.
    """
    try:
        last = _last_offset(gzip.decompress(index.read_bytes()))
        if last >> 16 >= path.stat().st_size:
            raise ValueError("it points past the end")
        with pysam.BGZFile(str(path), "rb", None) as file:
            file.seek(last)
            over = all(line.startswith(b"#") or not line.strip() for line in file)
    except (OSError, EOFError, ValueError, struct.error, zlib.error):
        over = False
    if not over:
        raise InputError(
            f"{index} does not belong to {path} as it is now. Index it: `tabix -f -p bed {path}`."
        )


def _last_offset(index: bytes) -> int:
    """Return where the last record of an index ends, as htslib's virtual offset."""
    if index[:4] == b"TBI\1":
        (contigs,) = struct.unpack_from("<i", index, 4)
        (names,) = struct.unpack_from("<i", index, 32)
        at, skipped, counts = 36 + names, 0, 37_450
    else:
        _, depth, extra = struct.unpack_from("<3i", index, 4)
        (contigs,) = struct.unpack_from("<i", index, 16 + extra)
        at, skipped, counts = 20 + extra, 8, ((1 << (3 * depth + 3)) - 1) // 7 + 1
    last = 0
    for _ in range(contigs):
        (bins,) = struct.unpack_from("<i", index, at)
        at += 4
        for _ in range(bins):
            (number,) = struct.unpack_from("<I", index, at)
            (chunks,) = struct.unpack_from("<i", index, at + 4 + skipped)
            at += 8 + skipped
            if number != counts:  # that bin holds numbers of records
                ends = struct.unpack_from(f"<{2 * chunks}Q", index, at)[1::2]
                last = max((last, *ends))
            at += 16 * chunks
        if not skipped:
            (windows,) = struct.unpack_from("<i", index, at)
            at += 4 + 8 * windows
    return last
