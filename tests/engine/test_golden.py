"""Golden files: recipes that anybody can follow, and outputs that a hand computation gives."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from engine_toys import Dense, dense_by_hand, toy_card
from hypothesis import given
from hypothesis import strategies as st
from region_toys import toy as region_toy

from tracksmith.engine.agreement import CPU, difference
from tracksmith.engine.conformance import CheckRequest, check_model
from tracksmith.engine.conformance.frozen import check_golden
from tracksmith.engine.golden import Golden, input_text, read_golden, write_golden
from tracksmith.engine.selftest import SelfTestRequest, freeze, frozen_difference, load_subject
from tracksmith.errors import PluginError, ResourceError, UsageError
from tracksmith.models.card import RegionGeometry, WeightFile, WindowGeometry
from tracksmith.models.contract import Model, Predictor
from tracksmith.models.registry import load_registry

GEOMETRY = WindowGeometry(96, 16, 64, 4)


def dense(folds=(), **changes) -> Model:
    networks = {name: Dense(GEOMETRY, seed) for seed, name in enumerate(folds or ("",))}
    card = toy_card(GEOMETRY, folds, **changes)
    return Model(card, lambda request: Predictor({f: networks[f] for f in request.weights}))


def letters(count: int) -> str:
    """The recipe once more, from its description."""
    stream = hashlib.shake_128(b"tracksmith golden 1 0").digest(count)
    text = ["ACGT"[byte % 4] for byte in stream]
    text[96 : 96 + 64 // 16] = "NNNN"
    text[96 + 32] = "N"
    return "".join(text[: count // 2]) + "".join(text[count // 2 :]).lower()


def frozen(model: Model, folder: Path, self_test: SelfTestRequest | None = None) -> Model:
    """Freeze a model and give it the file."""
    path = folder / "golden.json"
    write_golden(path, freeze(model, self_test or SelfTestRequest()))
    return replace(model, golden=path)


def test_the_inputs_are_plain_unknown_and_in_lower_case_and_follow_their_recipe():
    text = input_text(Golden(1, "toy", 3, 96, 64))
    assert text == letters(96 + 2 * 64)
    assert set(text[:96]) <= set("ACGT") and "n" in text and set("acgt") < set(text)


@pytest.mark.parametrize("folds", [(), ("1", "2", "3")])
def test_frozen_outputs_are_those_of_a_loop_over_letters(tmp_path, folds):
    golden = read_golden(frozen(dense(folds), tmp_path).golden, "toy")
    text = letters(96 + 2 * 64)
    networks = [Dense(GEOMETRY, seed) for seed in range(max(1, len(folds)))]
    windows = [text[start : start + 96] for start in (0, 64, 128)]
    by_hand = np.mean(
        [[dense_by_hand(net, window) for window in windows] for net in networks], axis=0
    ).transpose(1, 0, 2)
    assert golden.tracks == ("plus", "minus", "both") and len(golden.bins) == 16
    assert golden.values.dtype == np.float32
    np.testing.assert_allclose(golden.values, by_hand, atol=1e-5 * np.abs(by_hand).max())


def test_frozen_outputs_of_regions_are_those_of_a_hand_computation(tmp_path):
    golden = read_golden(frozen(region_toy(), tmp_path).golden, "toy")
    assert (golden.windows, golden.length, golden.columns) == (2, 6, 2)
    streams = [hashlib.shake_128(b"tracksmith golden 1 %d" % n).digest(12) for n in range(2)]
    x = np.array([list(stream) for stream in streams]).reshape(2, 6, 2) / 255
    mean = x.mean(axis=1, keepdims=True)
    expected = np.stack([(x + mean)[..., 0], (2 * x - mean)[..., 1]])
    np.testing.assert_allclose(golden.values, expected[:, :, list(golden.bins)], atol=2e-6)


def test_a_golden_file_is_small_and_holds_the_strongest_value(tmp_path):
    model = load_registry().get("core-promoter").model
    path = frozen(model, tmp_path).golden
    golden = read_golden(path, "core-promoter")
    values = load_subject(model, SelfTestRequest()).sample.on(CPU, "float32")
    assert golden.values.size <= 300 and path.stat().st_size < 10_000
    assert golden.values.max() == values.max() > 0


def test_every_shipped_golden_file_can_be_used():
    shipped = [m for m in load_registry().models.values() if m.model.golden]
    assert {"core-promoter", "get-expression", "get-atac"} <= {m.card.name for m in shipped}
    for item in shipped:
        read_golden(item.model.golden, item.card.name)


def check(model: Model, **fields):
    return check_golden(model, CheckRequest(**fields))


def test_the_demonstration_gives_what_was_frozen():
    assert check(load_registry().get("core-promoter").model).status == "pass"


@pytest.mark.parametrize("place", [(0, 0, 0), (1, 2, 7), (2, 1, 15)])
def test_one_changed_value_fails(tmp_path, place):
    model = frozen(dense(), tmp_path)
    assert check(model).status == "pass"
    stored = json.loads(model.golden.read_text())
    largest = np.abs(stored["outputs"]).max()
    track, window, bin_number = place
    stored["outputs"][track][window][bin_number] += 3e-5 * largest
    model.golden.write_text(json.dumps(stored))
    verdict = check(model)
    assert verdict.status == "fail" and "3e-05 of the largest value" in verdict.sentence


def test_a_model_that_changed_fails_and_one_check_of_the_kit_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("tracksmith.engine.conformance.kit.heavy_imports", lambda module: [])
    model = frozen(dense(), tmp_path)
    changed = replace(model, load=lambda request: Dense(GEOMETRY, 8))
    assert "golden" in [finding.check for finding in check_model(changed, CheckRequest()).failed]
    assert check_model(model, CheckRequest())["golden"].status == "pass"


def weighted() -> Model:
    """A model whose file says by which seed its weights are drawn."""

    def load(request):
        return Dense(GEOMETRY, int(request.weights[""][0].read_text()))

    return Model(toy_card(GEOMETRY, weights=(WeightFile("seed.txt"),)), load)


def test_other_weights_are_not_compared_and_that_is_said(tmp_path):
    mine, other = tmp_path / "seed.txt", tmp_path / "other.txt"
    mine.write_text("1")
    other.write_text("2")
    model = frozen(weighted(), tmp_path, SelfTestRequest(weights=mine))
    assert check(model, weights=mine).status == "pass"
    verdict = check(model, weights=other)
    assert verdict.status == "open" and "their sha256 differs" in verdict.sentence
    mine.write_text("1 ")  # the same numbers, another file
    assert check(model, weights=mine).status == "open"


def test_without_a_file_or_outputs_the_check_cannot_tell(tmp_path):
    assert "tracksmith plugin freeze toy" in check(dense()).sentence
    path = tmp_path / "golden.json"
    write_golden(path, Golden(1, "toy", 3, 96, 64))
    verdict = check(replace(dense(), golden=path))
    assert verdict.status == "open" and "no frozen outputs" in verdict.sentence


DAMAGE = {
    "no JSON": lambda text: text[:-5],
    "another format": lambda text: text.replace('"golden": 1', '"golden": 2'),
    "another model": lambda text: text.replace('"model": "toy"', '"model": "other"'),
    "a track less": lambda text: text.replace('"tracks": ["plus", ', '"tracks": ['),
    "a bin more": lambda text: text.replace('"bins": [', '"bins": [0, '),
    "other inputs": lambda text: text.replace('"windows": 3', '"windows": 2'),
    "another seed": lambda text: text.replace('"windows"', '"seed": 5, "windows"'),
    "no number": lambda text: text.replace('"outputs": [[[', '"outputs": [[[NaN, '),
    "a list too deep": lambda text: "[" * 100_000,
    "an unknown field": lambda text: text.replace('"model"', '"more": 1, "model"'),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_a_sentence(tmp_path, damage):
    model = frozen(dense(), tmp_path)
    text = model.golden.read_text()
    assert DAMAGE[damage](text) != text
    model.golden.write_text(DAMAGE[damage](text))
    with pytest.raises(PluginError, match=r"cannot be used as a golden file: .*plugin freeze"):
        load_subject(model, SelfTestRequest())


def test_a_file_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(PluginError, match=r"No such file.*plugin freeze"):
        load_subject(replace(dense(), golden=tmp_path / "none.json"), SelfTestRequest())


def test_tracks_and_bins_that_the_model_has_not_are_named(tmp_path):
    model = frozen(dense(), tmp_path)
    stored = json.loads(model.golden.read_text())
    values = load_subject(model, SelfTestRequest()).sample.on(CPU, "float32")
    for name, value, words in (("tracks", "lost", "track lost"), ("bins", 99, "bin 99")):
        wrong = stored | {name: [*stored[name][:-1], value]}
        model.golden.write_text(json.dumps(wrong))
        with pytest.raises(PluginError, match=words):
            frozen_difference(load_subject(model, SelfTestRequest()), values)


def test_another_geometry_asks_for_freezing_anew(tmp_path):
    model = frozen(dense(), tmp_path)
    card = replace(model.card, geometry=WindowGeometry(96, 16, 32, 4))
    with pytest.raises(PluginError, match=r"every 64 bp.*says 96 every 32.*Freeze the model again"):
        load_subject(replace(model, card=card), SelfTestRequest())


def test_other_options_are_not_compared(tmp_path):
    model = frozen(region_toy(), tmp_path)
    assert check(model).status == "pass"
    verdict = check(model, options={"mode": "b"})
    assert verdict.status == "open" and "other options" in verdict.sentence


def test_part_of_an_ensemble_is_not_frozen(tmp_path):
    files = tuple(WeightFile(f"{fold}.pt", fold) for fold in ("1", "2"))
    (tmp_path / "1.pt").write_text("")
    with pytest.raises(ResourceError, match="the weights of 1 are missing: 2"):
        freeze(dense(("1", "2"), weights=files), SelfTestRequest(weights=tmp_path))


def test_what_is_not_finite_is_not_frozen():
    class Bad(Dense):
        def forward(self, bases):
            return super().forward(bases) / torch.zeros(())

    with pytest.raises(PluginError, match="not finite"):
        freeze(Model(toy_card(GEOMETRY), lambda request: Bad(GEOMETRY, 0)), SelfTestRequest())


def test_a_region_model_whose_features_need_files_asks_for_them():
    class Needy:
        def __init__(self):
            raise UsageError("the table is missing")

    model = region_toy(features=Needy, geometry=RegionGeometry(6, 3, ("peaks", "table")))
    with pytest.raises(UsageError, match=r"table is missing.*--input NAME=PATH"):
        load_subject(model, SelfTestRequest())


numbers = st.lists(
    st.one_of(st.floats(-1e3, 1e3, width=32), st.sampled_from([np.nan, np.inf, -np.inf])),
    min_size=1, max_size=6,
)  # fmt: skip


@given(numbers, st.data())
def test_a_difference_is_the_worst_over_the_largest_and_nan_is_never_small(plain, data):
    mine = data.draw(st.lists(st.floats(-1e3, 1e3, width=32), min_size=len(plain),
                              max_size=len(plain)))  # fmt: skip
    measured = difference(np.array(mine, np.float32), np.array(plain, np.float32))
    finite = [abs(p) for p in plain if np.isfinite(p)]
    if len(finite) < len(plain):
        assert not measured <= 1e300
    else:
        worst, largest = max(abs(m - p) for m, p in zip(mine, plain, strict=True)), max(finite)
        assert measured == pytest.approx(worst / largest if largest else worst)
    both = np.array(plain, np.float32)
    assert difference(both, both) == 0
