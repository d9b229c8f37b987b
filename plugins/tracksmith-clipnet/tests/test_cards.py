"""What the cards say, and that saying it needs no torch."""

import subprocess
import sys

import pytest
from tracksmith_clipnet.plugin import K562, LCL

from tracksmith.engine.folds import check_mean_only
from tracksmith.errors import UsageError
from tracksmith.models.registry import load_registry

CARDS = pytest.mark.parametrize("card", [LCL, K562], ids=lambda card: card.name)


def test_listing_the_models_imports_neither_torch_nor_h5py():
    code = (
        "import sys, tracksmith_clipnet.plugin as p;"
        "names = [m.card.name for m in p.tracksmith_models()];"
        "assert names == ['clipnet-lcl', 'clipnet-k562'], names;"
        "assert not {'torch', 'h5py'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_entry_point_registers_both_models():
    registry = load_registry()
    assert {"clipnet-lcl", "clipnet-k562"} <= set(registry.models)
    assert registry.models["clipnet-lcl"].distribution == "tracksmith-clipnet"


@CARDS
def test_the_window_is_1000_bp_and_its_middle_500_are_predicted(card):
    geometry = card.window_geometry
    assert (geometry.window, geometry.core_start, geometry.core_length) == (1000, 250, 500)
    assert (geometry.bin, geometry.bins) == (1, 500)


@CARDS
def test_every_autosome_is_held_out_by_one_fold_or_by_all(card):
    held_out = [contig for fold in card.folds for contig in fold.held_out]
    autosomes = [f"chr{number}" for number in range(1, 23)]
    assert sorted([*held_out, *card.unseen]) == sorted([*autosomes, "chrX", "chrY", "chrM"])
    assert [fold.name for fold in card.folds] == [str(number) for number in range(1, 10)]
    assert {fold.name: fold.held_out for fold in card.folds}["4"] == ("chr1",)


@CARDS
def test_every_fold_has_a_published_file(card):
    assert [(file.name, file.fold) for file in card.weights] == [
        (f"fold_{number}.h5", str(number)) for number in range(1, 10)
    ]
    assert all(url.startswith("https://") for file in card.weights for url in file.urls)
    assert all(url.endswith(file.name) for file in card.weights for url in file.urls)


@CARDS
def test_the_strands_are_partners_and_minus_is_stored_negative(card):
    assert [track.id for track in card.tracks] == ["plus", "minus"]
    assert card.rc_partners() == [1, 0]
    assert [track.stored_sign for track in card.tracks] == [1, -1]
    assert card.reverse_complement == "allowed"


def test_only_the_lcl_ensemble_can_be_calibrated():
    assert [option.name for option in LCL.options] == ["eps", "calibrate"]
    assert [option.name for option in K562.options] == ["eps"]
    assert [option.default for option in LCL.options] == ["1e-3", "no"]


@pytest.mark.parametrize(("rule", "spread"), [("held-out", False), ("mean", True)])
def test_calibration_is_refused_where_single_folds_are_made_into_tracks(rule, spread):
    (option,) = (option for option in LCL.options if option.name == "calibrate")
    names = tuple(fold.name for fold in LCL.folds)
    check_mean_only(LCL, {option.name: "yes"}, "mean", names, spread=False)
    check_mean_only(LCL, {option.name: "no"}, rule, names, spread=spread)
    with pytest.raises(UsageError, match="mean of all 9 folds"):
        check_mean_only(LCL, {option.name: "yes"}, rule, names, spread=spread)
