"""Records at the corners: swapped, huge, oddly named, at ends, in odd tables."""

import gzip

import numpy as np
import pyBigWig
import pytest
import verbs
from engine_toys import cut, dense_by_hand
from torch import nn

from tracksmith.errors import InputError, TrustError
from tracksmith.genome.vcf import VariantFile
from tracksmith.models.card import VariantDefaults, WindowGeometry
from tracksmith.models.contract import Model, TrackScore


def other(base: str) -> str:
    return "ACGT"[("ACGT".index(base) + 1) % 4]


@pytest.fixture
def score(tmp_path, table_of):
    """Score a file and return the run with the rows of its table on the plus strand."""
    made = []

    def run(source, genome, **options):
        request = verbs.request(("toy",), genome, variants=source, max_skipped=1.0, **options)
        done = verbs.run_all(request, tmp_path / f"run{len(made)}")
        made.append(done)
        rows = table_of(done.folder / "variants/toy.tsv.gz")
        return done, [row for row in rows if row["track"] == "plus"]

    return run


def test_scores_of_a_plugin_compare_swapped_alleles_in_the_records_own_sense(
    register, toy, score, tmp_path, write_vcf, random_bases
):
    own = {
        "up": TrackScore(lambda r, a: (a - r).max(-1), "max(a - r)", signed=True),
        "kl": TrackScore(lambda r, a: ((a - r) ** 2 / (r**2 + 1)).sum(-1), "x", signed=False),
    }
    register(toy(scores=("diff", "maxabs", "l2", "up", "kl"), own=own))
    text = random_bases(400, 3)
    base, new = text[200], other(text[200])
    seen_pairs = []
    for name, genome in (("swapped", text), ("plain", text[:200] + new + text[201:])):
        path = tmp_path / f"{name}.fa"
        path.write_text(f">chr1\n{genome}\n")
        # The same allele is there in its plain sense, too, where the genome has the other base.
        records = [("chr1", 201, "v", new, base), ("chr1", 201, "w", base, new)]
        _, rows = score(write_vcf(records), path, ref_mismatch="use-alt-as-ref")
        seen_pairs.append({(r["id"], r["score"]): (float(r["value"]), r["at"]) for r in rows})
    for cell, (value, at) in seen_pairs[0].items():
        assert value == pytest.approx(seen_pairs[1][cell][0], rel=1e-5), cell
        assert at == seen_pairs[1][cell][1]
    assert seen_pairs[0]["v", "kl"] != seen_pairs[0]["w", "kl"]


class Blind(nn.Module):
    """Sees nothing."""

    def forward(self, bases):
        return bases.new_zeros(len(bases), 3, 32)


def test_a_swapped_allele_without_effect_is_plain_zero(
    register, toy, score, write_vcf, write_genome
):
    register(Model(toy().card, lambda request: Blind()))
    source = write_vcf([("chr1", 200, "v", "C", "A")])
    _, rows = score(source, write_genome(chr1="A" * 300), ref_mismatch="use-alt-as-ref")
    assert [(row["value"], row["flags"]) for row in rows] == [("0", "swapped")]


def test_alleles_longer_than_a_bigbed_can_hold_are_shortened_there_alone(
    register, toy, score, write_vcf, write_genome, random_bases
):
    register(toy())
    text = random_bases(80_000, 4)
    ref = text[999:71_000]
    alts = f"{text[999]},{other(ref[0])}{ref[1:]}"
    genome = write_genome(chr1=text)
    done, rows = score(write_vcf([("chr1", 1000, "sv", ref, alts)]), genome)
    assert [row["alt"] for row in rows] == [alts.split(",")[1]]
    with pyBigWig.open(str(done.folder / "variants/toy.bb")) as file:
        (record,) = file.entries("chr1", 0, 80_000)
    fields = record[2].split("\t")
    assert fields[6] == f"{ref[:100]}..{len(ref)}bp" and len(fields) == 19


@pytest.mark.parametrize("shifts", [(5,), (-5,), (5, 10), (-10, -5)])
def test_shifts_to_one_side_neither_crash_nor_change_the_share_of_n(
    register, toy, score, write_vcf, write_genome, random_bases, shifts
):
    register(toy())
    text = random_bases(300, 5)
    text = text[:112] + "NNN" + text[115:]
    genome = write_genome(chr1=text)
    records = [("chr1", p, f"v{p}", text[p - 1], other(text[p - 1])) for p in (3, 140, 200, 299)]
    _, rows = score(write_vcf(records), genome, shifts=shifts)
    start = 139 - 32 + min(shifts, key=abs)
    share = text[start : start + 64].count("N") / 64
    assert share > 0
    by_id = {row["id"]: row for row in rows}
    assert float(by_id["v140"]["nFraction"]) == pytest.approx(share)
    assert [name for name, row in by_id.items() if "edge" in row["flags"]] == ["v3", "v299"]


def test_aliases_that_changed_after_planning_are_refused(
    register, toy, tmp_path, write_vcf, write_genome, random_bases
):
    register(toy())
    text = random_bases(300, 6)
    genome = write_genome(chr1=text, chr2=random_bases(300, 7))
    alias = tmp_path / "aliases.tsv"
    alias.write_text("seqA\tchr1\n")
    source = write_vcf([("seqA", 100, "v", text[99], other(text[99]))])
    verbs.plan(verbs.request(("toy",), genome, alias=alias, variants=source), tmp_path / "run")
    alias.write_text("seqA\tchr2\n")
    with pytest.raises(TrustError, match=r"aliases\.tsv is not the file of aliases"):
        verbs.work(tmp_path / "run")
    alias.write_text("seqA\tchr1\n")
    verbs.work(tmp_path / "run")
    assert verbs.finish(tmp_path / "run").finished


@pytest.mark.parametrize(
    ("name", "shown"),
    [("€" * 100, "€" * 66), ("a\x0bb", "a\\x0bb"), ("a\x00b", "a\\x00b"), (" ", "chr1:100:")],
)
def test_odd_names_lose_no_run(
    register, toy, score, write_vcf, write_genome, random_bases, name, shown
):
    register(toy())
    text = random_bases(300, 8)
    source = write_vcf([("chr1", 100, name, text[99], other(text[99]))])
    done, rows = score(source, write_genome(chr1=text))
    assert len(rows) == 1
    with pyBigWig.open(str(done.folder / "variants/toy.bb")) as file:
        assert file.entries("chr1", 0, 300)[0][2].startswith(shown)


@pytest.mark.parametrize(("position", "at"), [(0, 300), (63, 1), (63, 2)])
def test_a_core_beyond_the_contig_has_no_place_and_no_track(
    register, toy, score, write_vcf, write_genome, random_bases, position, at
):
    beside = WindowGeometry(64, 40, 16)
    register(toy(geometry=beside, variants=VariantDefaults(("maxabs",), position, max_allele=1)))
    text = random_bases(300, 9)
    source = write_vcf([("chr1", at, "v", text[at - 1], other(text[at - 1]))])
    done, rows = score(source, write_genome(chr1=text), around=("top:1",))
    assert [(row["value"], row["at"]) for row in rows] == [("", "")]
    with pyBigWig.open(str(done.folder / "variants/toy.plus.delta.bw")) as file:
        assert file.header()["nBasesCovered"] == 0


def test_the_first_bases_of_a_contig_are_deleted_where_they_are(
    register, toy, score, write_vcf, write_genome, random_bases
):
    made = toy(scores=("l2",))
    register(made)
    network = made.load(None).networks["1"]
    text = "TTACGCATGA" + random_bases(290, 10)
    source = write_vcf([("chr1", 1, "v", "TTA", "A")])
    done, rows = score(source, write_genome(chr1=text), around=("top:1",))
    reference = dense_by_hand(network, cut(text, -32, 32))[0]
    alternative = dense_by_hand(network, cut(text[2:], -32, 32))[0]
    with pyBigWig.open(str(done.folder / "variants/toy.plus.alt.bw")) as file:
        values = file.values("chr1", 0, 10, numpy=True)
    assert np.isnan(values[:2]).all()
    assert np.allclose(values[2:], alternative[16:24], rtol=1e-4, atol=1e-3)
    change = [alternative[:16] - reference[:16], -reference[16:18]]
    change.append(alternative[16:30] - reference[18:32])
    assert float(rows[0]["value"]) == pytest.approx(
        np.linalg.norm(np.concatenate(change)), rel=1e-4
    )


TABLE = "chr1\t7\trs1\tA\tC\n"


@pytest.mark.parametrize(
    "head",
    [
        "## made by x\n#chrom\tpos\tid\tref\talt\n",
        "# a comment\nchrom\tpos\trsid\tref\talt\n",
        "#CHROM\tPOS\tID\tREF\tALT\n",
        "#chr\tposition\tname\treference\talternate\n",
    ],
)
def test_a_line_of_names_may_stand_below_comments(tmp_path, head):
    path = tmp_path / "v.tsv"
    path.write_text(head + TABLE)
    with VariantFile(path) as file:
        (record,) = file
    assert (record.contig, record.position, record.id) == ("chr1", 6, "rs1")
    assert (record.ref, record.alts) == ("A", ("C",))


def test_two_columns_of_one_meaning_are_refused_and_two_ids_are_not(tmp_path):
    path = tmp_path / "v.tsv"
    path.write_text("chrom\tposition\tpos\tref\talt\n")
    with VariantFile(path) as file, pytest.raises(InputError, match=r"v.tsv:1: .*are the position"):
        list(file)
    path.write_text("chrom\tpos\tid\tref\talt\trsid\nchr1\t7\tx\tA\tC\ty\n")
    with VariantFile(path) as file:
        assert next(iter(file)).id == "x"


def test_a_table_under_another_name_is_told_what_to_be_called(tmp_path):
    with gzip.open(tmp_path / "v.gz", "wt") as out:
        out.write("chrom\tpos\tref\talt\nchr1\t7\tA\tC\n")
    with pytest.raises(InputError, match=r"a table \(contig, .*\) in a file called \.tsv"):
        VariantFile(tmp_path / "v.gz")
