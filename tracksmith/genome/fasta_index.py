"""The index of a FASTA file, kept in the user's cache under the digest of the file.

So no index can be stale: another file has another digest. Those of the index
itself are kept with it. What lies beside the FASTA is left alone, since nothing
tells what it is an index of.
"""

from __future__ import annotations

import errno
import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tracksmith.errors import ResourceError
from tracksmith.files import aside, cache_root
from tracksmith.genome.bgzf import block_index, is_gzip
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.fasta_fault import fault_of_fasta
from tracksmith.genome.fasta_scan import scan_fasta

__all__ = ["FastaIndex", "index_beside", "index_files", "open_index"]

_FORMAT = 1
FULL = (errno.ENOSPC, errno.EDQUOT)
"""What the system says of a full disk, and of a user who may write no more."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LONG = 1 << 28
"""Bytes of a file whose reading is announced, since it takes seconds."""


class Row(NamedTuple):
    """A line of a ``.fai`` file: contig, bp, place of its first base, bases and bytes a line."""

    name: str
    length: int
    offset: int
    bases: int
    width: int

    def byte_at(self, position: int) -> int:
        """Return where in the plain bytes the base at ``position`` (0-based) stands."""
        full, rest = divmod(position, self.bases)
        return self.offset + full * self.width + rest


@dataclass(frozen=True)
class FastaIndex:
    """The bytes of a ``.fai`` file, and those of a ``.gzi`` where the FASTA is bgzipped."""

    fai: bytes
    gzi: bytes | None

    def rows(self) -> list[Row]:
        """Return the contigs, in the file's order."""
        lines = (line.split("\t") for line in self.fai.decode().removesuffix("\n").split("\n"))
        return [Row(name, *map(int, numbers)) for name, *numbers in lines]

    def seal(self) -> bytes:
        """Return digests of both files: an index that was damaged or cut has others."""
        parts = (self.fai, self.gzi or b"")
        digests = (hashlib.sha256(part).hexdigest() for part in parts)
        return "".join(f"{digest}\n" for digest in digests).encode()


def index_files(path: Path, sha256: str, contigs: Contigs) -> tuple[Path, Path | None] | None:
    """Return the ``.fai`` and ``.gzi`` by which a browser may draw a FASTA; None without any.

    ``sha256`` and ``contigs`` are those that the file had in a run, and the caller
    vouches for its being the same still. What lies beside the FASTA is asked last.
    """
    known, folder = _load(sha256), _folder_of(sha256)
    if known is not None:
        return folder / "genome.fai", None if known.gzi is None else folder / "genome.gzi"
    return index_beside(path, contigs)


def index_beside(path: Path, contigs: Contigs) -> tuple[Path, Path | None] | None:
    """Return the ``.fai`` and ``.gzi`` beside a FASTA; None unless the contigs there are these.

    Names and lengths are held against ``contigs``, those of a run.
    """
    beside, blocks = Path(f"{path}.fai"), Path(f"{path}.gzi")
    try:
        rows = [line.split("\t")[:2] for line in beside.read_text(encoding="utf-8").split("\n")]
        zipped = _is_zipped(path)
    except (OSError, UnicodeDecodeError):
        return None
    if rows != [*([name, str(length)] for name, length in contigs), [""]]:
        return None
    if zipped and not blocks.is_file():
        return None
    return beside, blocks if zipped else None


def open_index(path: Path, sha256: str, notify: Callable[[str], None]) -> FastaIndex:
    """Return the index of a FASTA file, kept or made; ``sha256`` is the file's.

    Raises
    ------
    InputError
        It is no FASTA, or no index can describe it: with the line and the cause.
    """
    known = _load(sha256)
    if known is not None:
        return known
    if path.stat().st_size >= _LONG:
        notify(f"Reading all of {path} once, for its index.")
    layout = scan_fasta(path)
    if layout is None:
        raise fault_of_fasta(path)
    if layout.empty:
        notify(f"{path}: {layout.empty:,} contigs without bases are left out.")
    index = FastaIndex(layout.fai, block_index(path) if _is_zipped(path) else None)
    folder = _keep(sha256, index)
    kept = f"in {folder}" if folder else "in memory alone, since no cache folder can be written"
    notify(f"{path} is indexed; the index is kept {kept}.")
    return index


def _is_zipped(path: Path) -> bool:
    with path.open("rb") as start:
        return is_gzip(start.read(2))


def _folder_of(sha256: str) -> Path:
    return cache_root() / "indexes" / f"{sha256}-{_FORMAT}"


def _load(sha256: str) -> FastaIndex | None:
    if not _DIGEST.fullmatch(sha256):  # a run's own word, which could name any folder
        return None
    folder = _folder_of(sha256)
    try:
        gzi = (folder / "genome.gzi").read_bytes() if (folder / "genome.gzi").exists() else None
        index = FastaIndex((folder / "genome.fai").read_bytes(), gzi)
        return index if (folder / "seal").read_bytes() == index.seal() else None
    except OSError:
        return None


def _keep(sha256: str, index: FastaIndex) -> Path | None:
    """Write an index into the cache, its seal last; None where there may be none.

    Raises
    ------
    ResourceError
        The disk is full: workers of a run would each read the whole genome again.
    """
    folder = _folder_of(sha256)
    contents = {"genome.fai": index.fai, "genome.gzi": index.gzi, "seal": index.seal()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            if content is not None:
                with aside(folder / name) as temporary:
                    temporary.write_bytes(content)
    except (OSError, ResourceError) as error:
        _remove_unsealed(folder)
        fault = error if isinstance(error, OSError) else error.__cause__
        if isinstance(fault, OSError) and fault.errno in FULL:
            raise ResourceError(
                f"Cannot keep the index of the genome in {folder}: {fault.strerror}. Free some "
                "space there, or set TRACKSMITH_CACHE to a folder on a larger disk."
            ) from error
        return None
    return folder


def _remove_unsealed(folder: Path) -> None:
    """Remove the files of an index that was not finished."""
    with suppress(OSError):
        if not (folder / "seal").exists():
            for path in folder.glob("genome.*"):
                path.unlink()
            folder.rmdir()
