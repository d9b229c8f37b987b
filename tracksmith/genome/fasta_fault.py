"""What is wrong with a FASTA file that no index can describe: the first line that is at fault."""

from __future__ import annotations

import re
from pathlib import Path

from tracksmith.errors import InputError
from tracksmith.genome.fasta_scan import name_of
from tracksmith.genome.kinds import kind_of_bytes
from tracksmith.genome.stream import ByteStream

__all__ = ["fault_of_fasta"]

_LONGEST_LINE = 1 << 33
_UNPRINTABLE = re.compile(rb"[^!-~]")
_BLANK_END = re.compile(rb"[ \t]+\Z")


def fault_of_fasta(path: Path) -> InputError:
    """Return what is wrong with a FASTA file that no index can describe, with the line.

    Raises
    ------
    InputError
        The file is compressed and cut short or broken.
    """
    with ByteStream(path.absolute()) as stream:
        kind = kind_of_bytes(stream.peek(64))
        if kind is not None:
            return InputError(f"{path} is no FASTA file but {kind}.")
        lines = _Lines()
        for number, raw in enumerate(stream.lines(_LONGEST_LINE), 1):
            problem = lines.problem(number, raw)
            if problem is not None:
                return InputError(f"{path}:{problem}")
    if lines.bases:
        return InputError(f"{path} cannot be read as FASTA: rewrite it with `seqkit seq`.")
    what = "holds no contig with bases" if path.stat().st_size else "is empty"
    return InputError(f"{path} {what}. Give a FASTA file of the genome.")


class _Lines:
    """Takes the lines of a FASTA file one by one, and says of the first what is wrong with it."""

    def __init__(self) -> None:
        self.bases = False
        self._declared: dict[str, int] = {}
        self._name = ""
        self._length = 0
        self._shape: tuple[int, int] | None = None
        self._ended = False
        self._blank = 0

    def problem(self, number: int, raw: bytes) -> str | None:
        """Return line number and words where a line cannot stand where it does."""
        text = raw.removesuffix(b"\n").removesuffix(b"\r")
        if text.startswith(b">"):
            return self._header(number, text)
        if not text:
            self._blank = self._blank or number
            return None
        if not self._name:
            return (
                f"{number}: text before the first '>': this is no FASTA file. A contig begins "
                "with '>NAME'."
            )
        return self._odd(number, text) or self._uneven(number, text, len(raw))

    def _header(self, number: int, text: bytes) -> str | None:
        self._name = name_of(text)
        if not self._name:
            return (
                f"{number}: a '>' without a name right after it, of UTF-8 text without control "
                f"characters: {text[:60]!r}. Give every contig a name."
            )
        first = self._declared.setdefault(self._name, number)
        if first != number:
            return (
                f"{number}: contig {self._name!r} was already declared in line {first}. "
                "Names must be unique: rename one of the two."
            )
        self._length, self._shape, self._ended, self._blank = 0, None, False, 0
        return None

    def _odd(self, number: int, text: bytes) -> str | None:
        """Say what is wrong with a line of bases that holds blanks or unprintable bytes."""
        if _BLANK_END.search(text):
            return (
                f"{number}: a line of contig {self._name!r} ends in blanks, which would move every "
                "base after it. Remove them: sed -E 's/[ \\t]+$//' OLD.fa > NEW.fa"
            )
        match = _UNPRINTABLE.search(text)
        if match is None:
            return None
        byte, place = match[0][0], f"{self._name}:{self._length + match.start() + 1:,}"
        if byte in b" \t":
            return (
                f"{number}: {place} holds a blank. Remove blanks from lines of bases; an N in "
                "their place would move every base after it."
            )
        return (
            f"{number}: {place} holds byte {byte}, which is no base. A genome holds A, C, G, T, U, "
            "N and the IUPAC codes of bases, in either case: replace other characters by N."
        )

    def _uneven(self, number: int, text: bytes, width: int) -> str | None:
        shape = (len(text), width)
        full = self._shape or shape
        if self._blank:
            return (
                f"{self._blank}: a blank line inside contig {self._name!r}. Remove it, or rewrite "
                "the file with `seqkit seq` or the like."
            )
        if self._ended or len(text) > full[0]:
            return (
                f"{number}: contig {self._name!r} has lines of unequal length: its first has "
                f"{full[0]} bases. Only a contig's last line may be shorter, and line ends must "
                "not be mixed; rewrite the file with lines of one length (`seqkit seq -w 60`)."
            )
        self.bases, self._shape, self._ended = True, full, shape != full
        self._length += len(text)
        return None
