import re

import numpy as np
import pytest
import torch
from tracksmith_get.network import RegionTransformer, build, canonical_tensors

from tracksmith.errors import InputError
from tracksmith.models.safe_load import load_tensors

TO_FIRST_RELEASE = (
    (r"^encoder\.blocks\.", "blocks."),
    (r"^encoder\.norm\.", "fc_norm."),
    (r"^head_exp\.head\.", "head."),
    (r"^region_embed\.embed\.", "region_embed.proj."),
)


def first_release(state):
    renamed = {}
    for name, value in state.items():
        for pattern, replacement in TO_FIRST_RELEASE:
            name = re.sub(pattern, replacement, name)
        renamed[name] = value
    return renamed


@pytest.mark.parametrize(
    ("file", "outputs", "accessibility"),
    [
        ("get_finetune_small_v1.pth", "get_finetune_small_seed1.npz", "given"),
        ("get_finetune_small_lightning.ckpt", "get_finetune_small_seed1.npz", "given"),
        ("get_atac_small_lightning.ckpt", "get_atac_small_seed2.npz", "ones"),
    ],
)
def test_published_layouts_give_the_outputs_of_the_original_code(
    shared, file, outputs, accessibility
):
    folder = shared / "parity" / "get"
    expected = np.load(folder / outputs)
    network = build(load_tensors(folder / file, legacy=True), file, 4, accessibility)
    x = torch.from_numpy(expected["x"])
    with torch.inference_mode():
        np.testing.assert_allclose(network(x).numpy(), expected["y"], rtol=0, atol=1e-5)
        if "encoded" in expected:
            np.testing.assert_allclose(
                network.encode(x).numpy(), expected["encoded"], rtol=0, atol=1e-5
            )


def test_the_full_size_network_gives_the_outputs_of_the_original_code(shared, monkeypatch):
    monkeypatch.syspath_prepend(str(shared / "parity"))
    from rand_weights import rand_tensor

    folder = shared / "parity" / "get"
    lines = (folder / "get_finetune_full_keys.txt").read_text().splitlines()
    shapes = {
        name: tuple(int(n) for n in re.findall(r"\d+", shape))
        for name, shape in (line.split("\t") for line in lines if "\t" in line)
    }
    state = {name: torch.from_numpy(rand_tensor(name, shape)) for name, shape in shapes.items()}
    expected = np.load(folder / "get_finetune_full_seed0.npz")
    network = build(first_release(state), "full size")
    assert sum(p.numel() for p in network.parameters()) == 85_267_202
    with torch.inference_mode():
        values = network(torch.from_numpy(expected["x"])).numpy()
    np.testing.assert_allclose(values, expected["y"], rtol=0, atol=1e-5)


def test_the_first_release_has_the_names_that_were_published(shared):
    lines = (shared / "parity" / "get" / "get_finetune_v1_keys.txt").read_text().splitlines()
    published = {line.split("\t")[0] for line in lines if "\t" in line}
    own = RegionTransformer(283, 768, 12, 12, 8, 2).state_dict()
    assert set(canonical_tensors(dict.fromkeys(published, torch.zeros(1)), "x")) == set(own)


def test_every_layout_gives_the_same_network(state):
    layouts = [
        state,
        first_release(state),
        {f"model.{name}": value for name, value in state.items()},
        {f"model.{name}": value for name, value in first_release(state).items()},
        {**state, "mask_token": torch.zeros(1), "head_mask.weight": torch.zeros(6, 8)},
        {**first_release(state), "encoder.head.weight": torch.zeros(6, 8)},
    ]
    for layout in layouts:
        loaded = build(layout, "x", 2).state_dict()
        assert loaded.keys() == state.keys()
        assert all(torch.equal(loaded[name], state[name]) for name in state)


def test_low_rank_adapters_are_merged_into_the_weights(state):
    random = np.random.default_rng(3)
    adapted = {}
    expected = {}
    for name, value in state.items():
        if value.ndim == 2 and not name.startswith("head"):
            layer = f"model.{name.removesuffix('.weight')}.parametrizations.weight"
            down = random.normal(size=(8, value.shape[1])).astype(np.float32)
            up = random.normal(size=(value.shape[0], 8)).astype(np.float32)
            adapted[f"{layer}.original"] = value
            adapted[f"{layer}.0.lora_A"] = torch.from_numpy(down)
            adapted[f"{layer}.0.lora_B"] = torch.from_numpy(up)
            adapted[f"{layer}.0.lora_dropout_mask"] = torch.ones(1, value.shape[1])
            expected[name] = value.double().numpy() + up.astype(float) @ down / 8
        else:
            adapted[f"model.{name}"] = value
            expected[name] = value.numpy()
    loaded = build(adapted, "x", 2).state_dict()
    for name, value in expected.items():
        np.testing.assert_allclose(loaded[name].numpy(), value, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("encoder.blocks.1.attn.q_bias"), "q_bias is missing"),
        (lambda s: s.update({"pos_embed": torch.zeros(1)}), "pos_embed is unknown"),
        (
            lambda s: s.update({"encoder.norm.bias": torch.zeros(9)}),
            r"encoder.norm.bias has shape \(9,\), not \(8,\)",
        ),
        (lambda s: s.pop("cls_token"), "'cls_token' is missing"),
        (lambda s: s.clear(), "none of the known layouts"),
        (
            lambda s: s.update({"head_exp.head.parametrizations.weight.scale": torch.zeros(1)}),
            "parametrised by scale",
        ),
        (
            lambda s: s.update(
                {
                    f"encoder.norm.parametrizations.weight.{leaf}": torch.zeros(8, 8)
                    for leaf in ("original", "0.lora_A")
                }
                | {"encoder.norm.parametrizations.weight.0.lora_B": torch.zeros(8, 7)}
            ),
            "its adapter has",
        ),
    ],
)
def test_a_checkpoint_that_does_not_fit_exactly_is_refused(state, change, message):
    change(state)
    with pytest.raises(InputError, match=message):
        build(state, "x.pth", 2)


@pytest.mark.parametrize("prefix", ["", "model."])
def test_a_pretrained_file_is_refused_because_it_predicts_nothing(state, prefix):
    pretrained = {
        name.replace("region_embed.embed", "encoder.region_embed.proj"): value
        for name, value in state.items()
        if not name.startswith("head_exp")
    }
    pretrained["encoder.cls_token"] = pretrained.pop("cls_token")
    pretrained["encoder.head.weight"] = torch.zeros(6, 8)
    with pytest.raises(InputError, match=r"is a pre-trained GET model.*no head.*fine-tuned"):
        build({prefix + name: value for name, value in pretrained.items()}, "x.pth", 2)


def test_heads_come_from_the_width_or_must_be_named(state, make_state):
    assert build(make_state(width=128), "x").encoder.blocks[0].attn.heads == 2
    with pytest.raises(InputError, match="--option heads=N"):
        build(state, "x")
    with pytest.raises(InputError, match="8 channels, which 3 heads do not divide"):
        build(state, "x", 3)


def test_the_order_of_regions_does_not_matter_and_any_number_works(state):
    network = build(state, "x", 2)
    random = np.random.default_rng(0)
    for regions in (1, 7, 40):
        x = torch.from_numpy(random.random((3, regions, 6), dtype=np.float32))
        order = torch.from_numpy(random.permutation(regions))
        with torch.inference_mode():
            assert torch.allclose(network(x)[:, order], network(x[:, order]), atol=1e-6)


def test_the_network_equals_the_formula_written_out(state):
    """One block after the other in float64, attention head by head, no torch layer."""
    x = np.random.default_rng(1).random((2, 5, 6))
    with torch.inference_mode():
        outputs = build(state, "x", 2)(torch.from_numpy(x).float()).numpy()
    np.testing.assert_allclose(outputs, _by_hand(state, x, heads=2), rtol=0, atol=1e-5)


def _by_hand(state, x, heads):
    s = {name: value.double().numpy() for name, value in state.items()}

    def normed(h, name):
        centred = h - h.mean(-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6)
        return centred / scale * s[f"{name}.weight"] + s[f"{name}.bias"]

    def linear(h, name):
        return h @ s[f"{name}.weight"].T + s[f"{name}.bias"]

    h = linear(x, "region_embed.embed")
    h = np.concatenate([np.repeat(s["cls_token"], len(x), 0), h], axis=1)
    for block in range(2):
        p = f"encoder.blocks.{block}"
        q, k, v = np.split(normed(h, f"{p}.norm1") @ s[f"{p}.attn.qkv.weight"].T, 3, axis=-1)
        q, v = q + s[f"{p}.attn.q_bias"], v + s[f"{p}.attn.v_bias"]
        size = q.shape[-1] // heads
        mixed = []
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            logits = q[..., part] @ k[..., part].swapaxes(1, 2) / np.sqrt(size)
            weights = np.exp(logits - logits.max(-1, keepdims=True))
            mixed.append(weights / weights.sum(-1, keepdims=True) @ v[..., part])
        h = h + linear(np.concatenate(mixed, -1), f"{p}.attn.proj")
        inner = linear(normed(h, f"{p}.norm2"), f"{p}.mlp.fc1")
        erf = torch.erf(torch.from_numpy(inner / np.sqrt(2))).numpy()
        h = h + linear(inner * (1 + erf) / 2, f"{p}.mlp.fc2")
    return np.log1p(np.exp(linear(normed(h, "encoder.norm")[:, 1:], "head_exp.head")))


def test_window_accessibility_is_relative_to_the_window_and_atac_ignores_the_column(state):
    x = torch.rand((2, 9, 6), generator=torch.Generator().manual_seed(0))
    scaled = x.clone()
    scaled[..., -1] *= torch.tensor([[0.5], [0.25]])
    given, window, ones = (build(state, "x", 2, way) for way in ("given", "window", "ones"))
    relative = x.clone()
    relative[..., -1] /= x[..., -1].amax(dim=1, keepdim=True)
    with torch.inference_mode():
        assert torch.allclose(window(x), window(scaled), atol=1e-6)
        assert torch.allclose(window(x), given(relative), atol=1e-6)
        assert torch.equal(ones(x), ones(scaled))
        assert not torch.allclose(given(x), given(scaled), atol=1e-3)
