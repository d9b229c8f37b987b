"""What is refused of a request for variants before anything is planned."""

import pytest

import tracksmith
from tracksmith.errors import UsageError


@pytest.fixture
def source(register, toy, small, write_vcf):
    """Twenty SNVs; one toy model."""
    register(toy())
    bases = small[1]["chr1"]
    rows = [
        ("chr1", p + 1, f"v{p}", bases[p], "ACGT"[("ACGT".index(bases[p]) + 1) % 4])
        for p in range(100, 120)
    ]
    return write_vcf(rows)


def test_models_that_would_share_a_key_of_info_are_refused_before_work(
    register, toy, source, small, tmp_path
):
    register(toy(name="toy-a"), toy(name="toy.a"))
    genome, _ = small
    with pytest.raises(UsageError, match=r"both toy-a and toy\.a: its INFO key TS_toy_a_diff"):
        tracksmith.score_variants(source, ["toy-a", "toy.a"], genome, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert tracksmith.score_variants(source, "toy.a", genome, tmp_path / "run").counts


def test_python_takes_a_path_as_text_and_no_share_above_one(source, small, tmp_path):
    genome, _ = small
    (tmp_path / "alias.tsv").write_text("chr1\tNC_1\n")
    text = source.read_text().replace("chr1", "NC_1")
    (tmp_path / "other.vcf").write_text(text)
    results = tracksmith.score_variants(
        tmp_path / "other.vcf", "toy", genome, tmp_path / "run", alias=str(tmp_path / "alias.tsv")
    )
    assert results.counts["toy"].alleles_scored == 20
    for share in (7, -0.1, float("nan")):
        with pytest.raises(UsageError, match=f"--max-skipped {share}"):
            tracksmith.score_variants(source, "toy", genome, tmp_path / "no", max_skipped=share)
