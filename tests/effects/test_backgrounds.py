"""Backgrounds from files: positions of a BED, variants of a VCF, matched ones, earlier ones."""

import gzip
import json

import numpy as np
import pytest
import torch
from engine_toys import Dense, toy_card
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import nn

import tracksmith
from tracksmith.effects.background_file import read_background
from tracksmith.effects.matched import Classes, draw_matched
from tracksmith.effects.random_variants import SnvDice, allowed_regions, random_snvs
from tracksmith.effects.ranks import ClassRanks, Ranks
from tracksmith.errors import InputError, TrustError, UsageError
from tracksmith.genome.fasta import Genome
from tracksmith.genome.intervals import Regions
from tracksmith.genome.start_sites import read_start_sites
from tracksmith.models.card import VariantDefaults, WindowGeometry
from tracksmith.models.contract import Model, Predictor
from tracksmith.runs.run import Run
from tracksmith.study_of_runs import study_text

GEOMETRY = WindowGeometry(64, 16, 32, 1)
PROMOTER = (400, 600)


def other(base):
    return "ACGT"[("ACGT".index(base) + 1) % 4]


@pytest.fixture
def run(register, toy, small, write_vcf, tmp_path, monkeypatch):
    """Return a function that scores every 11th base of a contig, ranked among a background."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    register(toy())
    genome, texts = small
    t = texts["chr1"]
    rows = [("chr1", p + 1, f"v{p}", t[p], other(t[p])) for p in range(50, 900, 11)]
    source = write_vcf(rows)

    def score(name, background, **options):
        options.setdefault("source", source)
        tracksmith.score_variants(
            options.pop("source"), "toy", genome, tmp_path / name, background=background, **options
        )
        with gzip.open(tmp_path / name / "variants/toy.tsv.gz", "rt") as file:
            header, *lines = (line.rstrip("\n").split("\t") for line in file)
        table = [dict(zip(header, line, strict=True)) for line in lines]
        return [row for row in table if row["track"] == "both"]

    return score


def size_class(value):
    """Sizes that agree to 0.8 % count as equal."""
    return np.float32(abs(value)).view(np.uint32) >> 16


@given(st.lists(st.floats(-4, 4, width=32), min_size=1, max_size=40), st.floats(-4, 4, width=32))
def test_a_p_value_is_one_more_than_those_as_large_over_one_more_than_all(values, effect):
    ranks = Ranks(1)
    ranks.add(np.array(values, np.float32)[:, None])
    as_large = sum(size_class(value) >= size_class(effect) for value in values)
    found = ranks.p_values(np.array([[effect]], np.float32))[0, 0]
    assert found == pytest.approx((1 + as_large) / (1 + len(values)), rel=1e-6)
    if effect == 0:
        assert found == 1


def test_classes_are_ranked_apart_and_come_back_from_a_file():
    ranks = ClassRanks(1)
    ranks.add(np.array([[1], [2], [10], [20]], np.float32), np.array([3, 3, 8, 8]))
    again = ClassRanks.from_arrays(ranks.to_arrays())
    for each in (ranks, again):
        found = each.percentiles(np.array([[5], [5], [5]], np.float32), np.array([3, 8, 9]))
        assert found[:2, 0].tolist() == [100, 0] and np.isnan(found[2, 0])
        p = each.p_values(np.array([[5], [5]], np.float32), np.array([3, 8]))
        assert p[:, 0].tolist() == pytest.approx([1 / 3, 1])


def test_random_variants_of_regions_lie_in_them_evenly(small):
    genome = Genome.open(small[0])
    regions = Regions(
        genome.contigs, np.array([0, 0, 1]), np.array([100, 950, 0]), np.array([200, 1_050, 100])
    )
    alleles = random_snvs(genome, regions, 3_000, 1)
    places = list(zip(alleles.contig.tolist(), alleles.position.tolist(), strict=True))
    inside = {(0, p) for p in [*range(100, 200), *range(950, 1_000)]} | {(1, p) for p in range(100)}
    assert set(places) == inside, "N is left out, and every base is drawn"
    counts = np.unique(alleles.contig * 10_000 + alleles.position, return_counts=True)[1]
    assert stats.chisquare(counts).pvalue > 1e-4
    assert places == sorted(places)


def percentiles_of(table):
    return np.array([float(row["percentile"]) for row in table])


def write_bed(path, rows):
    path.write_text("".join(f"chr1\t{start}\t{end}\tpeak\n" for start, end in rows))
    return path


def test_variants_in_a_background_of_their_own_kind_are_ranked_evenly(
    run, small, write_vcf, tmp_path
):
    bed = write_bed(tmp_path / "promoters.bed", [PROMOTER])
    genome = Genome.open(small[0])
    regions = Regions(genome.contigs, np.array([0]), np.array([400]), np.array([600]))
    alleles = random_snvs(genome, regions, 300, 77)
    letters = dict(zip((1, 2, 4, 8), "ACGT", strict=True))
    t = small[1]["chr1"]
    rows = {
        (p, letters[alt[0]]): ("chr1", p + 1, f"r{p}", t[p], letters[alt[0]])
        for p, alt in zip(alleles.position.tolist(), alleles.alternative, strict=True)
    }
    source = write_vcf([*rows.values()], name="random.vcf")
    table = run("bed", str(bed), source=source, background_size=4_000)
    assert stats.kstest(percentiles_of(table) / 100, "uniform").pvalue > 0.01
    among = "4,000 random SNVs within promoters.bed"
    page = (tmp_path / "bed/variants/summary.html").read_text()
    assert f"percentage of {among} with a strictly smaller absolute effect" in page


class LoudWhereC(nn.Module):
    """A positive signal that grows with the C of the window, and hardly with anything else."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = Dense(GEOMETRY, 4)

    def forward(self, bases: torch.Tensor) -> torch.Tensor:
        loud = torch.exp(0.15 * bases[:, 1].sum(dim=1))
        return loud[:, None, None] * (1 + 0.2 * torch.tanh(self.dense(bases) / 10))


def test_promoter_variants_are_extreme_in_the_genome_and_ordinary_among_promoters(
    register, write_genome, write_vcf, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    card = toy_card(GEOMETRY, ("1",), variants=VariantDefaults(scores=("diff",)))
    register(Model(card, lambda request: Predictor({"1": LoudWhereC()})))
    dice = np.random.default_rng(3)
    quiet = "".join(dice.choice(list("AT"), 20_000))
    text = quiet[:10_000] + "".join(dice.choice(list("CG"), 1_000)) + quiet[10_000:]
    genome = write_genome(chr1=text)
    drawn = random_snvs(
        Genome.open(genome),
        Regions(Genome.open(genome).contigs, np.array([0]), np.array([10_050]), np.array([10_950])),
        1_500, 99,
    )  # fmt: skip
    letters = dict(zip((1, 2, 4, 8), "ACGT", strict=True))
    rows = {(p, letters[a[0]]) for p, a in zip(drawn.position.tolist(), drawn.alternative,
                                               strict=True)}  # fmt: skip
    source = write_vcf([("chr1", p + 1, f"v{p}{a}", text[p], a) for p, a in sorted(rows)])
    bed = tmp_path / "promoters.bed"
    bed.write_text("chr1\t10050\t10950\n")
    ranks = {}
    for name, background in (("genome", 2_000), ("bed", str(bed))):
        more = {} if name == "genome" else {"background_size": 2_000}
        results = tracksmith.score_variants(
            source, "toy", genome, tmp_path / name, background=background, **more
        )
        piece = next(results.pieces())
        ranks[name] = piece["percentile"][piece["track"] == "both"]
    assert (ranks["genome"] >= 95).mean() > 0.5, "promoters are a twentieth of this genome"
    count = len(rows)
    top = int((ranks["bed"] >= 99).sum())
    assert stats.binomtest(top, count, 0.01).pvalue > 0.001, "one per cent of them is the top one"
    assert stats.kstest(ranks["bed"] / 100, "uniform").pvalue > 0.001


def test_matched_variants_have_the_distance_and_gc_of_their_class(small, tmp_path):
    genome = Genome.open(small[0])
    gtf = tmp_path / "genes.gtf"
    gtf.write_text(
        'chr1\tx\ttranscript\t501\t900\t.\t+\t.\tgene_id "a"; transcript_id "t";\n'
        'chr1\tx\texon\t501\t600\t.\t+\t.\tgene_id "a"; transcript_id "t";\n'
        'chr1\tx\ttranscript\t2001\t2500\t.\t-\t.\tgene_id "b"; transcript_id "u";\n'
    )
    sites = read_start_sites(gtf, genome.contigs)
    assert [mine.tolist() for mine in sites.by_contig] == [[500, 2_499], []]
    positions = np.array([500, 640, 1_500, 100])
    distance = sites.distance(np.zeros(4, int), positions)
    assert distance.tolist() == [0, 140, 999, 400]
    assert sites.distance(np.array([1]), np.array([5])).tolist() == [-1]
    classes = Classes(genome, sites, 200)
    wanted = set(classes.of(np.zeros(4, int), positions).tolist())
    allowed = allowed_regions(genome, np.array([True, True]))
    alleles, numbers, short = draw_matched(classes, allowed, wanted, 50, 1)
    assert set(numbers.tolist()) == wanted and short == 0
    again = classes.of(alleles.contig, alleles.position)
    assert again.tolist() == numbers.tolist()
    assert np.unique(numbers, return_counts=True)[1].tolist() == [50] * len(wanted)


def test_matched_percentiles_are_those_of_the_class(run, tmp_path):
    bed = write_bed(tmp_path / "starts.bed", [(500, 501)])
    table = run("matched", f"matched={bed}", background_size=300)
    stored = read_background(tmp_path / "matched/variants/toy.background.ranks")
    assert isinstance(stored.ranks, ClassRanks) and stored.sites.tolist() == [[0], [500]]
    assert all(0 <= rank <= 100 for rank in percentiles_of(table))
    again = run("again", str(tmp_path / "matched/variants/toy.background.ranks"))
    assert percentiles_of(again).tolist() == percentiles_of(table).tolist()


def test_a_vcf_is_a_background_of_its_variants(run, small, write_vcf, tmp_path):
    t = small[1]["chr1"]
    rows = [("chr1", p + 1, f"c{p}", t[p], other(t[p])) for p in range(1_200, 2_800, 4)]
    common = write_vcf(rows, name="common.vcf")
    among_all = run("all", str(common))
    alone = run("alone", 0, source=common)
    classes = np.array([size_class(float(row["value"])) for row in alone])
    for row in among_all:
        own = size_class(float(row["value"]))
        assert float(row["percentile"]) == pytest.approx(100 * (classes < own).mean(), rel=1e-4)
        p = (1 + (classes >= own).sum()) / (1 + len(classes))
        assert float(row["pvalue"]) == pytest.approx(p, rel=1e-4)
    few = run("few", str(common), background_size=100)
    assert percentiles_of(few).tolist() != percentiles_of(among_all).tolist()


def test_a_background_of_a_run_is_used_again_and_says_what_it_is(run, tmp_path):
    first = run("first", 300)
    path = tmp_path / "first/variants/toy.background.ranks"
    (cached,) = (tmp_path / "cache").rglob("*.ranks")
    assert path.read_bytes() == cached.read_bytes()
    cached.unlink()
    again = run("again", str(path))
    assert [row["percentile"] for row in again] == [row["percentile"] for row in first]
    assert [row["pvalue"] for row in again] == [row["pvalue"] for row in first]
    assert not list((tmp_path / "cache").rglob("*.ranks")), "nothing was scored"
    page = (tmp_path / "again/variants/summary.html").read_text()
    assert "300 random SNVs of the genome" in page
    assert read_background(path).about["scores"] == ["diff"]


def test_without_a_background_there_is_no_p_value(run):
    assert {row["pvalue"] for row in run("own", 0)} == {""}


def test_a_background_of_another_model_or_a_damaged_one_is_refused(run, tmp_path):
    run("first", 300)
    path = tmp_path / "first/variants/toy.background.ranks"
    with pytest.raises(UsageError, match=r"it was made with toy 1, scores diff"):
        run("l2", str(path), scores=["l2"])
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(InputError, match=r"background.ranks is damaged"):
        run("damaged", str(path))
    path.write_bytes(whole)


def test_a_file_that_changes_after_planning_is_refused(run, small, write_vcf, tmp_path):
    bed = write_bed(tmp_path / "p.bed", [PROMOTER])
    t = small[1]["chr1"]
    source = write_vcf([("chr1", 101, "v", t[100], other(t[100]))], name="one.vcf")
    tracksmith.plan("toy", small[0], tmp_path / "planned", variants=source, background=str(bed))
    tracksmith.work(tmp_path / "planned")
    write_bed(bed, [(0, 100)])
    with pytest.raises(TrustError, match=r"p.bed"):
        tracksmith.finish(tmp_path / "planned")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"background": "nothing.bed"}, "give a number of random SNVs, a BED or VCF file"),
        ({"background": "matched=nothing.gtf"}, "matched=FILE with start sites"),
        ({"background": 300, "background_size": 5}, "counts the variants of a background from"),
        ({"background": -1}, "give the number of random variants"),
    ],
)
def test_what_is_no_background_is_refused(options, message, run):
    with pytest.raises(UsageError, match=message):
        run("refused", **options)


def test_a_study_asks_for_the_same_background(run, tmp_path):
    bed = write_bed(tmp_path / "p.bed", [PROMOTER])
    run("bed", str(bed), background_size=50)
    record = json.loads((tmp_path / "bed/run.json").read_text())
    assert record["plan"]["details"]["background"]["kind"] == "regions"
    run("matched", f"matched={bed}", background_size=60)
    text = study_text([Run.open(tmp_path / "bed")])
    assert f'background = "{bed}"' in text and "background_size = 50" in text
    assert f'background = "matched={bed}"' in study_text([Run.open(tmp_path / "matched")])


def test_dice_draw_the_same_from_the_same_seed(small):
    genome = Genome.open(small[0])
    every = allowed_regions(genome, np.array([True, True]))
    one, two = (SnvDice(genome, every, 5).draw(100) for _ in range(2))
    assert one.position.tolist() == two.position.tolist()
