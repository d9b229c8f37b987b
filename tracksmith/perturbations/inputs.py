"""The edits and readouts of a run, read from its files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tracksmith.errors import InputError
from tracksmith.genome.aliases import ContigNames, read_aliases
from tracksmith.genome.fasta import Genome, Notify
from tracksmith.genome.intervals import Regions
from tracksmith.perturbations.edit_files import read_edit_rows, read_sequences
from tracksmith.perturbations.perturbation import Perturbation
from tracksmith.perturbations.readouts import Readout, is_gtf, read_readouts
from tracksmith.perturbations.recipe import Recipe
from tracksmith.perturbations.rows import Maker, Row
from tracksmith.perturbations.structural import SkippedEdit, is_variant_file, read_variants
from tracksmith.perturbations.tiles import kept_windows, tiles
from tracksmith.runs.record import ALIAS

__all__ = ["Inputs", "read_inputs"]


@dataclass(frozen=True)
class Inputs:
    """What is done where, and where it is read; ``skipped`` are edits that cannot be made."""

    edits: tuple[Perturbation, ...]
    skipped: tuple[SkippedEdit, ...]
    readouts: tuple[Readout, ...]


def read_inputs(
    recipe: Recipe,
    paths: Mapping[str, Path],
    genome: Genome,
    regions: Regions | None,
    notify: Notify,
) -> Inputs:
    """Read edits and readouts; edits in the order of the genome.

    Raises
    ------
    InputError
        A row that cannot be what it says, with file and line; or no edit is left.
    """
    alias = paths.get(ALIAS)
    at = paths["readouts"]
    sites = recipe.around is not None or is_gtf(at)
    readouts = read_readouts(at, genome.contigs, notify, alias, recipe.feature, sites=sites)
    aliases = read_aliases(alias, genome.contigs) if alias is not None else None
    source = str(paths.get("edits", "--tile"))
    maker = Maker(
        genome,
        ContigNames(genome.contigs, source, notify, aliases),
        recipe.seeds,
        read_sequences(paths.get("sequences"), notify),
        frozenset(readout.name for readout in readouts),
    )
    edits: list[Perturbation] = []
    skipped: list[SkippedEdit] = []
    strict = not _is_vcf(paths)
    for row in _rows(recipe, paths, maker, regions, readouts):
        made = _made(maker, row, strict=strict) if isinstance(row, Row) else row
        if isinstance(made, SkippedEdit):
            skipped.append(made)
        else:
            edits.append(made)
    if not edits:
        why = f"; of {skipped[0].name}: {skipped[0].reason}" if skipped else ""
        raise InputError(f"{source}: no edit is left to make{why}.")
    _refuse_unknown(recipe, edits)
    edits.sort(key=lambda one: (one.contig, one.start, one.end, one.name))
    return Inputs(tuple(edits), tuple(skipped), readouts)


def _is_vcf(paths: Mapping[str, Path]) -> bool:
    return "edits" in paths and is_variant_file(paths["edits"])


def _rows(
    recipe: Recipe,
    paths: Mapping[str, Path],
    maker: Maker,
    regions: Regions | None,
    readouts: tuple[Readout, ...],
) -> Iterator[Row | SkippedEdit]:
    if recipe.tile is not None and regions is not None:
        yield from tiles(maker.genome, regions, recipe.tile, recipe.step or recipe.tile, recipe.op)
    elif recipe.local:
        yield from kept_windows(readouts, recipe.local, maker.genome)
    elif _is_vcf(paths):
        yield from read_variants(paths["edits"], maker)
    else:
        yield from read_edit_rows(paths["edits"], recipe.op)


def _made(maker: Maker, row: Row, *, strict: bool) -> Perturbation | SkippedEdit:
    """Return the perturbation of a row; of a VCF, what cannot be made is skipped with a reason."""
    try:
        return maker.make(row)
    except InputError as error:
        if strict:
            raise
        return SkippedEdit(row.name, row.place, str(error).removeprefix(f"{row.place}: "))


def _refuse_unknown(recipe: Recipe, edits: list[Perturbation]) -> None:
    names = {edit.name for edit in edits}
    for name in recipe.tracks_for:
        if name not in names:
            raise InputError(f"--tracks-for {name}: there is no edit of this name.")
