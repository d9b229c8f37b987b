"""Where the bases of a FASTA file lie: one strict pass over every byte, for its index.

htslib's own indexer skips blanks, zero bytes and whatever else does not print,
also in the middle of a line, so that the bases after them come from other
places than the index says; and it drops the second of two contigs of one name.
This pass accepts a file only if nothing of the kind is in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tracksmith.genome.stream import ByteStream

__all__ = ["FastaLayout", "name_of", "scan_fasta"]

_CHUNK = 1 << 20
_LONGEST_LINE = 1 << 33
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_PRINTABLE = bytes(range(ord("!"), ord("~") + 1))


@dataclass(frozen=True)
class FastaLayout:
    """The text of a ``.fai`` index, and how many contigs without bases are not in it."""

    fai: bytes
    empty: int


def scan_fasta(path: Path) -> FastaLayout | None:
    """Index a FASTA file, plain or compressed, in one pass; None where it is not well formed.

    All lines of a contig but the last have one length and one line end, and hold
    printable characters alone; blank lines stand between contigs only; names are
    UTF-8, unique and follow the ``>``; and there are bases.

    Raises
    ------
    InputError
        The file is compressed and cut short or broken.
    """
    contigs: list[_Contig] = []
    with ByteStream(path.absolute()) as stream:
        for offset, header, body in _pieces(stream):
            if header:
                contigs.append(_Contig(header, offset))
                stream.place = f"contig {contigs[-1].name!r}"
            if not (contigs[-1].take(body) if contigs else not body.strip(b"\r\n")):
                return None
    rows = [contig.row() for contig in contigs if contig.size]
    names = {contig.name for contig in contigs}
    if not rows or "" in names or len(names) < len(contigs):
        return None
    return FastaLayout("".join(rows).encode(), len(contigs) - len(rows))


def _pieces(stream: ByteStream) -> Iterator[tuple[int, bytes, bytes]]:
    """Cut a file before its header lines, and where it is read in chunks.

    Yields the place of the first byte after the header, the header line (empty
    where a piece goes on with the one before), and what follows it.
    """
    at, fresh = 0, True
    lines = stream.lines(_LONGEST_LINE)
    while chunk := stream.read(_CHUNK):
        cut = 0
        if not (fresh and chunk.startswith(b">")):
            cut = chunk.find(b"\n>") + 1 or len(chunk)
            yield at, b"", chunk[:cut]
        while cut < len(chunk):
            after = chunk.find(b"\n>", cut) + 1 or len(chunk)
            if b"\n" not in chunk[cut:after]:  # a header that goes on in the next chunk
                chunk += next(lines, b"")
                after = len(chunk)
            header, newline, body = chunk[cut:after].partition(b"\n")
            yield at + cut + len(header) + len(newline), header, body
            cut = after
        at, fresh = at + len(chunk), chunk.endswith(b"\n")


def name_of(header: bytes) -> str:
    """Return the name of a contig from its header line; nothing where that has none of use."""
    words = header[1:].split(None, 1)
    if not words or header[1:2].isspace() or _CONTROL.search(words[0]):
        return ""
    try:
        return words[0].decode("utf-8")
    except UnicodeDecodeError:
        return ""


class _Contig:
    """A contig while it is read: where its bases begin, how its lines lie, how many bytes so far.

    ``size`` counts bytes from the first base to the last, line ends between them
    included; ``width`` (bytes of a line) and ``bases`` are 0 until a line ends.
    """

    def __init__(self, header: bytes, offset: int) -> None:
        self.name = name_of(header)
        self.offset = offset
        self.size = self.width = self.bases = 0
        self._line_ends = b""

    def take(self, piece: bytes) -> bool:
        """Add what follows; False where its lines are not as those before, or do not print."""
        piece = self._line_ends + piece
        text = piece.rstrip(b"\r\n")
        self._line_ends = piece[len(text) :]
        first_end = -1 if self.width else text.find(b"\n")
        if first_end >= 0:
            self.width = self.size + first_end + 1
            self.bases = self.width - (2 if text[:first_end].endswith(b"\r") else 1)
        ends = 0
        for column in range(self.bases, self.width):
            here = text[(column - self.size) % self.width :: self.width]
            if here.count(b"\r\n"[column - self.width]) != len(here):
                return False
            ends += len(here)
        self.size += len(text)
        return len(text.translate(None, _PRINTABLE)) == ends and (self.bases > 0 or not self.width)

    def row(self) -> str:
        """Return the contig's line of the index (samtools-faidx(5))."""
        width = self.width or self.size + (2 if self._line_ends.startswith(b"\r\n") else 1)
        bases = self.bases or self.size
        full, rest = divmod(self.size - 1, width)
        return f"{self.name}\t{full * bases + rest + 1}\t{self.offset}\t{bases}\t{width}\n"
