"""Percentiles: one definition everywhere, and backgrounds that outlive damage."""

import numpy as np
import pyBigWig
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import tracksmith
from tracksmith.effects.ranks import Ranks
from tracksmith.progress import Silent


def score(source, genome, out, **options):
    return tracksmith.score_variants(source, "toy", genome, out, **options)


def other(base):
    return "ACGT"[("ACGT".index(base) + 1) % 4]


EFFECTS = st.sampled_from([0.0, -0.0, 0.5, -0.5, 1.0, 3.0, -8.0, 1e-30, float("nan")])


@given(counted=arrays(np.float32, (12, 3), elements=EFFECTS), first=st.integers(0, 12))
def test_a_percentile_counts_what_is_strictly_smaller_in_size(counted, first):
    ranks = Ranks(3)
    ranks.add(counted[:first])
    ranks.add(counted[first:])
    percentiles = ranks.percentiles(counted)
    for (row, column), value in np.ndenumerate(counted):
        known = np.abs(counted[:, column][~np.isnan(counted[:, column])])
        if np.isnan(value):
            assert np.isnan(percentiles[row, column])
        else:
            truth = 100 * np.mean([size < abs(value) for size in known])
            assert percentiles[row, column] == pytest.approx(truth, rel=1e-6)
            assert value or percentiles[row, column] == 0, "an effect of 0 is larger than nothing"


def test_sizes_within_a_class_count_as_equal():
    ranks = Ranks(1)
    ranks.add(np.array([[1.0], [1.001], [1.02], [2.0]], np.float32))
    percentiles = ranks.percentiles(np.array([[1.001], [1.02], [3.0]], np.float32))
    assert percentiles.ravel().tolist() == [0, 50, 100]


@pytest.fixture
def many(register, toy, small, write_vcf, tmp_path, monkeypatch):
    """A file of substitutions, one of which a model that ignores it gives the effect 0."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    register(toy())
    genome, texts = small
    t = texts["chr1"]
    rows = [("chr1", p + 1, f"v{p}", t[p], other(t[p])) for p in range(50, 900, 11)]
    return write_vcf(rows), genome


def of_both(table):
    return [row for row in table if row["track"] == "both"]


def test_percentiles_rank_among_the_file_or_among_random_variants(many, tmp_path, table_of):
    source, genome = many
    score(source, genome, tmp_path / "own")
    own = of_both(table_of(tmp_path / "own/variants/toy.tsv.gz"))
    size = np.array([abs(float(row["value"])) for row in own])
    rank = np.array([float(row["percentile"]) for row in own])
    exact = np.array([100 * (size < s).mean() for s in size])
    assert np.abs(rank - exact).max() <= 100 * 3 / len(size), "but for ties of a class"
    assert (rank <= exact + 1e-4).all()

    score(source, genome, tmp_path / "background", background=300)
    cached = list((tmp_path / "cache").rglob("*.ranks"))
    assert len(cached) == 1
    ranked = of_both(table_of(tmp_path / "background/variants/toy.tsv.gz"))
    assert [row["value"] for row in ranked] == [row["value"] for row in own]
    ranks = np.array([float(row["percentile"]) for row in ranked])
    assert np.array_equal(np.argsort(ranks, kind="stable")[-1:], np.argsort(size)[-1:])
    assert np.abs(ranks - rank).mean() < 15, "random variants of the same kind"
    assert not np.array_equal(ranks, rank)
    before = cached[0].stat().st_mtime_ns
    again = tmp_path / "again"
    score(source, genome, again, background=300)
    assert cached[0].stat().st_mtime_ns == before, "the background is computed once"
    both = [(f / "variants/toy.tsv.gz").read_bytes() for f in (tmp_path / "background", again)]
    assert both[0] == both[1]


@pytest.mark.parametrize("background", [0, 300])
def test_every_file_says_the_same_of_its_percentiles(many, tmp_path, background):
    source, genome = many
    score(source, genome, tmp_path / "run", background=background)
    folder = tmp_path / "run/variants"
    among = f"{background} random SNVs of the genome" if background else "the alleles of this file"
    text = f"percentage of {among} with a strictly smaller absolute effect"
    page = (folder / "summary.html").read_text()
    assert f"Percentile: {text}." in page
    assert "50 of 78 alleles; tracksmith view shows them" in page
    assert "<a " not in page, "nothing is there yet that it could lead to"
    with pysam.VariantFile(str(folder / "annotated.vcf.gz")) as vcf:
        assert text in vcf.header.info["TS_toy_percentile"].description
    with pyBigWig.open(str(folder / "toy.bb")) as file:
        assert f'float percentile; "{text.capitalize()}"' in file.SQL().decode()
        entries = file.entries("chr1", 0, 3_000)
    for _, _, line in entries:
        fields = line.split("\t")
        assert fields[-1].endswith(f"(larger than {float(fields[13]):.3g} % of {among})")


class Listener(Silent):
    """Remembers what it is told."""

    def __init__(self):
        self.said = []

    def note(self, text):
        self.said.append(text)


@pytest.mark.parametrize("damage", ["empty", "cut", "one byte", "other arrays"])
def test_a_damaged_background_is_named_and_made_again(many, tmp_path, damage):
    source, genome = many
    score(source, genome, tmp_path / "first", background=40)
    (path,) = (tmp_path / "cache").rglob("*.ranks")
    whole = path.read_bytes()
    middle = len(whole) // 2
    broken = {
        "empty": b"",
        "cut": whole[:middle],
        "one byte": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "other arrays": whole[:32] + whole[32:][::-1],
    }
    path.write_bytes(broken[damage])
    listener = Listener()
    score(source, genome, tmp_path / "again", background=40, progress=listener)
    assert [line for line in listener.said if "is damaged" in line and str(path) in line]
    assert path.read_bytes() == whole
    both = [(tmp_path / f"{n}/variants/toy.tsv.gz").read_bytes() for n in ("first", "again")]
    assert both[0] == both[1]


def test_the_strongest_of_very_many_has_not_100_percent_below_it():
    ranks = Ranks(1)
    values = np.ones((99_999, 1), np.float32)
    ranks.add(values)
    ranks.add(np.full((1, 1), 50, np.float32))
    percentiles = ranks.percentiles(np.array([[50], [1]], np.float32))
    assert [f"{value:.2f}" for value in percentiles[:, 0]] == ["99.99", "0.00"]
