"""Tables of regions that are no plain BED: how their positions count, and what else they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["PLAIN_BED", "TableLayout", "foreign_table", "layout_of_titles"]

_STARTS = {"start", "chromstart", "chrom_start", "txstart"}
_NAMES = ("name", "names", "peak_id", "id")
_R_WRITES_BED = (
    "Write it as BED: rtracklayer::export.bed(ranges, FILE), or with write.table(..., sep = "
    '"\\t", quote = FALSE, row.names = FALSE).'
)
_BASES = re.compile(rb"[ACGTNacgtn]+")


@dataclass(frozen=True)
class TableLayout:
    """Which columns of a table of regions hold what, counted from 0.

    ``width`` is a column that tells whether positions count from 1: it holds
    end - start + 1 then. ``columns`` is how many a line of titles named.
    """

    name: int | None = 3
    strand: int | None = 5
    width: int | None = None
    columns: int | None = None


PLAIN_BED = TableLayout()


def layout_of_titles(columns: Sequence[bytes]) -> TableLayout | str | None:
    """Return what a line of titles says, a fault of it in words, or None where it is no such line.

    GenomicRanges (R) and MACS count from 1 and write a column of widths. Other
    titles are those of BED with a head.
    """
    titles = [column.decode("utf-8", "replace").strip().strip('"').lower() for column in columns]
    if len(titles) < 3 or titles[1] not in _STARTS:
        return None
    granges, macs = titles[0] == "seqnames", titles[3:5] == ["length", "abs_summit"]
    if not granges and not macs:
        return TableLayout(columns=len(titles))
    if any(b'"' in column for column in columns):
        return f"its columns are quoted, as R does. {_R_WRITES_BED}"
    if granges and "width" not in titles:
        return (
            "it has the column names of R's GenomicRanges, whose positions count from 1, but no "
            f"column width to tell. {_R_WRITES_BED}"
        )
    return TableLayout(
        name=next((titles.index(name) for name in _NAMES if name in titles), None),
        strand=titles.index("strand") if "strand" in titles else None,
        width=titles.index("width") if granges else 3,
        columns=len(titles),
    )


def foreign_table(columns: Sequence[bytes]) -> str | None:
    """Say what a line is whose second and third columns are no positions; None where unknown."""
    if columns[0][:1] == b"@":
        return (
            "this is the header of an interval list (Picard), whose positions count from 1. Write "
            "BED: awk -v OFS='\\t' '!/^@/ {print $1, $2 - 1, $3, $5, 0, $4}'"
        )
    if len(columns) >= 8 and columns[3].isdigit() and columns[4].isdigit():
        return (
            "this is GFF or GTF, whose positions count from 1. Write BED: "
            "awk -v OFS='\\t' '!/^#/ {print $1, $4 - 1, $5, $3, 0, $7}'"
        )
    if len(columns) >= 5 and columns[1].isdigit() and _BASES.fullmatch(columns[3]):
        return "this is VCF, no BED: regions are given as contig, start and end."
    return None
