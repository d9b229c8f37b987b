"""The genome and regions of a run: recorded when planned, held against that when opened again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tracksmith.errors import TrustError
from tracksmith.genome.bed import read_bed
from tracksmith.genome.contigs import Contigs, browser_problems
from tracksmith.genome.fasta import Genome
from tracksmith.genome.intervals import Regions
from tracksmith.genome.regions import names_file, resolve_regions
from tracksmith.runs.record import GenomeRecord, RegionSet
from tracksmith.runs.request import Request
from tracksmith.runs.run import Run

__all__ = [
    "REGIONS_FILE",
    "contigs_of",
    "genome_record",
    "open_genome",
    "planned_regions",
    "region_places",
    "region_set",
    "regions_text",
    "requested_genome",
]

REGIONS_FILE = "regions.bed"
"""The regions that were asked for, merged, beside ``run.json``."""


def requested_genome(
    request: Request, notify: Callable[[str], None]
) -> tuple[Genome, Regions | None]:
    """Open the genome of a new run and find the regions in it; None is the whole genome.

    Raises
    ------
    TracksmithError
        Of the kind that fits: a broken file (InputError), an unknown contig (UsageError) ...
    """
    genome = Genome.open(request.genome, notify=notify)
    for warning in browser_problems(genome.contigs):
        notify(warning)
    texts, option = request.regions, "-r"
    if request.saturate is not None:  # the regions of such a run are those that it changes
        texts, option = (request.saturate,), "--saturate"
    regions = resolve_regions(
        texts, request.chroms, genome, notify, request.alias, request.clip, option=option
    )
    return genome, regions


def genome_record(genome: Genome) -> GenomeRecord:
    """Return what a run stores of a genome."""
    contigs = tuple((name, int(length)) for name, length in genome.contigs)
    return GenomeRecord(genome.path.name, genome.path.stat().st_size, genome.sha256(), contigs)


def contigs_of(record: GenomeRecord) -> Contigs:
    """Return the contigs that a run was planned for."""
    return Contigs([name for name, _ in record.contigs], [length for _, length in record.contigs])


def open_genome(run: Run, notify: Callable[[str], None]) -> Genome:
    """Open the genome of a run.

    Raises
    ------
    TrustError
        It is not the planned one: the contigs that differ are named, or that only bases do.
    """
    genome = Genome.open(Path(run.places.genome), notify=notify)
    planned = dict(run.plan.genome.contigs)
    now = {name: int(length) for name, length in genome.contigs}
    changed = sorted(
        name for name in planned.keys() | now.keys() if planned.get(name) != now.get(name)
    )
    if changed:
        shown = ", ".join(changed[:5])
        raise TrustError(
            f"{genome.path} is not the planned genome: {len(changed)} contigs differ ({shown}). "
            "Restore the file, or start anew in another folder."
        )
    # decision: genome-by-digest (one digest of the file, none per contig)
    if genome.sha256() != run.plan.genome.sha256:
        raise TrustError(
            f"{genome.path} changed since it was planned: same contigs, other bytes. "
            "Restore the file, or start anew in another folder."
        )
    return genome


def region_set(regions: Regions | None) -> RegionSet | None:
    """Return what a run stores of the regions that were asked for; None is the whole genome."""
    if regions is None:
        return None
    return RegionSet(int(regions.bases), len(regions), regions.digest())


def regions_text(regions: Regions | None) -> dict[str, str]:
    """Return the merged regions as BED3 under the name of their file; {} for the whole genome."""
    if regions is None:
        return {}
    return {REGIONS_FILE: "".join(f"{i.contig}\t{i.start}\t{i.end}\n" for i in regions)}


def region_places(regions: Sequence[str], contigs: Contigs) -> tuple[str, ...]:
    """Return regions as they were asked for, files by their whole path.

    A pipe has no second reading: what it held is in the run's own file.
    """
    files = [names_file(text, contigs) for text in regions]
    return tuple(
        text if not file else str(Path(text).absolute()) if Path(text).is_file() else REGIONS_FILE
        for text, file in zip(regions, files, strict=True)
    )


def planned_regions(run: Run, contigs: Contigs) -> Regions | None:
    """Return the regions that a run was planned for; None is the whole genome.

    Raises
    ------
    TrustError
        Their file beside ``run.json`` was changed.
    """
    if run.plan.regions is None:
        return None
    path = run.folder / REGIONS_FILE
    regions = read_bed(path, contigs).regions()
    if regions.digest() != run.plan.regions.sha256:
        raise TrustError(f"{path} is not the file of the plan. Restore it, or start anew.")
    return regions
