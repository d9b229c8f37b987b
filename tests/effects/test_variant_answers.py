"""Answers that must agree with each other: files of one run, one variant written in two ways."""

import numpy as np
import pyBigWig
import pytest
import verbs

from tracksmith.effects import shared_files
from tracksmith.errors import TrustError
from tracksmith.models.card import VariantDefaults, WindowGeometry
from tracksmith.models.contract import TrackScore
from tracksmith.progress import Silent

GEOMETRY = WindowGeometry(64, 16, 32, 1)


def values(run, name, contig="chr1"):
    with pyBigWig.open(str(run.folder / "variants" / name)) as file:
        return file.values(contig, 0, file.chroms(contig), numpy=True)


def other(base):
    return "ACGT"[("ACGT".index(base) + 1) % 4]


def score(source, genome, out, models=("toy",), **changes):
    return verbs.run_all(verbs.request(models, genome, variants=source, **changes), out)


def test_a_swapped_allele_has_the_tracks_of_the_record_written_the_right_way_round(
    register, toy, small, write_vcf, table_of, tmp_path
):
    register(toy())
    genome, texts = small
    base = texts["chr1"][400]
    swapped = write_vcf([("chr1", 401, "v", other(base), base)], "swapped.vcf")
    right = write_vcf([("chr1", 401, "v", base, other(base))], "right.vcf")
    wanted = {"around": ("top:1",), "ref_mismatch": "use-alt-as-ref"}
    turned = score(swapped, genome, tmp_path / "turned", **wanted)
    plain = score(right, genome, tmp_path / "plain", **wanted)
    for own, its in (("ref", "alt"), ("alt", "ref")):
        tracks, expected = (values(r, f"toy.plus.{n}.bw") for r, n in ((turned, own), (plain, its)))
        np.testing.assert_array_equal(tracks, expected)
    delta = values(turned, "toy.plus.delta.bw")
    np.testing.assert_array_equal(delta, -values(plain, "toy.plus.delta.bw"))
    row = next(r for r in table_of(turned.folder / "variants/toy.tsv.gz") if r["track"] == "plus")
    assert float(row["value"]) == pytest.approx(np.nansum(delta), rel=1e-4)


def test_tracks_around_a_variant_have_gaps_where_the_genome_has_n(
    register, toy, small, write_vcf, tmp_path
):
    register(toy())
    genome, texts = small
    source = write_vcf([("chr1", 996, "v", texts["chr1"][995], other(texts["chr1"][995]))])
    run = score(source, genome, tmp_path / "run", around=("top:1",))
    for name in ("ref", "alt", "delta"):
        line = values(run, f"toy.plus.{name}.bw")
        assert np.isfinite(line[980:1000]).all()
        assert np.isnan(line[1000:1020]).all()


def test_the_tracks_that_were_asked_for_are_the_only_ones_named(
    register, toy, small, write_vcf, table_of, tmp_path
):
    register(toy())
    genome, texts = small
    text = texts["chr1"]
    source = write_vcf(
        [("chr1", p + 1, f"v{p}", text[p], other(text[p])) for p in range(100, 900, 40)]
    )
    every = score(source, genome, tmp_path / "every")
    plus = score(source, genome, tmp_path / "plus", tracks=("plus",))
    tables = [table_of(run.folder / "variants/toy.tsv.gz") for run in (every, plus)]
    known = {row["id"]: row["value"] for row in tables[0] if row["track"] == "plus"}
    assert {row["track"] for row in tables[0]} == {"plus", "minus", "both", "plus+minus"}
    assert {row["id"]: row["value"] for row in tables[1]} == known
    assert {row["track"] for row in tables[1]} == {"plus"}
    with pyBigWig.open(str(plus.folder / "variants/toy.bb")) as file:
        rows = [text.split("\t") for _, _, text in file.entries("chr1", 0, 3000)]
    assert {row[12] for row in rows} == {"plus"}
    assert {row[14] for row in rows} == {"1"}


def test_a_score_that_only_tracks_have_makes_headlines(register, toy, small, write_vcf, tmp_path):
    own = TrackScore(
        lambda reference, alternative: (alternative - reference).max(-1), "max(a - r)", "u"
    )
    register(toy(scores=("own",), own={"own": own}))
    genome, texts = small
    source = write_vcf([("chr1", 401, "v", texts["chr1"][400], other(texts["chr1"][400]))])
    run = score(source, genome, tmp_path / "run", tracks=("plus", "minus"))
    with pyBigWig.open(str(run.folder / "variants/toy.absmax.bw")) as file:
        assert file.values("chr1", 400, 401)[0] > 0
    top = (run.folder / "variants/toy.top.tsv").read_text().splitlines()
    assert len(top) == 2
    assert top[1].split("\t")[5] == "own" and top[1].split("\t")[7] in ("plus", "minus")


def test_a_mean_with_shifts_divides_by_the_bins_that_are_compared(
    register, toy, small, write_vcf, table_of, tmp_path
):
    genome, texts = small
    source = write_vcf([("chr1", 401, "v", texts["chr1"][400], other(texts["chr1"][400]))])
    by_reduction = {}
    for reduce in ("sum", "mean"):
        defaults = VariantDefaults(scores=("diff",), max_allele=20, reduce=reduce)
        register(toy(geometry=GEOMETRY, variants=defaults))
        run = score(source, genome, tmp_path / reduce, shifts=(-10, 10))
        by_reduction[reduce] = float(table_of(run.folder / "variants/toy.tsv.gz")[0]["value"])
    assert by_reduction["mean"] == pytest.approx(by_reduction["sum"] / (32 - 20), rel=1e-4)


def test_every_model_tells_why_it_skips_an_allele(
    register, toy, small, write_vcf, table_of, tmp_path
):
    short = VariantDefaults(scores=("diff",), max_allele=4)
    register(toy(name="short", variants=short), toy(name="long"))
    genome, texts = small
    text = texts["chr1"]
    wrong = other(text[200]) + text[201:206]
    source = write_vcf([
        ("chr1", 101, "same", other(text[100]), text[100]),
        ("chr1", 201, "differs", wrong, "A" * 8),
        ("chr1", 301, "fine", text[300], other(text[300])),
    ])  # fmt: skip
    run = score(source, genome, tmp_path / "run", ("short", "long"), max_skipped=1.0)
    reasons = {
        (row["id"], row["reason"], row["model"])
        for row in table_of(run.folder / "variants/skipped.tsv")
    }
    for model, counts in run.results.counts.items():
        mine = [item for item in reasons if item[2] in (model, ".")]
        assert {reason for _, reason, _ in mine} >= set(counts.reasons)
    assert ("same", "ref_mismatch", ".") in reasons
    assert sum(item[0] == "same" for item in reasons) == 1


class Listening(Silent):
    """Keeps what is told."""

    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def test_changes_without_a_value_are_told_when_a_region_is_saturated(
    register, toy, small, tmp_path
):
    register(toy())
    listener = Listening()
    request = verbs.request(("toy",), small[0], saturate="chr1:980-999", max_n=0.3)
    run = verbs.run_all(request, tmp_path / "run", listener)
    missing = run.results.without_value["toy"]["too_many_n"]
    assert 0 < missing < 60
    assert f"WARNING: toy: {missing} changes have no value: too_many_n." in listener.notes


def test_a_file_that_changes_while_it_is_scored_ends_the_run(
    register, toy, small, write_vcf, tmp_path, monkeypatch
):
    register(toy())
    genome, texts = small
    source = write_vcf([("chr1", 401, "v", texts["chr1"][400], other(texts["chr1"][400]))])
    write = shared_files.write_annotated

    def and_change(*arguments):
        write(*arguments)
        source.write_text(source.read_text() + "\n")

    monkeypatch.setattr(shared_files, "write_annotated", and_change)
    with pytest.raises(TrustError, match="changed while the run was at work"):
        score(source, genome, tmp_path / "run")
    assert not list((tmp_path / "run/variants").glob("annotated*"))
