"""The files of a run of variants, in the order they are written.

Estimates read the same list, so that a new file is one new entry of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from tracksmith.effects.forecast import forecast
from tracksmith.effects.outputs import Outline
from tracksmith.effects.shared_files import INPUT_FILES, SUMMARY
from tracksmith.effects.sources import SourceSize
from tracksmith.effects.table_files import TABLE_FILES
from tracksmith.effects.track_files import EFFECT_TRACKS, SATURATION_TRACKS
from tracksmith.genome.contigs import Contigs
from tracksmith.runs.estimate import Disk
from tracksmith.runs.planned import PlannedModel
from tracksmith.runs.record import ModelRecord, VariantsRecord

__all__ = ["LIST_FILES", "SATURATION_FILES", "SHARED_FILES", "file_names", "names_and_disk"]

LIST_FILES = (*TABLE_FILES, *EFFECT_TRACKS)
"""The files of each model in a run over a list of variants."""

SATURATION_FILES = SATURATION_TRACKS
"""Those in a run over every substitution of a region."""

SHARED_FILES = (*INPUT_FILES, SUMMARY)
"""The files of all models together; the last one once the input is known not to have changed."""


def file_names(
    models: Sequence[ModelRecord],
    variants: VariantsRecord,
    longest: int,
    *,
    in_order: bool,
    background: bool = False,
) -> tuple[str, ...]:
    """Return the files that a run will write, by their paths in its folder.

    ``longest`` is the length of the longest contig (bp); ``in_order`` says whether the
    variants come contig by contig with ascending positions, ``background`` whether effects are
    ranked among others.
    """
    outline = Outline(variants, longest, in_order, background)
    each = (*LIST_FILES, *SATURATION_FILES)
    names = [name for model in models for file in each for name in file.names(model, outline)]
    return (*names, *(name for file in SHARED_FILES for name in file.names(outline)))


def names_and_disk(
    models: Sequence[PlannedModel],
    variants: VariantsRecord,
    size: SourceSize,
    contigs: Contigs,
    *,
    background: bool,
) -> tuple[tuple[str, ...], Disk]:
    """Return the files that a run will write, and the bytes that it needs.

    ``background`` says that effects are ranked among others than those of the file.
    """
    names = file_names(
        [model.record for model in models], variants, int(contigs.lengths.max(initial=0)),
        in_order=size.sorted, background=background,
    )  # fmt: skip
    return names, forecast(models, variants, size, contigs)
