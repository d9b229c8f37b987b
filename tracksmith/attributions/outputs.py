"""The names of the files of a run of explanations, and what their writers share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tracksmith.attributions.opened import OpenedRun
from tracksmith.attributions.passes import Explained
from tracksmith.attributions.plan import ExplainedModel
from tracksmith.attributions.targets import Target
from tracksmith.genome.bases import Masks
from tracksmith.genome.fasta import Genome
from tracksmith.runs.parts import PartStore
from tracksmith.tracks.options import TrackOptions

__all__ = [
    "COMPLETE", "FilesJob", "array_path", "file_names", "kinds_of_track", "sites_path",
    "steps_path", "table_path", "track_path",
]  # fmt: skip

COMPLETE = ("integrated", "deeplift")
"""Methods whose letters add up to a difference of predictions."""


def file_names(model: ExplainedModel) -> list[str]:
    """Return the files of a model, by their paths in the run's folder."""
    names = [
        track_path(model, target, spread=spread)
        for target in model.targets.items
        for spread in kinds_of_track(model)
    ]
    if model.recipe.hypothetical:
        names += [array_path(model, "ohe"), steps_path(model)]
        names += [array_path(model, "shap", target) for target in model.targets.items]
    if model.recipe.motifs:
        names += [sites_path(model, target) for target in model.targets.items]
    if model.recipe.method in COMPLETE:
        names.append(table_path(model))
    return names


def kinds_of_track(model: ExplainedModel) -> Sequence[bool]:
    """Say of each track of a target whether it is the spread over folds."""
    return (False, True) if model.record.folds.spread else (False,)


def track_path(model: ExplainedModel, target: Target, *, spread: bool) -> str:
    """Return the path of the letters of a target, or of their spread."""
    end = ".sd" if spread else ""
    return f"tracks/{model.record.name}.{target.name}.{model.recipe.method}{end}.bw"


def array_path(model: ExplainedModel, what: str, target: Target | None = None) -> str:
    """Return the path of an array of a model, or of a target."""
    middle = "" if target is None else f".{target.name}.{model.recipe.method}"
    return f"explain/{model.record.name}{middle}.{what}.npz"


def sites_path(model: ExplainedModel, target: Target) -> str:
    """Return the path of the named stretches of a target."""
    return f"tracks/{model.record.name}.{target.name}.{model.recipe.method}.sites.bb"


def steps_path(model: ExplainedModel) -> str:
    """Return the path of the list of steps, the rows of the arrays."""
    return f"explain/{model.record.name}.steps.bed"


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

    def masks(self, step: int) -> Masks:
        """Return the bases of a step."""
        steps, genome = self.model.steps, self.genome
        name = genome.contigs.names[int(steps.contig[step])]
        return genome.read(name, int(steps.start[step]), int(steps.end[step]))

    @property
    def genome(self) -> Genome:
        """The genome."""
        return self.opened.genome
