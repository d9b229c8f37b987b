"""The shortcuts and the piecewise computation against the plain one; what the network reads."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tracksmith_enformer import attention, tower
from tracksmith_enformer import network as network_module
from tracksmith_enformer.network import Enformer
from tracksmith_enformer.positions import position_features

from tracksmith.plugin import PluginError


def same(one, other):
    torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def plain(network, bases, stride):
    windows = bases.unfold(-1, network.window, stride).transpose(0, 1)
    return torch.cat([network(window[None]) for window in windows])


@pytest.fixture
def bases_through_tower(monkeypatch):
    """Count the bases that the tower reads."""
    counts = []
    original = Enformer._piece

    def counting(self, bases, start, stop):
        counts.append(len(bases) * (stop - start) * self.bin)
        return original(self, bases, start, stop)

    monkeypatch.setattr(Enformer, "_piece", counting)
    return counts


@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(1, 6), stride=st.integers(1, 80).map(lambda n: 8 * n), seed=st.integers(0, 9)
)
def test_a_stretch_predicts_what_its_windows_predict(make, tiny, count, stride, seed):
    bases = make.bases(512 + (count - 1) * stride, seed=seed)[0].double()
    same(tiny.predict_stretch(bases, stride), plain(tiny, bases, stride))


@pytest.mark.parametrize("stride", [1, 13, 324, 511, 512, 600])
def test_a_stride_that_cuts_tokens_or_leaves_gaps_is_right_too(make, tiny, stride):
    bases = make.bases(512 + 2 * stride)[0].double()
    same(tiny.predict_stretch(bases, stride), plain(tiny, bases, stride))


def test_a_stretch_of_the_published_geometry_predicts_what_its_windows_predict(make, deep):
    bases = make.bases(196_608 + 2 * 114_688)[0].double()
    same(deep.predict_stretch(bases, 114_688), plain(deep, bases, 114_688))


def test_in_single_precision_a_stretch_is_within_1e_5_of_the_maximum(make):
    network = Enformer(make.tensors(make.deep), make.deep, 196_608, 896, "human")
    bases = make.bases(196_608 + 114_688)[0]
    expected = plain(network, bases, 114_688)
    difference = (network.predict_stretch(bases, 114_688) - expected).abs().max()
    assert difference <= 1e-5 * expected.max()


def test_windows_of_a_stretch_share_the_tower(make, deep, bases_through_tower):
    length = 196_608 + 3 * 114_688
    deep.predict_stretch(make.bases(length)[0].double(), 114_688)
    ends = 4 * 2 * deep.margin * deep.bin
    assert sum(bases_through_tower) == length + ends < 0.7 * 4 * 196_608


def test_without_the_recomputed_ends_a_stretch_would_be_wrong(make, tiny, monkeypatch):
    """The test above can fail: tokens at a window's ends do differ from the stretch's."""
    bases = make.bases(512 + 320)[0].double()
    whole = tiny._tokens(bases[None])
    window = tiny._tokens(bases[None, :, 320:])
    differ = (whole[0, 40:] - window[0]).abs().amax(1) > 1e-9
    assert differ[: tiny.margin].all()
    assert not differ[tiny.margin :].any()


@settings(max_examples=40, deadline=None)
@given(first=st.integers(0, 511), length=st.integers(0, 511), batch=st.integers(1, 3))
def test_alleles_are_predicted_as_two_windows(make, tiny, first, length, batch):
    last = min(first + length, 512)
    reference = make.bases(512, batch).double()
    alternative = reference.clone()
    alternative[:, :, first:last] = make.bases(512, batch, seed=1).double()[:, :, first:last]
    before, after = tiny.predict_alleles(reference, alternative, first, last)
    same(before, tiny(reference))
    same(after, tiny(alternative))


@pytest.mark.parametrize("position", [0, 127, 128, 98_303, 196_607])
def test_alleles_of_the_published_geometry_are_predicted_as_two_windows(make, deep, position):
    reference = make.bases(196_608).double()
    alternative = reference.roll(1, dims=1).where(torch.arange(196_608) == position, reference)
    before, after = deep.predict_alleles(reference, alternative, position, position + 1)
    same(before, deep(reference))
    same(after, deep(alternative))


def test_a_single_base_costs_the_tower_six_tokens_at_most(
    make, deep, bases_through_tower, monkeypatch
):
    monkeypatch.setattr(Enformer, "_predict", lambda self, tokens: tokens)
    reference = make.bases(196_608).double()
    for position in range(98_000, 98_000 + 128, 21):
        bases_through_tower.clear()
        deep.predict_alleles(reference, reference, position, position + 1)
        assert sum(bases_through_tower) <= 196_608 + 6 * 128


def test_a_token_reads_259_bases_on_either_side_and_no_more(make, deep):
    assert deep.reach == 7 + 2 * (2 + 4 + 8 + 16 + 32 + 64)
    bases = make.bases(128 * 11).double()
    plain_tokens = deep._tokens(bases)
    for position, reached in ((5 * 128 - 259, True), (5 * 128 - 260, False)):
        for at in (position, 11 * 128 - 1 - position):
            changed = bases.clone()
            changed[:, :, at] = 9.0
            token = 5
            difference = (deep._tokens(changed) - plain_tokens)[0, token].abs().max()
            assert bool(difference > 0) is reached, at


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [
        (tower, "CPU_ELEMENTS", 1),
        (network_module, "PIECE_TOKENS", 7),
        (attention, "CPU_QUERIES", 9),
    ],
)
@pytest.mark.parametrize("in_place", [True, False])
def test_small_pieces_give_the_same(make, tiny, monkeypatch, module, name, value, in_place):
    bases = make.bases(512, 2).double()
    whole = tiny(bases)
    monkeypatch.setattr(module, name, value)
    for each in (tower, attention):
        monkeypatch.setattr(each, "reuses_memory", lambda x: in_place)
    same(tiny(bases), whole)


@pytest.fixture
def in_new_memory(monkeypatch):
    """Compute as on a GPU and under autocast: no result is written over an intermediate."""
    for module in (tower, attention):
        monkeypatch.setattr(module, "reuses_memory", lambda x: False)


def test_in_place_the_tokens_and_the_predictions_are_the_same(make, tiny, deep, request):
    small, large = make.bases(512, 2).double(), make.bases(196_608).double()
    tokens = tiny._tokens(small)
    steps = [tokens, *(block(tokens, 8, 40) for block in tiny.blocks), deep(large)]
    request.getfixturevalue("in_new_memory")
    plain_tokens = tiny._tokens(small)
    expected = [plain_tokens, *(block(plain_tokens, 8, 40) for block in tiny.blocks), deep(large)]
    for one, other in zip(steps, expected, strict=True):
        same(one, other)


def test_in_place_single_precision_predictions_are_within_1e_5_of_the_maximum(make, request):
    network = Enformer(make.tensors(make.deep), make.deep, 196_608, 896, "human")
    outputs = network(make.bases(196_608))
    request.getfixturevalue("in_new_memory")
    expected = network(make.bases(196_608))
    assert (outputs - expected).abs().max() <= 1e-5 * expected.max()


def test_autocast_writes_nothing_in_place(make, monkeypatch):
    network = Enformer(make.tensors(make.tiny), make.tiny, 512, 40, "human")
    for module, name in ((attention, "_mix_in_place"), (tower.Stage, "_pool_in_place")):
        monkeypatch.setattr(module, name, None)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.isfinite(network(make.bases(512))).all()
    with pytest.raises(TypeError):
        network(make.bases(512))


def test_on_a_cpu_no_value_depends_on_the_batch_size(make):
    network = Enformer(make.tensors(make.tiny), make.tiny, 512, 40, "human")
    bases = make.bases(512, 3)
    alone = torch.cat([network(one[None]) for one in bases])
    assert torch.equal(network(bases), alone)


def test_only_the_chosen_rows_of_the_head_are_kept(make):
    tensors = make.tensors(make.tiny)
    every = Enformer(tensors, make.tiny, 512, 40, "human")
    chosen = Enformer(tensors, make.tiny, 512, 40, "human", [3, 0])
    bases = make.bases(512)
    assert chosen.end.head.shape == (2, 32)
    torch.testing.assert_close(chosen(bases), every(bases)[:, [3, 0]], rtol=1e-6, atol=1e-6)


def test_heads_stay_in_single_precision_under_autocast(make):
    network = Enformer(make.tensors(make.tiny), make.tiny, 512, 40, "human")
    bases = make.bases(512)
    single = network(bases)
    seen = {}
    original = torch.nn.functional.softplus

    def softplus(x):
        seen["dtype"] = x.dtype
        return original(x)

    with pytest.MonkeyPatch.context() as patch, torch.autocast("cpu", torch.bfloat16):
        patch.setattr(torch.nn.functional, "softplus", softplus)
        half = network(bases)
    assert seen["dtype"] == half.dtype == torch.float32
    assert 0 < (half - single).abs().max() < 0.05 * single.max()
    assert torch.equal(network(bases), single)


def test_relative_keys_are_made_once_and_again_for_another_precision(make, tiny):
    block = tiny.blocks[0]
    first = block._relative_keys(64)
    assert block._relative_keys(64) is first
    assert block._relative_keys(32).shape == (2, 8, 63)
    single = Enformer(make.tensors(make.tiny), make.tiny, 512, 40, "human")
    single(make.bases(512))
    same(single.double()(make.bases(512).double()), tiny(make.bases(512).double()))


@pytest.mark.parametrize("shape", [(1, 4, 511), (4, 512), (1, 5, 512)])
def test_bases_of_another_shape_are_refused(tiny, shape):
    with pytest.raises(PluginError, match=r"\(batch, 4, 512\)"):
        tiny(torch.zeros(shape, dtype=torch.float64))


def test_a_stretch_of_another_length_is_refused(tiny):
    with pytest.raises(PluginError, match="shape"):
        tiny.predict_stretch(torch.zeros(4, 513, dtype=torch.float64), 320)


def test_nothing_is_random_in_training_mode(make, tiny):
    bases = make.bases(512).double()
    evaluated = tiny.eval()(bases)
    assert torch.equal(tiny.train()(bases), evaluated)


def gamma_density(distance, mean, deviation):
    """Return the textbook density, by logarithms, in double precision."""
    shape, scale = (mean / deviation) ** 2, deviation**2 / mean
    return torch.exp(
        (shape - 1) * torch.log(distance)
        - distance / scale
        - torch.lgamma(shape)
        - shape * scale.log()
    )


def test_position_features_follow_their_formula():
    tokens, each = 64, 4
    features = position_features(tokens, 24).double()
    distance = torch.arange(1 - tokens, tokens, dtype=torch.float64)
    for k in range(each):
        half_life = 2 ** (3 + k * (6 - 3) / (each - 1))
        mean = torch.tensor(16.0 + k * 16.0, dtype=torch.float64)
        density = gamma_density(distance.abs(), mean, torch.tensor(8.0, dtype=torch.float64)) + 1e-8
        for column, expected in (
            (k, 2 ** (-distance.abs() / half_life)),
            (each + k, (distance.abs() < 2 ** (k + 1) - 1).double()),
            (2 * each + k, density / density.max()),
        ):
            torch.testing.assert_close(features[:, column], expected, rtol=1e-4, atol=1e-5)
            mirrored = features[:, column] * distance.sign()
            torch.testing.assert_close(features[:, 3 * each + column], mirrored)


def test_every_gamma_feature_of_the_published_size_peaks_at_1():
    gamma = position_features(1536, 192)[:, 64:96]
    assert torch.equal(gamma.amax(0), torch.ones(32))
    assert torch.equal(gamma, gamma.flip(0))
