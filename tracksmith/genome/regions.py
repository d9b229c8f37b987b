"""From what a user typed, ``-r`` and ``--chroms``, to regions of the genome."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tracksmith.errors import InputError
from tracksmith.genome.aliases import ContigNames, read_aliases
from tracksmith.genome.bed import read_bed
from tracksmith.genome.contigs import Contigs, shown
from tracksmith.genome.fasta import Genome, Notify, silent
from tracksmith.genome.intervals import Regions, parse_region
from tracksmith.genome.kinds import require_file

__all__ = ["names_file", "resolve_regions"]


def resolve_regions(
    arguments: Sequence[str],
    chroms: Sequence[str],
    genome: Genome,
    notify: Notify = silent,
    alias: str | Path | None = None,
    clip: bool = False,
    *,
    option: str = "-r",
) -> Regions | None:
    """Return the union of the regions asked for, limited to ``chroms``; None for all of it.

    Each of ``arguments`` is a region string or the path of a BED file: a file
    that exists is read, else the text is a region. ``chroms`` are contig names
    or globs such as ``chr*``. Names and globs may be those of ``alias``. Messages
    call the arguments by the name of their ``option``.

    Raises
    ------
    InputError
        As :func:`read_bed` and :func:`parse_region`; a name or glob that matches
        no contig; nothing left.
    """
    contigs = genome.contigs
    aliases = None if alias is None else read_aliases(alias, contigs)
    if not arguments and not chroms:
        return None
    typed = ContigNames(contigs, option, notify, aliases)
    pieces = [_argument(text, typed, notify, alias, clip) for text in arguments]
    if not pieces:
        pieces = [Regions.whole(contigs)]
    columns = (
        np.concatenate([getattr(p, c) for p in pieces]) for c in ("contig", "starts", "ends")
    )
    contig, starts, ends = columns
    if chroms:
        kept = np.isin(contig, _chosen(chroms, ContigNames(contigs, "--chroms", notify, aliases)))
        contig, starts, ends = contig[kept], starts[kept], ends[kept]
    regions = Regions(contigs, contig, starts, ends)
    if not len(regions):
        raise InputError(
            "No region is left to predict: --chroms leaves out every contig of the regions, or "
            "they hold no base."
        )
    marked = sorted({i.contig for i in regions if i.contig.startswith("#")})
    if marked:
        raise InputError(
            f"The names of {shown(marked)} begin with '#': a BED file of regions takes such lines "
            "for comments. Predict the whole genome, or rename the contigs."
        )
    return regions


def _argument(
    text: str, names: ContigNames, notify: Notify, alias: str | Path | None, clip: bool
) -> Regions:
    contigs = names.contigs
    if not text:
        raise InputError(
            f"{names.source} '' names no region: give CONTIG, CONTIG:START-END or a BED file."
        )
    if names_file(text, contigs):
        return read_bed(text, contigs, notify, alias, clip).regions()
    try:
        interval = parse_region(text, names, clip)
    except InputError:
        if text.endswith((".bed", ".gz", "Peak")) or "/" in text:
            require_file(text, "BED file")
        raise
    if clip and interval.end == contigs.length(interval.contig) and not _fits(text, names):
        notify(f"{text!r} passes the end of its contig: clipped to {interval}.")
    number = np.array([contigs.index(interval.contig)], dtype=np.int64)
    return Regions(contigs, number, np.array([interval.start]), np.array([interval.end]))


def names_file(text: str, contigs: Contigs) -> bool:
    """Say whether a region that was typed is a file of regions, or a pipe, and no contig."""
    try:
        return text not in contigs and Path(text).exists() and not Path(text).is_dir()
    except (OSError, ValueError):  # longer than a path may be, or not to be looked at
        return False


def _fits(text: str, names: ContigNames) -> bool:
    try:
        parse_region(text, names)
    except InputError:
        return False
    return True


def _chosen(chroms: Sequence[str], names: ContigNames) -> list[int]:
    chosen: list[int] = []
    for text in chroms:
        exact = names.find(text)
        meant = names.matching(text) if exact is None else [exact]
        if not meant:
            raise InputError(
                f"--chroms {text!r} matches no contig of the genome, which has "
                f"{shown(names.contigs.names)}."
            )
        chosen.extend(meant)
    return chosen
