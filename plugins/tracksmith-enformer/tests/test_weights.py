"""Weight files: every way of naming the same tensors is read, every other file is refused."""

import json
import pickle

import pytest
import torch
from safetensors.torch import save_file
from tracksmith_enformer import weights as weights_module
from tracksmith_enformer.network import Enformer
from tracksmith_enformer.weights import config_beside, find_files, layout, read_weights

from tracksmith.plugin import InputError, TrustError

TRUNK = {
    "stem.": "_trunk.1.",
    "conv_tower.": "_trunk.2.",
    "transformer.": "_trunk.4.",
    "final_pointwise.": "_trunk.6.",
}


def second_name(name):
    return next(
        (new + name.removeprefix(old) for old, new in TRUNK.items() if name.startswith(old)), name
    )


@pytest.fixture
def tensors(make):
    return make.tensors(make.tiny)


@pytest.fixture
def read(tmp_path):
    """Write tensors to a file and read them back."""

    def write_and_read(tensors, config=None, name="model.safetensors"):
        path = tmp_path / name
        if name.endswith(".safetensors"):
            save_file(tensors, path)
        else:
            torch.save(tensors, path)
        return read_weights(path, config or {})

    return write_and_read


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_the_layout_names_what_a_published_file_holds(shared):
    for folder in ("enformer_tfgamma", "enformer_formula"):
        path = shared / "parity" / "enformer" / folder / "pytorch_model.bin"
        stored = torch.load(path, weights_only=True)
        tensors, sizes = read_weights(path, config_beside(find_files(path, "targets_human.txt")))
        wanted = {n for n in stored if not n.startswith("_trunk.") and "num_batches" not in n}
        assert tensors.keys() == wanted == layout(sizes).keys()


@pytest.mark.parametrize("name", ["a.safetensors", "a.bin", "a.pt", "a.pth"])
def test_sizes_and_tensors_come_from_the_file(make, tensors, read, name):
    loaded, sizes = read(tensors, name=name)
    assert sizes == make.tiny
    assert equal(loaded, tensors)


def test_second_names_and_counters_are_dropped(tensors, read):
    more = {second_name(name): tensor.clone() for name, tensor in tensors.items()} | tensors
    more["stem.1.fn.0.num_batches_tracked"] = torch.tensor(1000)
    more["_trunk.1.1.fn.0.num_batches_tracked"] = torch.tensor(1000)
    assert equal(read(more)[0], tensors)


def test_second_names_alone_suffice(tensors, read):
    assert equal(read({second_name(n): t for n, t in tensors.items()})[0], tensors)


def test_either_name_of_each_tensor_suffices(tensors, read):
    mixed = {
        second_name(name) if number % 2 else name: tensor
        for number, (name, tensor) in enumerate(tensors.items())
    }
    assert equal(read(mixed)[0], tensors)


def test_second_names_with_other_numbers_are_refused(tensors, read):
    name = "transformer.1.1.fn.4.bias"
    with pytest.raises(InputError, match=rf"{name} .*_trunk differ"):
        read(tensors | {second_name(name): tensors[name] + 1})


def test_half_precision_weights_become_single(tensors, read):
    loaded, _ = read({name: tensor.bfloat16() for name, tensor in tensors.items()})
    assert {tensor.dtype for tensor in loaded.values()} == {torch.float32}


def without(name):
    return lambda tensors: {key: tensor for key, tensor in tensors.items() if key != name}


def replaced(name, tensor):
    return lambda tensors: tensors | {name: tensor}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("stem.0.weight"), r"has no tensor stem\.0\.weight"),
        (
            without("transformer.0.0.fn.1.rel_content_bias"),
            "has no tensor transformer.0.0.fn.1.rel",
        ),
        (without("conv_tower.1.2.to_attn_logits.weight"), "missing: conv_tower.1.2.to_attn_logits"),
        (without("transformer.1.1.fn.4.bias"), "missing: transformer.1.1.fn.4.bias"),
        (without("_heads.human.0.bias"), r"missing: _heads\.human\.0\.bias"),
        (without("stem.1.fn.0.running_var"), r"missing: stem\.1\.fn\.0\.running_var"),
        (replaced("transformer.3.0.fn.0.bias", torch.ones(16)), r"missing: transformer\.2\.0"),
        (replaced("extra.weight", torch.ones(2)), r"unexpected: extra\.weight"),
        (replaced("_trunk.5.weight", torch.ones(2)), r"unexpected: _trunk\.5\.weight"),
        (
            replaced("stem.0.bias", torch.ones(13)),
            r"stem\.0\.bias has shape \(13,\), not \(12,\)",
        ),
        (
            replaced("stem.0.weight", torch.ones(12, 4, 13)),
            r"stem\.0\.weight has shape \(12, 4, 13\), not \(12, 4, 15\)",
        ),
        (
            replaced("final_pointwise.1.2.weight", torch.ones(32, 16)),
            r"final_pointwise\.1\.2\.weight has shape \(32, 16\), not \(32, 16, 1\)",
        ),
        (replaced("stem.0.bias", torch.ones(12, dtype=torch.int64)), "holds torch.int64"),
        (lambda tensors: {"weight": torch.ones(2)}, "no tensor transformer.* but weight"),
        (
            lambda tensors: {n: t for n, t in tensors.items() if not n.startswith("_heads")},
            "it has no output head",
        ),
    ],
)
def test_a_file_of_another_network_is_refused_by_name(tensors, read, change, message):
    with pytest.raises(InputError, match=message):
        read(change(tensors))


def test_every_fault_is_named_at_once(tensors, read):
    faulty = without("stem.0.bias")(tensors) | {"a": torch.ones(1), "b": torch.ones(1)}
    with pytest.raises(InputError, match=r"(?s)missing: stem\.0\.bias.*unexpected: a, b"):
        read(faulty)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dim", 32),
        ("depth", 3),
        ("heads", 1),
        ("attn_dim_key", 16),
        ("num_downsamples", 7),
        ("output_heads", {"human": 5}),
    ],
)
def test_a_file_that_contradicts_its_config_is_refused(tensors, read, field, value):
    with pytest.raises(InputError, match=f"{field} is .* should be"):
        read(tensors, {field: value})


def test_a_file_as_wide_as_the_published_one_must_be_as_deep(make, tensors, read, monkeypatch):
    """A file cut off after a whole block would otherwise pass for a shallower network."""
    published = {"dim": 16, "depth": 3}
    monkeypatch.setattr(weights_module, "PUBLISHED", published)
    with pytest.raises(InputError, match="depth is 2 by the shapes, but should be 3"):
        read(tensors)
    assert read(tensors, {"depth": 2})[1].depth == 2


def test_a_file_that_holds_code_is_refused(tmp_path):
    class Payload:
        def __reduce__(self):
            return (pytest.fail, ("code in a weight file was run",))

    path = tmp_path / "pytorch_model.bin"
    torch.save({"stem.0.weight": Payload()}, path, pickle_module=pickle)
    with pytest.raises(TrustError, match="could run code"):
        read_weights(path, {})


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_a_file_cut_short_is_refused(make, tmp_path, name):
    path = tmp_path / name
    if name.endswith(".bin"):
        torch.save(make.tensors(make.tiny), path)
    else:
        make.folder(tmp_path, make.tiny)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="damaged"):
        read_weights(path, {})


def test_config_and_table_are_found_beside_the_weights(make, tmp_path):
    make.folder(tmp_path, make.tiny, dim=16)
    table = make.table(tmp_path / "targets_human.txt", 5)
    make.table(tmp_path / "targets_mouse.txt", 3)
    expected = (tmp_path / "model.safetensors", tmp_path / "config.json", table)
    assert find_files(tmp_path, "targets_human.txt") == expected
    assert find_files(expected[0], "targets_human.txt") == expected
    assert config_beside(expected) == {"dim": 16}


def test_the_usual_names_win_over_others(tmp_path):
    for name in ("a.bin", "b.pt", "pytorch_model.bin", "model.safetensors"):
        (tmp_path / name).touch()
    assert find_files(tmp_path, "x")[0].name == "model.safetensors"
    (tmp_path / "model.safetensors").unlink()
    assert find_files(tmp_path, "x")[0].name == "pytorch_model.bin"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "holds no weight file"),
        (["config.json", "targets_human.txt"], "holds no weight file"),
        (["a.bin", "b.pt"], r"several weight files \(a.bin, b.pt\)"),
        (["a.bin", "targets_human.txt", "targets_human.txt.gz"], "several tables of targets"),
    ],
)
def test_a_folder_that_leaves_a_doubt_is_refused(tmp_path, names, message):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=message):
        find_files(tmp_path, "targets_human.txt")


@pytest.mark.parametrize("text", ["{", "[1]", "\xff", ""])
def test_a_damaged_config_is_refused(tmp_path, text):
    path = tmp_path / "config.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=r"config\.json"):
        config_beside((tmp_path / "a.bin", path))


def test_the_network_of_a_folder_is_that_of_its_tensors(make, tmp_path, tensors):
    make.folder(tmp_path, make.tiny, tensors, **json.loads('{"dim": 16, "heads": 2}'))
    files = find_files(tmp_path, "targets_human.txt")
    loaded, sizes = read_weights(files[0], config_beside(files))
    bases = make.bases(512)
    expected = Enformer(tensors, make.tiny, 512, 40, "mouse")(bases)
    assert torch.equal(Enformer(loaded, sizes, 512, 40, "mouse")(bases), expected)


@pytest.mark.parametrize("change", [lambda t: t[None], lambda t: t.sum(), lambda t: t[:0]])
def test_every_tensor_of_another_shape_is_a_sentence(make, tmp_path, change):
    tensors = make.tensors(make.tiny)
    for name in list(tensors)[::4]:
        torch.save(tensors | {name: change(tensors[name])}, tmp_path / "w.bin")
        with pytest.raises(InputError, match=r"w\.bin"):
            read_weights(tmp_path / "w.bin", {})


@pytest.mark.parametrize("name", ["transformer.999999999.0.fn.0.weight", "conv_tower.999999999.x"])
def test_a_number_in_a_name_makes_no_network_of_that_depth(make, tmp_path, name):
    torch.save(make.tensors(make.tiny) | {name: torch.ones(16)}, tmp_path / "w.bin")
    with pytest.raises(InputError, match=r"w\.bin"):
        read_weights(tmp_path / "w.bin", {})
