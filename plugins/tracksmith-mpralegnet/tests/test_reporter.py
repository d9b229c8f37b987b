"""What a fold returns: tracks, orientations, strands; and what the cards say of it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tracksmith_mpralegnet.files import find_weights
from tracksmith_mpralegnet.network import LegNet
from tracksmith_mpralegnet.plugin import GENOMIC, INSERT, STRANDED, describe, load
from tracksmith_mpralegnet.reporter import Reporter

from tracksmith.errors import UsageError
from tracksmith.models.selection import select_tracks
from tracksmith.plugin import LoadRequest


def windows(seed, count=4, length=200):
    codes = torch.randint(0, 4, (count, length), generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.one_hot(codes, 4).transpose(1, 2).float().contiguous()


def difference(outputs, expected):
    """Return the largest difference in units of the largest value."""
    return float((outputs - expected).abs().max() / expected.abs().max())


def bare(tensors, seed):
    return LegNet({name.removeprefix("model."): t for name, t in tensors(seed).items()})


@pytest.fixture(scope="module")
def reporter(tensors):
    networks = [bare(tensors, 1), bare(tensors, 2)]
    outputs = [(0, False), (0, True), (1, False), (1, True)]
    return Reporter(networks, outputs, adapters=True, both_strands=True).eval()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_the_reverse_complement_of_a_window_swaps_the_insert_orientations(reporter, seed):
    bases = windows(seed)
    with torch.inference_mode():
        forward, turned = reporter(bases), reporter(bases.flip(1, 2))
    swapped = turned[:, [1, 0, 3, 2]]
    assert difference(forward, swapped) < 2e-6
    assert difference(forward[:, 0], forward[:, 1]) > 1e-4


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_averaged_strands_without_adapters_do_not_see_the_strand(tensors, seed):
    genomic = Reporter([bare(tensors, 1)], [(0, False)], adapters=False, both_strands=True).eval()
    bases = windows(seed, length=231)
    with torch.inference_mode():
        assert difference(genomic(bases), genomic(bases.flip(1, 2))) < 2e-6


def test_a_window_does_not_depend_on_its_batch(reporter):
    bases = windows(5, count=9)
    with torch.inference_mode():
        together = reporter(bases)
        alone = torch.cat([reporter(row[None]) for row in bases])
    assert difference(together[:1], together[1:2]) > 1e-4
    assert difference(alone, together) < 2e-6


def test_under_autocast_the_output_stays_float32(reporter):
    bases = windows(6)
    with torch.inference_mode():
        exact = reporter(bases)
        with torch.autocast("cpu", torch.bfloat16):
            rough = reporter(bases)
    assert rough.dtype is torch.float32
    assert not torch.equal(exact, rough)
    assert difference(rough, exact) < 0.1


def test_a_fold_returns_the_tracks_asked_for_from_the_right_networks(save, tensors):
    root = save({f"{line}/w.ckpt": seed for seed, line in enumerate(["HepG2", "K562", "WTC11"])})
    bases = windows(7)
    predictor = load(INSERT, LoadRequest(find_weights(root), ("HepG2", "WTC11")))
    assert predictor.tracks == ("HepG2", "WTC11")
    alone = Reporter([bare(tensors, 2)], [(0, False)], adapters=True, both_strands=True).eval()
    with torch.inference_mode():
        both = predictor.networks["single"].eval()(bases)
        assert difference(both[:, 1:], alone(bases)) < 2e-6
    assert both.shape == (4, 2, 1)
    assert difference(both[:, 0], both[:, 1]) > 1e-2


def test_every_training_run_is_a_fold_with_a_network_of_its_own(save):
    root = save({f"K562/best_model_test{t}_val1.ckpt": t for t in (2, 3)})
    networks = load(INSERT, LoadRequest(find_weights(root), ("K562",))).networks
    assert list(networks) == ["test2_val1", "test3_val1"]
    bases = windows(8)
    with torch.inference_mode():
        values = [network.eval()(bases) for network in networks.values()]
    assert difference(values[0], values[1]) > 1e-2


def test_cell_lines_without_weights_are_not_on_the_card(save):
    weights = find_weights(save({"HepG2/w.ckpt": 1, "K562/w.ckpt": 2}))
    for card, ids in ((INSERT, ["HepG2", "K562"]), (GENOMIC, ["HepG2", "K562"])):
        described = describe(card, weights)
        assert [track.id for track in described.tracks] == ids
        assert [fold.name for fold in described.folds] == ["single"]
    assert [track.id for track in describe(STRANDED, weights).tracks] == [
        "HepG2_plus", "HepG2_minus", "K562_plus", "K562_minus",
    ]  # fmt: skip
    with pytest.raises(UsageError, match="WTC11"):
        select_tracks(describe(INSERT, weights), ["WTC11"])


def test_loading_a_cell_line_without_weights_says_which_are_there(save):
    weights = find_weights(save({"HepG2/w.ckpt": 1, "K562/w.ckpt": 2}))
    with pytest.raises(UsageError, match=r"no weights for WTC11 .* only for HepG2, K562"):
        load(INSERT, LoadRequest(weights, ("HepG2", "WTC11")))
