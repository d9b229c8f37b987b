"""Text files of the user's as rows of a bigBed: regions, genes, variants.

Browsers read a bigBed piece by piece, by the genome's own names of contigs; a
text of the same holds other names, needs an index, and is no part of a UCSC hub.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from tracksmith.errors import InputError
from tracksmith.genome.aliases import ContigNames, LeftOut, read_aliases
from tracksmith.genome.bed import Bed, read_bed
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.fasta import Notify
from tracksmith.genome.genes import GeneItem, read_genes
from tracksmith.genome.region_tables import PLAIN_BED
from tracksmith.genome.vcf import VariantFile, check_assembly
from tracksmith.tracks.autosql import BED9, BED12, AutoSql, Column

__all__ = ["Rows", "Target", "rows_of_bed", "rows_of_genes", "rows_of_variants"]

BLACK = "0,0,0"
LONGEST = 60
"""Letters of a name that a browser draws beside its item; alleles may be longer than any screen."""
MOST_BYTES = 255
_PEAKS = ("signalValue", "pValue", "qValue", "peak")
"""What follows the sixth column of ENCODE's narrowPeak, and but for the last of broadPeak."""
_COLOUR = re.compile(r"(\d{1,3}),(\d{1,3}),(\d{1,3}),?")
_WHOLE = re.compile(r"\d{1,10}")
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Target:
    """The genome that a file is read for: its contigs, a table of their other names.

    ``notify`` is told of names that were mapped; rows on foreign contigs are counted in
    ``left_out``.
    """

    contigs: Contigs
    alias: Path | None
    notify: Notify
    left_out: LeftOut = field(default_factory=LeftOut)

    def names(self, path: Path) -> ContigNames:
        """Return what maps the names of a file."""
        aliases = read_aliases(self.alias, self.contigs) if self.alias is not None else None
        return ContigNames(self.contigs, str(path), self.notify, aliases)


@dataclass(frozen=True)
class Rows:
    """Rows of a bigBed, what its columns are, and which of them are searched by name."""

    schema: AutoSql
    rows: list[Row]
    indexed: tuple[str, ...] = ("name",)


def rows_of_bed(path: Path, target: Target) -> Rows:
    """Read BED of 3 to 12 columns, ENCODE's peaks, or a table of regions with titles.

    Columns after the last one that is BED's are kept as text.

    Raises
    ------
    InputError
        A line is no region of the genome: with its number.
    """
    bed = read_bed(path, target.contigs, target.notify, target.alias, left_out=target.left_out)
    if bed.layout != PLAIN_BED:
        return Rows(AutoSql("regions", "Regions", BED9), list(_named_rows(bed)))
    width = 3 + max(map(len, bed.extra), default=0)
    defined = _defined(bed, width)
    standard = BED12 if defined == 12 else BED9
    more = range(defined, width)
    peaks = defined == 6 and width in (9, 10)
    titles = [_PEAKS[n] if peaks else f"column{at + 1}" for n, at in enumerate(more)]
    columns = [
        Column("lstring", title, f"Column {at + 1} of the file")
        for title, at in zip(titles, more, strict=True)
    ]
    schema = AutoSql("regions", "Regions", (*standard, *columns), len(standard))
    return Rows(schema, list(_bed_rows(bed, defined, width)))


def _named_rows(bed: Bed) -> Iterator[Row]:
    for place, name, strand in zip(bed, bed.names, bed.strands, strict=True):
        start, end = place.start, place.end
        yield place.contig, start, end, _brief(name), 0, strand, start, end, BLACK


def _defined(bed: Bed, width: int) -> int:
    """Return how many of the first columns of all rows are what BED says: 3 to 6, 8, 9 or 12."""
    checks: list[tuple[int, Callable[[int, int, Sequence[str]], bool]]] = [
        (4, lambda start, end, cells: len(cells) > 0),
        (5, lambda start, end, cells: _score(cells[1]) is not None),
        (6, lambda start, end, cells: cells[2] in ("+", "-", ".")),
        (8, lambda start, end, cells: _is_within(cells[3:5], start, end)),
        (9, lambda start, end, cells: _colour(cells[5]) is not None),
        (12, lambda start, end, cells: _are_blocks(cells[6:9], end - start)),
    ]
    spans = list(zip(bed.starts.tolist(), bed.ends.tolist(), bed.extra, strict=True))
    defined = 3
    for columns, holds in checks:
        whole = columns <= width and all(len(cells) >= columns - 3 for _, _, cells in spans)
        if not whole or not all(holds(start, end, cells) for start, end, cells in spans):
            break
        defined = columns
    return defined


def _bed_rows(bed: Bed, defined: int, width: int) -> Iterator[Row]:
    for place, cells in zip(bed, bed.extra, strict=True):
        start, end = place.start, place.end
        name = _brief(cells[0]) if defined > 3 else ""
        score = _score(cells[1]) or 0 if defined > 4 else 0
        strand = cells[2] if defined > 5 else "."
        thick = (int(cells[3]), int(cells[4])) if defined > 6 else (start, end)
        colour = (_colour(cells[5]) or BLACK) if defined > 8 else BLACK
        blocks = (int(cells[6]), *map(_with_comma, cells[7:9])) if defined == 12 else ()
        more = [_printable(cell) for cell in cells[defined - 3 :]]
        more += [""] * (width - 3 - max(len(cells), defined - 3))
        yield place.contig, start, end, name, score, strand, *thick, colour, *blocks, *more


def _score(text: str) -> int | None:
    """Return a score as BED has it, from 0 to 1000; None for what is no number."""
    try:
        value = 0.0 if text == "." else float(text)
    except ValueError:
        return None
    return round(min(max(value, 0.0), 1000.0)) if math.isfinite(value) else None


def _is_within(cells: Sequence[str], start: int, end: int) -> bool:
    if not all(_WHOLE.fullmatch(cell) for cell in cells):
        return False
    return start <= int(cells[0]) <= int(cells[1]) <= end


def _colour(text: str) -> str | None:
    if text in ("0", "."):
        return BLACK
    match = _COLOUR.fullmatch(text)
    if match is None or max(map(int, match.groups())) > 255:
        return None
    return ",".join(match.groups())


def _are_blocks(cells: Sequence[str], length: int) -> bool:
    count, sizes, starts = cells[0], *(cell.rstrip(",").split(",") for cell in cells[1:])
    if not (_WHOLE.fullmatch(count) and int(count) == len(sizes) == len(starts) > 0):
        return False
    if not all(_WHOLE.fullmatch(cell) for cell in (*sizes, *starts)):
        return False
    spans = [(int(at), int(at) + int(size)) for at, size in zip(starts, sizes, strict=True)]
    apart = all(one[1] <= other[0] for one, other in pairwise(spans))
    return apart and spans[0][0] == 0 and spans[-1][1] == length


def _with_comma(text: str) -> str:
    return text.rstrip(",") + ","


def rows_of_genes(path: Path, target: Target) -> Rows:
    """Read GFF3 or GTF: a row for each transcript, with its exons.

    Raises
    ------
    InputError
        As :func:`tracksmith.genome.genes.read_genes`.
    """
    items = read_genes(path, target.names(path), target.left_out)
    contigs = target.contigs.names
    columns = (
        Column("string", "transcript", "Id of the transcript"),
        Column("string", "kind", "What it is"),
    )
    schema = AutoSql("genes", "Transcripts", (*BED12, *columns), 12)
    rows = [_gene_row(item, contigs[item.contig]) for item in items]
    return Rows(schema, rows, ("name", "transcript"))


def _gene_row(item: GeneItem, contig: str) -> Row:
    start, end = item.blocks[0][0], item.blocks[-1][1]
    thick = item.thick or (start, start)  # as UCSC draws what is not translated: thin
    sizes = "".join(f"{right - left}," for left, right in item.blocks)
    starts = "".join(f"{left - start}," for left, _ in item.blocks)
    colour = "12,12,120" if item.thick else "80,80,80"
    return (
        contig, start, end, _brief(item.name), 0, item.strand, *thick, colour, len(item.blocks),
        sizes, starts, _fitting(item.transcript), _fitting(item.kind),
    )  # fmt: skip


def rows_of_variants(path: Path, target: Target) -> Rows:
    """Read VCF or BCF: a row for each record; its samples are left out.

    Raises
    ------
    InputError
        A record is damaged, passes its contig's end, or the header names another assembly.
    """
    names, contigs = target.names(path), target.contigs
    columns = (
        Column("lstring", "ref", "Reference allele"),
        Column("lstring", "alt", "Alternative alleles"),
    )
    rows: list[Row] = []
    with VariantFile(path) as file:
        check_assembly(file.header, names)
        for record in file:
            number = names.find(record.contig)
            if number is None:
                target.left_out.add(record.contig)
                continue
            start, end = record.position, record.position + len(record.ref)
            if start < 0:  # a telomere: before the first base
                continue
            if end > int(contigs.lengths[number]):
                raise InputError(
                    f"{file.name}:{record.line}: {record.place} passes the end of "
                    f"{contigs.names[number]}. Is the file of another assembly?"
                )
            alleles = _printable(record.ref), _printable(",".join(record.alts) or ".")
            label = record.id if record.id != "." else ">".join(alleles)
            place = contigs.names[number], start, end
            rows.append((*place, _brief(label), 0, ".", start, end, BLACK, *alleles))
    return Rows(AutoSql("variants", "Variants", (*BED9, *columns)), rows)


def _brief(text: str) -> str:
    """Return a name as it is drawn; what is far too long loses its end."""
    plain = _printable(text)
    return _fitting(plain if len(plain) <= LONGEST else f"{plain[: LONGEST - 2]}..")


def _fitting(text: str) -> str:
    """Return a text that fits a column of 255 bytes."""
    return _printable(text).encode()[:MOST_BYTES].decode("utf-8", "ignore")


def _printable(text: str) -> str:
    """Return a text without what no column can hold: tabs, line ends, bytes that are no text."""
    clean = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    kept = clean if clean.isprintable() else "".join(c if c.isprintable() else " " for c in clean)
    return kept[:20_000].strip()
