"""Scores of a plugin's own: records with places, units, several scores in one headline."""

import json

import numpy as np
import pyBigWig
import pysam
import pytest
import verbs
from effect_toys import Variant, spliced
from engine_toys import toy_card
from matching_by_hand import by_base, closest
from torch import nn, zeros_like

from tracksmith.errors import CardError, PluginError, UsageError
from tracksmith.genome.alleles import normalise
from tracksmith.genome.bases import encode
from tracksmith.models.card import Track, VariantDefaults, WindowGeometry
from tracksmith.models.contract import Model, ScoreRecord, TrackScore

PUBLISHED = "0.15|0.27|0.00|0.05|89|-23|-267|193"
"""What SpliceAI says of chr10:94077 A>C: gain and loss of acceptor and donor, and their places."""

SITES = {  # track: (height, place beside the variant, the base that makes the site)
    "acceptor": ((0.15, 89, "C"), (0.27, -23, "A")),
    "donor": ((0.001, -267, "C"), (0.05, 193, "A")),
}
NAMES = ("acceptor_gain", "acceptor_loss", "donor_gain", "donor_loss")


class Splice(nn.Module):
    """Every A and C makes sites at fixed distances, so that A>C gives the published numbers."""

    def forward(self, bases):
        values = zeros_like(bases[:, :2])
        length = bases.shape[2]
        for row, sites in enumerate(SITES.values()):
            for height, offset, base in sites:
                there = bases[:, "ACGT".index(base)]
                low, high = max(0, offset), min(length, length + offset)
                values[:, row, low:high] += height * there[:, low - offset : high - offset]
        return values[:, :, 100:1_101]


def largest(track, sign):
    """The largest gain (sign 1) or loss (-1) of a track, and where it is."""

    def compute(reference, alternative):
        change = sign * (alternative[track] - reference[track])
        best = change.argmax(axis=-1)[:, None]
        value, own, other = (
            np.take_along_axis(array, best, -1)[:, 0]
            for array in (change, reference[track], alternative[track])
        )
        return ScoreRecord(value, own, other, best[:, 0])

    formula = f"max({'a - r' if sign > 0 else 'r - a'}) of the {list(SITES)[track]}"
    return TrackScore(compute, formula, "probability", signed=False, units=("model",), places=True)


@pytest.fixture
def splice() -> Model:
    scores = {
        name: largest(row, sign)
        for (row, sign), name in zip(((0, 1), (0, -1), (1, 1), (1, -1)), NAMES, strict=True)
    }
    card = toy_card(
        WindowGeometry(1_201, 100, 1_001),
        name="splice",
        tracks=(Track("acceptor", "Acceptor"), Track("donor", "Donor")),
        variants=VariantDefaults(NAMES, headline=NAMES, max_allele=50),
    )
    return Model(card, lambda request: Splice(), scores=scores)


@pytest.fixture
def genome(write_genome, random_bases):
    text = random_bases(95_000, 10)
    return write_genome(chr10=text[:94_076] + "A" + text[94_077:]), text


def run_of(source, genome, out, model="splice", **options):
    if source is not None:
        options |= {"variants": source, "max_skipped": 1.0}
    return verbs.run_all(verbs.request((model,), genome, **options), out)


def joined(values, places):
    return "|".join([*(f"{value:.2f}" for value in values), *map(str, places)])


@pytest.fixture
def scored(register, splice, genome, write_vcf, tmp_path):
    register(splice)
    source = write_vcf([("chr10", 94_077, "rs1", "A", "C")])
    return run_of(source, genome[0], tmp_path / "run").folder / "variants"


def test_the_eight_numbers_of_spliceai_stand_in_the_table(scored, table_of):
    rows = {row["score"]: row for row in table_of(scored / "splice.tsv.gz")}
    assert tuple(rows) == NAMES, "a row for every score, none for tracks"
    assert {row["track"] for row in rows.values()} == {"*"}
    offsets = [int(rows[name]["at"]) - 94_077 for name in NAMES]
    assert joined((float(rows[name]["value"]) for name in NAMES), offsets) == PUBLISHED
    loss = rows["acceptor_loss"]
    change = float(loss["alternative"]) - float(loss["reference"])
    assert change == pytest.approx(-0.27, abs=1e-5)


def test_the_eight_numbers_of_spliceai_stand_in_the_parquet(scored, table_of):
    parquet = pytest.importorskip("pyarrow.parquet").read_table(scored / "splice.parquet")
    for mine, row in zip(parquet.to_pylist(), table_of(scored / "splice.tsv.gz"), strict=True):
        assert (mine["score"], mine["track"], mine["at"]) == (row["score"], "*", int(row["at"]))
        assert mine["value"] == pytest.approx(float(row["value"]), rel=1e-5)


def test_the_eight_numbers_of_spliceai_stand_in_the_vcf(scored):
    with pysam.VariantFile(str(scored / "annotated.vcf.gz")) as vcf:
        assert vcf.header.info["TS_splice_donor_loss_at"].type == "Integer"
        info = next(iter(vcf)).info
    values = [info[f"TS_splice_{name}"][0] for name in NAMES]
    offsets = [info[f"TS_splice_{name}_at"][0] - 94_077 for name in NAMES]
    assert joined(values, offsets) == PUBLISHED
    assert info["TS_splice_headline"] == ("acceptor_loss",) and info["TS_splice_track"] == ("*",)


def test_the_eight_numbers_of_spliceai_stand_in_the_bigbed(scored):
    with pyBigWig.open(str(scored / "splice.bb")) as file:
        (record,) = file.entries("chr10", 0, 95_000)
        names = [line.split()[1].rstrip(";") for line in file.SQL().decode().splitlines()[3:-1]]
    fields = dict(zip(names[3:], record[2].split("\t"), strict=True))
    texts = [text.split() for text in fields["scores"].split("; ")]
    assert [text[0] for text in texts] == [*NAMES]
    values, offsets = [float(text[1]) for text in texts], [int(text[3]) for text in texts]
    assert joined(values, offsets) == PUBLISHED
    assert float(fields["effect"]) == pytest.approx(0.27) and fields["topTrack"] == "*"
    assert "rs1 A>C acceptor_loss 0.27 *" in fields["_mouseOver"]
    with pyBigWig.open(str(scored / "splice.absmax.bw")) as file:
        assert file.values("chr10", 94_076, 94_077) == [pytest.approx(0.27)]


def test_the_headline_is_the_strongest_of_several_scores(
    register, splice, genome, write_vcf, tmp_path, table_of
):
    register(splice)
    text = genome[1]
    places = range(2_000, 90_000, 3_000)
    rows = [("chr10", p + 1, f"v{p}", text[p], "C" if text[p] != "C" else "G") for p in places]
    rows.append(("chr10", 94_077, "rs1", "A", "C"))
    source = write_vcf(rows)
    folder = run_of(source, genome[0], tmp_path / "run").folder / "variants"
    best = {}
    for row in table_of(folder / "splice.tsv.gz"):
        key = (float(row["value"]), row["score"], row["percentile"])
        best[row["id"]] = max(best.get(row["id"], key), key, key=lambda k: k[0])
    top = {row["id"]: row for row in table_of(folder / "splice.top.tsv")}
    assert len(top) == len(rows)
    for name, (value, score, percentile) in best.items():
        assert top[name]["score"] == score
        assert float(top[name]["effect"]) == pytest.approx(value, rel=1e-5)
        assert float(top[name]["percentile"]) == pytest.approx(float(percentile), rel=1e-3)
    assert {row["score"] for row in top.values()} >= {"acceptor_gain", "acceptor_loss"}
    one = run_of(source, genome[0], tmp_path / "one", scores=("donor_loss", "diff")).folder
    rows = table_of(one / "variants/splice.top.tsv")
    assert {row["score"] for row in rows} == {"donor_loss"}
    tracks = [(row["score"], row["track"]) for row in table_of(one / "variants/splice.tsv.gz")[:3]]
    assert tracks == [("donor_loss", "*"), ("diff", "acceptor"), ("diff", "donor")]


def test_records_of_exchanged_alleles_are_in_the_sense_of_the_file(
    register, splice, genome, write_vcf, tmp_path, table_of
):
    """REF and ALT exchanged: what was lost is gained, at the same places."""
    register(splice)
    source = write_vcf([("chr10", 94_077, "rs1", "C", "A")])
    run = run_of(source, genome[0], tmp_path / "run", ref_mismatch="use-alt-as-ref")
    rows = {row["score"]: row for row in table_of(run.folder / "variants/splice.tsv.gz")}
    offsets = [int(rows[name]["at"]) - 94_077 for name in NAMES]
    values = [float(rows[name]["value"]) for name in NAMES]
    assert joined(values, offsets) == "0.27|0.15|0.05|0.00|-23|89|193|-267"
    gain = rows["acceptor_gain"]
    change = float(gain["alternative"]) - float(gain["reference"])
    assert change == pytest.approx(0.27, abs=1e-5)


def by_hand(text, start):
    """Both tracks of the window at ``start``, base by base."""
    window, tracks = text[start : start + 1_201], []
    for sites in SITES.values():
        line = [0.0] * len(window)
        for height, offset, base in sites:
            for at, letter in enumerate(window):
                if letter == base and 0 <= at + offset < len(line):
                    line[at + offset] += height
        tracks.append(line[100:1_101])
    return tracks


def test_values_and_places_of_indels_are_as_by_hand(
    register, splice, genome, write_vcf, tmp_path, table_of
):
    register(splice)
    text, rows = genome[1], []
    for number, at in enumerate(range(5_000, 90_000, 4_000)):
        new = text[at] + ("ACGGTA" * 4)[: number + 1]
        rows.append(
            (at, text[at], new) if number % 2 else (at, text[at : at + number + 2], text[at])
        )
    source = write_vcf([("chr10", at + 1, f"v{at}", ref, alt) for at, ref, alt in rows])
    run = run_of(source, genome[0], tmp_path / "run")
    table = {
        (row["id"], row["score"]): row for row in table_of(run.folder / "variants/splice.tsv.gz")
    }
    compared = 0
    for at, ref, alt in rows:
        read = lambda low, high: encode(text[low:high])  # noqa: E731
        variant = Variant("chr10", *normalise(read, at, ref, alt))
        start = variant.position - 600
        windows = by_hand(text, start), by_hand(spliced(text, variant)[0], start)
        for track, (own, other) in zip(SITES, zip(*windows, strict=True), strict=True):
            pairs = closest(by_base(own, other, start + 100, (0, 1_001), text, variant))
            for name, sign in (("gain", 1), ("loss", -1)):
                row = table[f"v{at}", f"{track}_{name}"]
                changes = [sign * (pair.alternative - pair.reference) for pair in pairs]
                assert float(row["value"]) == pytest.approx(max(changes), abs=1e-5)
                largest = {
                    pair.place + 1
                    for pair, change in zip(pairs, changes, strict=True)
                    if change > max(changes) - 1e-5
                }
                assert int(row["at"]) in largest
                compared += 1
    assert compared == 4 * len(rows) > 80


def highest(reference, alternative):
    own, other = reference.max(-1), alternative.max(-1)
    return ScoreRecord(other - own, own, other, alternative.argmax(-1))


def test_a_score_of_pairs_gets_the_bins_of_both_strands(
    register, toy, small, write_vcf, tmp_path, table_of
):
    own = {
        "top": TrackScore(highest, "max(a) - max(r)", units=("tracks", "pairs"), places=True),
        "pair": TrackScore(highest, "max(a) - max(r)", units=("pairs",)),
    }
    register(toy(scores=("top", "pair", "diff"), own=own))
    path, texts = small
    t = texts["chr1"]
    rows = [("chr1", p + 1, f"v{p}", t[p], "ACGT"["CGTA".index(t[p])]) for p in range(99, 500, 50)]
    folder = run_of(write_vcf(rows), path, tmp_path / "run", "toy").folder / "variants"
    table = {
        (row["id"], row["score"], row["track"]): row for row in table_of(folder / "toy.tsv.gz")
    }
    kinds = [(score, track) for name, score, track in table if name == "v99"]
    tracks = ("plus", "minus", "both")
    assert kinds == [
        *(("top", unit) for unit in (*tracks, "plus+minus")), ("pair", "plus+minus"),
        *(("diff", unit) for unit in (*tracks, "plus+minus")),
    ]  # fmt: skip
    for row in rows:
        plus, minus, both = (table[row[2], "top", unit] for unit in ("plus", "minus", "plus+minus"))
        for name in ("reference", "alternative"):
            assert float(both[name]) == max(float(plus[name]), float(minus[name]))
        assert table[row[2], "pair", "plus+minus"]["value"] == both["value"]
        higher = max((plus, minus), key=lambda strand: float(strand["alternative"]))
        assert both["at"] == higher["at"] != ""


def test_a_score_of_the_whole_model_refuses_some_tracks_and_saturation(
    register, splice, genome, write_vcf, tmp_path
):
    register(splice)
    source = write_vcf([("chr10", 94_077, "rs1", "A", "C")])
    with pytest.raises(UsageError, match="taken over all of its tracks: leave out -t"):
        run_of(source, genome[0], tmp_path / "run", tracks=("donor",))
    with pytest.raises(UsageError, match=r"no value for single tracks.*--score diff"):
        run_of(None, genome[0], tmp_path / "run", saturate="chr10:94000-94010")
    run = run_of(source, genome[0], tmp_path / "run", tracks=("donor",), scores=("diff",))
    assert run.finished
    run = run_of(None, genome[0], tmp_path / "s", saturate="chr10:94000-94003", scores=("diff",))
    assert run.finished


WRONG = {
    "shape": (lambda r, a: a - r, (), r"shape \(3, 1, 32\); \(units, variants\) = \(3, 1\)"),
    "bin": (lambda r, a: ScoreRecord(a[..., 0], bin=a[..., 0] * 0 + 99), (), "none of the 32"),
    "half": (lambda r, a: ScoreRecord(a[..., 0], bin=a[..., 0] * 0 + 0.5), (), "none of the 32"),
    "none": (lambda r, a: a[..., 0], (), "is to name bins, but returned none"),
    "model": (lambda r, a: (a - r)[..., 0], ("model",), r"\(units, variants\) = \(1, 1\) is due"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_of_a_score_is_named(register, toy, small, write_vcf, tmp_path, name):
    compute, units, message = WRONG[name]
    places = name in ("bin", "half", "none")
    own = {"odd": TrackScore(compute, "x", units=units or ("tracks",), places=places)}
    register(toy(scores=("odd",), own=own))
    base = small[1]["chr1"][400]
    source = write_vcf([("chr1", 401, "v", base, "ACGT"["CGTA".index(base)])])
    with pytest.raises(PluginError, match=message):
        run_of(source, small[0], tmp_path / "run", "toy")


def test_the_headline_is_part_of_the_card_of_a_run(scored):
    card = json.loads((scored.parent / "run.json").read_text())["plan"]["models"][0]["card"]
    assert card["variants"]["headline"] == [*NAMES] == card["variants"]["scores"]


ODD = {
    "a score that is not offered": ({}, ("own",), (), "'own', which is not offered"),
    "a name of tracksmith's": ({"l2": {}}, (), (), "'l2' is a score of tracksmith's"),
    "a word of the files": ({"track": {}}, (), (), "'track' is no name for a score"),
    "a place's name": ({"own_at": {}}, (), (), "'own_at' is no name for a score"),
    "a blank": ({"own score": {}}, (), (), "'own score' is no name for a score"),
    "a quote": ({"own": {"unit": 'a "b"'}}, (), (), "one line each, without quotes"),
    "two lines": ({"own": {"unit": "a\nb"}}, (), (), "one line each, without quotes"),
    "no unit": ({"own": {"units": ()}}, (), (), "its units must be some of tracks, pairs, model"),
    "the model and more": (
        {"own": {"units": ("tracks", "model")}}, (), (), "is taken over nothing else",
    ),
    "another unit": ({"own": {"units": ("genes",)}}, (), (), "its units must be some of"),
    "signed tracks": ({"own": {"needs_positive": True}}, ("own",), (), "may be negative"),
    "two units": (
        {"own": {"unit": "bp"}}, ("diff", "own"), ("diff", "own"), "several units: bp, units",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
def test_scores_that_do_not_fit_are_refused_when_the_model_is_made(toy, case):
    own, scores, headline, message = ODD[case]
    made = {name: TrackScore(highest, "x", **fields) for name, fields in own.items()}
    defaults = VariantDefaults(scores, headline=headline)
    with pytest.raises(CardError, match=message):
        toy(variants=defaults, own=made)


def test_a_headline_is_one_of_the_scores(toy):
    with pytest.raises(CardError, match="headline 'l2' is none of the scores"):
        toy(variants=VariantDefaults(("diff",), headline=("diff", "l2")))
