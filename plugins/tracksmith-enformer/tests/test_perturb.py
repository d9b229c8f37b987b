"""Edits read in one start site share the tower of its reference: the same values for less."""

import gzip

import numpy as np
import pytest
from tracksmith_enformer.network import Enformer

import tracksmith
from tracksmith.engine.conformance.basics import TOLERANCE
from tracksmith.engine.forward import Forward
from tracksmith.models.registry import load_registry

SITE, LENGTH = 110_000, 220_000
TOKENS = 1536


@pytest.fixture
def inputs(make, tmp_path):
    if "enformer-human" not in load_registry().models:
        pytest.skip("the plugin is not installed: pip install -e plugins/tracksmith-enformer")
    make.table(tmp_path / "targets_human.txt", 4)
    make.folder(tmp_path, make.deep)
    codes = np.random.default_rng(5).integers(0, 4, LENGTH)
    (tmp_path / "genome.fa").write_text(f">chr1\n{''.join('ACGT'[code] for code in codes)}\n")
    (tmp_path / "site.bed").write_text(f"chr1\t{SITE}\t{SITE + 1}\tstart\t0\t+\n")
    return tmp_path


@pytest.fixture
def counted(monkeypatch):
    """Counts the tokens of which the tower is asked, and the windows of the transformer."""
    count = {"tokens": 0, "windows": 0}
    piece, predict = Enformer._piece, Enformer._predict

    def counting_piece(self, bases, start, stop):
        count["tokens"] += (stop - start) * len(bases)
        return piece(self, bases, start, stop)

    def counting_predict(self, tokens):
        count["windows"] += len(tokens) if len(tokens) == 1 else 0
        return predict(self, tokens)

    monkeypatch.setattr(Enformer, "_piece", counting_piece)
    monkeypatch.setattr(Enformer, "_predict", counting_predict)
    return count


def perturbed(folder, name, **more):
    tracksmith.perturb(
        more.pop("edits", None), folder / "site.bed", "enformer-human", folder / "genome.fa",
        folder / name, around=128, weights=folder, tracks="ID0", device="cpu", table_only=True,
        **more,
    )  # fmt: skip
    with gzip.open(folder / name / "perturb/enformer-human.tsv.gz", "rt") as handle:
        header, *lines = (line.rstrip("\n").split("\t") for line in handle)
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    with (folder / name / "perturb/enformer-human.counts.tsv").open() as handle:
        counts = dict(line.rstrip("\n").split("\t") for line in handle)
    return rows, counts


def test_tiles_of_2_kb_share_the_tower_of_their_start_site(inputs, counted, monkeypatch):
    tiles = {"tile": 2_000, "op": "mask", "regions": f"chr1:{SITE - 30_000}-{SITE - 14_001}"}
    rows, counts = perturbed(inputs, "shared", reverse_complement=False, **tiles)
    assert len(rows) == 8
    spent = dict(counted)
    counted.update(tokens=0, windows=0)
    monkeypatch.setattr(Forward, "offers_alleles", property(lambda self: False))
    plain, own_counts = perturbed(inputs, "plain", reverse_complement=False, **tiles)
    # Both predict nine windows: the reference once, each tile once, instead of sixteen.
    assert spent["windows"] == counted["windows"] == 9
    assert counts["windows if each edit were predicted alone"] == "16"
    assert own_counts["windows predicted in full"] == "9"
    assert (counts["windows predicted in full"], counts["windows predicted in part"]) == ("1", "8")
    assert counted["tokens"] == 9 * TOKENS
    # The tower read one window, and of each tile the 16 kb that all of them change.
    assert spent["tokens"] == 2_576
    for row, other in zip(rows, plain, strict=True):
        for name in ("reference", "mean"):
            assert abs(float(row[name]) - float(other[name])) <= TOLERANCE * float(other[name])
        assert float(other["effect"]) != 0
