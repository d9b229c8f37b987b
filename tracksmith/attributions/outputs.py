"""The names of the files of a run of explanations, and what their writers share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tracksmith.attributions.alleles import ExplainedAllele, InReference, in_reference
from tracksmith.attributions.opened import OpenedRun
from tracksmith.attributions.passes import Explained, letters_of
from tracksmith.attributions.plan import ExplainedModel
from tracksmith.attributions.targets import Target
from tracksmith.genome.bases import Masks
from tracksmith.genome.fasta import Genome
from tracksmith.genome.readable import Readable
from tracksmith.runs.parts import PartStore
from tracksmith.tracks.options import TrackOptions

__all__ = [
    "COMPLETE", "OF_ALLELES", "FilesJob", "allele_sites_path", "array_path", "file_names",
    "sites_path", "skipped_path", "statistics", "steps_path", "table_path",
    "track_path", "variants_path",
]  # fmt: skip

OF_ALLELES = ("letters-ref", "letters-alt", "letters-delta")
"""The tracks around alleles: the reference, the alternative, and how much that adds."""

COMPLETE = ("integrated", "deeplift")
"""Methods whose letters add up to a difference of predictions."""


def file_names(model: ExplainedModel) -> list[str]:
    """Return the files of a model, by their paths in the run's folder."""
    names = [
        track_path(model, target, statistic)
        for target in model.targets.items
        for statistic in statistics(model)
    ]
    if model.alleles is not None:
        names += [variants_path(model), skipped_path(model)]
    if model.recipe.hypothetical:
        names += [array_path(model, "ohe"), steps_path(model)]
        names += [array_path(model, "shap", target) for target in model.targets.items]
    if model.recipe.motifs:
        named = sites_path if model.alleles is None else allele_sites_path
        names += [named(model, target) for target in model.targets.items]
    if model.recipe.method in COMPLETE:
        names.append(table_path(model))
    return names


def statistics(model: ExplainedModel) -> Sequence[str]:
    """Return what the tracks of a target show."""
    if model.alleles is not None:
        return OF_ALLELES
    return ("letters", "letters-sd") if model.record.folds.spread else ("letters",)


def track_path(model: ExplainedModel, target: Target, statistic: str) -> str:
    """Return the path of a track of letters, or of their spread."""
    end = statistic.removeprefix("letters").replace("-", ".")
    return f"tracks/{model.record.name}.{target.name}.{model.recipe.method}{end}.bw"


def array_path(model: ExplainedModel, what: str, target: Target | None = None) -> str:
    """Return the path of an array of a model, or of a target."""
    middle = "" if target is None else f".{target.name}.{model.recipe.method}"
    return f"explain/{model.record.name}{middle}.{what}.npz"


def sites_path(model: ExplainedModel, target: Target) -> str:
    """Return the path of the named stretches of a target."""
    return f"tracks/{model.record.name}.{target.name}.{model.recipe.method}.sites.bb"


def allele_sites_path(model: ExplainedModel, target: Target) -> str:
    """Return the path of the table of motif sites that alleles break or make."""
    return f"explain/{model.record.name}.{target.name}.{model.recipe.method}.alleles.tsv"


def steps_path(model: ExplainedModel) -> str:
    """Return the path of the list of steps, the rows of the arrays."""
    return f"explain/{model.record.name}.steps.bed"


def variants_path(model: ExplainedModel) -> str:
    """Return the path of the table of explained alleles."""
    return f"explain/{model.record.name}.{model.recipe.method}.variants.tsv"


def skipped_path(model: ExplainedModel) -> str:
    """Return the path of the table of alleles that are not explained."""
    return f"explain/{model.record.name}.skipped.tsv"


def table_path(model: ExplainedModel) -> str:
    """Return the path of the table of how well letters add up."""
    return f"explain/{model.record.name}.{model.recipe.method}.completeness.tsv"


@dataclass(frozen=True)
class FilesJob:
    """What the writers of a model share."""

    opened: OpenedRun
    store: PartStore
    number: int
    options: TrackOptions

    @property
    def model(self) -> ExplainedModel:
        """The model."""
        return self.opened.models[self.number]

    def explained(self) -> Iterator[tuple[int, Explained]]:
        """Yield every step by its number, in order."""
        model = self.model
        spread, targets = model.record.folds.spread, len(model.targets)
        outputs = [self.store.pieces(self.number, output) for output in range(3)]
        for rows in zip(*outputs, strict=True):
            pieces = [content for _, content in rows]
            yield rows[0][0], Explained.of_pieces(pieces, targets, spread=spread)

    def alleles(self, row: int) -> Iterator[tuple[int, ExplainedAllele, InReference]]:
        """Yield every allele by its number, with the letters of a target in the reference."""
        every = () if self.model.alleles is None else self.model.alleles.every
        line = np.empty(0)
        for step, explained in self.explained():
            letters = letters_of(explained.hypothetical[row], self.masks(step))
            if step % 2 == 0:
                line = letters
                continue
            number = step // 2
            start = int(self.model.steps.starts[step])
            yield number, every[number], in_reference(every[number], start, line, letters)

    def masks(self, step: int) -> Masks:
        """Return the bases of a step."""
        steps, genome = self.model.steps, self.reader
        name = genome.contigs.names[int(steps.contig[step])]
        return genome.read(name, int(steps.starts[step]), int(steps.ends[step]))

    @property
    def genome(self) -> Genome:
        """The genome."""
        return self.opened.genome

    @cached_property
    def reader(self) -> Readable:
        """What steps are read from: the genome, and its alleles."""
        return self.opened.reader(self.number)
