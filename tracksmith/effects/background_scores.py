"""Scoring the variants of a background: random ones of the genome or regions, matched, a file's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.background_file import StoredBackground
from tracksmith.effects.background_record import BACKGROUND, REGIONS
from tracksmith.effects.matched import Classes, draw_matched
from tracksmith.effects.random_variants import allowed_regions, batches, random_snvs
from tracksmith.effects.ranks import ClassRanks, Ranks
from tracksmith.effects.scorer import Scorer
from tracksmith.effects.sources import every_allele
from tracksmith.effects.survey import ModelFacts
from tracksmith.errors import TrustError
from tracksmith.genome.bed import read_bed
from tracksmith.genome.fasta import Notify, silent
from tracksmith.genome.intervals import Regions
from tracksmith.genome.start_sites import StartSites, read_start_sites
from tracksmith.runs.planned import check_file

__all__ = ["classes_from", "classes_of", "planned_sites", "scored_background"]


def classes_of(model: ModelFacts, stored: StoredBackground) -> Classes | None:
    """Return what tells the classes of variants, None where all are ranked together."""
    if stored.sites is None:
        return None
    contigs = model.plan.genome.contigs
    return classes_from(model, StartSites(len(contigs), *stored.sites))


def classes_from(model: ModelFacts, sites: StartSites) -> Classes:
    """Return what tells the classes of variants by these start sites."""
    return Classes(model.plan.genome, sites, model.card.variant_geometry.window)


def planned_sites(model: ModelFacts) -> StartSites:
    """Return the start sites that a run was planned with."""
    return read_start_sites(_path(model), model.plan.genome.contigs, model.plan.alias)


def _path(model: ModelFacts) -> Path:
    record = model.background_record
    path = model.plan.run.places.file(BACKGROUND)
    if record is None:
        raise TrustError(f"{path}: the plan tells of no background. Restore run.json.")
    return check_file(path, record.file, "file of --background")


def scored_background(
    model: ModelFacts, scorer: Scorer, classes: set[int], identity: str, notify: Notify
) -> StoredBackground:
    """Draw, or read, the variants of a background and rank their scores.

    ``classes`` are those of matched variants, empty for another background.
    """
    columns = len(scorer.scores) * len(scorer.units)
    about = {
        "among": model.ranked_among,
        "identity": identity,
        "model": f"{model.name} {model.card.version}",
        "scores": [score.name for score in scorer.scores],
        "units": list(scorer.units.names),
    }
    if classes:
        return _matched(model, scorer, classes, about, notify)
    ranks = Ranks(columns)
    for cells, _ in _cells(model, scorer, _pieces(model, scorer)):
        ranks.add(cells)
    return StoredBackground(ranks, about)


def _matched(
    model: ModelFacts, scorer: Scorer, classes: set[int], about: dict[str, Any], notify: Notify
) -> StoredBackground:
    sites = planned_sites(model)
    record = model.background_record
    size = 0 if record is None else record.size
    alleles, numbers, short = draw_matched(
        classes_from(model, sites), _allowed(model, scorer), classes, size, model.plan.variants.seed
    )
    if short:
        notify(
            f"--background matched: of {len(classes)} classes of distance and GC, {short} have "
            f"fewer than {size:,} random SNVs, for the genome has few such places."
        )
    ranks = ClassRanks(len(scorer.scores) * len(scorer.units))
    for cells, rows in _cells(model, scorer, batches(alleles)):
        ranks.add(cells, numbers[rows])
    contig = np.repeat(np.arange(len(sites.by_contig)), [len(mine) for mine in sites.by_contig])
    places = np.stack([contig, np.concatenate(sites.by_contig)])
    return StoredBackground(ranks, about, places)


def _allowed(model: ModelFacts, scorer: Scorer, regions: Regions | None = None) -> Regions:
    allowed = np.array([bool(folds) for folds in scorer.folds], np.bool_)
    return allowed_regions(model.plan.genome, allowed, regions)


def _pieces(model: ModelFacts, scorer: Scorer) -> Iterator[Any]:
    """Yield the variants of a background that is not matched, in batches."""
    record, variants, genome = model.background_record, model.plan.variants, model.plan.genome
    if record is None:
        regions = _allowed(model, scorer)
        yield from batches(random_snvs(genome, regions, variants.background, variants.seed))
    elif record.kind == REGIONS:
        bed = read_bed(_path(model), genome.contigs, silent, model.plan.alias, clip=True)
        regions = _allowed(model, scorer, bed.regions())
        yield from batches(random_snvs(genome, regions, record.size, variants.seed))
    else:
        taken = every_allele(_path(model), model.plan.alias, genome, scorer.limit, record.size)
        yield from (piece for each in taken for piece in batches(scorer.admit(each).alleles))


def _cells(
    model: ModelFacts, scorer: Scorer, pieces: Iterator[Any]
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Yield the scores of variants, and their numbers; those with too many N are left out."""
    done = 0
    for piece in pieces:
        scored = scorer.score(piece)
        kept = np.flatnonzero(scored.unknown <= model.plan.variants.max_n)
        yield scored.cells()[kept], kept + done
        done += len(piece)
