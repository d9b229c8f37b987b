"""Whole runs over files of variants: every record, every file, every field."""

import io
import json
import shutil
import sys

import numpy as np
import pyBigWig
import pysam
import pytest
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


@pytest.fixture
def small(write_genome, random_bases):
    texts = {"chr1": random_bases(3_000, 1), "chr2": random_bases(500, 2)}
    texts["chr1"] = texts["chr1"][:1_000] + "N" * 100 + texts["chr1"][1_100:]
    return write_genome(**texts), texts


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
    assert counts["records"] == counts["records_scored"] == len(demo.variants)


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
    assert counts["records"] == len(rows)
    assert counts["records"] == counts["records_scored"] + counts["records_skipped"]
    assert counts["alleles_scored"] == 5
    assert counts["reasons"] == {
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
    assert results.counts["toy"]["alleles_scored"] == 18, "what was scored before was kept"


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


def test_all_files_hold_the_same_numbers(register, toy, small, write_vcf, tmp_path, table_of):
    register(toy(names=("1", "2"), scores=("diff", "maxabs")))
    genome, texts = small
    t = texts["chr1"]
    rows = []
    for number, p in enumerate(range(40, 900, 7)):
        alt = (other(t[p]), t[p] + "ACG", f"{other(t[p])},{other(t[p], 2)}")[number % 3]
        rows.append(("chr1", p + 1, f"rs{number}", t[p], alt))
    rows.append(("chr2", 10, ".", texts["chr2"][9:12], texts["chr2"][9]))
    source = write_vcf(rows, header=["##contig=<ID=chr1>", "##contig=<ID=chr2>"])
    results = score(source, genome, tmp_path / "run", spread=True)
    folder = tmp_path / "run/variants"
    table = table_of(folder / "toy.tsv.gz")
    alleles = {(row["line"], row["allele"]) for row in table}
    assert len(alleles) == results.counts["toy"]["alleles_scored"] == len(rows) + len(rows) // 3

    pieces = list(results.pieces(rows=1000))
    assert sum(len(piece["value"]) for piece in pieces) == len(table)
    value = np.concatenate([piece["value"] for piece in pieces])
    assert np.array_equal(value, [float(row["value"]) for row in table])

    parquet = pytest.importorskip("pyarrow.parquet").read_table(folder / "toy.parquet").to_pylist()
    assert len(parquet) == len(table)
    for mine, row in zip(parquet, table, strict=True):
        for name, text in row.items():
            if mine[name] is None:
                assert text == "."
            elif isinstance(mine[name], float):
                assert mine[name] == pytest.approx(float(text), rel=1e-5)
            else:
                assert str(mine[name]) == text

    with pysam.TabixFile(str(folder / "toy.tsv.gz")) as tabix:
        found = list(tabix.fetch("chr1", 40, 41))
    assert found and all(line.split("\t")[1] == "41" for line in found)
    _check_bigbed(folder, table)
    _check_vcf(folder, source, table)


def _strongest(table):
    """The strongest pair or single track of every allele, by the first score."""
    found = {}
    for row in table:
        if row["score"] == "diff" and row["track"] in ("both", "plus+minus"):
            key = (row["line"], row["allele"])
            if key not in found or abs(float(row["value"])) > abs(float(found[key]["value"])):
                found[key] = row
    return found


def _check_bigbed(folder, table):
    strongest = _strongest(table)
    with pyBigWig.open(str(folder / "toy.bb")) as file:
        assert b"effect" in file.SQL()
        entries = [
            (contig, *entry)
            for contig in file.chroms()
            for entry in file.entries(contig, 0, file.chroms(contig))
        ]
    assert len(entries) == len(strongest)
    by_name = {}
    for contig, start, end, text in entries:
        fields = text.split("\t")
        assert len(fields) == 18
        by_name[fields[0], fields[7]] = (contig, start, end, fields)
    for row in strongest.values():
        name = (
            row["id"]
            if row["id"] != "."
            else f"{row['chrom']}:{row['pos']}:{row['ref']}>{row['alt']}"
        )
        contig, start, end, fields = by_name[name, row["alt"]]
        position, ref, alt = int(row["pos"]) - 1, row["ref"], row["alt"]
        assert contig == row["chrom"]
        if len(ref) == len(alt):
            assert (start, end) == (position, position + 1)
        elif len(ref) < len(alt):
            assert (start, end) == (position, position + 1), "an insertion is shown at its anchor"
        else:
            assert (start, end) == (position + 1, position + len(ref))
        effect = float(row["value"])
        assert float(fields[8]) == pytest.approx(effect, rel=1e-5)
        assert float(fields[9]) == pytest.approx(abs(effect), rel=1e-5)
        assert float(fields[10]) == pytest.approx(float(row["reference"]), rel=1e-5)
        assert float(fields[11]) == pytest.approx(float(row["alternative"]), rel=1e-5)
        percentile = float(row["percentile"])
        assert float(fields[13]) == pytest.approx(percentile, rel=1e-4)
        assert int(fields[1]) == pytest.approx(10 * percentile, abs=0.51)
        color = "128,128,128" if percentile < 50 else "202,0,32" if effect > 0 else "5,113,176"
        assert fields[5] == color
        assert fields[2] in "+-." and fields[12] in ("plus", "minus", "both")
        assert (fields[2] == ".") == (fields[12] == "both")
        assert fields[14:16] == ["3", "toy"]
    with pyBigWig.open(str(folder / "toy.absmax.bw")) as track:
        truth = {}
        for contig, start, end, fields in by_name.values():
            for base in range(start, end):
                truth[contig, base] = max(truth.get((contig, base), 0), float(fields[9]))
        for (contig, base), size in truth.items():
            assert track.values(contig, base, base + 1)[0] == pytest.approx(size, rel=1e-5)
        covered = sum(e - s for c in track.chroms() for s, e, _ in track.intervals(c) or ())
        assert covered == len(truth)


def _check_vcf(folder, source, table):
    strongest = _strongest(table)
    originals = [line for line in source.read_text().splitlines() if not line.startswith("#")]
    with pysam.VariantFile(str(folder / "annotated.vcf.gz")) as annotated:
        assert "TS_toy_diff" in annotated.header.info
        records = list(annotated)
    with pysam.TabixFile(str(folder / "annotated.vcf.gz")) as lines:
        assert len(list(lines.fetch("chr2"))) == 1
    assert len(records) == len(originals)
    for number, (record, line) in enumerate(zip(records, originals, strict=True)):
        fields = str(record).rstrip("\n").split("\t")
        assert fields[:7] == line.split("\t")[:7]
        for allele, value in enumerate(record.info["TS_toy_diff"], 1):
            row = strongest[str(number + 5), str(allele)]
            assert value == pytest.approx(float(row["value"]), rel=1e-4)


def test_the_region_model_of_restricting_counts_what_lies_outside(
    register, toy, small, write_vcf, tmp_path, table_of
):
    register(toy())
    genome, texts = small
    t = texts["chr1"]
    rows = [("chr1", p + 1, ".", t[p], other(t[p])) for p in range(100, 900, 100)]
    results = score(write_vcf(rows), genome, tmp_path / "run", regions=["chr1:250-520", "chr1:801"])
    counts = results.counts["toy"]
    assert counts["records"] == 8
    assert counts["records_outside_regions"] == 4
    assert counts["records_scored"] == 4
    table = table_of(tmp_path / "run/variants/toy.tsv.gz")
    assert {int(row["pos"]) for row in table} == {301, 401, 501, 801}


def test_unsorted_files_are_sorted_where_a_format_needs_it(
    register, toy, small, write_vcf, tmp_path, table_of
):
    register(toy())
    genome, texts = small
    places = [("chr2", 400), ("chr1", 800), ("chr2", 30), ("chr1", 90), ("chr1", 85)]
    rows = [(c, p + 1, f"v{n}", texts[c][p], other(texts[c][p])) for n, (c, p) in enumerate(places)]
    score(write_vcf(rows), genome, tmp_path / "run")
    table = table_of(tmp_path / "run/variants/toy.tsv.gz")
    assert [row["id"] for row in table[::4]] == ["v4", "v3", "v1", "v2", "v0"]
    with pysam.TabixFile(str(tmp_path / "run/variants/toy.tsv.gz")) as tabix:
        assert len(list(tabix.fetch("chr2", 30, 31))) == 4
    with pysam.VariantFile(str(tmp_path / "run/variants/annotated.vcf.gz")) as annotated:
        assert [record.id for record in annotated] == ["v0", "v1", "v2", "v3", "v4"]


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


def test_tables_bcf_gzip_and_standard_input_give_the_same_scores(
    register, toy, small, write_vcf, tmp_path, table_of, monkeypatch
):
    register(toy())
    genome, texts = small
    t = texts["chr1"]
    rows = [("chr1", p + 1, f"v{p}", t[p], other(t[p])) for p in range(100, 400, 9)]
    vcf = write_vcf(rows, header=[f"##contig=<ID=chr1,length={len(t)}>"])
    score(vcf, genome, tmp_path / "vcf")
    truth = [row["value"] for row in table_of(tmp_path / "vcf/variants/toy.tsv.gz")]
    table = tmp_path / "variants.tsv"
    table.write_text(
        "chrom\tpos\tref\talt\n" + "".join(f"{c}\t{p}\t{r}\t{a}\n" for c, p, _, r, a in rows)
    )
    pysam.tabix_compress(str(vcf), str(tmp_path / "v.vcf.gz"))
    with (
        pysam.VariantFile(str(vcf)) as source,
        pysam.VariantFile(str(tmp_path / "v.bcf"), "wb", header=source.header) as target,
    ):
        for record in source:
            target.write(record)
    for source in (table, tmp_path / "v.vcf.gz", tmp_path / "v.bcf"):
        out = tmp_path / f"run-{source.name}"
        score(source, genome, out)
        assert [row["value"] for row in table_of(out / "variants/toy.tsv.gz")] == truth
        annotated = out / "variants/annotated.vcf.gz"
        assert annotated.exists() == (source != table)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(vcf.read_bytes())))
    score("-", genome, tmp_path / "stdin")
    assert [row["value"] for row in table_of(tmp_path / "stdin/variants/toy.tsv.gz")] == truth
    assert not (tmp_path / "stdin/input").exists()


def test_a_file_without_records_gives_valid_empty_files(
    register, toy, small, write_vcf, tmp_path, table_of
):
    register(toy())
    results = score(write_vcf([]), small[0], tmp_path / "run", around=["top:3"])
    folder = tmp_path / "run/variants"
    assert results.counts["toy"]["records"] == 0
    assert table_of(folder / "toy.tsv.gz") == []
    with pyBigWig.open(str(folder / "toy.bb")) as file:
        assert file.isBigBed() and not file.entries("chr1", 0, 3000)
    with pysam.VariantFile(str(folder / "annotated.vcf.gz")) as annotated:
        assert list(annotated) == []
    assert list(results.pieces()) == []


def test_held_out_folds_score_their_contigs_and_leave_out_the_rest(
    register, toy, small, write_vcf, tmp_path, table_of
):
    register(toy(names=("1", "2"), folds=(Fold("1", ("chr1",)), Fold("2", ("chr9",)))))
    genome, texts = small
    rows = [(c, 100, c, texts[c][99], other(texts[c][99])) for c in ("chr1", "chr2")]
    results = score(write_vcf(rows), genome, tmp_path / "run", folds="held-out", max_skipped=1.0)
    assert results.counts["toy"]["reasons"] == {"no_fold": 1}
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


def test_percentiles_rank_among_the_file_or_among_random_variants(
    register, toy, small, write_vcf, tmp_path, table_of, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    register(toy())
    genome, texts = small
    t = texts["chr1"]
    rows = [("chr1", p + 1, f"v{p}", t[p], other(t[p])) for p in range(50, 900, 11)]
    score(write_vcf(rows), genome, tmp_path / "own")
    own = [r for r in table_of(tmp_path / "own/variants/toy.tsv.gz") if r["track"] == "both"]
    size = np.array([abs(float(row["value"])) for row in own])
    rank = np.array([float(row["percentile"]) for row in own])
    exact = np.array([100 * ((size < s).sum() + (size == s).sum() / 2) / len(size) for s in size])
    assert np.abs(rank - exact).max() <= 100 * 2 / len(size), "up to ties of a class"
    assert "among the alleles of this file" in (tmp_path / "own/variants/summary.html").read_text()

    score(write_vcf(rows), genome, tmp_path / "background", background=300)
    cached = list((tmp_path / "cache").rglob("*.npz"))
    assert len(cached) == 1
    found = [
        r for r in table_of(tmp_path / "background/variants/toy.tsv.gz") if r["track"] == "both"
    ]
    assert [row["value"] for row in found] == [row["value"] for row in own]
    ranks = np.array([float(row["percentile"]) for row in found])
    assert np.array_equal(np.argsort(ranks, kind="stable")[-1:], np.argsort(size)[-1:])
    assert np.abs(ranks - rank).mean() < 15, "random variants of the same kind"
    assert not np.array_equal(ranks, rank)
    page = (tmp_path / "background/variants/summary.html").read_text()
    assert "300 random SNVs" in page
    before = cached[0].stat().st_mtime_ns
    again = tmp_path / "again"
    score(write_vcf(rows), genome, again, background=300)
    assert cached[0].stat().st_mtime_ns == before, "the background is computed once"
    both = [(f / "variants/toy.tsv.gz").read_bytes() for f in (tmp_path / "background", again)]
    assert both[0] == both[1]


def test_a_finished_or_another_run_is_left_alone(register, toy, small, write_vcf, tmp_path):
    register(toy())
    genome, texts = small
    t = texts["chr1"]
    source = write_vcf([("chr1", 100, "a", t[99], other(t[99]))])
    first = score(source, genome, tmp_path / "run").run
    before = {f["path"]: f["sha256"] for f in first.files}
    again = score(source, genome, tmp_path / "run").run
    assert {f["path"]: f["sha256"] for f in again.files} == before
    with pytest.raises(UsageError, match=r"request.variants.background.snvs: 0, 7"):
        score(source, genome, tmp_path / "run", background=7)
    with pytest.raises(UsageError, match=r"models\[0\].scores"):
        score(source, genome, tmp_path / "run", scores=["l2"])
    score(source, genome, tmp_path / "run", scores=["l2"], overwrite=True)


def test_a_file_that_changed_under_way_is_refused(register, toy, small, write_vcf, tmp_path):
    from tracksmith.effects import api
    from tracksmith.effects.request import VariantRequest
    from tracksmith.engine.request import PredictRequest

    register(toy())
    genome, texts = small
    t = texts["chr1"]
    source = write_vcf([("chr1", 100, "a", t[99], other(t[99]))])
    api.plan(VariantRequest(PredictRequest(("toy",), genome), source), tmp_path / "run")
    write_vcf([("chr1", 101, "a", t[100], other(t[100]))])
    with pytest.raises(TrustError, match="not the file of variants that was planned"):
        api.work(tmp_path / "run")


def test_parts_and_batches_do_not_change_a_byte(
    register, toy, small, write_vcf, tmp_path, monkeypatch
):
    register(toy())
    genome, texts = small
    t = texts["chr1"]
    rows = [("chr1", p + 1, f"v{p}", t[p], other(t[p])) for p in range(50, 900, 3)]
    source = write_vcf(rows)
    score(source, genome, tmp_path / "one")
    monkeypatch.setattr("tracksmith.effects.request._part_records", lambda window: 128)
    score(source, genome, tmp_path / "many")
    many = json.loads((tmp_path / "many/run.json").read_text())
    assert len(many["parts"][0]) == 3
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
        ({"device": "cuda:0,cuda:1"}, "one --device"),
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
