"""The files of a run of variants: they agree with each other and with their source."""

import io
import sys

import numpy as np
import pyBigWig
import pysam
import pytest

import tracksmith
from tracksmith.errors import InputError


def score(source, genome, out, **options):
    return tracksmith.score_variants(source, "toy", genome, out, **options)


def other(base, step=1):
    return "ACGT"[("ACGT".index(base) + step) % 4]


def test_all_files_hold_the_same_numbers(
    register, toy, small, write_vcf, tmp_path, table_of, monkeypatch
):
    monkeypatch.setattr("tracksmith.effects.bed.BATCH", 20)
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
    assert len(alleles) == results.counts["toy"].alleles_scored == len(rows) + len(rows) // 3

    pieces = list(results.pieces(rows=1000))
    assert sum(len(piece["value"]) for piece in pieces) == len(table)
    value = np.concatenate([piece["value"] for piece in pieces])
    assert np.array_equal(value, [float(row["value"]) for row in table])

    parquet = pytest.importorskip("pyarrow.parquet").read_table(folder / "toy.parquet").to_pylist()
    assert len(parquet) == len(table)
    for mine, row in zip(parquet, table, strict=True):
        for name, text in row.items():
            if mine[name] is None:
                assert text == ""
            elif isinstance(mine[name], float):
                assert mine[name] == pytest.approx(float(text), rel=1e-5)
            else:
                assert str(mine[name]) == text

    with pysam.TabixFile(str(folder / "toy.tsv.gz")) as tabix:
        lines = list(tabix.fetch("chr1", 40, 41))
    assert lines and all(line.split("\t")[1] == "41" for line in lines)
    _check_bigbed(folder, table)
    _check_vcf(folder, source, table)


def _strongest(table):
    """The strongest pair or single track of every allele, by the first score."""
    strongest = {}
    for row in table:
        if row["score"] == "diff" and row["track"] in ("both", "plus+minus"):
            key = (row["line"], row["allele"])
            if key not in strongest or abs(float(row["value"])) > abs(
                float(strongest[key]["value"])
            ):
                strongest[key] = row
    return strongest


def _check_bigbed(folder, table):
    strongest = _strongest(table)
    with pyBigWig.open(str(folder / "toy.bb")) as file:
        assert b"effect" in file.SQL()
        entries = [
            (contig, *record)
            for contig in file.chroms()
            for record in file.entries(contig, 0, file.chroms(contig))
        ]
    assert len(entries) == len(strongest)
    by_name = {}
    for contig, start, end, text in entries:
        fields = text.split("\t")
        assert len(fields) == 19
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
        assert track.header()["sumData"] == pytest.approx(sum(truth.values()), abs=1), "whole"
        largest = max(size for (contig, _), size in truth.items() if contig == "chr1")
        assert track.stats("chr1", type="max")[0] == pytest.approx(largest, rel=1e-5)


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
    assert not (tmp_path / "stdin/.inputs").exists()


def test_a_file_without_records_gives_valid_empty_files(
    register, toy, small, write_vcf, tmp_path, table_of
):
    register(toy())
    results = score(write_vcf([]), small[0], tmp_path / "run", around=["top:3"])
    folder = tmp_path / "run/variants"
    assert results.counts["toy"].records == 0
    assert table_of(folder / "toy.tsv.gz") == []
    with pyBigWig.open(str(folder / "toy.bb")) as file:
        assert file.isBigBed() and not file.entries("chr1", 0, 3000)
    with pysam.VariantFile(str(folder / "annotated.vcf.gz")) as annotated:
        assert list(annotated) == []
    assert list(results.pieces()) == []


def test_no_variant_is_compared_with_an_unknown_base(
    register, toy, write_genome, write_vcf, tmp_path, table_of, random_bases
):
    register(toy())
    text = random_bases(600, 5)
    text = text[:200] + "N" + text[201:300] + "RA" + text[302:]
    genome = write_genome(chr1=text)
    rows = [
        ("chr1", 201, "n", "A", "C"),
        ("chr1", 301, "r", "A", "C"),
        ("chr1", 302, "plain", "A", "C"),
        ("chr1", 301, "beside", "AA", "AC"),
    ]
    results = score(write_vcf(rows), genome, tmp_path / "run", max_skipped=1)
    skipped = table_of(tmp_path / "run/variants/skipped.tsv")
    assert [(row["id"], row["reason"]) for row in skipped] == [
        ("n", "ambiguous_reference"),
        ("r", "ambiguous_reference"),
    ]
    assert results.counts["toy"].alleles_scored == 2
    table = table_of(tmp_path / "run/variants/toy.tsv.gz")
    values = {name: [r["value"] for r in table if r["id"] == name] for name in ("plain", "beside")}
    assert values["plain"] == values["beside"]


@pytest.mark.parametrize("cut", [False, True])
def test_contigs_known_by_their_length_are_scored(
    register, toy, write_genome, write_vcf, tmp_path, random_bases, cut
):
    register(toy())
    text = random_bases(700, 6)
    genome = write_genome(chr1=random_bases(900, 5), chrM=text)
    header = ["##contig=<ID=MT,length=700>", *["##contig=<ID=chr1,length=901>"] * cut]
    source = write_vcf([("MT", 301, "m", text[300], other(text[300]))], header=header)
    results = score(source, genome, tmp_path / "run", allow_other_lengths=cut)
    assert results.counts["toy"].alleles_scored == 1


def test_one_contig_under_two_names_is_refused_before_the_work(
    register, toy, small, write_vcf, tmp_path
):
    register(toy())
    genome, texts = small
    row = (texts["chr1"][99], other(texts["chr1"][99]))
    source = write_vcf([("chr1", 100, "a", *row), ("9", 1, "b", "A", "C"), ("1", 100, "c", *row)])
    with pytest.raises(InputError, match=r"variants.vcf:5: contig '1' was called 'chr1' before"):
        score(source, genome, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert InputError.exit_code == 4
