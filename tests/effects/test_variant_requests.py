"""What is refused of a request for variants before anything is planned."""

import io
import os
import sys
import threading

import pytest
import verbs

import tracksmith
from tracksmith.errors import UsageError
from tracksmith.runs.run import Run


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


def test_variants_and_aliases_may_come_out_of_pipes(source, small, tmp_path, monkeypatch):
    genome, _ = small
    text = source.read_bytes().replace(b"\nchr1\t", b"\nNC_1\t")
    pipe = tmp_path / "alias.pipe"
    os.mkfifo(pipe)
    out = tmp_path / "run"
    for step in ("plan", "again", "other"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        words = b"chr1\tNC_1\n" if step != "other" else b"chr2\tNC_1\n"
        threading.Thread(target=pipe.write_bytes, args=(words,), daemon=True).start()
        request = verbs.request("toy", genome, variants="-", alias=pipe, max_skipped=1)
        if step == "other":
            with pytest.raises(UsageError, match=r"holds another run(.|\n)*variants\.alias"):
                verbs.plan(request, out)
        else:
            run = verbs.plan(request, out)
    assert sorted(path.name for path in (out / ".inputs").iterdir()) == ["input", "input-alias"]
    assert (out / ".inputs/input-alias").read_bytes() == b"chr1\tNC_1\n"
    assert verbs.work(out) == [0]
    assert verbs.finish(out).results.counts["toy"].alleles_scored == 20
    assert run.id == Run.open(out).id
    assert sorted(path.name for path in out.iterdir()) == ["run.json", "variants"]
