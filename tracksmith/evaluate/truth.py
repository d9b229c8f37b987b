"""A table of measured effects: variants with a value, a label, or both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import InputError
from tracksmith.genome.aliases import ContigNames
from tracksmith.genome.stream import ByteStream
from tracksmith.genome.variant_table import table_columns

__all__ = ["Columns", "Key", "Truth", "read_truth", "trimmed"]

Key = tuple[str, int, str, str]
"""Contig of the genome, 1-based position, reference and alternative, trimmed."""

VALUES = ("value", "effect", "measured", "log2fc", "logfc", "lfc", "beta", "delta", "slope")
"""Names of a column of measured effects, where none is given."""

VCF_NAMES = {"chrom": "contig", "pos": "position", "ref": "ref", "alt": "alt"}
ABSENT = {"", ".", "na", "nan", "none", "null"}
TRUE, FALSE = ("1", "1.0", "true", "yes", "positive"), ("0", "0.0", "false", "no", "negative")


@dataclass(frozen=True)
class Columns:
    """The columns that were asked for by name; None: found by their names, or none."""

    value: str | None = None
    label: str | None = None


@dataclass
class Truth:
    """What was measured, row by row.

    ``number`` is the row of each variant; ``values`` float64, NaN where there is none; ``labels``
    int8, -1 where there is none. ``value`` and ``label`` are the columns' names, '' for none.
    """

    name: str
    value: str = ""
    label: str = ""
    number: dict[Key, int] = field(default_factory=dict)
    values: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    labels: NDArray[np.int8] = field(default_factory=lambda: np.empty(0, np.int8))
    unknown: int = 0

    def find(self, key: Key) -> tuple[int, bool] | None:
        """Return the row of a variant, and whether its alleles are exchanged there.

        Alleles are taken as exchanged only where both have the same length: elsewhere the place
        of the shorter one depends on the sequence.
        """
        row = self.number.get(key)
        if row is not None:
            return row, False
        contig, position, ref, alt = key
        row = self.number.get((contig, position, alt, ref)) if len(ref) == len(alt) else None
        return None if row is None else (row, True)


def trimmed(contig: str, position: int, ref: str, alt: str) -> Key:
    """Return a variant without the bases that both alleles share at their ends."""
    ref, alt = ref.upper(), alt.upper()
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while ref and alt and ref[0] == alt[0]:
        ref, alt, position = ref[1:], alt[1:], position + 1
    return contig, position, ref, alt


def read_truth(path: Path, columns: Columns, names: ContigNames) -> Truth:
    """Read a table, tab-separated, plain or gzipped, with a line of names.

    Raises
    ------
    InputError
        No line of names, a column that is not there, a cell that is no number or label, or a
        variant twice: with the line.
    """
    rows = _rows(path)
    first, titles = next(rows, (1, []))
    places, twice = _places(titles)
    if not places or twice:
        raise InputError(
            f"{path}:{first}: the first line must name the columns chrom, pos, ref and alt"
            f"{f'; {twice} is there twice' if twice else ''}, separated by tabs."
        )
    truth = Truth(path.name)
    at_value, at_label = _chosen(path, titles, columns)
    truth.value = titles[at_value] if at_value is not None else ""
    truth.label = titles[at_label] if at_label is not None else ""
    lines: list[int] = []
    values: list[float] = []
    labels: list[int] = []
    for line, cells in rows:
        if len(cells) != len(titles):
            raise InputError(
                f"{path}:{line}: {len(cells)} columns, though the first line names {len(titles)}."
            )
        key = _key(path, line, cells, places, names)
        if key is None:
            truth.unknown += 1
            continue
        if key in truth.number:
            raise InputError(
                f"{path}:{line}: the variant of line {lines[truth.number[key]]} once more. Leave "
                "one row of each variant: the mean of replicates, for instance."
            )
        truth.number[key] = len(values)
        lines.append(line)
        values.append(_number(path, line, cells, at_value))
        labels.append(_label(path, line, cells, at_label))
    truth.values, truth.labels = np.array(values, float), np.array(labels, np.int8)
    return truth


def _places(titles: list[str]) -> tuple[dict[str, int], str]:
    """Return where contig, position, ref and alt stand, as :func:`table_columns` does.

    Names as in VCF count before others: tables of runs have ``reference`` beside ``ref``.
    """
    plain = [title.strip(" #").lower() for title in titles]
    if all(plain.count(name) == 1 for name in VCF_NAMES):
        return {word: plain.index(name) for name, word in VCF_NAMES.items()}, ""
    return table_columns(titles)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    with ByteStream(path) as stream:
        for number, raw in enumerate(stream.lines(), 1):
            stream.place = f"line {number}"
            text = raw.decode("utf-8", "surrogateescape").strip("\r\n").removeprefix("\ufeff")
            if text.strip() and not text.startswith("##"):
                yield number, text.split("\t")


def _chosen(path: Path, titles: list[str], columns: Columns) -> tuple[int | None, int | None]:
    plain = [title.strip(" #").lower() for title in titles]
    for option, name in (("--value", columns.value), ("--label", columns.label)):
        if name is not None and name not in titles:
            raise InputError(f"{option} {name}: {path} has no such column; {', '.join(titles)}.")
    label = None if columns.label is None else titles.index(columns.label)
    if columns.value is not None:
        return titles.index(columns.value), label
    known = [plain.index(name) for name in VALUES if name in plain]
    if not known and label is None:
        raise InputError(
            f"{path}: which column is measured? Name it with --value, or --label for 0 and 1: "
            f"{', '.join(titles)}."
        )
    return (known[0] if known else None), label


def _key(
    path: Path, line: int, cells: list[str], places: dict[str, int], names: ContigNames
) -> Key | None:
    text = cells[places["position"]].strip().replace(",", "")
    if not text.isdigit() or len(text) > 10:
        raise InputError(f"{path}:{line}: the position {text!r} is no whole number from 1.")
    contig = names.find(cells[places["contig"]].strip())
    if contig is None:
        return None
    ref, alt = (cells[places[name]].strip() for name in ("ref", "alt"))
    return trimmed(names.contigs.names[contig], int(text), ref, alt)


def _number(path: Path, line: int, cells: list[str], at: int | None) -> float:
    text = "" if at is None else cells[at].strip()
    if text.lower() in ABSENT:
        return float("nan")
    try:
        value = float(text)
    except ValueError:
        raise InputError(f"{path}:{line}: {text!r} is no number.") from None
    return value if np.isfinite(value) else float("nan")


def _label(path: Path, line: int, cells: list[str], at: int | None) -> int:
    text = "" if at is None else cells[at].strip().lower()
    if text in ABSENT:
        return -1
    if text not in (*TRUE, *FALSE):
        raise InputError(f"{path}:{line}: the label {text!r} is none of 1, 0, true, false, yes, no")
    return int(text in TRUE)
