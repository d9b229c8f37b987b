"""The genome: an indexed FASTA file, plain or bgzipped, read as masks of bases."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

import numpy as np
import platformdirs

from tracksmith.errors import InputError, ResourceError
from tracksmith.files import aside, digest_of_file
from tracksmith.genome.bases import ILLEGAL, OUTSIDE, TABLE_BYTES, Masks
from tracksmith.genome.bgzf import (
    BgzfFile,
    ByteFile,
    PlainFile,
    Table,
    block_table,
    gzi_bytes,
    is_bgzf,
    is_gzip,
    read_gzi,
)
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.fai import FastaIndex, index_problem, read_fai, scan_fasta

__all__ = ["Genome", "Notify", "silent"]

Notify: TypeAlias = Callable[[str], None]


def silent(message: str) -> None:
    """Say nothing: the default where a library call may report what it did."""


# decision: own-fasta-reader (htslib believes a stale index)
class Genome:
    """A FASTA file with its index; made by :meth:`open`.

    Reading is by ``pread``: one thread at a time for each object, any number of
    objects and forked processes.

    Attributes
    ----------
    path : Path
        The FASTA file as given.
    contigs : Contigs
        Names and lengths (bp), in the file's order.
    size : int
        Bytes of the file on disk.
    """

    def __init__(self, path: Path, file: ByteFile, index: FastaIndex) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.contigs = Contigs(index.names, index.lengths)
        self._file = file
        self._index = index
        self._lengths: list[int] = index.lengths.tolist()
        self._sha256: str | None = None

    @classmethod
    def open(
        cls,
        path: str | Path,
        notify: Notify = silent,
        allow_building_index: bool = True,
    ) -> Genome:
        """Open a FASTA file; make or remake its index where needed.

        ``notify`` is told of every index that is made, and where. An index goes
        beside the file, or into the user's cache folder where that is not
        writable. One that does not fit the file is never used.

        Raises
        ------
        InputError
            The file is missing, a folder, empty, plain gzip, cut short, no
            FASTA, or has no fitting index and ``allow_building_index`` is off.
        """
        path = Path(path)
        store = _IndexStore(path, notify, allow_building_index)
        file = _open_bytes(path, store)
        try:
            return cls(path, file, store.fasta_index(file))
        except BaseException:
            file.close()
            raise

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
            position), or the file no longer fits its index.
        """
        number = self.contigs.index(contig)
        if end < start:
            raise ValueError(f"the interval [{start}, {end}) ends before it starts")
        length = self._lengths[number]
        first, last = min(max(start, 0), length), min(max(end, 0), length)
        inside = self._read_inside(number, first, last)
        if first == start and last == end:
            return inside
        masks = np.full(end - start, OUTSIDE, dtype=np.uint8)
        if last > first:
            masks[first - start : last - start] = inside
        return masks

    def _read_inside(self, number: int, start: int, end: int) -> Masks:
        if end <= start:
            return np.empty(0, dtype=np.uint8)
        first = self._index.byte_at(number, start)
        after = self._index.byte_at(number, end - 1) + 1
        raw = bytearray(self._file.read(first, after - first))
        masks = np.frombuffer(raw.translate(TABLE_BYTES, b"\r\n"), dtype=np.uint8)
        if len(masks) != end - start:
            raise InputError(
                f"{self.path} no longer fits its index near {self._place(number, start)}: line "
                f"ends stand at other places. Delete {self.path}.fai and repeat the command."
            )
        if int(masks.max()) == ILLEGAL:
            at = int(np.argmax(masks))
            raise self._illegal(number, start + at, raw.translate(None, b"\r\n")[at])
        return masks

    def _place(self, number: int, position: int) -> str:
        return f"{self.contigs.names[number]}:{position + 1:,}"

    def _illegal(self, number: int, position: int, byte: int) -> InputError:
        shown = f" ({chr(byte)!r})" if 32 < byte < 127 else ""
        return InputError(
            f"{self.path}: {self._place(number, position)} holds byte {byte}{shown}, which is no "
            "base. A genome holds A, C, G, T, U, N and the IUPAC codes of bases, in either case: "
            "replace other characters by N."
        )

    def sha256(self) -> str:
        """Return the sha256 of the whole file, in hexadecimal; computed once."""
        if self._sha256 is None:
            self._sha256 = digest_of_file(self.path)
        return self._sha256

    def close(self) -> None:
        """Let the file go; again is harmless."""
        self._file.close()

    def __enter__(self) -> Genome:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Genome({str(self.path)!r}, {len(self.contigs)} contigs, {self.contigs.bases:,} bp)"


def _open_bytes(path: Path, store: _IndexStore) -> ByteFile:
    if not path.exists():
        raise InputError(f"No FASTA file at {path} (that is {path.resolve()}). Check the path.")
    if path.is_dir():
        raise InputError(
            f"{path} (that is {path.resolve()}) is a folder. Name the FASTA file in it."
        )
    if not path.is_file():
        raise InputError(f"{path} is no regular file. A genome is read at random: save it first.")
    try:
        plain = PlainFile(path)
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}. Check its permissions.") from error
    head = plain.read(0, 64)
    if not is_gzip(head):
        return plain
    plain.close()
    if not is_bgzf(head):
        raise InputError(
            f"{path} is compressed with gzip, which cannot be read from the middle. "
            f"Recompress it: gunzip -c {path} | bgzip > {path.stem}.bgz.gz"
        )
    return BgzfFile(path, store.block_table())


class _IndexStore:
    """Finds the indexes of one FASTA file, makes them where needed, and keeps them."""

    def __init__(self, path: Path, notify: Notify, may_build: bool) -> None:
        self.path = path
        self.notify = notify
        self.may_build = may_build

    def fasta_index(self, file: ByteFile) -> FastaIndex:
        problem = None
        for place in self._places(".fai"):
            if not place.is_file():
                continue
            try:
                index = read_fai(place)
            except OSError as error:
                raise InputError(
                    f"Cannot read the index {place}: {error.strerror}. Check its permissions, or "
                    "remove it: it is made anew."
                ) from error
            found = "it is no index" if index is None else None
            if index is not None:
                found = index_problem(index, file)
                if found is None:
                    return index
            problem = f"{place} does not belong to {self.path}: {found}"
        self._announce(problem, ".fai", f"samtools faidx {self.path}")
        index = scan_fasta(file, self.notify)
        self._keep(".fai", index.to_bytes())
        return index

    def block_table(self) -> Table:
        problem = None
        for place in self._places(".gzi"):
            if place.is_file():
                table = read_gzi(place, self.path)
                if table is not None:
                    return table
                problem = f"{place} does not belong to {self.path}"
        self._announce(problem, ".gzi", f"bgzip -r {self.path}")
        table = block_table(self.path)
        self._keep(".gzi", gzi_bytes(table))
        return table

    def _announce(self, problem: str | None, suffix: str, command: str) -> None:
        problem = problem or f"{self.path} has no {suffix} index"
        if not self.may_build:
            raise InputError(f"{problem}. Make the index anew: {command}")
        if "does not belong" in problem:
            self.notify(f"{problem}. The index is made anew.")

    def _places(self, suffix: str) -> tuple[Path, Path]:
        resolved = self.path.resolve()
        key = hashlib.sha256(str(resolved).encode("utf-8", "surrogateescape")).hexdigest()[:32]
        cache = Path(platformdirs.user_cache_dir("tracksmith")) / "indexes" / key
        return Path(f"{self.path}{suffix}"), cache / f"{resolved.name}{suffix}"

    def _keep(self, suffix: str, content: bytes) -> None:
        beside, cached = self._places(suffix)
        for place in (beside, cached):
            try:
                if place is cached:
                    place.parent.mkdir(parents=True, exist_ok=True)
                with aside(place) as temporary:
                    temporary.write_bytes(content)
            except (OSError, ResourceError):
                continue
            self.notify(f"Wrote the index {place}.")
            return
        self.notify(f"No place is writable for the {suffix} index of {self.path}: kept in memory.")
