"""Letters of both alleles of variants: against genomes that have the allele, and rules."""

import json
from dataclasses import replace

import numpy as np
import pytest
from attribution_toys import Positive, letters, model_of
from numpy.testing import assert_allclose, assert_array_equal

import tracksmith
from tracksmith.attributions import allele_drafts
from tracksmith.attributions.plan import ExplainedModel
from tracksmith.errors import InputError, UsageError
from tracksmith.hub.build import build_hub
from tracksmith.hub.check import check_hub
from tracksmith.models.card import Fold
from tracksmith.models.contract import Model, Predictor
from tracksmith.progress import Silent
from tracksmith.runs import job
from tracksmith.study import read_study
from tracksmith.study_of_runs import study_text

FLANK = 12
METHODS = ["ism", "gradient", "integrated"]


@pytest.fixture
def bases(random_bases):
    text = list(random_bases(400, 1))
    text[100], text[150:156], text[199:203] = "A", "GTCACA", "CGAT"
    return "".join(text)


def write_vcf(folder, rows, name="v.vcf"):
    lines = ["##fileformat=VCFv4.2", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    lines += [f"{c}\t{p + 1}\t{i}\t{r}\t{a}\t.\t.\t." for c, p, i, r, a in rows]
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


ROWS = [
    ("chr1", 100, "snv", "A", "C"), ("chr1", 150, "del", "GTCA", "G"),
    ("chr1", 200, "ins", "G", "GTTGAC"),
]  # fmt: skip


def rows_of(bases):
    other = bases[300:303].translate(str.maketrans("ACGT", "CATG"))
    return [*ROWS, ("chr1", 300, "mnv", bases[300:303], other)]


def explain(genome, out, **options):
    options = {"device": "cpu", "tracks": ["both"], "path_points": 3, "references": 2, **options}
    return tracksmith.explain("toy", genome, out, **options)


def table(run, name):
    titles, *rows = (run.folder / "explain" / name).read_text().splitlines()
    return [dict(zip(titles.split("\t"), row.split("\t"), strict=True)) for row in rows]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rc", [False, True])
def test_letters_are_those_of_plain_runs_on_the_genome_and_on_one_with_the_allele(
    register, write_genome, bases, tmp_path, method, rc
):
    """By hand: the allele is written into the FASTA, and its letters are moved back."""
    register(model_of(Positive()))
    genome, rows = write_genome(chr1=bases), rows_of(bases)
    asked = {"method": method, "reverse_complement": rc, "baseline": "uniform"}
    run = explain(
        genome, tmp_path / "run", alleles=str(write_vcf(tmp_path, rows)), flank=FLANK, **asked
    )
    tracks = {
        what: letters(run, f"toy.both.{method}.{what}.bw", "chr1")
        for what in ("ref", "alt", "delta")
    }
    sums = {row["id"]: row for row in table(run, f"toy.{method}.variants.tsv")}
    covered = np.zeros(400, bool)
    for _, place, name, ref, alt in rows:
        edited = bases[:place] + alt + bases[place + len(ref) :]
        other = write_genome(f"{name}.fa", chr1=edited)
        start, end = int(sums[name]["start"]), int(sums[name]["end"])
        covered[start:end] = True
        assert start == place - FLANK and end >= place + len(ref)
        region = f"chr1:{place - 14}-{place + 16}"  # its middle is the variant
        plain = letters(explain(genome, tmp_path / f"{name}1", regions=[region], **asked),
                        f"toy.both.{method}.bw", "chr1")  # fmt: skip
        with_it = letters(explain(other, tmp_path / f"{name}2", regions=[region], **asked),
                          f"toy.both.{method}.bw", "chr1")  # fmt: skip
        end = min(end, place + 15)
        close = {"rtol": 1e-4, "atol": 1e-6}
        assert_allclose(tracks["ref"][start:end], plain[start:end], **close)
        shared = min(len(ref), len(alt))
        change = len(alt) - len(ref)
        due = np.full(400, np.nan)
        due[: place + shared] = with_it[: place + shared]
        after = np.arange(place + len(ref), end)
        after = after[after + change < place + 16]
        due[after] = with_it[after + change]
        known = np.r_[start : place + len(ref), after]
        assert_allclose(tracks["alt"][known], due[known], **close)
        delta = np.where(np.isnan(due), -plain, due - plain)
        assert_allclose(tracks["delta"][known], delta[known], rtol=1e-3, atol=1e-5)
        inserted = with_it[place + shared : place + len(alt)].sum() if change > 0 else 0
        assert_allclose(float(sums[name]["inserted"]), inserted, rtol=1e-4, atol=1e-5)
        deleted = plain[place + shared : place + len(ref)].sum() if change < 0 else 0
        assert_allclose(float(sums[name]["deleted"]), deleted, rtol=1e-4, atol=1e-5)
    for values in tracks.values():
        assert not np.isfinite(values[~covered]).any()
    assert np.isnan(tracks["alt"]).sum() == np.isnan(tracks["ref"]).sum() + 3  # three deleted


def test_letters_by_mutation_of_the_reference_are_those_of_a_plain_run(
    register, write_genome, bases, tmp_path
):
    register(model_of(Positive()))
    genome = write_genome(chr1=bases)
    vcf = str(write_vcf(tmp_path, rows_of(bases)))
    run = explain(genome, tmp_path / "run", method="ism", alleles=vcf, flank=FLANK)
    plain = explain(genome, tmp_path / "plain", method="ism", regions=["chr1:51-350"])
    found = letters(run, "toy.both.ism.ref.bw", "chr1")
    shown = np.isfinite(found)
    assert shown.sum() >= 4 * (2 * FLANK + 1)
    due = letters(plain, "toy.both.ism.bw", "chr1")
    assert_allclose(found[shown], due[shown], rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("method", ["ism", "gradient", "integrated", "deeplift"])
def test_differences_and_inserted_bases_add_up_to_the_difference_of_the_sums(
    register, write_genome, bases, tmp_path, method
):
    register(model_of(Positive()))
    vcf = str(write_vcf(tmp_path, rows_of(bases)))
    run = explain(write_genome(chr1=bases), tmp_path / "run", alleles=vcf, method=method,
                  flank=FLANK)  # fmt: skip
    delta = letters(run, f"toy.both.{method}.delta.bw", "chr1")
    for row in table(run, f"toy.{method}.variants.tsv"):
        start, end = int(row["start"]), int(row["end"])
        assert row["shown"] == str(end - start)
        due = float(row["sum_alternative"]) - float(row["sum_reference"])
        assert_allclose(float(row["difference"]), due, rtol=1e-4, atol=1e-4)
        found = np.nansum(delta[start:end]) + float(row["inserted"])
        assert_allclose(found, due, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("method", ["integrated", "deeplift"])
def test_both_alleles_are_explained_against_the_same_references(
    register, write_genome, bases, tmp_path, method
):
    """So that a difference of letters is none of shuffles: the mean prediction is one number."""
    register(model_of(Positive()))
    vcf = str(write_vcf(tmp_path, rows_of(bases)))
    run = explain(write_genome(chr1=bases), tmp_path / "run", alleles=vcf, method=method)
    rows = table(run, f"toy.{method}.completeness.tsv")
    assert len(rows) == 8
    for reference, alternative in zip(rows[::2], rows[1::2], strict=True):
        assert reference["contig"] == "chr1"
        assert alternative["contig"].startswith("chr1:")
        assert reference["reference"] == alternative["reference"]
        assert reference["prediction"] != alternative["prediction"]


def test_a_base_belongs_to_the_nearest_variant_and_of_equally_near_ones_to_the_first(
    register, write_genome, bases, tmp_path
):
    register(model_of(Positive()))
    genome = write_genome(chr1=bases)
    other = {"A": "C", "C": "A", "G": "T", "T": "G"}
    rows = [
        ("chr1", place, f"v{n}", bases[place], other[bases[place]])
        for n, place in enumerate((110, 100, 100, 117))
    ]
    rows[2] = (*rows[2][:4], "G" if other[bases[100]] != "G" else "T")
    asked = {"method": "gradient", "flank": 10}
    run = explain(genome, tmp_path / "run", alleles=str(write_vcf(tmp_path, rows)), **asked)
    alone = []
    for number, row in enumerate(rows):
        vcf = write_vcf(tmp_path, [row], f"{number}.vcf")
        alone.append(explain(genome, tmp_path / str(number), alleles=str(vcf), **asked))
    counts = dict.fromkeys(range(4), 0)
    for what in ("ref", "alt", "delta"):
        name = f"toy.both.gradient.{what}.bw"
        each = [letters(one, name, "chr1") for one in alone]
        found, due = letters(run, name, "chr1"), np.full(400, np.nan)
        for base in range(400):
            near = [
                (abs(row[1] - base), number) for number, row in enumerate(rows)
                if abs(row[1] - base) <= 10
            ]  # fmt: skip
            if near:
                due[base] = each[min(near)[1]][base]
                counts[min(near)[1]] += what == "ref"
        assert_allclose(found, due, rtol=1e-5, atol=1e-6)
    shown = {row["id"]: int(row["shown"]) for row in table(run, "toy.gradient.variants.tsv")}
    assert shown == {f"v{number}": count for number, count in counts.items()}
    assert shown["v2"] == 0 and shown["v0"] > 3  # the second allele at 100 is in the table only


@pytest.mark.parametrize("method", ["ism", "gradient", "integrated"])
def test_parts_change_no_letter(register, write_genome, bases, tmp_path, monkeypatch, method):
    register(model_of(Positive()))
    genome, vcf = write_genome(chr1=bases), str(write_vcf(tmp_path, rows_of(bases)))
    asked = {"method": method, "alleles": vcf, "flank": FLANK}
    whole = explain(genome, tmp_path / "whole", **asked)
    stage = ExplainedModel.stage

    def cut(self, number):
        one = stage(self, number)
        return replace(one, starts=tuple(range(one.items)))

    monkeypatch.setattr(ExplainedModel, "stage", cut)
    monkeypatch.setattr(ExplainedModel, "together", property(lambda self: 1))
    out = tmp_path / "parts"
    options = {"path_points": 3, "references": 2, "tracks": ["both"], **asked}
    planned = tracksmith.plan("toy", genome, out, device="cpu", **options)
    assert planned.parts == 8
    assert tracksmith.work(out, of=(1, 2), device="cpu") == [4, 5, 6, 7]
    tracksmith.work(out, device="cpu")
    run = tracksmith.finish(out)
    for what in ("ref", "alt", "delta"):
        one, other = (letters(r, f"toy.both.{method}.{what}.bw", "chr1") for r in (whole, run))
        assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_alleles_at_the_ends_of_contigs_and_beside_unknown_bases(
    register, write_genome, random_bases, tmp_path
):
    register(model_of(Positive()))
    text = "AC" + random_bases(60, 3)[2:58] + "GT"
    text = text[:20] + "NN" + text[22:]
    rows = [
        ("chr1", 0, "first", "AC", "C"), ("chr1", 59, "last", "T", "TA"),
        ("chr1", 22, "n", text[22], "A" if text[22] != "A" else "C"),
    ]  # fmt: skip
    genome = write_genome(chr1=text)
    run = explain(genome, tmp_path / "run", method="gradient",
                  alleles=str(write_vcf(tmp_path, rows)), flank=9)  # fmt: skip
    reference = letters(run, "toy.both.gradient.ref.bw", "chr1")
    alternative = letters(run, "toy.both.gradient.alt.bw", "chr1")
    assert_array_equal(np.flatnonzero(np.isnan(reference[:32])), [10, 11, 12, 20, 21])
    assert np.isnan(alternative[0]) and np.isfinite(alternative[1:10]).all()
    assert np.isfinite(alternative[50:]).all()
    assert float(table(run, "toy.gradient.variants.tsv")[1]["inserted"]) != 0


def test_what_cannot_be_explained_is_listed_with_its_reason(
    register, write_genome, bases, tmp_path
):
    networks = {"1": Positive(), "2": Positive(seed=1)}
    card = replace(model_of(networks).card, folds=(Fold("1", ("chr1",)), Fold("2", ("chr1",))))
    register(Model(card, lambda request: Predictor({n: networks[n] for n in request.weights})))
    genome = write_genome(chr1=bases, chr2=bases)
    rows = [
        ROWS[0], ("chr1", 100, "wrong", "C", "T"), ("chr1", 120, "long", bases[120], "<DEL>"),
        ("chr2", 100, "blind", "A", "C"), ("chrX", 5, "gone", "A", "C"),
    ]  # fmt: skip
    vcf = write_vcf(tmp_path, rows)
    run = explain(genome, tmp_path / "run", method="ism", alleles=str(vcf), folds="held-out")
    found = {row["id"]: row["reason"] for row in table(run, "toy.skipped.tsv")}
    assert set(found) == {"wrong", "long", "blind", "gone"}
    assert len(set(found.values())) == 4
    assert [row["id"] for row in table(run, "toy.ism.variants.tsv")] == ["snv"]
    with pytest.raises(InputError, match=r"no allele here that toy can explain"):
        only = write_vcf(tmp_path, rows[1:3], "none.vcf")
        explain(genome, tmp_path / "none", method="ism", alleles=str(only))


def test_more_alleles_than_one_run_explains_are_refused_with_their_number(
    register, write_genome, bases, tmp_path, monkeypatch
):
    register(model_of(Positive()))
    monkeypatch.setattr(allele_drafts, "MOST_ALLELES", 3)
    genome, vcf = write_genome(chr1=bases), str(write_vcf(tmp_path, rows_of(bases)))
    with pytest.raises(UsageError, match="4 alleles here; one run explains up to 3"):
        explain(genome, tmp_path / "run", method="ism", alleles=vcf)
    run = explain(genome, tmp_path / "run", method="ism", alleles=vcf, regions=["chr1:91-210"])
    found = [row["id"] for row in table(run, "toy.ism.variants.tsv")]
    assert found == ["snv", "del", "ins"]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"alleles": "VCF", "spread": True}, "--spread is for regions"),
        ({"alleles": "VCF", "hypothetical": True}, "--hypothetical is for regions"),
        ({"alleles": "VCF", "flank": 0}, "--flank 0: give 1 or more"),
        ({"regions": ["chr1:5-9"], "flank": 5}, "--flank has no meaning without --alleles"),
        ({"regions": ["chr1:5-9"], "max_allele": 5}, "--max-allele has no meaning"),
        ({}, "--alleles FILE"),
    ],
)
def test_options_without_a_meaning_are_refused(
    register, write_genome, bases, tmp_path, options, why
):
    register(model_of({"1": Positive(), "2": Positive(seed=1)}))
    vcf = str(write_vcf(tmp_path, ROWS[:1]))
    options = {name: vcf if value == "VCF" else value for name, value in options.items()}
    with pytest.raises(UsageError, match=why):
        explain(write_genome(chr1=bases), tmp_path / "run", **options)


def test_a_table_of_variants_serves_and_a_study_and_a_dry_run_say_the_same(
    register, write_genome, bases, tmp_path
):
    register(model_of(Positive()))
    genome = write_genome(chr1=bases)
    path = tmp_path / "variants.tsv"
    lines = [f"{c}\t{p + 1}\t{r}\t{a}" for c, p, _, r, a in rows_of(bases)]
    path.write_text("\n".join(["chrom\tpos\tref\talt", *lines]) + "\n")
    asked = {"method": "integrated", "flank": 7, "alleles": str(path)}
    run = explain(genome, tmp_path / "run", **asked)
    vcf = str(write_vcf(tmp_path, rows_of(bases)))
    same = explain(genome, tmp_path / "same", **{**asked, "alleles": vcf})
    for what in ("ref", "alt", "delta"):
        name = f"tracks/toy.both.integrated.{what}.bw"
        assert (run.folder / name).read_bytes() == (same.folder / name).read_bytes()
    (tmp_path / "study.toml").write_text(study_text([run]))
    (step,) = read_study(tmp_path / "study.toml").steps
    from tracksmith.kinds import kind_of_request

    again = job.plan(kind_of_request(step.request), step.request, tmp_path / "again", Silent())
    assert again.id == run.id
    options = {"tracks": ["both"], "path_points": 3, "references": 2, **asked}
    cost = tracksmith.estimate("toy", genome, device="cpu", **options)
    assert sorted(cost.files) == sorted(entry.path for entry in run.files)
    assert cost.disk.files >= sum(entry.size for entry in run.files)


def test_a_hub_draws_all_three_as_letters(register, write_genome, bases, tmp_path):
    register(model_of(Positive()))
    vcf = str(write_vcf(tmp_path, rows_of(bases)))
    run = explain(write_genome(chr1=bases), tmp_path / "run", method="gradient", alleles=vcf)
    build_hub([run.folder], run.folder / "hub", email="hub@example.org", name="toyhub",
              base_url="https://example.org/hub/")  # fmt: skip
    assert check_hub(run.folder / "hub") == []
    text = (run.folder / "hub/hub.txt").read_text()
    assert text.count("logo on") == 3
    for allele in ("reference allele", "alternative allele", "alternative minus reference"):
        assert f"both, attribution of diff by gradient, {allele}" in text
    session = json.loads((run.folder / "hub/session.json").read_text())
    drawn = [row for row in session["tracks"] if row.get("graphType") == "dynseq"]
    assert len(drawn) == 3 == len({row["name"] for row in drawn})
