"""The contigs of a genome: names in order, lengths, and what may be wrong with them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import InputError

__all__ = ["MAX_CONTIG", "Contigs", "browser_problems", "check_lengths", "shown"]

MAX_CONTIG = 2**32 - 1
"""Longest contig in bp: a bigWig counts in unsigned 32-bit numbers."""

_UCSC_NAME = re.compile(r"[A-Za-z0-9_.-]+")


class Contigs:
    """The names and lengths (bp) of a genome's contigs, in the file's order; immutable.

    Parameters
    ----------
    names
        Unique names.
    lengths
        Lengths in bp, from 0 to 2**32 - 1.

    Raises
    ------
    InputError
        A name comes twice, or a length is out of range.
    """

    __slots__ = ("_index", "lengths", "names")

    names: tuple[str, ...]
    lengths: NDArray[np.int64]

    def __init__(self, names: Iterable[str], lengths: Iterable[int] | NDArray[np.int64]) -> None:
        self.names = tuple(names)
        values = lengths if isinstance(lengths, np.ndarray) else list(lengths)
        self.lengths = np.array(values, dtype=np.int64)
        self.lengths.flags.writeable = False
        self._index = {name: number for number, name in enumerate(self.names)}
        if len(self._index) < len(self.names) or len(self.names) != len(self.lengths):
            raise InputError("The contigs of a genome need one length each and unique names.")
        wrong = np.flatnonzero((self.lengths < 0) | (self.lengths > MAX_CONTIG))
        if wrong.size:
            first = int(wrong[0])
            raise InputError(
                f"Contig {self.names[first]} is {int(self.lengths[first]):,} bp long; a contig may "
                f"have 0 to {MAX_CONTIG:,} bp, since a bigWig counts in 32 bits. Split the contig."
            )

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return zip(self.names, self.lengths.tolist(), strict=True)

    def __contains__(self, name: object) -> bool:
        return name in self._index

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Contigs):
            return NotImplemented
        return self.names == other.names and bool(np.array_equal(self.lengths, other.lengths))

    def __hash__(self) -> int:
        return hash((self.names, self.lengths.tobytes()))

    def __repr__(self) -> str:
        return f"Contigs({len(self)} contigs, {self.bases:,} bp)"

    @property
    def bases(self) -> int:
        """Sum of all lengths in bp."""
        return int(self.lengths.sum())

    def index(self, name: str) -> int:
        """Return the contig's number, counted from 0.

        Raises
        ------
        InputError
            The genome has no contig of exactly this name.
        """
        number = self._index.get(name)
        if number is None:
            raise InputError(f"The genome has no contig {name!r}. It has {shown(self.names)}.")
        return number

    def find(self, name: str) -> int | None:
        """Return the contig's number, or None where the genome has no such name."""
        return self._index.get(name)

    def length(self, name: str) -> int:
        """Return the contig's length in bp; errors as :meth:`index`."""
        return int(self.lengths[self.index(name)])

    def resolve(self, name: str, length: int | None = None) -> str | None:
        """Return the genome's own name for ``name``, or None.

        An exact name wins. Else ``chr`` is added or removed. ``M`` and ``MT``
        name different sequences in some assemblies (hg19's chrM is 16,571 bp,
        GRCh37's MT 16,569 bp), so that step needs ``length``, the length in bp
        that the user's file declares, to agree. Two candidates are no answer.
        """
        if name in self._index:
            return name
        candidates = {other for other in _prefix_aliases(name) if other in self._index}
        if not candidates and length is not None:
            candidates = {
                other
                for other in _mitochondrial_aliases(name)
                if other in self._index and self.length(other) == length
            }
        return candidates.pop() if len(candidates) == 1 else None

    def digest(self) -> str:
        """Return the sha256 of all names and lengths, in order."""
        text = "".join(f"{name}\t{length}\n" for name, length in self)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _prefix_aliases(name: str) -> Iterator[str]:
    bare = name[3:] if name[:3].lower() == "chr" else name
    if bare:
        yield from (prefix + bare for prefix in ("", "chr", "Chr") if prefix + bare != name)


def _mitochondrial_aliases(name: str) -> Iterator[str]:
    bare = name[3:] if name[:3].lower() == "chr" else name
    other = {"M": "MT", "MT": "M"}.get(bare)
    if other:
        yield from (other, "chr" + other)


def shown(names: Sequence[str], most: int = 5) -> str:
    """Return up to ``most`` names as text for a message, and how many more there are."""
    listed = ", ".join(repr(name) for name in names[:most])
    more = len(names) - most
    return (listed or "none") + (f" and {more:,} more" if more > 0 else "")


def check_lengths(declared: Mapping[str, int], contigs: Contigs, source: str) -> None:
    """Hold the contig lengths of a chrom.sizes file or a VCF header against the genome.

    Contigs that only one side knows are left alone; lengths are in bp.

    Raises
    ------
    InputError
        No contig is common, or a length differs: naming up to five contigs.
    """
    common = [name for name in declared if name in contigs]
    if declared and not common:
        raise InputError(
            f"{source} shares no contig with the genome: it has {shown(list(declared))}, "
            f"the genome has {shown(contigs.names)}. Is it of another assembly?"
        )
    differing = [name for name in common if declared[name] != contigs.length(name)]
    if differing:
        lines = "".join(
            f"\n  {name}: {declared[name]:,} bp there, {contigs.length(name):,} bp in the genome"
            for name in differing[:5]
        )
        raise InputError(
            f"{source} and the genome differ in the length of {len(differing)} of {len(common)} "
            f"common contigs; it was made on another assembly.{lines}\n"
            "Use the FASTA that the file was made with."
        )


def browser_problems(contigs: Contigs) -> list[str]:
    """Return one warning per kind of contig that genome browsers cannot take.

    UCSC accepts letters, digits, ``_``, ``-`` and ``.`` in sequence names; the
    tabix and BAI indexes that other tools make end at 2**29 bp.
    """
    warnings = []
    odd = [name for name in contigs.names if not _UCSC_NAME.fullmatch(name)]
    if odd:
        warnings.append(
            f"The UCSC browser cannot show {len(odd):,} contigs whose names hold other characters "
            f"than letters, digits, '_', '-' and '.': {shown(odd)}. Tracks are still written."
        )
    empty = [name for name, length in contigs if length == 0]
    if empty:
        warnings.append(f"{len(empty):,} contigs have no bases and get no values: {shown(empty)}.")
    return warnings
