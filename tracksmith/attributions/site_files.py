"""Stretches of letters that stand out, as a bigBed with the names of the motifs they match."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tracksmith.attributions.outputs import FilesJob, sites_path
from tracksmith.attributions.passes import PLAIN, letters_of
from tracksmith.attributions.sites import Site, read_motifs, sites_of
from tracksmith.errors import TrustError
from tracksmith.files import crash_point, digest_of_file
from tracksmith.genome.bases import decode
from tracksmith.runs.record import FileEntry
from tracksmith.runs.request import Request
from tracksmith.tracks.autosql import Column, bed9_schema
from tracksmith.tracks.bigbed import write_bigbed

__all__ = ["motif_places", "read_motifs", "write_sites"]

MOTIFS = "motifs"
"""Under which name places hold the file of motifs."""

RAISES, LOWERS, UNNAMED = "192,57,43", "36,87,160", "150,150,150"

COLUMNS = (
    Column("float", "contribution", "Sum of the letters of the stretch"),
    Column("float", "match", "Minus log10 of the p-value of the best match (TOMTOM)"),
    Column("float", "margin", "By how much that is above the next best match, decoys among them"),
    Column("string", "best", "The best match, also where it is too weak for a name"),
    Column("string", "bases", "The bases of the stretch"),
)


def motif_places(request: Request) -> dict[str, str]:
    """Return where the file of motifs is that a request names."""
    return {} if request.motifs is None else {MOTIFS: str(request.motifs.absolute())}


def write_sites(job: FilesJob) -> Iterator[FileEntry]:
    """Write the named stretches of every target; yield their entries.

    Raises
    ------
    TrustError
        The file of motifs is not the one that was planned.
    """
    model, run = job.model, job.opened.run
    path = run.places.file(MOTIFS)
    if not path.is_file() or digest_of_file(path) != model.recipe.motifs:
        raise TrustError(f"{path} is not the file of motifs that was planned. Restore it.")
    motifs = read_motifs(path)
    steps, width = model.steps, model.steps.longest
    bases = np.zeros((len(steps), 4, width), np.int8)
    for step in range(len(steps)):
        masks = job.masks(step)
        bases[step, :, : len(masks)] = masks == PLAIN[:, None]
    for row, target in enumerate(model.targets.items):
        letters = np.zeros((len(steps), width), np.float32)
        for step, explained in job.explained():
            line = letters_of(explained.hypothetical[row], job.masks(step))
            letters[step, : len(line)] = np.nan_to_num(line)
        name = sites_path(model, target)
        rows = [_row(job, site) for site in sites_of(letters, bases, motifs)]
        schema = bed9_schema("sites", "Stretches of letters and the motifs they match", COLUMNS)
        write_bigbed(
            run.folder / name, list(job.opened.contigs), rows, schema,
            compressor=job.options.compressor,
        )  # fmt: skip
        crash_point("track-finished")
        yield FileEntry.of(
            run.folder, name, "sites", model=model.record.name, track=target.unit,
            statistic="sites", score=target.function, rows=len(rows),
            values=None if rows else 0,
        )  # fmt: skip


def _row(job: FilesJob, site: Site) -> tuple[object, ...]:
    """Return the row of a stretch."""
    steps = job.model.steps
    contig = job.genome.contigs.names[int(steps.contig[site.step])]
    first = int(steps.starts[site.step])
    end = min(first + site.end, int(steps.ends[site.step]))
    start = first + site.start
    colour = (RAISES if site.contribution > 0 else LOWERS) if site.name else UNNAMED
    bases: NDArray[np.uint8] = job.genome.read(contig, start, end)
    score = round(min(1000.0, 100 * site.match))
    return (
        contig, start, end, site.name or ".", score, site.strand, start, end, colour,
        site.contribution, site.match, site.margin, site.best or ".", decode(bases),
    )  # fmt: skip
