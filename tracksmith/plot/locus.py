"""What a picture of a locus shows: tracks, letters, variants and genes, read from finished runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import UsageError
from tracksmith.genome.fasta import Genome
from tracksmith.genome.intervals import Interval, parse_region
from tracksmith.hub.runs import Output, ShownRun, find_fasta, open_runs
from tracksmith.plot.genes import Gene, genes_of
from tracksmith.tracks.reader import OpenTrack, read_entries

__all__ = ["LETTERS_UP_TO", "Locus", "Signal", "Variant", "read_locus", "steps_of"]

MOST_ROWS = 24
MOST_BASES = 10_000_000
COLUMNS = 2_000
"""Longer regions are drawn in so many columns, each the value of the largest size in it."""

LETTERS_UP_TO = 400
"""Letters are drawn in regions of up to so many bp: narrower ones cannot be read."""

EFFECT, COLOUR = 8, 5
"""Columns of the bigBed of variants after the third: the effect, and red, green and blue."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Signal:
    """A track in the region: a value for each base as its file has it, NaN in gaps.

    ``group`` are tracks on one scale; ``letters`` says that the values belong to the bases.
    """

    label: str
    values: Values
    colour: tuple[int, int, int]
    group: tuple[str, ...]
    letters: bool = False


@dataclass(frozen=True)
class Variant:
    """A variant: its name, its place (bp, 0-based), effect and colour."""

    name: str
    position: float
    effect: float
    colour: tuple[int, int, int]


@dataclass
class Locus:
    """Everything that a picture shows; ``bases`` are the letters of the genome, '' if unknown."""

    region: Interval
    signals: list[Signal] = field(default_factory=list)
    variants: list[tuple[str, list[Variant]]] = field(default_factory=list)
    genes: list[Gene] = field(default_factory=list)
    bases: str = ""


def read_locus(
    folders: Sequence[Path], region: str, tracks: Sequence[str] = (), genes: Path | None = None
) -> Locus:
    """Read what finished runs have in a region.

    ``tracks`` are ids or patterns; none means all. Spreads are left out unless they are named.

    Raises
    ------
    UsageError
        A pattern that matches no track, more rows than a picture holds, too long a region.
    InputError, IncompleteError
        A run is missing or not finished, or a file cannot be read.
    """
    runs = open_runs(folders)
    place = parse_region(region, runs[0].contigs)
    if len(place) > MOST_BASES:
        raise UsageError(f"-r {region}: {len(place):,} bp; a picture shows up to {MOST_BASES:,}.")
    outputs = _chosen([output for run in runs for output in run.outputs()], tracks)
    locus = Locus(place)
    for output in outputs:
        if output.kind == "bigwig":
            locus.signals.append(_signal(output, place))
        elif output.kind == "bigbed" and "variant" in output.title:
            locus.variants.append((output.owner, list(_variants(output, place))))
    if genes is not None:
        locus.genes = genes_of(genes, place, runs[0].contigs)
    if any(signal.letters for signal in locus.signals) and len(place) <= LETTERS_UP_TO:
        locus.bases = _bases(runs, place)
    if not locus.signals and not locus.variants:
        raise UsageError("The runs hold no track to draw: name one with -t.")
    return locus


def _chosen(outputs: Sequence[Output], tracks: Sequence[str]) -> list[Output]:
    known = [output for output in outputs if output.kind in ("bigwig", "bigbed")]
    if not tracks:
        chosen = [output for output in known if output.statistic not in ("sd", "absmax")]
    else:
        names = {id(output): _names(output) for output in known}
        for pattern in tracks:
            if not any(fnmatchcase(n, pattern) for each in names.values() for n in each):
                listed = ", ".join(dict.fromkeys(o.track_id for o in known if o.track_id))
                raise UsageError(f"-t {pattern}: no track has this name; there are {listed[:300]}.")
        chosen = [
            output for output in known
            if any(fnmatchcase(n, p) for n in names[id(output)] for p in tracks)
        ]  # fmt: skip
    if len(chosen) > MOST_ROWS:
        raise UsageError(
            f"{len(chosen):,} tracks are too many for a picture, which has up to {MOST_ROWS} rows: "
            "choose some with -t."
        )
    return chosen


def _names(output: Output) -> list[str]:
    """Return what a track may be called: its id, with its statistic, its file."""
    return [output.track_id, f"{output.track_id}.{output.statistic}", output.path.name]


def _signal(output: Output, place: Interval) -> Signal:
    track = OpenTrack(output.path)
    try:
        there = place.contig in track.contigs
        values = (
            track.values(place.contig, place.start, place.end)
            if there
            else np.full(len(place), np.nan)
        )
    finally:
        track.close()
    group = (output.owner, output.statistic, output.track.units)
    label = f"{output.owner}\n{output.title}"
    return Signal(label, values, output.colour, group, output.letters)


def _variants(output: Output, place: Interval) -> Iterator[Variant]:
    for start, end, text in read_entries(output.path, place.contig, place.start, place.end):
        cells = text.split("\t")
        red, green, blue = (int(part) for part in cells[COLOUR].split(","))
        middle = (max(start, place.start) + min(end, place.end) - 1) / 2
        yield Variant(cells[0], middle, float(cells[EFFECT]), (red, green, blue))


def _bases(runs: Sequence[ShownRun], place: Interval) -> str:
    path = find_fasta(runs)
    if path is None:
        return ""
    masks = Genome.open(path).read(place.contig, place.start, place.end)
    letters = {1: "A", 2: "C", 4: "G", 8: "T"}
    return "".join(letters.get(mask, "N") for mask in masks.tolist())


def steps_of(values: Values, start: int) -> tuple[Values, Values]:
    """Return the edges (bp) and heights of the columns that are drawn, NaN in gaps.

    Up to ``COLUMNS`` bases each has its own; beyond, a column has the value of the largest size
    among its bases, so that no peak is lost.
    """
    count = min(len(values), COLUMNS)
    cuts = np.linspace(0, len(values), count + 1).astype(np.int64)
    edges: Values = (cuts + start).astype(np.float64)
    if count == len(values):
        return edges, values
    heights: Values = np.full(count, np.nan)
    for number, (first, last) in enumerate(pairwise(cuts.tolist())):
        piece = values[first:last]
        known = piece[~np.isnan(piece)]
        if len(known):
            heights[number] = known[np.abs(known).argmax()]
    return edges, heights
