"""The genome: a FASTA file, plain or bgzipped, read as masks of bases."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np

from tracksmith.errors import InputError, TrustError
from tracksmith.files import Closing, digest_of_file
from tracksmith.genome.bases import ILLEGAL, OUTSIDE, TABLE_BYTES, Masks
from tracksmith.genome.bgzf import BgzfFile, PlainFile, is_bgzf, is_gzip
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.fasta_index import FastaIndex, Row, open_index
from tracksmith.genome.kinds import require_file

__all__ = ["Genome", "Notify", "silent"]

Notify: TypeAlias = Callable[[str], None]


def silent(message: str) -> None:
    """Say nothing: the default where a library call may report what it did."""


# decision: own-fasta-reader (htslib believes a stale index, and cuts contigs beyond 2**31)
class Genome(Closing):
    """A FASTA file with its index; made by :meth:`open`.

    Reading is by ``pread``: from any number of threads and forked processes.

    Attributes
    ----------
    path : Path
        The FASTA file as given.
    contigs : Contigs
        Names and lengths (bp), in the file's order.
    size : int
        Bytes of the file on disk.
    """

    def __init__(self, path: Path, descriptor: int, sha256: str, index: FastaIndex) -> None:
        self.path = path
        self._descriptor = descriptor
        self._release = weakref.finalize(self, os.close, descriptor)
        self._sha256 = sha256
        self._stamp = _stamp(descriptor)
        self.size = self._stamp[0]
        self._rows = index.rows()
        self.contigs = Contigs([r.name for r in self._rows], [r.length for r in self._rows])
        self._file: PlainFile | BgzfFile = PlainFile(descriptor)
        if index.gzi is not None:
            self._file = BgzfFile(descriptor, index.gzi)

    @classmethod
    def open(cls, path: str | Path, notify: Notify = silent) -> Genome:
        """Open a FASTA file, reading all of it for its digest; index it where that is new.

        ``notify`` is told of an index that is made, and where it is kept.

        Raises
        ------
        InputError
            The file is missing, a folder, empty, plain gzip, cut short or no
            FASTA, or its lines are of unequal length: with the line.
        TrustError
            The file changed meanwhile.
        """
        path = Path(path)
        descriptor = _open_bytes(path)
        try:
            before = _stamp(descriptor)
            sha256 = digest_of_file(path)
            index = open_index(path, sha256, notify)
            if before != _stamp(descriptor):
                raise _changed(path)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(path, descriptor, sha256, index)

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.path.name

    def read(self, contig: str, start: int, end: int) -> Masks:
        """Return the bases of ``[start, end)``, 0-based, as masks.

        Returns
        -------
        masks : uint8, shape (end - start,)
            0 outside the contig: ``start`` may be negative, ``end`` past the end.

        Raises
        ------
        InputError
            No such contig, a character that is no base (with its 1-based
            position), or the file cannot be read any more.
        TrustError
            The file is not the one that was opened: it was changed.
        """
        row = self._rows[self.contigs.index(contig)]
        if end < start:
            raise ValueError(f"the interval [{start}, {end}) ends before it starts")
        first, last = min(max(start, 0), row.length), min(max(end, 0), row.length)
        inside = self._read_inside(row, first, last)
        if first == start and last == end:
            return inside
        masks = np.full(end - start, OUTSIDE, dtype=np.uint8)
        if last > first:
            masks[first - start : last - start] = inside
        return masks

    def _read_inside(self, row: Row, start: int, end: int) -> Masks:
        if end <= start:
            return np.empty(0, dtype=np.uint8)
        self._refuse_change()
        first = row.byte_at(start)
        try:
            raw = bytearray(self._file.read(first, row.byte_at(end - 1) + 1 - first))
        except OSError as error:
            raise InputError(
                f"{self.path} cannot be read at {row.name}:{start + 1:,}: {error}. Is its disk or "
                "network well? Copy the file anew, then repeat the command."
            ) from error
        masks = np.frombuffer(raw.translate(TABLE_BYTES, b"\r\n"), dtype=np.uint8)
        if len(masks) != end - start:
            raise _changed(self.path)
        if int(masks.max()) == ILLEGAL:
            at = int(np.argmax(masks))
            byte = raw.translate(None, b"\r\n")[at]
            raise self._illegal(f"{row.name}:{start + at + 1:,}", byte)
        return masks

    def _refuse_change(self) -> None:
        """Refuse a file that was written to since; one that was only touched is the same."""
        stamp = _stamp(self._descriptor)
        if stamp == self._stamp:
            return
        if digest_of_file(self.path) != self._sha256:
            raise _changed(self.path)
        self._stamp = stamp

    def _illegal(self, place: str, byte: int) -> InputError:
        return InputError(
            f"{self.path}: {place} holds byte {byte} ({chr(byte)!r}), which is no base. A genome "
            "holds A, C, G, T, U, N and the IUPAC codes of bases, in either case: replace other "
            "characters by N."
        )

    def sha256(self) -> str:
        """Return the sha256 of the whole file, in hexadecimal."""
        return self._sha256

    def close(self) -> None:
        """Let the file go; again is harmless."""
        self._release()

    def __repr__(self) -> str:
        return f"Genome({str(self.path)!r}, {len(self.contigs)} contigs, {self.contigs.bases:,} bp)"


def _stamp(descriptor: int) -> tuple[int, int]:
    """Return what changes when a file is written to: its size and time of change."""
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns


def _changed(path: Path) -> TrustError:
    return TrustError(
        f"{path} was changed while it was read, so it is not the genome that was opened. "
        "Restore it, then repeat the command."
    )


def _open_bytes(path: Path) -> int:
    require_file(path, "FASTA file")
    if not path.is_file():
        raise InputError(f"{path} is no regular file. A genome is read at random: save it first.")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        head = os.pread(descriptor, 64, 0)
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}. Check its permissions.") from error
    if is_gzip(head) and not is_bgzf(head):
        os.close(descriptor)
        raise InputError(
            f"{path} is compressed with gzip, which cannot be read from the middle. "
            f"Recompress it: gunzip -c {path} | bgzip > {path.stem}.bgz.gz"
        )
    return descriptor
