"""Bad checkpoints and configurations are refused with what is wrong."""

import json
from collections import OrderedDict
from contextlib import suppress

import pytest
import torch
from safetensors.torch import save_file
from tracksmith_mpralegnet.checkpoint import read_checkpoint
from tracksmith_mpralegnet.network import Sizes

from tracksmith.errors import InputError, TrustError, UsageError

CONFIG = {
    "stem_ch": 8, "stem_ks": 5, "ef_ks": 3, "ef_block_sizes": [12, 10], "resize_factor": 2,
    "pool_sizes": [2, 2], "reverse_augment": True, "use_reverse_channel": False,
}  # fmt: skip


@pytest.fixture
def checkpoint(tmp_path, tensors):
    def write(change=None, name="weights.ckpt"):
        content = tensors(1)
        if change:
            change(content)
        path = tmp_path / name
        torch.save({"state_dict": content}, path)
        return path

    return write


@pytest.fixture
def config(tmp_path):
    def write(**changes):
        path = tmp_path / "config.json"
        path.write_text(json.dumps(CONFIG | changes))
        return path

    return write


def output(network):
    with torch.inference_mode():
        return network.eval()(torch.linspace(0, 1, 2 * 4 * 60).reshape(2, 4, 60))


def test_lightning_files_and_safetensors_give_the_same_network(checkpoint, tensors, tmp_path):
    save_file(tensors(1), tmp_path / "weights.safetensors")
    first = output(read_checkpoint(checkpoint(), None, both_strands=True))
    second = output(read_checkpoint(tmp_path / "weights.safetensors", None, both_strands=True))
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_only_a_leading_prefix_is_stripped(checkpoint):
    def nest(content):
        content["model.model.stem"] = torch.zeros(1)

    with pytest.raises(InputError, match=r"  - model\.stem is not part of MPRALegNet"):
        read_checkpoint(checkpoint(nest), None, both_strands=True)


def test_batch_counters_are_not_needed_and_not_minded(checkpoint):
    def count(content):
        content["model.stem.block.1.num_batches_tracked"] = torch.tensor(7)

    read_checkpoint(checkpoint(count), None, both_strands=True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.pop("model.head.3.bias"), r"head\.3\.bias is missing"),
        (lambda t: t.pop("model.stem.block.0.weight"), "no checkpoint of MPRALegNet"),
        (lambda t: t.update({"model.extra": torch.zeros(2)}), "extra is not part of MPRALegNet"),
        (
            lambda t: t.update({"model.head.3.weight": torch.zeros(18, 20)}),
            r"head\.3\.weight has shape \(18, 20\), not \(1, 20\)",
        ),
        (
            lambda t: t["model.mapper.block.1.bias"].fill_(float("nan")),
            r"mapper\.block\.1\.bias holds values that are no finite numbers",
        ),
    ],
)
def test_other_tensors_are_refused_by_name(checkpoint, change, says):
    with pytest.raises(InputError, match=says):
        read_checkpoint(checkpoint(change), None, both_strands=True)


@pytest.mark.parametrize("change", [lambda t: t[None], lambda t: t.sum(), lambda t: t[:0]])
def test_every_tensor_of_another_shape_is_a_sentence(checkpoint, tensors, change):
    for name in tensors(0):
        path = checkpoint(lambda t, name=name: t.update({name: change(t[name])}))
        with pytest.raises(InputError, match="no checkpoint of MPRALegNet"):
            read_checkpoint(path, None, both_strands=True)


def test_a_network_of_six_inputs_is_not_this_model(tensors, tmp_path):
    sizes = Sizes(inputs=6, stem=8, stem_width=5, width=3, blocks=((8, 16, 12),))
    path = tmp_path / "yeast.ckpt"
    torch.save(tensors(1, sizes), path)
    with pytest.raises(InputError, match="reads 6 rows, not 4"):
        read_checkpoint(path, None, both_strands=True)


def test_a_truncated_checkpoint_is_damaged(checkpoint):
    path = checkpoint()
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match=r"weights\.ckpt"):
        read_checkpoint(path, None, both_strands=True)


def test_objects_in_a_checkpoint_stay_inert(tmp_path, tensors):
    mark = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return (mark.touch, ())

    path = tmp_path / "weights.ckpt"
    torch.save({"state_dict": OrderedDict(tensors(1)), "callbacks": Evil()}, path)
    with suppress(InputError, TrustError):
        read_checkpoint(path, None, both_strands=True)
    assert not mark.exists()


def test_a_configuration_decides_the_poolings(checkpoint, config):
    path = checkpoint()
    assumed = read_checkpoint(path, None, both_strands=True)
    assert assumed.pools == (2, 2)
    torch.testing.assert_close(
        output(read_checkpoint(path, config(), both_strands=True)), output(assumed), rtol=0, atol=0
    )
    other = read_checkpoint(path, config(pool_sizes=[1, 4]), both_strands=True)
    assert other.pools == (1, 4)
    assert not torch.allclose(output(other), output(assumed))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"stem_ks": 11}, "it says stem_ks 11, the weights 5"),
        (
            {"ef_block_sizes": [12, 11]},
            r"it says ef_block_sizes \[12, 11\], the weights \[12, 10\]",
        ),
        ({"use_reverse_channel": True}, "it says use_reverse_channel True, the weights False"),
        ({"pool_sizes": [2]}, "pool_sizes must be 2 numbers from 1 up"),
        ({"pool_sizes": [2, 0]}, "pool_sizes must be 2 numbers from 1 up"),
        ({"pool_sizes": "22"}, "pool_sizes must be 2 numbers from 1 up"),
    ],
)
def test_a_configuration_of_another_network_is_refused(checkpoint, config, changes, says):
    with pytest.raises(InputError, match=says):
        read_checkpoint(checkpoint(), config(**changes), both_strands=True)


@pytest.mark.parametrize("text", ["", "[1, 2]", "\x00"])
def test_a_configuration_that_is_no_object_is_refused(checkpoint, tmp_path, text):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(
        InputError, match=r"config\.json (is damaged, cut short or no JSON file|holds no settings)"
    ):
        read_checkpoint(checkpoint(), path, both_strands=True)


def test_averaging_is_refused_for_a_network_trained_on_one_strand(checkpoint, config):
    path = config(reverse_augment=False)
    with pytest.raises(UsageError, match="--option average=no"):
        read_checkpoint(checkpoint(), path, both_strands=True)
    read_checkpoint(checkpoint(), path, both_strands=False)
