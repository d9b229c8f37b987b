"""A user's file as a stream of plain bytes: plain, gzip or bgzip, a path or standard input."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tracksmith.errors import InputError
from tracksmith.files import Closing
from tracksmith.genome.bgzf import EOF_MARKER, is_bgzf, is_gzip
from tracksmith.genome.kinds import require_file

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["ByteStream"]

_BUFFER = 1 << 18
_LONGEST_LINE = 1 << 29
"""Bytes of a line of a table; one of a FASTA file may be a whole contig."""


class _Tapped(io.RawIOBase):
    """Passes bytes through and remembers the last ones, to see how the file ended."""

    def __init__(self, source: BinaryIO, head: bytes) -> None:
        self._source = source
        self._head = head
        self.tail = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        if self._head:
            raw, self._head = self._head[: len(view)], self._head[len(view) :]
        else:
            raw = self._source.read(len(view))
        view[: len(raw)] = raw
        self.tail = (self.tail + raw[-len(EOF_MARKER) :])[-len(EOF_MARKER) :]
        return len(raw)


class ByteStream(Closing):
    """The plain bytes of a file, forward only; ``-`` reads standard input.

    Attributes
    ----------
    name : str
        What to call the file in messages.
    head : bytes
        Up to 64 of the first bytes as stored, for messages.
    place : str
        What was read last; the owner keeps it up to date for messages.

    Raises
    ------
    InputError
        Missing, a folder, not readable; later, while reading: cut short, a
        broken block, no bgzip end marker (unless ``allow_truncated``; None means
        that the user has no say in it).
    """

    def __init__(self, path: str | Path, allow_truncated: bool | None = None) -> None:
        self.name = "standard input" if str(path) == "-" else str(path)
        self.place = "the start"
        self._allow_truncated = allow_truncated
        self._source = self._open(path)
        self.head = self._source.read(64)
        self._tapped = _Tapped(self._source, self.head)
        self._bgzipped = is_bgzf(self.head)
        plain = io.BufferedReader(self._tapped, _BUFFER)
        self._plain = plain
        if is_gzip(self.head):
            self._plain = io.BufferedReader(gzip.GzipFile(fileobj=plain), _BUFFER)  # type: ignore[arg-type]

    def _open(self, path: str | Path) -> BinaryIO:
        if str(path) == "-":
            return sys.stdin.buffer
        require_file(path, "file")
        try:
            return Path(path).open("rb")
        except OSError as error:
            raise InputError(f"Cannot read {path}: {error.strerror}.") from error

    def peek(self, length: int) -> bytes:
        """Return up to ``length`` of the next plain bytes without taking them."""
        try:
            return self._plain.peek(length)[:length]
        except (EOFError, OSError, zlib.error) as error:
            raise self._broken(error) from error

    def read(self, length: int) -> bytes:
        """Return ``length`` bytes, or fewer at the end."""
        try:
            raw = self._plain.read(length)
        except (EOFError, OSError, zlib.error) as error:
            raise self._broken(error) from error
        if len(raw) < length:
            self._require_end_marker()
        return raw

    def lines(self, longest: int = _LONGEST_LINE) -> Iterator[bytes]:
        """Yield every line with its line end; the last may have none. A longer one is refused."""
        while True:
            try:
                line = self._plain.readline(longest)
            except (EOFError, OSError, zlib.error) as error:
                raise self._broken(error) from error
            if not line:
                break
            if len(line) >= longest:
                raise InputError(
                    f"{self.name}: a line after {self.place} is longer than {longest:,} bytes. "
                    "That is no text of lines."
                )
            yield line
        self._require_end_marker()

    def require_end_of(self, path: Path) -> None:
        """Hold the end of the file against what is due, where another has read it through."""
        if self._bgzipped:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - len(EOF_MARKER)))
                self._tapped.tail = file.read()
        self._require_end_marker()

    def _require_end_marker(self) -> None:
        if not self._bgzipped or self._allow_truncated or self._tapped.tail == EOF_MARKER:
            return
        way_out = "; --allow-truncated reads it as it is" if self._allow_truncated is False else ""
        raise InputError(
            f"{self.name} lacks the end marker of bgzip, so it is probably cut short: {self.place} "
            f"is the last that could be read. Copy the file again{way_out}."
        )

    def _broken(self, error: Exception) -> InputError:
        return InputError(
            f"{self.name} is cut short or broken after {self.place}: {error}. "
            "Copy the file again, or make it anew."
        )

    def close(self) -> None:
        """Let the file go; again is harmless. Standard input stays open."""
        if self._source is not sys.stdin.buffer:
            self._source.close()
