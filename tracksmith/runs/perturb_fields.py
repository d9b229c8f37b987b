"""What only a run of perturbations is asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tracksmith.runs.fields import PERTURB, option
from tracksmith.runs.values import (
    read_numbers,
    read_path,
    read_text,
    read_texts,
    read_whole,
    read_yes,
)

__all__ = ["PerturbRequest"]

GROUP = "Perturbations"
ONLY = (PERTURB,)


@dataclass(frozen=True)
class PerturbRequest:
    """The fields of :class:`tracksmith.runs.request.Request` that are of perturbations alone."""

    edits: Path | None = option(
        None, read_path, "Edits: a table with titles, BED, VCF or BCF.", kinds=ONLY, group=GROUP,
    )  # fmt: skip
    readouts: Path | None = option(
        None, read_path, "Where to read: regions (BED), or start sites (GTF; BED with --around).",
        kinds=ONLY, group=GROUP,
    )  # fmt: skip
    op: str = option(
        "", read_text, "What to do to the rows of a BED file, or to tiles: mask, shuffle, delete, "
        "invert, duplicate, keep.", kinds=ONLY, group=GROUP,
    )  # fmt: skip
    tile: int | None = option(
        None, read_whole, "Instead of a file: tiles of so many bp over the regions of -r.",
        kinds=ONLY, group=GROUP,
    )  # fmt: skip
    step: int | None = option(
        None, read_whole, "bp from one tile to the next; default: the tile's width.", kinds=ONLY,
        group=GROUP,
    )  # fmt: skip
    local: tuple[int, ...] = option(
        (), read_numbers, "Instead of a file: mask all but so many bp around each readout: "
        "1000,3000.", kinds=ONLY, group=GROUP,
    )  # fmt: skip
    sequences: Path | None = option(
        None, read_path, "FASTA of bases that edits name as fasta:NAME.", kinds=ONLY, group=GROUP,
    )  # fmt: skip
    seeds: int = option(
        10, read_whole, "Sequences of each shuffle, with fixed seeds.", kinds=ONLY, group=GROUP,
    )  # fmt: skip
    value: str = option(
        "", read_text, "How the bins of a readout become one value; default by model.", kinds=ONLY,
        choices=("sum", "mean"), group=GROUP,
    )  # fmt: skip
    feature: str = option(
        "gene", read_text, "Feature of a GTF whose start sites are read.", kinds=ONLY, group=GROUP,
    )  # fmt: skip
    within: int | None = option(
        None, read_whole, "Only pairs of edit and readout that are at most so many bp apart.",
        kinds=ONLY, group=GROUP,
    )  # fmt: skip
    tracks_for: tuple[str, ...] = option(
        (), read_texts, "Edit, by its name, that gets tracks of whole windows: without it, with "
        "it, and the difference; repeatable.", kinds=ONLY, group=GROUP,
    )  # fmt: skip
    table_only: bool = option(
        False, read_yes, "Write tables, and neither tracks nor arcs.", kinds=ONLY, group=GROUP,
    )  # fmt: skip
