"""Saturation of the regions of a BED file, with folds and their spread, against single windows."""

import numpy as np
import pyBigWig
import pytest
from click.testing import CliRunner
from effect_toys import CUT, parts_of
from engine_toys import Dense, cut, dense_by_hand, toy_card

import tracksmith
from tracksmith.cli import main
from tracksmith.errors import InputError
from tracksmith.hub.build import build_hub
from tracksmith.hub.check import check_hub
from tracksmith.models.card import Fold, VariantDefaults, WindowGeometry
from tracksmith.models.contract import Model, Predictor

GEOMETRY = WindowGeometry(64, 16, 32, 1)
NETWORKS = {name: Dense(GEOMETRY, seed) for seed, name in enumerate("123")}
HELD = (Fold("1", ("chr1",)), Fold("2", ("chr1",)), Fold("3", ("chr2",)))
REGIONS = {"chr1": [(0, 3), (40, 75), (80, 83), (9_000, 9_020)], "chr2": [(250, 300)]}
ROWS = [("chr2", 250, 290), ("chr1", 40, 70), ("chr1", 60, 75), ("chr1", 80, 83), ("chr1", 0, 3),
        ("chr1", 9_000, 9_020), ("chr2", 280, 300)]  # fmt: skip


@pytest.fixture
def world(register, write_genome, random_bases, tmp_path, monkeypatch):
    """A genome with some N, a BED file unsorted and overlapping, small parts, three folds."""
    monkeypatch.setattr(CUT, parts_of(16))
    card = toy_card(GEOMETRY, folds=HELD, variants=VariantDefaults(scores=("diff",)))
    register(Model(card, lambda request: Predictor({n: NETWORKS[n] for n in request.weights})))
    texts = {"chr1": random_bases(9_500, 5), "chr2": random_bases(300, 6)}
    texts["chr1"] = texts["chr1"][:50] + "NNR" + texts["chr1"][53:]
    genome = write_genome(**texts)
    (tmp_path / "regions.bed").write_text("".join(f"{c}\t{a}\t{b}\n" for c, a, b in ROWS))
    return genome, texts, tmp_path


def saturate(world, **options):
    genome, _, folder = world
    options = {"saturate": str(folder / "regions.bed"), "device": "cpu", **options}
    return tracksmith.score_variants(None, "toy", genome, folder / "run", **options).run


def track(run, name, contig):
    with pyBigWig.open(str(run.folder / "ism" / name)) as file:
        return file.values(contig, 0, file.chroms(contig), numpy=True)


def effect(text, place, base, folds, number):
    """The effect of a change on one track with the mean of folds, and with each alone."""
    start = place - 32
    windows = [cut(t, start, start + 64) for t in (text, text[:place] + base + text[place + 1 :])]
    each = [[dense_by_hand(NETWORKS[fold], w)[number] for w in windows] for fold in folds]
    single = [(alternative - reference).sum() for reference, alternative in each]
    return np.mean(single), single


def by_hand(world, folds_of, number):
    """Values of every file of a track, position by position, one window at a time."""
    _, texts, _ = world
    names = [*"ACGT", "mean", *(f"{base}.sd" for base in "ACGT")]
    by_track = {(n, c): np.full(len(text), np.nan) for n in names for c, text in texts.items()}
    for contig, regions in REGIONS.items():
        folds, text = folds_of(contig), texts[contig]
        for place in (p for start, end in regions for p in range(start, end)):
            others = [base for base in "ACGT" if base != text[place]]
            if text[place] not in "ACGT" or not folds:
                continue
            means = []
            for base in others:
                mean, single = effect(text, place, base, folds, number)
                means.append(mean)
                by_track[base, contig][place] = mean
                if len(single) > 1:
                    by_track[f"{base}.sd", contig][place] = np.std(single, ddof=1)
            by_track["mean", contig][place] = np.mean(means)
    return by_track


@pytest.mark.parametrize(
    ("rule", "folds_of"),
    [
        ("mean", lambda contig: "123"),
        ("mean:1,3", lambda contig: "13"),
        ("held-out", lambda contig: {"chr1": "12", "chr2": "3"}[contig]),
    ],
)
def test_regions_of_a_file_are_saturated_with_the_folds_of_their_contig(world, rule, folds_of):
    run = saturate(world, folds=rule, spread=True)
    kinds = [*"ACGT", "mean", *(f"{base}.sd" for base in "ACGT")]
    paths = [f"ism/toy.{t}.{k}.bw" for t in ("plus", "minus", "both") for k in kinds]
    assert [file.path for file in run.files] == paths
    assert [(e.statistic, e.base) for e in run.files[:9]] == [
        *(("saturation", base) for base in "ACGT"), ("letters", ""),
        *(("sd", base) for base in "ACGT"),
    ]  # fmt: skip
    for (name, contig), due in by_hand(world, folds_of, 1).items():
        numbers = track(run, f"toy.minus.{name}.bw", contig)
        assert np.array_equal(np.isnan(numbers), np.isnan(due)), (name, contig)
        assert np.allclose(numbers, due, atol=3e-3, equal_nan=True), (name, contig)


def test_one_fold_has_no_spread_and_no_file_of_one(world):
    run = saturate(world, folds="2", tracks=["plus"])
    assert [file.path for file in run.files] == [
        f"ism/toy.plus.{kind}.bw" for kind in (*"ACGT", "mean")
    ]
    due = by_hand(world, lambda contig: "2", 0)
    for kind in (*"ACGT", "mean"):
        numbers = track(run, f"toy.plus.{kind}.bw", "chr1")
        assert np.allclose(numbers, due[kind, "chr1"], atol=3e-3, equal_nan=True)


def test_a_file_gives_what_its_regions_give_one_by_one(world):
    genome, _, folder = world
    run = saturate(world)
    joined = np.full(9_500, np.nan)
    for number, (start, end) in enumerate(REGIONS["chr1"]):
        one = tracksmith.score_variants(
            None, "toy", genome, folder / f"one-{number}", saturate=f"chr1:{start + 1}-{end}"
        ).run
        joined[start:end] = track(one, "toy.both.G.bw", "chr1")[start:end]
    assert np.array_equal(track(run, "toy.both.G.bw", "chr1"), joined, equal_nan=True)


def test_a_dry_run_says_what_it_writes_and_how_much(world):
    genome, _, folder = world
    options = {"saturate": str(folder / "regions.bed"), "spread": True, "device": "cpu"}
    estimate = tracksmith.estimate("toy", genome, **options)
    (cost,) = estimate.models
    assert cost.work == "333 alleles of 111 records" and cost.windows == 444
    assert cost.passes == 3 * cost.windows
    run = saturate(world, spread=True)
    assert list(estimate.files) == [file.path for file in run.files]
    assert estimate.disk.files >= sum(file.size for file in run.files)


def test_its_hub_tells_the_spread_of_one_change_from_that_of_another(world):
    run = saturate(world, spread=True, tracks=["plus"])
    build_hub([run.folder], run.folder / "hub", email="hub@example.org", name="toyhub")
    assert check_hub(run.folder / "hub") == []
    text = (run.folder / "hub/hub.txt").read_text()
    for base in "ACGT":
        assert f"standard deviation over folds, mutation to {base}" in text


def test_a_study_gives_the_file_back(world, monkeypatch):
    _, _, folder = world
    monkeypatch.chdir(folder)
    saturate(world, spread=True)
    text = CliRunner().invoke(main, ["study", "run"]).output
    assert f'saturate = "{folder / "regions.bed"}"' in text and "spread" in text
    (folder / "again.toml").write_text(text.replace(str(folder / "run"), "again"))
    done = CliRunner().invoke(main, ["run", "again.toml", "-q"])
    assert done.exit_code == 0, done.output
    both = [tracksmith.runs.run.Run.open(folder / name).id for name in ("run", "again")]
    assert both[0] == both[1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no regions"),
        ("chr1\t10\n", "fewer than three columns"),
        ("chr1\t9400\t9600\n", r"passes the end of chr1.*--clip"),
        ("chr9\t1\t5\n", r"regions\.bed:1: the genome has no contig 'chr9'"),
    ],
)
def test_a_file_that_holds_no_such_regions_is_refused(world, content, message):
    _, _, folder = world
    (folder / "regions.bed").write_text(content)
    with pytest.raises(InputError, match=message):
        saturate(world)
    assert not (folder / "run").exists()


def test_regions_are_clipped_if_asked_to_be(world):
    _, _, folder = world
    (folder / "regions.bed").write_text("chr2\t290\t900\n")
    run = saturate(world, clip=True, tracks=["plus"])
    assert np.isfinite(track(run, "toy.plus.mean.bw", "chr2")).nonzero()[0].tolist() == [
        *range(290, 300)
    ]
