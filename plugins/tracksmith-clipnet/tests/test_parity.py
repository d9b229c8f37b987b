"""The network and its loader against outputs of the original code."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from tracksmith_clipnet.network import rescale
from tracksmith_clipnet.plugin import LCL, find_weights, load

from tracksmith.errors import UsageError
from tracksmith.models.encoding import encoding_table
from tracksmith.plugin import LoadRequest

IUPAC = {"A": 1, "C": 2, "M": 3, "G": 4, "R": 5, "S": 6, "T": 8, "W": 9, "Y": 10, "K": 12, "N": 15}


def encode(sequences) -> torch.Tensor:
    masks = np.array([[IUPAC[letter] for letter in text.upper()] for text in sequences])
    return torch.from_numpy(encoding_table(LCL.alphabet)[masks]).transpose(1, 2).contiguous()


def predictor(weights, **options):
    return load(LoadRequest(weights=weights, tracks=("plus", "minus"), options=options))


@pytest.fixture(scope="module")
def oracle(shared):
    with np.load(shared / "parity/clipnet/clipnet_oracle.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def fold_files(shared):
    return find_weights(shared / "parity/clipnet/folds")


@pytest.fixture(scope="module")
def networks(fold_files):
    return {name: net.eval() for name, net in predictor(fold_files).networks.items()}


@pytest.fixture(scope="module")
def raw(networks, oracle):
    with torch.inference_mode():
        bases = encode(oracle["seqs"])
        return {fold: network(bases) for fold, network in networks.items()}


@pytest.fixture(scope="module")
def random_network(published_like):
    return predictor({"1": (published_like,)}).networks["1"].eval()


@pytest.fixture(scope="module")
def random_bases():
    letters = np.random.default_rng(3).choice(list("ACGTNR"), (9, 1000), p=[0.24] * 4 + [0.02] * 2)
    return encode(["".join(row) for row in letters])


def test_the_card_encodes_every_letter_as_the_authors_do(oracle):
    letters = set("".join(oracle["seqs"]))
    assert {"N", "R", "W", "a"} <= letters
    np.testing.assert_array_equal(encode(oracle["seqs"]).transpose(1, 2), oracle["twohot"])


@pytest.mark.parametrize("fold", ["1", "2", "3"])
def test_every_fold_gives_the_original_profile_and_quantity(raw, oracle, fold):
    values = raw[fold].numpy()
    np.testing.assert_allclose(values[:, :1000], oracle[f"fold{fold}_profile"], rtol=0, atol=2e-4)
    np.testing.assert_allclose(
        values[:, 1000:], oracle[f"fold{fold}_quantity"], rtol=1e-5, atol=5e-4
    )


def test_the_mean_over_folds_is_the_original_ensemble(raw, oracle):
    mean = torch.stack(list(raw.values())).mean(0).numpy()
    np.testing.assert_allclose(mean[:, :1000], oracle["ensemble_profile"], rtol=0, atol=2e-4)
    np.testing.assert_allclose(mean[:, 1000:], oracle["ensemble_quantity"], rtol=1e-5, atol=5e-4)


@pytest.mark.parametrize(("eps", "rule"), [("1e-3", "eps"), ("0", "readme")])
def test_tracks_are_scaled_after_the_folds_are_averaged(raw, oracle, fold_files, eps, rule):
    expected = oracle[f"ensemble_track_{rule}"]
    to_tracks = predictor({"1": fold_files["1"]}, eps=eps).to_tracks
    tracks = to_tracks(torch.stack(list(raw.values())).mean(0)).numpy()
    assert tracks.shape == (64, 2, 500)
    atol = 1e-5 * expected.max()
    np.testing.assert_allclose(tracks[:, 0], expected[:, :500], rtol=0, atol=atol)
    np.testing.assert_allclose(tracks[:, 1], expected[:, 500:], rtol=0, atol=atol)
    other_order = torch.stack([to_tracks(values) for values in raw.values()]).mean(0).numpy()
    assert np.nanmax(np.abs(other_order - tracks)) > 100 * atol


def test_a_window_does_not_depend_on_its_batch(random_network, random_bases):
    with torch.inference_mode():
        together = random_network(random_bases)
        alone = torch.cat([random_network(row[None]) for row in random_bases])
        halves = torch.cat([random_network(half) for half in random_bases.split(4)])
    scale = together.abs().max().item()
    assert together.std() > 0.1
    torch.testing.assert_close(alone, together, rtol=0, atol=1e-6 * scale)
    torch.testing.assert_close(halves, together, rtol=0, atol=1e-6 * scale)


@pytest.mark.parametrize("stride", [500, 4, 250, 1])
def test_a_stretch_gives_what_its_windows_give(random_network, random_bases, stride):
    stretch = random_bases.transpose(0, 1).reshape(4, -1)[:, : 1000 + 3 * stride]
    windows = torch.stack([stretch[:, n * stride : n * stride + 1000] for n in range(4)])
    with torch.inference_mode():
        expected = random_network(windows)
        outputs = random_network.predict_stretch(stretch, stride)
    assert not torch.equal(expected[0], expected[3])
    torch.testing.assert_close(outputs, expected, rtol=0, atol=1e-6 * expected.abs().max().item())


def test_under_autocast_the_heads_stay_in_float32(random_network, random_bases):
    with torch.inference_mode():
        exact = random_network(random_bases)
        with torch.autocast("cpu", torch.bfloat16):
            rough = random_network(random_bases)
            features = random_network._trunk(random_network._stem(random_bases))
            heads = random_network._heads(features)
    assert features.dtype is torch.bfloat16
    assert rough.dtype is torch.float32
    torch.testing.assert_close(heads, random_network._heads(features.float()), rtol=0, atol=0)
    assert np.corrcoef(exact.flatten(), rough.flatten())[0, 1] > 0.999


def test_a_profile_of_zeros_is_zero_with_eps_and_nan_without(published_like):
    raw = torch.zeros(1, 1001)
    raw[0, 1000] = 5
    weights = {"1": (published_like,)}
    assert (predictor(weights, eps="1e-3").to_tracks(raw) == 0).all()
    assert predictor(weights, eps="0").to_tracks(raw).isnan().all()


def test_calibration_maps_the_quantity():
    to_tracks = rescale(0.0, calibrate=True)
    raw = torch.ones(3, 1001)
    raw[:, 1000] = torch.tensor([0.0, 1.0, 100.0])
    sums = to_tracks(raw).sum((1, 2))
    expected = [0, 10**-0.80203685, 10 ** (1.59687745 * 2 - 0.80203685)]
    torch.testing.assert_close(sums, torch.tensor(expected), rtol=1e-5, atol=0)


def test_calibration_is_refused_for_fewer_than_nine_folds(published_like):
    with pytest.raises(UsageError, match="mean of all nine folds, and here are only 1"):
        predictor({"1": (published_like,)}, calibrate="yes")


@pytest.mark.gpu
def test_a_gpu_gives_the_original_outputs(networks, oracle):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    from tracksmith.runs.device import resolve_device

    device = resolve_device("cuda")  # also switches TF32 off
    with torch.inference_mode():
        values = networks["1"].to(device)(encode(oracle["seqs"]).to(device)).cpu().numpy()
    networks["1"].cpu()
    np.testing.assert_allclose(values[:, :1000], oracle["fold1_profile"], rtol=0, atol=2e-3)
    np.testing.assert_allclose(values[:, 1000:], oracle["fold1_quantity"], rtol=1e-4, atol=5e-3)


@pytest.mark.weights
def test_the_published_weights_give_the_published_predictions(shared):
    root = os.environ.get("TRACKSMITH_WEIGHTS")
    if not root:
        pytest.skip("TRACKSMITH_WEIGHTS is not set: the published weights are needed")
    folder = Path(root) / LCL.name
    files = find_weights(folder if folder.is_dir() else Path(root))
    assert len(files) == 9, f"all nine folds are needed, found {sorted(files)}"
    with np.load(shared / "parity/clipnet/REAL_ensemble_predictions_5seqs.npz") as file:
        sequences, profile, quantity = file["seqs"], file["track"], file["quantity"]
    with torch.inference_mode():
        bases = encode(sequences)
        raws = [network.eval()(bases) for network in predictor(files).networks.values()]
    mean = torch.stack(raws).mean(0).numpy()
    np.testing.assert_allclose(mean[:, 1000:], quantity, rtol=1e-3)
    np.testing.assert_allclose(mean[:, :1000], profile, rtol=0, atol=1e-3 * profile.max())
