"""What a request means, and what is refused before anything is computed."""

import shutil

import numpy as np
import pytest
from engine_toys import Dense, cut, dense_by_hand, toy_card

import tracksmith
from tests.engine.test_runs import Notes, values
from tracksmith.errors import ResourceError, UsageError
from tracksmith.genome import assemblies
from tracksmith.models.card import Fold, Option, Track, WindowGeometry
from tracksmith.models.contract import Model, Predictor
from tracksmith.runs.record import FoldsRecord

GEOMETRY = WindowGeometry(64, 16, 32, 1)


def ensemble(name="toy", **changes) -> Model:
    """A model of three folds whose weights are files ``1.w`` ... ``3.w``."""
    card = toy_card(GEOMETRY, ("1", "2", "3"), name=name, **changes)

    def find(place):
        files = [place] if place.is_file() else sorted(place.glob("*.w"))
        return {file.stem: (file,) for file in files}

    def load(request):
        return Predictor({fold: Dense(GEOMETRY, int(fold)) for fold in request.weights})

    return Model(card, load, find)


@pytest.fixture
def world(register, write_genome, random_bases, tmp_path):
    """Predict with folds 1 and 2 of three; options change the request or the card."""
    weights = tmp_path / "weights"
    weights.mkdir()
    sequences = {name: random_bases(64, n) for n, name in enumerate(("chr1", "chr2", "chr3"))}
    genome = write_genome(**sequences)

    def predict(there="12", card=None, **options):
        for fold in there:
            (weights / f"{fold}.w").write_text(fold)
        register(ensemble(**(card or {})))
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        options.setdefault("weights", weights)
        return tracksmith.predict("toy", genome, tmp_path / "run", device="cpu", **options)

    predict.sequences, predict.weights, predict.out = sequences, weights, tmp_path / "run"
    return predict


def by_hand(sequence, folds):
    text = cut(sequence, -16, 48)
    return np.mean([dense_by_hand(Dense(GEOMETRY, fold), text)[0] for fold in folds], axis=0)


def assert_mean(world, run, folds, contig="chr1"):
    numbers = values(run, "toy.plus.bw", contig)[:32]
    assert np.allclose(numbers, by_hand(world.sequences[contig], folds), rtol=1e-4, atol=1e-3)


def test_an_incomplete_ensemble_is_refused_unless_its_folds_are_named(world):
    with pytest.raises(ResourceError, match=r"3 folds, .* 1 are missing: 3.*--folds mean:1,2 on"):
        world()
    assert not world.out.exists()
    with pytest.raises(ResourceError, match="missing: 3"):
        world(spread=True)
    run = world(folds="mean:2,1")
    assert run.plan.models[0].folds == FoldsRecord("mean", ("1", "2"), spread=False)
    assert_mean(world, run, [1, 2])
    assert_mean(world, world(folds="2"), [2])
    assert_mean(world, world(weights=world.weights / "2.w"), [2])
    assert_mean(world, world("123"), [1, 2, 3])
    assert_mean(world, world("123", folds="mean:1,3"), [1, 3])


def test_an_incomplete_ensemble_in_the_cache_is_refused_too(world, monkeypatch, tmp_path):
    monkeypatch.setenv("TRACKSMITH_WEIGHTS", str(tmp_path / "all"))
    (tmp_path / "all" / "toy").mkdir(parents=True)
    (tmp_path / "all" / "toy" / "1.w").write_text("1")
    with pytest.raises(ResourceError, match="missing: 2, 3"):
        world(weights=None)


@pytest.mark.parametrize("folds", ["mean:", "mean:1,1", "held-out:1,", "mean:1,7", "mean:1,3"])
def test_folds_that_are_not_there_or_named_twice_are_refused(world, folds):
    with pytest.raises(UsageError, match=f"--folds {folds}"):
        world(folds=folds)


HELD = {"folds": (Fold("1", ("chr1",)), Fold("2", ("chr2",)), Fold("3", ("chr2", "chr3")))}


def test_only_contigs_of_the_regions_need_their_held_out_folds(world):
    notes = Notes()
    run = world(card=HELD, folds="held-out", regions="chr1", progress=notes)
    assert_mean(world, run, [1])
    assert not any("stay gaps" in said for said in notes.said)
    for regions in ("chr2", "chr3", None):
        with pytest.raises(ResourceError, match=r"chr[23].* missing: 3|fold 3 of toy"):
            world(card=HELD, folds="held-out", **({"regions": regions} if regions else {}))
    run = world(card=HELD, folds="held-out:1,2", regions="chr2")
    assert_mean(world, run, [2], "chr2")


def test_a_contig_of_the_regions_that_every_fold_saw_stays_a_gap(world):
    notes = Notes()
    card = {"folds": (Fold("1", ("chr1",)), Fold("2"), Fold("3"))}
    run = world(card=card, folds="held-out", regions=["chr1", "chr2"], progress=notes)
    assert np.isnan(values(run, "toy.plus.bw", "chr2")).all()
    assert any("1 contigs have no fold" in said and "chr2" in said for said in notes.said)
    assert not any("chr3" in said for said in notes.said)


SWITCH = {"options": (Option("scale", "no", ("no", "yes"), "a switch", mean_only=("yes",)),)}
FOR_ALL = {"options": {"scale": "yes"}}


def test_an_option_for_the_mean_of_all_folds_is_refused_elsewhere(world):
    assert world("123", SWITCH, **FOR_ALL).plan.models[0].options == {"scale": "yes"}
    fixed = SWITCH | HELD
    for more in ({"folds": "held-out"}, {"spread": True}, {"folds": "1"}, {"folds": "mean:1,2"}):
        with pytest.raises(UsageError, match="scale=yes holds for the mean of all 3 folds"):
            world("123", fixed, **FOR_ALL, **more)
        assert not world.out.exists()
        world("123", fixed, **more)


def test_tracks_of_one_file_name_are_refused(register, write_genome, world, tmp_path):
    first = ensemble(name="a.b", tracks=(Track("c", "c", signed=True),))
    second = ensemble(name="a", tracks=(Track("b.c", "bc", signed=True),))
    for fold in "123":
        (world.weights / f"{fold}.w").write_text(fold)
    register(first, second)
    given = {"a": world.weights, "a.b": world.weights}
    genome = write_genome(chr1="ACGT" * 30)
    with pytest.raises(
        UsageError, match=r"track c of a\.b and .*track b\.c of a would.*a\.b\.c\.bw"
    ):
        tracksmith.predict(["a.b", "a"], genome, tmp_path / "two", weights=given)
    assert not (tmp_path / "two").exists()


def test_a_track_named_as_the_spread_of_another_is_refused(world):
    pair = {"tracks": (Track("c", "c"), Track("c.sd", "sd"), Track("d", "d"))}
    with pytest.raises(UsageError, match=r"track c\.sd.*sd of track c .*toy\.c\.sd\.bw"):
        world("123", pair, spread=True)
    assert len(world("123", pair).files) == 3


def test_an_unknown_compressor_claims_no_folder(world):
    with pytest.raises(UsageError, match="No compressor is called 'gzip'"):
        world("123", compressor="gzip")
    assert not world.out.exists()


HG38 = {"card": {"assemblies": ("hg38",)}, "there": "123"}


@pytest.mark.parametrize(("known", "noted"), [("hg38", False), ("hg19", True), ("mm10", True)])
def test_a_genome_of_another_assembly_is_said_aloud(world, monkeypatch, known, noted):
    monkeypatch.setattr(assemblies, "ASSEMBLIES", {known: {"chr2": 64}})
    notes = Notes()
    world(**HG38, progress=notes)
    said = [
        text
        for text in notes.said
        if f"was made for hg38; by its lengths this genome is {known}" in text
    ]
    assert bool(said) == noted


def test_folds_that_left_out_chromosomes_of_another_species_are_not_held_out(world, monkeypatch):
    card = HELD | {"assemblies": ("hg38",)}
    for known in ("hg38", "hg19", "hg18"):
        monkeypatch.setattr(assemblies, "ASSEMBLIES", {known: {"chr2": 64}})
        world(card=card, folds="held-out", regions="chr1")
    monkeypatch.setattr(assemblies, "ASSEMBLIES", {"mm10": {"chr2": 64}})
    with pytest.raises(UsageError, match=r"this genome is mm10, where .* other .* --folds mean"):
        world(card=card, folds="held-out", regions="chr1")
