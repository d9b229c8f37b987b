"""Contig names of a user's file mapped onto the genome's: once, aloud, never by guess."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tracksmith.errors import InputError
from tracksmith.genome.contigs import Contigs, shown
from tracksmith.genome.fasta import Notify, silent

__all__ = ["ContigNames", "read_aliases"]


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
        aliases: dict[str, str] | None = None,
    ) -> None:
        self.contigs = contigs
        self.source = source
        self._notify = notify
        self._aliases = aliases or {}
        self._known: dict[str, int | None] = {}
        self._told: set[str] = set()

    def find(self, name: str, length: int | None = None) -> int | None:
        """Return the number of the genome's contig that ``name`` means, or None.

        ``length`` is the contig's length in bp where the file declares one; the
        first answer for a name holds.
        """
        if name not in self._known:
            self._known[name] = self._look_up(name, length)
        return self._known[name]

    def _look_up(self, name: str, length: int | None) -> int | None:
        exact = self.contigs.find(name)
        if exact is not None:
            return exact
        target = self._aliases.get(name)
        how = "by the alias file"
        if target is None:
            target, how = self.contigs.resolve(name), "up to the prefix 'chr'"
        if target is None:
            target, how = self.contigs.resolve(name, length), "since their lengths agree"
        if target is None:
            return None
        if how not in self._told:
            self._told.add(how)
            self._notify(
                f"{self.source}: contig {name!r} is read as the genome's {target!r}, {how}."
            )
        return self.contigs.index(target)

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


def read_aliases(path: str | Path, contigs: Contigs) -> dict[str, str]:
    """Read a table of synonyms: two columns, UCSC's chromAlias.txt, or an assembly report.

    Every line holds names of one contig, separated by tabs (or blanks where there
    are none); the one that the genome knows is the target, wherever it stands. A
    word that would mean two contigs, such as a source or a role, means none.

    Returns
    -------
    aliases
        The genome's name of every other name.

    Raises
    ------
    InputError
        The file cannot be read, or no line names a contig of the genome.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read the alias file {path}: {error}") from error
    targets: dict[str, set[str]] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        words = [word.strip() for word in (line.split("\t") if "\t" in line else line.split())]
        known = {word for word in words if word in contigs}
        if len(known) == 1:
            for word in set(words) - known - {""}:
                targets.setdefault(word, set()).update(known)
    found = {word: target.pop() for word, target in targets.items() if len(target) == 1}
    if not found:
        raise InputError(
            f"No line of the alias file {path} gives another name to a contig of the genome, "
            f"which has {shown(contigs.names)}. Each line needs two names, separated by a tab."
        )
    return found
