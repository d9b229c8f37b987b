"""The conformance kit on what a model says of variants."""

from dataclasses import replace

import pytest
import torch
from conformance_toys import CORE_PROMOTER, local
from torch import nn

from tracksmith.engine.conformance import CheckRequest, check_model
from tracksmith.models.card import VariantDefaults, WindowGeometry
from tracksmith.models.contract import Model, ScoreRecord, TrackScore


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr("tracksmith.engine.conformance.kit.heavy_imports", lambda module: [])
    yield
    torch.set_num_threads(before)


def finding(model):
    return check_model(model, CheckRequest())["variants"]


def scored(compute, **fields):
    toy = local()
    return Model(toy.card, toy.load, scores={"own": TrackScore(compute, "x", **fields)})


def gain(reference, alternative):
    change = alternative - reference
    return ScoreRecord(change.max(-1), bin=change.argmax(-1))


def test_sound_scores_pass():
    assert finding(CORE_PROMOTER).sentence == "Variants are scored by diff, log2fc."
    sound = scored(gain, units=("tracks", "pairs"), places=True)
    assert finding(sound).status == "pass"
    assert finding(sound).sentence == "Variants are scored by diff, of its own own."
    whole = scored(lambda r, a: (a - r).max(axis=(0, 2)), units=("model",))
    assert finding(whole).status == "pass"


def in_place(reference, alternative):
    alternative -= reference
    return alternative.max(-1)


WRONG = {
    "another shape": (lambda r, a: a - r, {}, "due"),
    "its input changed": (in_place, {}, "changed the bins that it was given"),
    "depends on others": (lambda r, a: (a - r).sum(-1) - (a - r).sum(-1).mean(), {}, "alone is"),
    "counts without a change": (lambda r, a: a.max(-1), {}, "of two equal alleles is"),
    "a bin that is none": (
        lambda r, a: ScoreRecord((a - r)[..., 0], bin=(a[..., 0] * 0 + 5_000).astype(int)),
        {"places": True}, "names bins that are none of the 200",
    ),
    "it raises": (lambda r, a: 1 / 0, {}, "ZeroDivisionError"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_scores_that_break_the_contract_are_named(case):
    compute, fields, sentence = WRONG[case]
    verdict = finding(scored(compute, **fields))
    assert verdict.status == "fail" and sentence in verdict.sentence


class AnyLength(nn.Module):
    def forward(self, bases):
        return bases[:, :2, 20:-20]


class OneLength(nn.Module):
    def forward(self, bases):
        return bases[:, :2, 20:380]


@pytest.mark.parametrize(("network", "status"), [(AnyLength, "pass"), (OneLength, "fail")])
def test_the_network_must_read_the_window_of_variants(network, status):
    geometry, short = WindowGeometry(400, 20, 360), WindowGeometry(100, 20, 60)
    card = replace(local().card, geometry=geometry, variants=VariantDefaults(geometry=short))
    verdict = finding(Model(card, lambda request: network()))
    assert verdict.status == status
    if status == "fail":
        assert "a window of 100 bp of their own" in verdict.sentence
        assert "(batch, tracks, bins) = (6, 2, 60) is due" in verdict.sentence
