"""A run along a genome with narrow weights of the published geometry."""

from pathlib import Path

import numpy as np
import pyBigWig
import pytest
import torch
from tracksmith_enformer.network import Enformer

import tracksmith
from tracksmith.models.registry import load_registry

LENGTH = 250_100
"""Three cores; the last bin has 116 bp."""


@pytest.fixture(scope="module")
def run(make, tmp_path_factory):
    """The folder of a run, and the codes of its one contig."""
    if "enformer-human" not in load_registry().models:
        pytest.skip("the plugin is not installed: pip install -e plugins/tracksmith-enformer")
    folder = tmp_path_factory.mktemp("enformer")
    make.table(folder / "targets_human.txt", 4)
    make.folder(folder, make.deep)
    codes = np.random.default_rng(5).integers(0, 4, LENGTH)
    genome = folder / "genome.fa"
    genome.write_text(f">chr1\n{''.join('ACGT'[code] for code in codes)}\n")
    out = folder / "out"
    chosen = ["DNASE:cell 3", "ID0"]
    tracksmith.predict("enformer-human", genome, out, weights=folder, tracks=chosen, device="cpu")
    return out, codes


def test_a_run_writes_what_each_window_alone_predicts(make, run):
    out, codes = run
    network = Enformer(make.tensors(make.deep), make.deep, 196_608, 896, "human")
    padded = np.full(3 * 114_688 + 2 * 40_960, 4)
    padded[40_960 : 40_960 + LENGTH] = codes
    one_hot = torch.cat([torch.eye(4), torch.zeros(1, 4)])[torch.from_numpy(padded)].T
    windows = [one_hot[None, :, start : start + 196_608] for start in (0, 114_688, 229_376)]
    expected = torch.cat([network(window)[0] for window in windows], 1).numpy()
    for row in (0, 3):
        with pyBigWig.open(str(out / "tracks" / f"enformer-human.ID{row}.bw")) as track:
            assert track.chroms() == {"chr1": LENGTH}
            values = np.array(track.values("chr1", 0, LENGTH))
        np.testing.assert_allclose(
            values, np.repeat(expected[row], 128)[:LENGTH], rtol=2e-5, atol=1e-6
        )


def test_only_the_chosen_tracks_are_written(run):
    out, _ = run
    names = sorted(path.name for path in Path(out, "tracks").glob("*.bw"))
    assert names == ["enformer-human.ID0.bw", "enformer-human.ID3.bw"]
