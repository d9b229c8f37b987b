"""A real locus through the engine, against a plain loop over windows.

The whole locus (1.01 Mb) takes minutes: TRACKSMITH_FULL_SIZE=1 runs it; the
ordinary test takes its first 14 kb, with the run of N before it.
"""

import os
import warnings
from pathlib import Path

import numpy as np
import pybigtools
import pyBigWig
import pysam
import pytest
import torch
from tracksmith_clipnet.hdf5 import read_layers
from tracksmith_clipnet.network import Clipnet

import tracksmith

LOCUS = (24_985_580, 26_000_306)
WHOLE = os.environ.get("TRACKSMITH_FULL_SIZE") == "1"
SPAN = (LOCUS[0] - 3_000, LOCUS[1] if WHOLE else LOCUS[0] + 14_000)
TWO_HOT = {"A": 0, "C": 1, "G": 2, "T": 3}
TRACKS = ("plus", "minus")


@pytest.fixture(scope="module")
def genome(shared: Path) -> Path:
    return shared / "data" / "hg38_chr21" / "chr21.hg38.0-26.0Mb.Npad.fa.gz"


@pytest.fixture(scope="module")
def run(shared: Path, genome: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("locus") / "run"
    region = f"chr21:{SPAN[0] + 1}-{SPAN[1]}"
    weights = shared / "parity" / "clipnet" / "folds"
    folds = "mean:1,2,3"
    tracksmith.predict("clipnet-lcl", genome, out, regions=region, weights=weights, folds=folds)
    return out


@pytest.fixture(scope="module")
def by_hand(shared: Path, genome: Path) -> np.ndarray:
    """Predict window by window from letters: ``(2, bases)`` in the model's own sign."""
    folder = shared / "parity" / "clipnet" / "folds"
    folds = [Clipnet(read_layers(path)).eval() for path in sorted(folder.glob("fold_*.h5"))]
    tracks = np.full((2, SPAN[1] - SPAN[0]), np.nan)
    with pysam.FastaFile(str(genome)) as fasta:
        length = fasta.get_reference_length("chr21")
        for core in range(SPAN[0] // 500 * 500, SPAN[1], 500):
            text = fasta.fetch("chr21", core - 250, min(core + 750, length)).upper()
            if text.strip("N"):
                low, high = max(core, SPAN[0]), min(core + 500, SPAN[1])
                values = _predict(folds, text.ljust(1000, "N"))[:, low - core : high - core]
                known = np.array([base != "N" for base in text[250:][low - core : high - core]])
                tracks[:, low - SPAN[0] : high - SPAN[0]] = np.where(known, values, np.nan)
    return tracks


def _predict(folds: list[Clipnet], text: str) -> np.ndarray:
    bases = torch.zeros(1, 4, 1000)
    for place, base in enumerate(text):
        if base in TWO_HOT:
            bases[0, TWO_HOT[base], place] = 2.0
    with torch.inference_mode():
        raw = np.mean([fold(bases)[0].double().numpy() for fold in folds], axis=0)
    profile, quantity = raw[:1000], raw[1000]
    return (profile / (profile.sum() + 1e-3) * quantity).reshape(2, 500)


def read(run: Path, track: str) -> np.ndarray:
    with pyBigWig.open(str(run / "tracks" / f"clipnet-lcl.{track}.bw")) as file:
        return file.values("chr21", *SPAN, numpy=True).astype(float)


@pytest.mark.parametrize("row", [0, 1])
def test_the_tracks_equal_a_loop_over_windows(run, by_hand, row):
    mine = read(run, TRACKS[row]) * (1, -1)[row]
    truth = by_hand[row]
    assert (np.isnan(mine) == np.isnan(truth)).all()
    worst = np.nanmax(np.abs(mine - truth)) / np.nanmax(np.abs(truth))
    print(f"{TRACKS[row]}: largest difference {worst:.2e} of the maximum")
    assert worst < 1e-5


def test_n_before_the_locus_is_a_gap_and_its_first_base_has_a_value(run):
    values = read(run, "plus")
    assert np.isnan(values[:3_000]).all()
    assert not np.isnan(values[3_000:]).any()


@pytest.mark.parametrize("track", TRACKS)
def test_summaries_at_every_zoom_are_exact_in_two_readers(run, track):
    path = str(run / "tracks" / f"clipnet-lcl.{track}.bw")
    truth = read(run, track)
    with pyBigWig.open(path) as file:
        levels = file.header()["nLevels"]
        for level in range(levels):
            width = 64 * 4**level * 4
            low, high = -(-SPAN[0] // width) * width, SPAN[1] // width * width
            if low >= high:
                break
            bins = (high - low) // width
            cut = truth[low - SPAN[0] : high - SPAN[0]].reshape(bins, width)
            for statistic, reduce in (("mean", np.nanmean), ("max", np.nanmax), ("min", np.nanmin)):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", RuntimeWarning)  # a bin of gaps only
                    expected = reduce(cut, axis=1)
                mine = file.stats("chr21", low, high, nBins=bins, type=statistic)
                mine = np.array([np.nan if x is None else x for x in mine])
                assert np.allclose(mine, expected, rtol=1e-5, equal_nan=True)
    assert levels >= (4 if WHOLE else 3)
    with pybigtools.open(path) as file:
        values = file.values("chr21", *SPAN, fillna=None)
        assert np.allclose(values, truth, rtol=1e-6, equal_nan=True)
