"""Contig names of a user's file mapped onto the genome's: once, aloud, never by guess."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from tracksmith.errors import InputError
from tracksmith.genome.contigs import Contigs, shown
from tracksmith.genome.fasta import Notify, silent

__all__ = ["ContigNames", "LeftOut", "read_aliases"]

_ROLES = {
    "assembled-molecule", "unlocalized-scaffold", "unplaced-scaffold", "alt-scaffold",
    "fix-patch", "novel-patch",
}  # fmt: skip
"""Second column of an NCBI assembly report."""
_REPORT_COLUMNS = 10
_REPORT_NAMES = (0, 4, 6, 9)
"""Sequence-Name, GenBank-Accn, RefSeq-Accn, UCSC-style-name."""
_ASSIGNED_MOLECULE = 2
_ONE_LINE_A_CONTIG = 4
"""Tables this wide have a line for each contig; narrower ones may have a line for each name."""


@dataclass
class LeftOut:
    """Rows of a file that were left out, since the genome does not have their contigs."""

    rows: int = 0
    contigs: dict[str, None] = field(default_factory=dict)

    def add(self, contig: str) -> None:
        """Count a row."""
        self.rows += 1
        self.contigs[contig] = None


class ContigNames:
    """Maps the contig names of one file onto a genome's contigs.

    An exact name wins, then the alias file, then :meth:`Contigs.resolve`. Every
    kind of mapping is told to ``notify`` once, with its first example.

    Parameters
    ----------
    contigs
        The genome's contigs.
    source
        What the names come from, for messages.
    notify
        Is told what was mapped.
    aliases
        Other names of the genome's contigs, from :func:`read_aliases`.
    """

    def __init__(
        self,
        contigs: Contigs,
        source: str,
        notify: Notify = silent,
        aliases: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self.contigs = contigs
        self.source = source
        self._notify = notify
        self._aliases = aliases or {}
        self._known: dict[str, int | None] = {}
        self._noted: set[str] = set()

    def find(self, name: str, length: int | None = None) -> int | None:
        """Return the number of the genome's contig that ``name`` means, or None.

        ``length`` is the contig's length in bp where the file declares one; the
        first answer for a name holds.

        Raises
        ------
        InputError
            The alias file gives the name to several contigs.
        """
        if name not in self._known:
            self._known[name] = self._look_up(name, length)
        return self._known[name]

    def _look_up(self, name: str, length: int | None) -> int | None:
        exact = self.contigs.find(name)
        if exact is not None:
            return exact
        meant = self._aliases.get(name, ())
        if len(meant) > 1:
            raise InputError(
                f"{self.source}: the alias file gives contig {name!r} to {shown(meant)} of the "
                "genome. Leave one line with that name."
            )
        target, how = (meant[0] if meant else None), "by the alias file"
        if target is None:
            target, how = self.contigs.resolve(name), "up to the prefix 'chr'"
        if target is None:
            target, how = self.contigs.resolve(name, length), "since their lengths agree"
        if target is None:
            return None
        if how not in self._noted:
            self._noted.add(how)
            self._notify(
                f"{self.source}: contig {name!r} is read as the genome's {target!r}, {how}."
            )
        return self.contigs.index(target)

    def matching(self, glob: str) -> list[int]:
        """Return the numbers of the contigs one of whose names matches a glob, ascending."""
        numbers = {n for n, name in enumerate(self.contigs.names) if fnmatchcase(name, glob)}
        numbers.update(
            self.contigs.index(meant[0])
            for name, meant in self._aliases.items()
            if len(meant) == 1 and fnmatchcase(name, glob)
        )
        return sorted(numbers)

    def declare(self, lengths: Mapping[str, int | None]) -> None:
        """Look up the contigs that the file declares, with their lengths in bp, if any."""
        for name, length in lengths.items():
            self.find(name, length)

    def unknown(self) -> list[str]:
        """Return the names asked for so far that the genome does not have."""
        return [name for name, number in self._known.items() if number is None]

    def require(self, name: str, where: str = "") -> int:
        """Return the number of the contig that ``name`` means.

        Raises
        ------
        InputError
            The genome has no such contig; ``where`` (a line) opens the message.
        """
        number = self.find(name)
        if number is None:
            raise self.error([name], where)
        return number

    def error(self, names: Sequence[str], where: str = "") -> InputError:
        """Return the error for names that the genome does not have."""
        return InputError(
            f"{where or self.source}: the genome has no contig {shown(names)}; it has "
            f"{shown(self.contigs.names)}. If they are the same contigs under other names, give "
            "--alias FILE with two columns, or UCSC's chromAlias.txt; else use the FASTA that the "
            "file was made with."
        )


def read_aliases(path: str | Path, contigs: Contigs) -> dict[str, tuple[str, ...]]:
    """Read a table of synonyms: two columns, UCSC's chromAlias.txt, or an NCBI assembly report.

    Every line holds names of one contig, separated by tabs (or blanks where there
    are none); the one that the genome knows is the target, wherever it stands. Of
    an assembly report only the columns of names count, and Assigned-Molecule only
    for an assembled molecule: a scaffold is not the chromosome it belongs to. In
    any other table of four columns or more, a word of two lines is no name.

    Returns
    -------
    aliases
        The genome's contigs, sorted, that every other name stands for: more than
        one where the name has no single meaning, which :class:`ContigNames` refuses.

    Raises
    ------
    InputError
        The file cannot be read, a line of an assembly report has not ten columns,
        or no line names a contig of the genome.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read the alias file {path}: {error}") from error
    targets: dict[str, set[str]] = {}
    for words in _lines_of_names(path, text):
        known = {word for word in words if word in contigs}
        for word in words - known if known else ():
            targets.setdefault(word, set()).update(known)
    if not any(len(meant) == 1 for meant in targets.values()):
        raise InputError(
            f"No line of the alias file {path} gives another name to a contig of the genome, "
            f"which has {shown(contigs.names)}. Each line needs two names, separated by a tab."
        )
    return {word: tuple(sorted(meant)) for word, meant in targets.items()}


def _lines_of_names(path: str | Path, text: str) -> list[set[str]]:
    """Return the names on every line that is no comment."""
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("#"):
            words = [word.strip() for word in (line.split("\t") if "\t" in line else line.split())]
            rows.append((number, words))
    if any(_is_report_row(words) for _, words in rows):
        return [_names_of_report(path, number, words) for number, words in rows if any(words)]
    named = [set(words) - {""} for _, words in rows]
    if max((len(words) for _, words in rows), default=0) < _ONE_LINE_A_CONTIG:
        return named
    lines = Counter(word for words in named for word in words)
    return [{word for word in words if lines[word] == 1} for words in named]


def _is_report_row(words: list[str]) -> bool:
    return len(words) > 2 and words[1] in _ROLES


def _names_of_report(path: str | Path, number: int, words: list[str]) -> set[str]:
    if len(words) != _REPORT_COLUMNS:
        raise InputError(
            f"{path}:{number}: a line of an NCBI assembly report has {_REPORT_COLUMNS} columns, "
            f"separated by tabs; this one has {len(words)}. Give the report as NCBI wrote it, or "
            "a table of two columns."
        )
    assembled = words[1] == "assembled-molecule"
    columns = (*_REPORT_NAMES, _ASSIGNED_MOLECULE) if assembled else _REPORT_NAMES
    return {words[column] for column in columns} - {"", "na"}
