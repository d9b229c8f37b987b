"""Rows of a table of perturbations: each becomes one, or is refused with its file and line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tracksmith.errors import InputError
from tracksmith.genome.aliases import ContigNames
from tracksmith.genome.bases import ILLEGAL, OUTSIDE, N, encode
from tracksmith.genome.fasta import Genome
from tracksmith.genome.numbers import clipped_number
from tracksmith.perturbations.perturbation import OPERATIONS, RANDOM, Perturbation

__all__ = ["NO_BASE", "Maker", "Row", "split_names"]

NAMED = "fasta:"
"""Before the name of a record of --sequences, where a row gives bases."""

NO_BASE = "holds no known base, so that {operation} changes nothing that a model could read"

_TAKES_BASES = ("insert", "replace")
_READS_BASES = ("shuffle", "invert", "move", "duplicate")


@dataclass(frozen=True)
class Row:
    """What a row says, as text where it is not yet checked; ``place`` is its file and line."""

    place: str
    contig: str
    start: int
    end: int
    operation: str
    name: str = ""
    bases: str = ""
    target: str = ""
    readouts: tuple[str, ...] = ()


@dataclass
class Maker:
    """Makes perturbations of rows; ``sequences`` are those that rows may name, ``seeds`` how many.

    ``readouts`` are the names that rows may restrict themselves to.
    """

    genome: Genome
    names: ContigNames
    seeds: int
    sequences: Mapping[str, bytes]
    readouts: frozenset[str] = frozenset()
    _taken: dict[str, str] = field(default_factory=dict)

    def make(self, row: Row) -> Perturbation:
        """Return the perturbation of a row.

        Raises
        ------
        InputError
            The row cannot be what it says: with its file and line.
        """
        if row.operation not in OPERATIONS:
            raise _fault(row, f"{row.operation!r} is no operation: use {', '.join(OPERATIONS)}.")
        contig = self.names.require(row.contig, row.place)
        self._check_span(row, contig)
        target = self._target(row, contig)
        made = Perturbation(
            name=row.name or _own_name(self.genome.contigs.names[contig], row),
            operation=row.operation,
            contig=contig,
            start=row.start,
            end=row.end,
            target=target,
            bases=self._bases(row),
            readouts=self._restricted(row),
            seeds=self.seeds if row.operation == RANDOM else 1,
            source=row.place,
        )
        self._check_known(row, made)
        before = self._taken.setdefault(made.name, row.place)
        if before != row.place:
            raise _fault(row, f"the name {made.name!r} is taken by {before}: give each its own.")
        return made

    def _check_span(self, row: Row, contig: int) -> None:
        name, length = self.genome.contigs.names[contig], int(self.genome.contigs.lengths[contig])
        if row.end < row.start:
            raise _fault(row, f"end {row.end} lies before start {row.start}.")
        if row.start < 0 or row.end > length:
            raise _fault(
                row, f"{row.start}-{row.end} passes the end of {name}, which has {length:,} bp. Is "
                "the file of another assembly?",
            )  # fmt: skip
        if row.operation == "insert" and row.start != row.end:
            raise _fault(
                row, f"insert puts bases in before start: give end as start, {row.start}, or use "
                "replace.",
            )  # fmt: skip
        if row.operation != "insert" and row.start == row.end:
            raise _fault(row, f"{row.operation} of no bases: start and end are both {row.start}.")

    def _target(self, row: Row, contig: int) -> int | None:
        if row.operation not in ("move", "duplicate"):
            if row.target:
                raise _fault(row, f"{row.operation} has no use for a place to go to.")
            return None
        if not row.target:
            if row.operation == "move":
                raise _fault(row, "move needs a place to go to: give the column `to`.")
            return None
        length, text = int(self.genome.contigs.lengths[contig]), row.target
        target = clipped_number(text, length) if text.isdecimal() and text.isascii() else None
        if target is None or target > length:
            raise _fault(
                row, f"to {text[:40]!r} is no place of the contig: give a position from 0 to "
                f"{length}; the bases are put in before it.",
            )  # fmt: skip
        if row.start < target < row.end or (
            row.operation == "move" and target in (row.start, row.end)
        ):
            raise _fault(
                row, f"the place to go to, {target}, lies at or inside the bases {row.start}-"
                f"{row.end} themselves.",
            )  # fmt: skip
        return target

    def _bases(self, row: Row) -> bytes:
        if row.operation not in _TAKES_BASES:
            if row.bases:
                raise _fault(row, f"{row.operation} has no use for bases.")
            return b""
        if not row.bases:
            raise _fault(row, f"{row.operation} needs bases: give the column `bases`.")
        if row.bases.startswith(NAMED):
            name = row.bases.removeprefix(NAMED)
            if name not in self.sequences:
                known = ", ".join(list(self.sequences)[:5]) or "none was given"
                raise _fault(row, f"--sequences has no record {name!r} ({known}).")
            return self.sequences[name]
        masks = encode(row.bases)
        wrong = (masks == ILLEGAL).nonzero()[0]
        if len(wrong):
            raise _fault(
                row, f"{row.bases[int(wrong[0])]!r} is no base: give A, C, G, T, N or an IUPAC "
                f"code, or {NAMED}NAME for a record of --sequences.",
            )  # fmt: skip
        return masks.tobytes()

    def _restricted(self, row: Row) -> tuple[str, ...]:
        for name in row.readouts:
            if name not in self.readouts:
                raise _fault(row, f"there is no readout {name!r}.")
        return row.readouts

    def _check_known(self, row: Row, made: Perturbation) -> None:
        if made.operation not in _READS_BASES or self.holds_bases(made):
            return
        what = NO_BASE.format(operation=made.operation)
        raise _fault(row, f"{row.contig}:{row.start}-{row.end} {what}.")

    def holds_bases(self, made: Perturbation) -> bool:
        """Say whether a base of the stretch is known."""
        masks = self.genome.read(self.genome.contigs.names[made.contig], made.start, made.end)
        return bool(((masks != N) & (masks != OUTSIDE)).any())


def _fault(row: Row, what: str) -> InputError:
    return InputError(f"{row.place}: {what}")


def _own_name(contig: str, row: Row) -> str:
    return f"{contig}:{row.start}-{row.end}:{row.operation}"


def split_names(text: str) -> tuple[str, ...]:
    """Return the names of a column with commas; none for '' and '.'."""
    return tuple(
        name for name in (part.strip() for part in text.split(",")) if name not in ("", ".")
    )
