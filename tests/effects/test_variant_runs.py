"""Whole runs over files of variants: every record, every file, every field."""

import shutil

import pysam
import pytest
import verbs
from effect_toys import CUT, parts_of
from engine_toys import Dense, cut, dense_by_hand

import tracksmith
from tracksmith.errors import InputError, TrustError, UsageError
from tracksmith.models.card import Fold, VariantDefaults, WindowGeometry


def score(source, genome, out, **options):
    return tracksmith.score_variants(source, "toy", genome, out, **options)


GEOMETRY = WindowGeometry(64, 16, 32)


def effect_by_hand(text, position, ref, alt, network=None, geometry=GEOMETRY):
    """Sum of alternative minus reference of one substitution, ``(tracks,)``."""
    network = network or Dense(geometry, 0)
    assert text[position : position + len(ref)] == ref
    changed = text[:position] + alt + text[position + len(ref) :]
    start = position - geometry.window // 2
    both = [dense_by_hand(network, cut(t, start, start + geometry.window)) for t in (text, changed)]
    return (both[1] - both[0]).sum(axis=1)


def other(base, step=1):
    return "ACGT"[("ACGT".index(base) + step) % 4]


def test_planted_variants_are_the_strongest_with_sign_and_strand(demo, tmp_path, table_of):
    results = tracksmith.score_variants(
        demo.variants_vcf, "core-promoter", demo.fasta, tmp_path / "run"
    )
    rows = table_of(tmp_path / "run/variants/core-promoter.top.tsv")
    strands = {p.site: p.strand for p in demo.promoters}
    planted = {v.name for v in demo.variants if v.name.startswith(("breaks", "makes"))}
    neutral = [n for n, row in enumerate(rows) if row["id"].startswith("neutral")]
    assert planted <= {row["id"] for row in rows[: min(neutral)]}
    for row in rows[: min(neutral)]:
        gain = row["id"].startswith("makes")
        assert (float(row["effect"]) > 0) == gain, row
        near = min(strands, key=lambda site: abs(site - int(row["pos"])))
        if not gain:
            assert abs(near - int(row["pos"])) < 200
            assert row["track"] == {"+": "plus", "-": "minus"}[strands[near]], row
    counts = results.counts["core-promoter"]
    assert counts.records == counts.records_scored == len(demo.variants)


def test_every_record_ends_in_a_row_or_in_a_reason(
    register, toy, small, write_vcf, tmp_path, table_of
):
    register(toy())
    genome, texts = small
    t = texts["chr1"]
    a, b, c = t[99], t[199], t[299]
    rows = [
        ("chr1", 100, "snv", a, other(a)),
        ("chr1", 200, "multi", b, f"{other(b)},{b}GG,<DEL>"),
        ("chr1", 300, "star", c, f"*,{other(c)}"),
        ("chr1", 400, "none", t[399], "."),
        ("chr1", 500, "long", t[499], t[499] + "A" * 30),
        ("chr1", 600, "wrong", other(t[599]), other(t[599], 2)),
        ("chr1", 1050, "gap", "N", "A"),
        ("chrU", 5, "decoy", "A", "C"),
        ("chr2", 499, "beyond", "AAAA", "C"),
        ("chr2", 1, "first", texts["chr2"][0], other(texts["chr2"][0])),
        ("chr1", 1101, "blind", t[1100], other(t[1100])),
        ("chr1", 700, "bnd", t[699], f"{t[699]}[chr2:5["),
    ]
    source = write_vcf(rows)
    results = score(source, genome, tmp_path / "run", max_skipped=1.0, max_n=0.3)
    counts = results.counts["toy"]
    assert counts.records == len(rows)
    assert counts.records == counts.records_scored + counts.records_skipped
    assert counts.alleles_scored == 5
    assert counts.reasons == {
        "ambiguous_allele": 1, "monomorphic": 1, "outside_contig": 1, "ref_mismatch": 1,
        "too_long": 1, "too_many_n": 1, "unknown_contig": 1, "unsupported_allele": 3,
    }  # fmt: skip
    skipped = table_of(tmp_path / "run/variants/skipped.tsv")
    lines = {row["id"]: int(row["line"]) for row in skipped}
    assert lines == {
        "multi": 4, "star": 5, "none": 6, "long": 7, "wrong": 8, "gap": 9, "decoy": 10,
        "beyond": 11, "blind": 13, "bnd": 14,
    }  # fmt: skip
    table = table_of(tmp_path / "run/variants/toy.tsv.gz")
    scored = {(row["id"], row["alt"]) for row in table}
    assert len(scored) == 5
    assert len(table) == 5 * 4, "three tracks and a pair of strands"
    first = [row for row in table if row["id"] == "first"]
    assert {row["flags"] for row in first} == {"edge"}
    for row in table:
        if row["id"] == "snv" and row["track"] == "plus":
            truth = effect_by_hand(t, 99, row["ref"], row["alt"])[0]
            assert float(row["value"]) == pytest.approx(truth, rel=1e-4)
            assert float(row["alternative"]) - float(row["reference"]) == pytest.approx(
                truth, abs=1e-3
            )


def test_too_many_skipped_alleles_stop_the_run_before_any_file(
    register, toy, small, write_vcf, tmp_path
):
    register(toy())
    genome, texts = small
    t = texts["chr1"]
    rows = [("chr1", p + 1, ".", t[p], other(t[p])) for p in range(100, 118)]
    rows.append(("chr1", 200, ".", other(t[199]), other(t[199], 2)))
    source = write_vcf(rows)
    with pytest.raises(InputError, match=r"1 of 19 alleles cannot be scored \(1 ref_mismatch\)"):
        score(source, genome, tmp_path / "run")
    assert not list((tmp_path / "run/variants").iterdir())
    with pytest.raises(InputError, match="--strict"):
        score(source, genome, tmp_path / "run", strict=True, max_skipped=1.0)
    results = score(source, genome, tmp_path / "run", max_skipped=0.06)
    assert results.counts["toy"].alleles_scored == 18, "what was scored before was kept"


def test_indels_are_scored_in_normal_form_and_reported_as_written(
    register, toy, write_genome, write_vcf, tmp_path, table_of
):
    register(toy())
    text = "GTCATCGACCTAGTACCATG" * 5 + "CACACACACA" + "TTGCAGTCCGATAGCTTACA" * 5
    genome = write_genome(chr1=text)
    at = text.index("CACACACACA")
    ways = [
        ("chr1", at, "left", text[at - 1] + "CA", text[at - 1]),
        ("chr1", at + 3, "middle", "CACA"[2:] + "C", "C"),
        ("chr1", at + 8, "right", text[at + 7 : at + 10], text[at + 7]),
        ("chr1", at + 1, "untrimmed", "CACAC", "CAC"),
    ]
    for row in ways:
        assert text[row[1] - 1 :].startswith(row[3]), row
    score(write_vcf(ways), genome, tmp_path / "run")
    table = table_of(tmp_path / "run/variants/toy.tsv.gz")
    values = {row["id"]: row["value"] for row in table if row["track"] == "both"}
    assert len(set(values.values())) == 1, "one variant, four ways to write it"
    written = {row["id"]: (int(row["pos"]), row["ref"], row["alt"]) for row in table}
    assert written == {row[2]: (row[1], row[3], row[4]) for row in ways}


def test_records_outside_the_regions_are_counted(
    register, toy, small, write_vcf, tmp_path, table_of
):
    register(toy())
    genome, texts = small
    t = texts["chr1"]
    rows = [("chr1", p + 1, ".", t[p], other(t[p])) for p in range(100, 900, 100)]
    results = score(write_vcf(rows), genome, tmp_path / "run", regions=["chr1:250-520", "chr1:801"])
    counts = results.counts["toy"]
    assert counts.records == 8
    assert counts.records_outside_regions == 4
    assert counts.records_scored == 4
    table = table_of(tmp_path / "run/variants/toy.tsv.gz")
    assert {int(row["pos"]) for row in table} == {301, 401, 501, 801}


def test_a_swapped_reference_keeps_the_sign_of_the_record(
    register, toy, small, write_vcf, tmp_path, table_of
):
    register(toy(scores=("diff", "l2")))
    genome, texts = small
    t = texts["chr1"]
    right = ("chr1", 200, "right", t[199], other(t[199]))
    swapped = ("chr1", 200, "swapped", other(t[199]), t[199])
    score(write_vcf([right, swapped]), genome, tmp_path / "run", ref_mismatch="use-alt-as-ref")
    table = table_of(tmp_path / "run/variants/toy.tsv.gz")
    by_id = {(r["id"], r["track"], r["score"]): r for r in table}
    for track in ("plus", "minus", "both"):
        one, two = (by_id[name, track, "diff"] for name in ("right", "swapped"))
        assert float(one["value"]) == -float(two["value"])
        assert (one["reference"], one["alternative"]) == (two["alternative"], two["reference"])
        assert by_id["right", track, "l2"]["value"] == by_id["swapped", track, "l2"]["value"]
        assert two["flags"] == "swapped"
    with pytest.raises(InputError, match=r"variants\.vcf:4: chr1:200: REF is"):
        score(write_vcf([right, swapped]), genome, tmp_path / "other", ref_mismatch="error")


def test_held_out_folds_score_their_contigs_and_leave_out_the_rest(
    register, toy, small, write_vcf, tmp_path, table_of
):
    register(toy(names=("1", "2"), folds=(Fold("1", ("chr1",)), Fold("2", ("chr9",)))))
    genome, texts = small
    rows = [(c, 100, c, texts[c][99], other(texts[c][99])) for c in ("chr1", "chr2")]
    results = score(write_vcf(rows), genome, tmp_path / "run", folds="held-out", max_skipped=1.0)
    assert results.counts["toy"].reasons == {"no_fold": 1}
    table = table_of(tmp_path / "run/variants/toy.tsv.gz")
    assert {row["id"] for row in table} == {"chr1"}
    truth = effect_by_hand(
        texts["chr1"], 99, rows[0][3], rows[0][4], Dense(WindowGeometry(64, 16, 32), 0)
    )
    assert float(table[0]["value"]) == pytest.approx(truth[0], rel=1e-4)


def test_two_models_share_one_annotated_file(register, toy, small, write_vcf, tmp_path, table_of):
    short = VariantDefaults(scores=("diff",), max_allele=2)
    register(toy(), toy(name="other", variants=short, geometry=WindowGeometry(40, 10, 20)))
    genome, texts = small
    t = texts["chr1"]
    rows = [
        ("chr1", 100, "snv", t[99], other(t[99])),
        ("chr1", 200, "long", t[199:203], t[199]),
        ("chr1", 300, "sym", t[299], "<DUP>"),
    ]
    tracksmith.score_variants(
        write_vcf(rows), ["toy", "other"], genome, tmp_path / "run", max_skipped=1.0
    )
    skipped = table_of(tmp_path / "run/variants/skipped.tsv")
    assert [(row["id"], row["model"]) for row in skipped] == [("sym", "."), ("long", "other")]
    with pysam.VariantFile(str(tmp_path / "run/variants/annotated.vcf.gz")) as annotated:
        snv, long, symbolic = annotated
    assert {"TS_toy_diff", "TS_other_diff"} <= set(snv.info)
    assert "TS_toy_diff" in long.info and "TS_other_diff" not in long.info
    assert long.info["TS_SKIPPED"] == ("too_long",)
    assert symbolic.info["TS_SKIPPED"] == ("unsupported_allele",)


def test_a_finished_or_another_run_is_left_alone(register, toy, small, write_vcf, tmp_path):
    register(toy())
    genome, texts = small
    t = texts["chr1"]
    source = write_vcf([("chr1", 100, "a", t[99], other(t[99]))])
    first = score(source, genome, tmp_path / "run").run
    before = {f.path: f.sha256 for f in first.files}
    again = score(source, genome, tmp_path / "run").run
    assert {f.path: f.sha256 for f in again.files} == before
    with pytest.raises(UsageError, match=r"  variants.background: 0, 7"):
        score(source, genome, tmp_path / "run", background=7)
    with pytest.raises(UsageError, match=r"models\[0\].scores"):
        score(source, genome, tmp_path / "run", scores=["l2"])
    score(source, genome, tmp_path / "run", scores=["l2"], overwrite=True)


def test_a_file_that_changed_under_way_is_refused(register, toy, small, write_vcf, tmp_path):
    register(toy())
    genome, texts = small
    t = texts["chr1"]
    source = write_vcf([("chr1", 100, "a", t[99], other(t[99]))])
    verbs.plan(verbs.request(("toy",), genome, variants=source), tmp_path / "run")
    write_vcf([("chr1", 101, "a", t[100], other(t[100]))])
    with pytest.raises(TrustError, match="not the file of variants that was planned"):
        verbs.work(tmp_path / "run")


def test_parts_and_batches_do_not_change_a_byte(
    register, toy, small, write_vcf, tmp_path, monkeypatch
):
    register(toy())
    genome, texts = small
    t = texts["chr1"]
    rows = [("chr1", p + 1, f"v{p}", t[p], other(t[p])) for p in range(50, 900, 3)]
    source = write_vcf(rows)
    score(source, genome, tmp_path / "one")
    monkeypatch.setattr(CUT, parts_of(128))
    many = score(source, genome, tmp_path / "many").run
    assert many.parts == 3
    for path in sorted((tmp_path / "one/variants").iterdir()):
        if path.suffix != ".parquet":  # a row group for every part
            assert path.read_bytes() == (tmp_path / "many/variants" / path.name).read_bytes()


def test_what_makes_no_sense_is_refused(register, toy, small, write_vcf, tmp_path):
    register(toy())
    genome, _ = small
    source = write_vcf([])
    for options, message in (
        ({"saturate": "chr1:1-9"}, "instead of it"),
        ({"ref_mismatch": "guess"}, "--ref-mismatch guess"),
        ({"background": -1}, "--background -1"),
        ({"max_n": 2.0}, "--max-n"),
        ({"stride": 5}, "--stride has no meaning"),
        ({"scores": ["nonsense"]}, "No score is called 'nonsense'"),
        ({"device": "cpu,cuda"}, "one kind"),
        ({"options": {"alleles": "recompute"}}, "--option alleles: toy has no options"),
    ):
        with pytest.raises(UsageError, match=message):
            score(source, genome, tmp_path / "run", **options)
    with pytest.raises(InputError, match="such as top:20"):
        score(source, genome, tmp_path / "run", around=["top:many"])
    with pytest.raises(InputError, match=r"made on another assembly[^$]*--allow-other-lengths"):
        wrong = write_vcf([], name="w.vcf", header=["##contig=<ID=chr1,length=17>"])
        score(wrong, genome, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    shutil.rmtree(tmp_path / "run", ignore_errors=True)
    results = score(wrong, genome, tmp_path / "run", allow_other_lengths=True)
    assert results.run.finished
