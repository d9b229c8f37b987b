"""Stretches of letters that stand out, as a bigBed with the names of the motifs they match."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tracksmith.attributions.outputs import FilesJob, sites_path
from tracksmith.attributions.passes import PLAIN, letters_of
from tracksmith.attributions.sites import Motifs, Site, read_motifs, sites_of
from tracksmith.errors import TrustError
from tracksmith.files import crash_point, digest_of_file
from tracksmith.genome.bases import decode
from tracksmith.runs.record import FileEntry
from tracksmith.runs.request import Request
from tracksmith.tracks.autosql import Column, bed9_schema
from tracksmith.tracks.bigbed import write_bigbed

__all__ = [
    "letter_rows", "motif_places", "one_hot", "planned_motifs", "read_motifs", "write_sites",
]  # fmt: skip

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
    """Write the named stretches of every target; yield their entries."""
    model, run, motifs = job.model, job.opened.run, planned_motifs(job)
    bases = one_hot(job)
    for row, target in enumerate(model.targets.items):
        name = sites_path(model, target)
        rows = [_row(job, site) for site in sites_of(letter_rows(job, row), bases, motifs)]
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


def planned_motifs(job: FilesJob) -> Motifs:
    """Read the motifs of a run.

    Raises
    ------
    TrustError
        Their file is not the one that was planned.
    """
    path = job.opened.run.places.file(MOTIFS)
    if not path.is_file() or digest_of_file(path) != job.model.recipe.motifs:
        raise TrustError(f"{path} is not the file of motifs that was planned. Restore it.")
    return read_motifs(path)


def one_hot(job: FilesJob) -> NDArray[np.int8]:
    """Return the bases of every step, ``(steps, 4, longest step)``; 0 behind its end and at N."""
    steps = job.model.steps
    bases = np.zeros((len(steps), 4, steps.longest), np.int8)
    for step in range(len(steps)):
        masks = job.masks(step)
        bases[step, :, : len(masks)] = masks == PLAIN[:, None]
    return bases


def letter_rows(job: FilesJob, row: int) -> NDArray[np.float32]:
    """Return the letters of a target in every step, ``(steps, longest step)``, as above."""
    steps = job.model.steps
    letters = np.zeros((len(steps), steps.longest), np.float32)
    for step, explained in job.explained():
        line = letters_of(explained.hypothetical[row], job.masks(step))
        letters[step, : len(line)] = np.nan_to_num(line)
    return letters


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
