"""What only a run of explanations is asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tracksmith.runs.fields import EXPLAIN, WINDOWS, option
from tracksmith.runs.values import read_path, read_text, read_whole, read_yes

__all__ = ["ExplainRequest"]

GROUP = "Explanations"
ONLY, READS = (EXPLAIN,), (WINDOWS,)


@dataclass(frozen=True)
class ExplainRequest:
    """The fields of :class:`tracksmith.runs.request.Request` that are of explanations alone."""

    method: str = option(
        "", read_text, "How letters are found.", kinds=ONLY, reads=READS, group=GROUP,
        choices=("ism", "gradient", "integrated", "deeplift"),
    )  # fmt: skip
    reduce: str = option(
        "", read_text, "How the scored bins become one number; default by model.", kinds=ONLY,
        reads=READS, choices=("sum", "mean", "max"), group=GROUP,
    )  # fmt: skip
    baseline: str = option(
        "shuffled", read_text, "What integrated gradients start from.", kinds=ONLY, reads=READS,
        choices=("shuffled", "uniform"), group=GROUP,
    )  # fmt: skip
    references: int | None = option(
        20, read_whole, "Dinucleotide shuffles of each window (default 20).", kinds=ONLY,
        reads=READS, group=GROUP,
    )  # fmt: skip
    reference_seed: int | None = option(
        1, read_whole, "Seed of the shuffles (default 1).", kinds=ONLY, reads=READS, group=GROUP,
    )  # fmt: skip
    path_points: int | None = option(
        32, read_whole, "Points of a path of integrated gradients (default 32).", kinds=ONLY,
        reads=READS, group=GROUP,
    )  # fmt: skip
    alleles: Path | None = option(
        None, read_path, "Explain both alleles of these variants (VCF, BCF or table; - for "
        "standard input) and their difference.", kinds=ONLY, reads=READS, group=GROUP,
    )  # fmt: skip
    flank: int | None = option(
        100, read_whole, "With --alleles: bp to either side of a variant (default 100).",
        kinds=ONLY, reads=READS, group=GROUP,
    )  # fmt: skip
    motifs: Path | None = option(
        None, read_path, "Name stretches of letters by the motifs of this file (MEME).", kinds=ONLY,
        reads=READS, group=GROUP,
    )  # fmt: skip
    hypothetical: bool = option(
        False, read_yes, "Also write what every letter would add, as TF-MoDISco reads it.",
        kinds=ONLY, reads=READS, group=GROUP,
    )  # fmt: skip
