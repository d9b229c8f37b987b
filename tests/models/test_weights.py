"""Where weights are found, in which order, and which folds predict a contig."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.toys import FILES, FOLDS, make_card, make_model
from tracksmith.errors import (
    CardError,
    InputError,
    PluginError,
    ResourceError,
    TrustError,
    UsageError,
)
from tracksmith.models.card import Fold, WeightFile
from tracksmith.models.checked import check_weights
from tracksmith.models.weights import find_weights, select_folds, weights_cache


@pytest.fixture(autouse=True)
def homes(tmp_path, monkeypatch):
    """Point the two places at empty folders of this test."""
    monkeypatch.setenv("TRACKSMITH_WEIGHTS", str(tmp_path / "own"))
    monkeypatch.setenv("TRACKSMITH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "own" / "toy", tmp_path / "cache" / "weights" / "toy" / "2"


def put(folder, *names, content=b"x"):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(content)


def test_the_path_given_wins_over_the_variable_and_that_over_the_cache(homes, tmp_path):
    model = make_model(weights=(WeightFile("w.pt"),))
    own, cache = homes
    put(cache, "w.pt")
    assert find_weights(model) == {"": (cache / "w.pt",)}
    put(own, "w.pt")
    assert find_weights(model) == {"": (own / "w.pt",)}
    put(tmp_path / "given", "w.pt")
    assert find_weights(model, tmp_path / "given") == {"": (tmp_path / "given" / "w.pt",)}
    assert weights_cache(model.card) == cache


def test_without_variables_the_cache_is_in_the_users_cache_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("TRACKSMITH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert weights_cache(make_card()) == tmp_path / "tracksmith" / "weights" / "toy" / "2"


def test_missing_weights_name_every_place_and_both_ways_out(homes):
    model = make_model(weights=(WeightFile("w.pt"),))
    put(homes[0], "other.pt")
    with pytest.raises(ResourceError) as caught:
        find_weights(model)
    text = str(caught.value)
    assert f"{homes[0]}: missing w.pt" in text
    assert f"{homes[1]}: no such folder" in text
    assert "tracksmith models fetch toy" in text
    assert "--weights PATH" in text


def test_a_model_without_weights_needs_none():
    assert find_weights(make_model()) == {"": ()}
    assert find_weights(make_model(folds=FOLDS)) == {"a": (), "b": ()}


def test_folds_that_are_complete_are_found_and_half_a_fold_is_not(tmp_path):
    model = make_model(folds=FOLDS, weights=FILES)
    put(tmp_path, "a.pt", "b1.pt")
    assert find_weights(model, tmp_path) == {"a": (tmp_path / "a.pt",)}
    put(tmp_path, "b2.pt")
    assert find_weights(model, tmp_path)["b"] == (tmp_path / "b1.pt", tmp_path / "b2.pt")


def test_a_file_belongs_to_the_fold_of_its_name_or_to_the_only_fold(tmp_path):
    put(tmp_path, "a.pt", "mine.pt", "b1.pt")
    several = make_model(folds=FOLDS, weights=FILES)
    assert find_weights(several, tmp_path / "a.pt") == {"a": (tmp_path / "a.pt",)}
    with pytest.raises(InputError, match=r"says no fold; expected one of a\.pt"):
        find_weights(several, tmp_path / "mine.pt")
    with pytest.raises(InputError, match=r"name a folder with b1\.pt, b2\.pt"):
        find_weights(several, tmp_path / "b1.pt")
    single = make_model(weights=(WeightFile("w.pt"),))
    assert find_weights(single, tmp_path / "mine.pt") == {"": (tmp_path / "mine.pt",)}


def test_a_path_that_is_not_there_is_refused_though_the_cache_has_weights(homes, tmp_path):
    put(homes[1], "w.pt")
    model = make_model(weights=(WeightFile("w.pt"),))
    with pytest.raises(InputError, match="no such file or folder"):
        find_weights(model, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty holds no weights of toy: missing w\.pt"):
        find_weights(model, tmp_path / "empty")


@pytest.mark.parametrize("content", [b"other", b"right but longer"])
def test_a_file_with_another_digest_is_refused(tmp_path, content):
    digest = hashlib.sha256(b"right").hexdigest()
    model = make_model(weights=(WeightFile("w.pt", sha256=digest),))
    put(tmp_path, "w.pt", content=content)
    with pytest.raises(TrustError, match="is not the published") as caught:
        find_weights(model, tmp_path)
    assert digest in str(caught.value)
    assert hashlib.sha256(content).hexdigest() in str(caught.value)
    put(tmp_path, "w.pt", content=b"right")
    paths = find_weights(model, tmp_path)
    (checked,) = check_weights(model.card, paths)
    assert (checked.sha256, checked.size, checked.confirmed) == (digest, 5, True)


def test_a_file_cut_short_is_refused_by_its_size_alone(tmp_path):
    model = make_model(weights=(WeightFile("w.pt", size=10),))
    put(tmp_path, "w.pt", content=b"123456789")
    with pytest.raises(TrustError, match="10 bytes"):
        find_weights(model, tmp_path)


def test_the_plugins_own_search_is_used_and_its_answer_checked(tmp_path):
    put(tmp_path, "x.pt")
    by_fold = {"a": (tmp_path / "x.pt",)}
    assert find_weights(make_model(lambda path: by_fold, folds=FOLDS), tmp_path) == by_fold
    with pytest.raises(PluginError, match="folds \\['z'\\], which the card does not name"):
        find_weights(make_model(lambda path: {"z": ()}, folds=FOLDS), tmp_path)
    with pytest.raises(PluginError, match="must return a dict"):
        find_weights(make_model(lambda path: {"a": [tmp_path]}, folds=FOLDS), tmp_path)
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        find_weights(make_model(lambda path: 1 / 0), tmp_path)


def test_a_plugin_that_finds_nothing_is_asked_at_the_next_place(homes):
    def search(path):
        if not (path / "x.pt").exists():
            raise InputError("no x.pt")
        return {"": (path / "x.pt",)}

    own, cache = homes
    put(own, "y.pt")
    with pytest.raises(ResourceError, match=r"no x\.pt"):
        find_weights(make_model(search))
    put(cache, "x.pt")
    assert find_weights(make_model(search)) == {"": (cache / "x.pt",)}


@pytest.mark.parametrize(
    "file",
    [WeightFile("w.pt", fold="z"), WeightFile("../w.pt", "a"), WeightFile("/etc/passwd", "a")],
)
def test_a_card_refuses_weight_files_without_a_fold_or_outside_their_folder(file):
    with pytest.raises(CardError, match="weight file"):
        make_card(folds=FOLDS, weights=(file,))


def test_mean_takes_every_fold_that_is_there_in_the_cards_order():
    assert select_folds(make_card(folds=FOLDS), ("b", "a"), "mean")("chr1") == ("a", "b")
    assert select_folds(make_card(folds=FOLDS), ("b",), "mean")("chr1") == ("b",)
    assert select_folds(make_card(), ("",), "mean")("chr1") == ("",)


def test_held_out_takes_the_folds_that_never_saw_the_contig():
    choose = select_folds(make_card(folds=FOLDS, unseen=("chrX",)), ("a", "b"), "held-out")
    assert [choose(c) for c in ("chr1", "2", "chr3")] == [("a",), ("a",), ("b",)]
    assert choose("chrX") == choose("X") == ("a", "b")
    assert choose("chr4") == choose("chr11") == ()


def test_held_out_says_when_the_fold_it_needs_is_not_there():
    choose = select_folds(make_card(folds=FOLDS), ("a",), "held-out")
    with pytest.raises(ResourceError, match="chr3: the weights of fold b"):
        choose("chr3")


def test_held_out_is_refused_where_the_card_knows_no_held_out_contigs():
    with pytest.raises(UsageError, match="does not say which contigs"):
        select_folds(make_card(folds=(Fold("a"),)), ("a",), "held-out")
    with pytest.raises(UsageError, match="does not say which contigs"):
        select_folds(make_card(), ("",), "held-out")


def test_one_fold_is_chosen_by_name_and_a_wrong_name_is_explained():
    card = make_card(folds=FOLDS)
    assert select_folds(card, ("a", "b"), "b")("chr1") == ("b",)
    with pytest.raises(ResourceError, match="fold b"):
        select_folds(card, ("a",), "b")
    with pytest.raises(UsageError, match="Did you mean 'held-out'"):
        select_folds(card, ("a", "b"), "heldout")


@given(st.dictionaries(st.sampled_from("abcde"), st.sets(st.integers(1, 9)), min_size=1))
def test_held_out_never_gives_a_fold_that_saw_the_contig(by_fold):
    folds = tuple(Fold(name, tuple(f"chr{n}" for n in ns)) for name, ns in by_fold.items())
    if not any(by_fold.values()):
        return
    choose = select_folds(make_card(folds=folds), tuple(by_fold), "held-out")
    for number in range(1, 10):
        expected = {name for name, numbers in by_fold.items() if number in numbers}
        assert set(choose(str(number))) == set(choose(f"chr{number}")) == expected
