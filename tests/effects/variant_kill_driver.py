"""Runs of variants for :mod:`forks`, which kills them and starts them again; a script."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow.parquet  # noqa: F401 - imported before forking
import pyBigWig  # noqa: F401
import pysam  # noqa: F401
import tracksmith_demo.network  # noqa: F401
from effect_toys import parts_of

sys.path.append(str(Path(__file__).resolve().parents[1] / "runs"))
import forks

from tracksmith.api import score_variants
from tracksmith.effects import kind
from tracksmith.models import registry as plugins

REGISTRY = plugins.load_registry()


def runs_in(folder: Path) -> forks.Make:
    def score(out: Path) -> None:
        import torch

        torch.set_num_threads(1)
        plugins.load_registry = lambda: REGISTRY
        kind.stage_of = parts_of(28)
        score_variants(
            folder / "variants.vcf", "core-promoter", folder / "demo.fa", out,
            compressor="zlib", around=("top:3",),
        )  # fmt: skip

    return score


if __name__ == "__main__":
    forks.main(runs_in)
