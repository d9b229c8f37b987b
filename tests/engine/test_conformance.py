"""The kit passes what is sound, and says the right sentence about what is not."""

import re
from dataclasses import replace

import conformance_toys as toys
import numpy as np
import pytest
import torch
from conformance_toys import CORE_PROMOTER, local, moved, wrapped

from tracksmith.engine.conformance import CheckRequest, check_model, checks_of
from tracksmith.engine.conformance.place import Responses, reach
from tracksmith.engine.conformance.strands import mirror_lag
from tracksmith.errors import ResourceError
from tracksmith.models.card_checks import card_problems, heavy_imports
from tracksmith.plugin import InputError, Model, WeightFile


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def no_new_interpreter(monkeypatch):
    """Starting one for every toy takes longer than all other checks; it has a test of its own."""
    monkeypatch.setattr("tracksmith.engine.conformance.kit.heavy_imports", lambda module: [])


def check(model, **fields):
    return check_model(model, CheckRequest(**fields))


def failed(report):
    return [finding.check for finding in report.failed]


def test_core_promoter_passes_every_check_that_applies():
    report = check(CORE_PROMOTER)
    statuses = {finding.check: finding.status for finding in report.findings}
    assert list(statuses) == checks_of(CORE_PROMOTER)
    assert [name for name, status in statuses.items() if status != "pass"] == [
        "tracks", "alleles", "golden",
    ]  # fmt: skip


SENTENCES = {
    "offset by 250 bp": (
        wrapped(CORE_PROMOTER, moved(250)),
        "place",
        r"line up only when moved by 500 bins.*shifted by 250 bp.*250 bp further to the right.*"
        r"core_start=128, and 378 would fit",
    ),
    "offset by one base": (
        wrapped(CORE_PROMOTER, moved(-1)),
        "place",
        r"moved by -2 bins.*shifted by 1 bp.*to the left.*127 would fit",
    ),
    "swapped strands": (
        wrapped(CORE_PROMOTER, toys.swapped),
        "sense",
        r"The strands are swapped: the adenovirus major late promoter, which fires to the right, "
        r"raises minus instead of plus",
    ),
    "minus in the direction of transcription": (
        wrapped(CORE_PROMOTER, lambda v: torch.stack([v[:, 0], v[:, 1].flip(1)], 1)),
        "strands",
        r"bins in the window's own order, not reversed",
    ),
    "dropout left on": (
        wrapped(CORE_PROMOTER, toys.drop_out),
        "repeats",
        r"other values the second time.*Is dropout left on",
    ),
    "float64": (
        wrapped(CORE_PROMOTER, lambda values: values.double()),
        "dtype",
        r"The network values are float64: they must be float32",
    ),
    "two-dimensional output": (
        wrapped(CORE_PROMOTER, lambda values: values[:, 0]),
        "shape",
        r"It returned 2 dimensions, \(1, 1792\), for 1 windows: a network returns three",
    ),
    "squeezed batch of one": (
        wrapped(CORE_PROMOTER, lambda values: values.squeeze(0)),
        "shape",
        r"It returned 2 dimensions, \(2, 1792\)",
    ),
    "changes its input": (
        wrapped(local(), before=toys.in_place),
        "input",
        r"The network changed its input tensor: it works in place",
    ),
    "normalised over the batch": (
        wrapped(local(), toys.by_batch),
        "batch",
        r"alone differs by .* of the largest value.*shared along the batch|in another order",
    ),
    "divides by a sum": (
        wrapped(CORE_PROMOTER, toys.per_sum),
        "all N",
        r"A window of N alone gave 3584 of 3584 values that are not finite",
    ),
    "too few tracks": (
        wrapped(CORE_PROMOTER, lambda values: values[:, :1]),
        "shape",
        r"\(1, 1, 1792\) for 1 windows; the card promises \(1, 2, 1792\)",
    ),
    "reads nothing": (
        wrapped(local(), lambda values: torch.ones_like(values)),
        "place",
        r"No change of bases changed any output",
    ),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_a_broken_plugin_fails_with_the_right_sentence(name):
    model, where, sentence = SENTENCES[name]
    report = check(model)
    assert failed(report) == [where], report.text()
    assert re.search(sentence, report[where].sentence), report[where].sentence


def test_what_follows_from_a_fault_is_not_reported_as_another():
    report = check(wrapped(CORE_PROMOTER, toys.drop_out))
    assert report["stretch"].sentence == "Not checked: first repair 'repeats'."
    assert report.summary() == "19 checks: 5 passed, 1 failed, 13 could not tell."
    assert "FAIL  repeats" in report.text()
    assert max(map(len, report.text(80).splitlines())) <= 80


MOVES = [(1, 0), (1, 1), (1, -1), (4, 0), (4, 4), (4, -8), (20, 0), (20, 20)]


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(("bin_size", "bp"), MOVES)
def test_a_shift_of_one_bin_is_found_and_measured(bin_size, bp, mirrored):
    place = check(local(bin_size, bp, mirrored))["place"]
    if bp:
        side = "right" if bp > 0 else "left"
        assert place.status == "fail"
        assert f"shifted by {abs(bp)} bp. Values belong {abs(bp)} bp further to the {side}" in (
            place.sentence
        )
        assert f"core_start=100, and {100 + bp} would fit" in place.sentence
    else:
        assert place.status == "pass", place.sentence


def test_a_shift_by_half_a_bin_is_found_by_the_other_strand():
    place = check(local(4, 2, mirrored=True))["place"]
    assert "moved by 1 bins" in place.sentence
    assert "shifted by 2 bp" in place.sentence


def test_an_output_that_depends_a_little_on_everything_is_still_placed():
    assert check(local(coupled=0.5))["place"].status == "pass"
    place = check(local(moved=60, coupled=0.5))["place"]
    assert place.status == "fail"
    assert 54 <= int(re.search(r"shifted by (\d+) bp", place.sentence)[1]) <= 66


def test_an_untrained_dense_network_cannot_be_placed_and_is_told_so():
    place = check(toys.dense())["place"]
    assert place.status == "open"
    assert "a shift of the output cannot be told" in place.sentence


def test_a_network_that_looks_to_one_side_on_purpose_may_say_so():
    assert check(local(moved=1))["place"].status == "fail"
    place = check(local(moved=1), asymmetric=True)["place"]
    assert place.status == "open"
    assert "said to be asymmetric" in place.sentence


def test_strands_that_are_not_swapped_by_the_reverse_complement_are_found():
    alone = tuple(replace(track, strand=".", rc_partner=None) for track in toys.PAIR)
    model = local(mirrored=True)
    card = replace(model.card, tracks=alone)
    report = check(replace(model, card=card))
    assert report["strands"].status == "open"
    swapping = wrapped(local(mirrored=True), lambda v: v + v.flip(1), card=model.card)
    assert check(swapping)["strands"].status == "pass"
    same = wrapped(toys.unstranded(), card=toys.unstranded(pair=True).card)
    finding = check(same)["strands"]
    assert finding.status == "fail"
    assert "gives the same tracks, not those of the other strand" in finding.sentence


def test_the_reach_of_a_bin_is_read_off_exactly():
    changed = np.arange(-10, 40)
    bins = np.arange(30)
    # Bin b reacts to the bases from b - 3 to b + 5.
    distance = changed[:, None] - bins
    values = ((distance >= -3) & (distance <= 5)).astype(float)
    assert reach(Responses(values, changed, 0.5)) == (3, 5)
    assert reach(Responses(np.ones((50, 30)), changed, 0.5)) is None


def test_the_lag_between_strands_is_found_from_either_side():
    values = np.random.default_rng(0).normal(size=(3, 2, 50))
    for lag in (-7, 0, 4):
        assert mirror_lag(values, np.roll(values, lag, axis=2))[0] == lag


def test_a_shortcut_that_is_not_exact_is_found():
    def stretch(network, bases, stride):
        return network.predict_stretch(bases, stride) * 1.001

    def off_by_one(network, bases, stride):
        return network.predict_stretch(bases, stride).roll(1, dims=0)

    for wrong in (stretch, off_by_one):
        finding = check(wrapped(CORE_PROMOTER, predict_stretch=wrong))["stretch"]
        assert finding.status == "fail"
        assert "A shortcut must be exact" in finding.sentence


def test_an_allele_shortcut_is_held_against_plain_windows():
    def alleles(network, reference, alternative, first, last):
        return network(reference), network(alternative)

    def edges(network, reference, alternative, first, last):
        return network(reference), network(reference if first == 100 else alternative)

    assert check(wrapped(local(), predict_alleles=alleles))["alleles"].status == "pass"
    finding = check(wrapped(local(), predict_alleles=edges))["alleles"]
    assert finding.status == "fail"
    assert "for the alternative changed in columns 100 to 101" in finding.sentence


def test_one_reference_for_several_alternatives_is_tried_where_a_network_says_so():
    sizes = set()

    def alleles(network, reference, alternative, first, last):
        sizes.add((len(reference), len(alternative)))
        return network(reference), network(alternative)

    def stretched(network, reference, alternative, first, last):
        return network(reference.expand(len(alternative), -1, -1)), network(alternative)

    shared = wrapped(local(), predict_alleles=alleles, one_reference=True)
    assert check(shared)["alleles"].status == "pass"
    assert sizes == {(1, 2), (1, 1)}
    finding = check(wrapped(local(), predict_alleles=stretched, one_reference=True))["alleles"]
    assert finding.status == "fail"
    assert "returned 2 windows for the reference, of which it got 1" in finding.sentence


def test_state_that_moves_while_predicting_is_found():
    report = check(toys.counting())
    assert failed(report) == ["state"]
    assert "changed 1 tensors of the network, first seen" in report["state"].sentence


def test_tracks_in_another_order_than_said_are_found():
    report = check(toys.misordered())
    assert failed(report) == ["tracks"]
    assert "does Predictor.tracks name what the network returns" in report["tracks"].sentence


def test_a_card_that_mislabels_its_strands_is_found():
    plus, minus = toys.PAIR
    card = local().card
    wrong = replace(card, tracks=(replace(plus, strand="-"), replace(minus, strand="+")))
    assert len(card_problems(wrong)) == 2
    assert "track plus is on the - strand but is called 'plus'" in card_problems(wrong)[0]
    alone = replace(card, tracks=(replace(plus, rc_partner=None),))
    assert "set rc_partner" in card_problems(alone)[0]
    assert card_problems(card) == []


def test_a_plugin_that_imports_a_heavy_library_when_it_is_listed_is_found(tmp_path, monkeypatch):
    (tmp_path / "jax.py").write_text("")
    (tmp_path / "eager_toy.py").write_text("import jax\ndef load(request): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert heavy_imports("eager_toy") == ["jax"]
    assert heavy_imports("conformance_toys") == []
    with pytest.raises(ImportError, match="no_such_toy"):
        heavy_imports("no_such_toy")


def test_a_network_that_raises_is_a_finding_and_missing_weights_are_not(tmp_path):
    def explode(values):
        raise ValueError("no such bin")

    report = check(wrapped(local(), explode))
    assert report["shape"].sentence == "It raised ValueError: no such bin"
    model = Model(replace(local().card, weights=(WeightFile("a.pt"),)), local().load)
    with pytest.raises(ResourceError, match="The weights are not there"):
        check(model, weights=tmp_path / "absent")
    (tmp_path / "b.pt").write_text("")

    def refuse(request):
        raise InputError("b.pt holds no weights")

    report = check(replace(model, load=refuse), weights=tmp_path / "b.pt")
    assert report["load"].sentence == "b.pt holds no weights"
