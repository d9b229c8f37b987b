"""Which motif sites an allele breaks or makes: sites of both alleles, held against each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tracksmith.attributions.allele_files import IDENTITY, write_table
from tracksmith.attributions.alleles import ExplainedAllele
from tracksmith.attributions.outputs import FilesJob, allele_sites_path
from tracksmith.attributions.site_files import letter_rows, one_hot, planned_motifs
from tracksmith.attributions.sites import Site, sites_of
from tracksmith.genome.bases import decode
from tracksmith.runs.record import FileEntry

__all__ = ["Change", "changes_of", "write_allele_sites"]

LOST = 0.5
"""A site is broken, or made, where at least this share of its contribution is lost, or new."""

COLUMNS = (
    *IDENTITY, "target", "effect", "motif", "strand", "start", "end", "bases_before",
    "bases_after", "before", "after", "difference", "match", "margin", "text",
)  # fmt: skip

Span = tuple[int, int]
Line = NDArray[np.float32]


@dataclass(frozen=True)
class Change:
    """What an allele does to one motif site.

    ``effect`` is breaks, makes, changes (less than half of it), keeps (both have the name), or
    elsewhere (the allele does not touch it). ``reference`` and ``alternative`` are where the site
    lies on the contig without and with the allele, ``before`` and ``after`` the sums of the letters
    there.
    """

    effect: str
    site: Site
    reference: Span
    alternative: Span
    before: float
    after: float

    @property
    def text(self) -> str:
        """Say it in words, such as ``breaks GATA1, -1.8``; '' of a site elsewhere."""
        if self.effect == "elsewhere":
            return ""
        return f"{self.effect} {self.site.name}, {self.after - self.before:+.2g}"


def changes_of(
    allele: ExplainedAllele, start: int, sites: tuple[Sequence[Site], Sequence[Site]],
    lines: tuple[Line, Line],
) -> Iterator[Change]:  # fmt: skip
    """Yield what an allele does to the named sites around it.

    Parameters
    ----------
    start
        First base of both stretches.
    sites, lines
        The named sites, and the letters, of the reference and of the alternative.
    """
    old, new = sites
    met: set[int] = set()
    for site in old:
        span = (start + site.start, start + site.end)
        other = _to_edited(allele, span)
        same = [n for n, one in enumerate(new) if one.name == site.name
                and start + one.start < other[1] and start + one.end > other[0]]  # fmt: skip
        met.update(same)
        after = _sum(lines[1], start, other)
        touched = allele.edit.start < span[1] and allele.edit.end > span[0]
        effect = _effect(site.contribution, after, "breaks", kept=bool(same))
        yield Change(effect if touched else "elsewhere", site, span, other,
                     site.contribution, after)  # fmt: skip
    for number, site in enumerate(new):
        if number in met:
            continue
        span = (start + site.start, start + site.end)
        other = _to_reference(allele, span)
        before = _sum(lines[0], start, other)
        touched = (
            allele.edit.start < span[1] and allele.edit.start + len(allele.edit.bases) > span[0]
        )
        effect = _effect(site.contribution, before, "makes", kept=False)
        yield Change(effect if touched else "elsewhere", site, other, span,
                     before, site.contribution)  # fmt: skip


def _effect(own: float, other: float, word: str, *, kept: bool) -> str:
    """Say what becomes of a site whose contribution is ``own`` with its name."""
    if kept:
        return "keeps"
    return word if other / own <= 1 - LOST else "changes"


def _to_edited(allele: ExplainedAllele, span: Span) -> Span:
    """Return where a stretch lies with the allele; what is inserted in it belongs to it."""
    places, survives = allele.edited.to_edited([span[0], span[1] - 1])
    return int(places[0]), int(places[1]) + int(survives[1])


def _to_reference(allele: ExplainedAllele, span: Span) -> Span:
    """Return where a stretch lies without the allele; one that is inserted has no bases there."""
    places, placed = allele.edited.to_reference([span[0], span[1] - 1])
    return int(places[0]), int(places[1]) + int(placed[1])


def _sum(line: Line, start: int, span: Span) -> float:
    own = line[max(0, span[0] - start) : max(0, span[1] - start)]
    return float(own.sum(dtype=np.float64))


def write_allele_sites(job: FilesJob) -> Iterator[FileEntry]:
    """Write for every target what alleles do to motif sites; yield the entries."""
    motifs, bases, model = planned_motifs(job), one_hot(job), job.model
    lengths = (model.steps.ends - model.steps.starts).tolist()
    for row, target in enumerate(model.targets.items):
        letters = letter_rows(job, row)
        named: dict[int, list[Site]] = {}
        for site in sites_of(letters, bases, motifs):
            if site.name:  # a stretch may reach beyond the bases of a short step
                end = min(site.end, lengths[site.step])
                named.setdefault(site.step, []).append(replace(site, end=end))
        rows = _rows(job, target.name, letters, named)
        yield write_table(job, allele_sites_path(model, target), COLUMNS, rows)


def _rows(
    job: FilesJob, target: str, letters: Line, named: dict[int, list[Site]]
) -> Iterator[list[str]]:
    every = () if job.model.alleles is None else job.model.alleles.every
    for number, allele in enumerate(every):
        first, second = 2 * number, 2 * number + 1
        start = int(job.model.steps.starts[first])
        sites = (named.get(first, []), named.get(second, []))
        for change in changes_of(allele, start, sites, (letters[first], letters[second])):
            site, numbers = change.site, (change.before, change.after)
            cells = [
                target, change.effect, site.name, site.strand, *map(str, change.reference),
                _bases(job, first, change.reference), _bases(job, second, change.alternative),
                *(f"{value:.6g}" for value in (*numbers, numbers[1] - numbers[0], site.match,
                                               site.margin)),
                change.text or ".",
            ]  # fmt: skip
            yield [*allele.text.split("\t"), *cells]


def _bases(job: FilesJob, step: int, span: Span) -> str:
    """Return the bases of a stretch on the contig of a step, '.' for none."""
    contig = job.reader.contigs.names[int(job.model.steps.contig[step])]
    return decode(job.reader.read(contig, *span)) or "."
