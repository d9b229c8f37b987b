"""Runs of perturbations for :mod:`forks`, which kills them and starts them again; a script."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet  # noqa: F401 - imported before forking
import pyBigWig  # noqa: F401
import pysam  # noqa: F401
import tracksmith_demo.network  # noqa: F401

sys.path.append(str(Path(__file__).resolve().parents[1] / "runs"))
import forks

from tracksmith.api import perturb
from tracksmith.models import registry as plugins
from tracksmith.perturbations import forecast, kind

REGISTRY = plugins.load_registry()


def small_parts(model):
    stage = forecast.stage_of(model)
    return replace(stage, starts=tuple(range(0, stage.items, 13)))


def runs_in(folder: Path) -> forks.Make:
    def edit(out: Path) -> None:
        import torch

        torch.set_num_threads(1)
        plugins.load_registry = lambda: REGISTRY
        kind.stage_of = small_parts
        perturb(
            folder / "edits.tsv", folder / "promoters.bed", "core-promoter", folder / "demo.fa",
            out, compressor="zlib", around=20, tracks_for="box1", device="cpu", within=2000,
        )  # fmt: skip

    return edit


if __name__ == "__main__":
    forks.main(runs_in)
