"""Against outputs of the original code on random weights."""

import os

import numpy as np
import pytest
import torch
from tracksmith_enformer.arithmetic import GELU
from tracksmith_enformer.network import Enformer
from tracksmith_enformer.weights import Sizes, config_beside, find_files, layout, read_weights

# Rows: A, C, G, T, N (index 4), and the padding that only one fixture has (index -1).
ENCODING = torch.cat([torch.eye(4), torch.zeros(1, 4), torch.full((1, 4), 0.25)])
FIXTURES = ("enformer_tfgamma", "enformer_formula")
TRACKS = {"human": 23, "mouse": 7}


def oracle(shared, name):
    arrays = np.load(shared / "parity" / "enformer" / f"{name}.npz")
    return arrays, ENCODING[torch.from_numpy(arrays["ids"]).long()].transpose(1, 2)


def network_of(shared, name, head, file="pytorch_model.bin", rows=None):
    files = find_files(shared / "parity" / "enformer" / name / file, "targets_human.txt")
    config = config_beside(files)
    tensors, sizes = read_weights(files[0], config)
    _, bases = oracle(shared, name)
    return Enformer(tensors, sizes, bases.shape[-1], config["target_length"], head, rows)


def close(outputs, expected, rtol=2e-5):
    scale = float(np.abs(expected).max())
    np.testing.assert_allclose(np.asarray(outputs), expected, rtol=rtol, atol=2e-6 * scale)


@pytest.mark.parametrize("head", TRACKS)
@pytest.mark.parametrize("name", FIXTURES)
def test_predictions_equal_those_of_the_original(shared, name, head):
    arrays, bases = oracle(shared, name)
    outputs = network_of(shared, name, head)(bases)
    assert outputs.shape == (2, TRACKS[head], arrays[head].shape[1])
    close(outputs.transpose(1, 2), arrays[head])


@pytest.mark.parametrize("name", FIXTURES)
def test_every_stage_equals_that_of_the_original(shared, name):
    arrays, bases = oracle(shared, name)
    network = network_of(shared, name, "human")
    tokens = network._tokens(bases)
    close(tokens[:, ::16], arrays["tower"])
    for block in network.blocks:
        tokens = block(tokens, 0, network.tokens)
    close(tokens[:, ::16], arrays["transformer"])
    kept = network.final_norm(tokens[:, network.first : network.last])
    final = torch.nn.functional.linear(kept, network.end.final, network.end.final_bias)
    close(torch.nn.functional.silu(final)[:, ::16] / GELU, arrays["emb"])


@pytest.mark.parametrize("name", FIXTURES)
def test_safetensors_and_pickled_weights_are_the_same(shared, name):
    _, bases = oracle(shared, name)
    pickled = network_of(shared, name, "human")(bases)
    assert torch.equal(network_of(shared, name, "human", "model.safetensors")(bases), pickled)


@pytest.mark.parametrize("name", FIXTURES)
def test_lower_width_of_the_head_changes_no_value(shared, name):
    arrays, bases = oracle(shared, name)
    outputs = network_of(shared, name, "human", rows=[22, 4])(bases)
    close(outputs.transpose(1, 2), arrays["human"][:, :, [22, 4]])


@pytest.mark.skipif(
    not os.environ.get("TRACKSMITH_FULL_SIZE"),
    reason="the full-size network takes about a CPU minute and 3 GB: set TRACKSMITH_FULL_SIZE=1",
)
def test_the_full_size_network_equals_the_original(shared, monkeypatch):
    monkeypatch.syspath_prepend(str(shared / "parity"))
    from rand_weights import rand_tensor

    channels = (768, 768, 896, 1024, 1152, 1280, 1536)
    sizes = Sizes(channels, 11, 8, 64, 192, 192, (("human", 5313), ("mouse", 1643)))
    shapes = layout(sizes)
    assert sum(int(np.prod(s)) for n, s in shapes.items() if "running" not in n) == 251_221_292
    tensors = {n: torch.from_numpy(np.array(rand_tensor(n, s, 0))) for n, s in shapes.items()}
    arrays = np.load(shared / "parity" / "enformer" / "enformer_full_seed0.npz")
    bases = ENCODING[torch.from_numpy(arrays["seq_ids"]).long()].T[None]
    human = Enformer(tensors, sizes, 196_608, 896, "human")
    tokens = human._tokens(bases)
    outputs = human._predict(tokens)[0].T.numpy()
    np.testing.assert_allclose(outputs[:, arrays["human_tracks"]], arrays["human"], rtol=1e-4)
    np.testing.assert_allclose(outputs.mean(0), arrays["human_mean"], rtol=1e-4)
    np.testing.assert_allclose(outputs.sum(dtype=np.float64), arrays["human_sum64"], rtol=1e-6)
    mouse = Enformer(tensors, sizes, 196_608, 896, "mouse", arrays["mouse_tracks"].tolist())
    np.testing.assert_allclose(mouse._predict(tokens)[0].T.numpy(), arrays["mouse"], rtol=1e-4)
