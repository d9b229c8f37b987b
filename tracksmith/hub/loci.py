"""Where a view opens: the strongest variant, else the first region, else the first values."""

from __future__ import annotations

import gzip
import heapq
import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tracksmith.errors import InputError, UsageError
from tracksmith.genome.intervals import parse_region
from tracksmith.hub.runs import ShownRun
from tracksmith.runs.record import FileEntry
from tracksmith.tracks.head import read_local_head

# decision: own-name-lookup (igv.js changes names before it looks for them)
__all__ = [
    "MOST_LINES",
    "Region",
    "VariantTable",
    "find_locus",
    "opening",
    "regions_of",
    "regions_of_all",
    "top_variants",
]

MOST_LINES = 2_000_000
"""Rows of a variant table that are looked at for the strongest ones."""

_CONTIG = ("contig", "chrom", "chr", "chromosome")
_POSITION = ("pos", "position", "start1")
_NAME = ("id", "name", "variant", "rsid")
_EFFECT = ("effect", "abseffect", "abs_effect", "score", "log2fc", "diff")
_SPAN = ("span",)
_MARGIN = 100
_WIDE = 50_000


@dataclass(frozen=True)
class Region:
    """``[start, end)`` on a contig, 0-based; ``str()`` gives the 1-based region string."""

    contig: str
    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.contig}:{self.start + 1}-{self.end}"

    def meets(self, other: Region) -> bool:
        """Say whether they share a base."""
        same = self.contig == other.contig
        return same and self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class VariantTable:
    """The strongest rows of a table of variant effects, strongest first.

    ``loci`` holds one region per row, None where the row names no place of the
    genome; ``total`` is how many alleles the run scored, ``complete`` whether
    all of them were looked at for the strongest. ``what`` is the word for what has a row.
    """

    model: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    loci: tuple[Region | None, ...]
    total: int
    complete: bool
    what: str = "alleles"


def opening(runs: Sequence[ShownRun], tables: Sequence[VariantTable] = ()) -> str:
    """Return the region string at which a view of the runs opens.

    The strongest variant, else the first region; if there is one, such that
    every run that was restricted to regions has values there.
    """
    regions = [regions_of(run) for run in runs]
    candidates = [locus for table in tables for locus in table.loci if locus is not None]
    candidates = candidates or [region for restricted in regions for region in restricted]
    for candidate in candidates:
        if all(any(map(candidate.meets, restricted)) for restricted in regions if restricted):
            return str(candidate)
    place = candidates[0] if candidates else _first_values(runs[0]) or _whole(runs[0])
    return str(place) if place is not None else "all"


def find_locus(runs: Sequence[ShownRun], text: str) -> str:
    """Return the region string of what a user typed: a region, or a variant's id in the tables.

    Raises
    ------
    UsageError
        It is neither; a browser would open on nothing.
    """
    contigs = runs[0].contigs
    try:
        region = parse_region(text, contigs)
    except InputError as error:
        places = (place for run in runs for place in _named_variants(run, text))
        place = next(places, "")
        if not place:
            raise UsageError(f"{error} Nor is it the id of a variant that was scored.") from None
        return place
    margin = _MARGIN if len(region) == 1 else 0
    start, end = max(region.start - margin, 0), region.end + margin
    return str(Region(region.contig, start, min(end, contigs.length(region.contig))))


def _named_variants(run: ShownRun, name: str) -> Iterator[str]:
    """Yield where the tables of a run list a variant of that name."""
    for file in run.files_of("table"):
        with _readable(run.folder / file.path) as lines:
            columns = tuple(column.lstrip("#") for column in next(lines, []))
            indices = [_find(columns, names) for names in (_CONTIG, _POSITION, _NAME)]
            at = [number for number in indices if number is not None]
            if len(at) < 3:
                continue
            for fields in islice(lines, MOST_LINES):
                if len(fields) > max(at) and fields[at[2]] == name:
                    locus = _locus(run, fields[at[0]], fields[at[1]])
                    yield from () if locus is None else (str(locus),)


def _first_values(run: ShownRun) -> Region | None:
    """Return where the first signal of the run begins; None where its file does not tell."""
    output = next((item for item in run.outputs() if item.kind == "bigwig"), None)
    if output is None:
        return None
    try:
        head = read_local_head(output.path)
    except InputError:
        return None
    if head.first is None or head.last is None:
        return None
    contig, start = head.first
    end = head.last[1] if head.last[0] == contig else run.contigs.length(contig)
    return Region(contig, start, min(end, start + _WIDE))


def _whole(run: ShownRun) -> Region | None:
    lengths = ((name, length) for name, length in run.contigs if length > 0)
    name, length = next(lengths, ("", 0))
    return Region(name, 0, min(length, _WIDE)) if name else None


def regions_of(run: ShownRun, most: int = 1000) -> list[Region]:
    """Return the regions that the run was restricted to, at most ``most``; [] for a whole genome.

    Raises
    ------
    InputError
        The run's own ``regions.bed`` is damaged.
    """
    path = run.folder / "regions.bed"
    if run.plan.regions is None or not path.is_file():
        return []
    regions = []
    with path.open(encoding="utf-8") as handle:
        for number, line in enumerate(handle, 1):
            fields = line.rstrip("\n").split("\t")
            try:
                regions.append(Region(fields[0], int(fields[1]), int(fields[2])))
            except (IndexError, ValueError):
                raise InputError(f"{path}:{number} is no BED line: {line[:80]!r}.") from None
            if len(regions) == most:
                break
    return regions


def top_variants(run: ShownRun, count: int = 200) -> list[VariantTable]:
    """Return the strongest rows of every table of variant effects of a run.

    Rows are ordered by the absolute value of the effect column. Tables without
    a contig, a position and an effect are left out. A run lists its strongest
    rows in a table of their own; how many there are in all says ``run.json``.

    Raises
    ------
    InputError
        A table cannot be read.
    """
    tables = [_top_rows(run, file, count) for file in run.files_of("table")]
    return [table for table in tables if table is not None]


def _top_rows(run: ShownRun, file: FileEntry, count: int) -> VariantTable | None:
    with _readable(run.folder / file.path) as lines:
        columns = tuple(name.lstrip("#") for name in next(lines, []))
        contig, position, effect = (
            _find(columns, names) for names in (_CONTIG, _POSITION, _EFFECT)
        )
        if contig is None or position is None or effect is None:
            return None
        heap: list[tuple[float, int, list[str]]] = []
        number = 0
        for number, fields in enumerate(lines, 1):
            strength = _strength(fields, effect)
            item = (strength, -number, fields)
            if len(heap) < count:
                heapq.heappush(heap, item)
            elif strength > heap[0][0]:
                heapq.heapreplace(heap, item)
            if number == MOST_LINES:
                break
        complete = next(lines, None) is None
    rows = [fields for _, _, fields in sorted(heap, reverse=True) if len(fields) == len(columns)]
    span = _find(columns, _SPAN)
    loci = [
        _locus(run, row[contig], row[position]) if span is None else _spanned(run, row[span])
        for row in rows
    ]
    total = run.alleles(file.model) if file.variants is None else file.variants
    return VariantTable(
        file.model, columns, tuple(map(tuple, rows)), tuple(loci),
        total=number if total is None else total, complete=complete,
        what="alleles" if span is None else "effects of edits",
    )  # fmt: skip


@contextmanager
def _readable(path: Path) -> Iterator[Iterator[list[str]]]:
    """Give the rows of a table; what cannot be read is an InputError."""
    try:
        yield _lines(path)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {error}. Make the run again.") from None


def _lines(path: Path) -> Iterator[list[str]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as handle:
        for line in handle:
            if not line.startswith("##"):
                yield line.rstrip("\n").split("\t")


def _find(columns: Sequence[str], names: Sequence[str]) -> int | None:
    lower = [column.lower() for column in columns]
    return next((lower.index(name) for name in names if name in lower), None)


def _strength(fields: Sequence[str], effect: int) -> float:
    try:
        value = abs(float(fields[effect]))
    except (IndexError, ValueError):
        return -1.0
    return value if math.isfinite(value) else -1.0


def _spanned(run: ShownRun, text: str) -> Region | None:
    """Return the region of an edit and its readout, with some of what lies beside them."""
    try:
        region = parse_region(text, run.contigs)
    except InputError:
        return None
    margin = max(_MARGIN, len(region) // 10)
    length = run.contigs.length(region.contig)
    return Region(region.contig, max(region.start - margin, 0), min(region.end + margin, length))


def _locus(run: ShownRun, contig: str, position: str) -> Region | None:
    """Return the region around a 1-based position, None where the genome has no such place."""
    try:
        middle, length = int(position), run.contigs.length(contig)
    except (ValueError, InputError):
        return None
    if not 1 <= middle <= length:
        return None
    return Region(contig, max(middle - 1 - _MARGIN, 0), min(middle + _MARGIN, length))


def regions_of_all(runs: Sequence[ShownRun]) -> list[Region]:
    """Return what the runs were restricted to, each region once."""
    return list(dict.fromkeys(region for run in runs for region in regions_of(run)))
