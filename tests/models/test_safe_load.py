"""Weight files give tensors; what else they hold is never run."""

import json
import os
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tracksmith.errors import InputError, TrustError
from tracksmith.models.safe_load import load_tensors, refuse_lambda

TENSORS = {"w": torch.arange(6.0).reshape(2, 3), "n.b": torch.tensor([1, 2], dtype=torch.int64)}


class Malicious:
    """Pickles to a call of os.system."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def same(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".ckpt"])
@pytest.mark.parametrize("legacy", [False, True])
def test_every_kind_of_torch_file_gives_its_tensors(tmp_path, suffix, legacy):
    path = tmp_path / f"w{suffix}"
    torch.save(TENSORS, path)
    assert same(load_tensors(path, legacy), TENSORS)


def test_safetensors_give_their_tensors(tmp_path):
    save_file(TENSORS, tmp_path / "w.safetensors")
    assert same(load_tensors(tmp_path / "w.safetensors"), TENSORS)


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
def test_a_checkpoint_gives_its_state_dict(tmp_path, key):
    path = tmp_path / "w.ckpt"
    parameters = OrderedDict((k, torch.nn.Parameter(v.float())) for k, v in TENSORS.items())
    torch.save({"epoch": 3, key: parameters, "loss": torch.tensor(1.0)}, path)
    for legacy in (False, True):
        loaded = load_tensors(path, legacy)
        assert same(loaded, {k: v.float() for k, v in TENSORS.items()})
        assert not any(value.requires_grad for value in loaded.values())


def test_files_written_before_the_zip_format_are_read(tmp_path):
    path = tmp_path / "old.pt"
    torch.save(TENSORS, path, _use_new_zipfile_serialization=False)
    assert not zipfile.is_zipfile(path)
    assert same(load_tensors(path), TENSORS)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("place", ["beside", "inside", "alone"])
def test_code_in_a_pickle_is_never_run(tmp_path, legacy, place):
    witness, path = tmp_path / "witness", tmp_path / "w.pt"
    bad = Malicious(f"touch {witness}")
    content = {
        "beside": {"state_dict": dict(TENSORS), "optimizer": bad},
        "inside": {"state_dict": {**TENSORS, "evil": bad}},
        "alone": bad,
    }[place]
    torch.save(content, path)
    if legacy and place != "alone":
        assert same(load_tensors(path, legacy=True), TENSORS)
    else:
        with pytest.raises(TrustError, match=r"--trust-weights sha256:[0-9a-f]{64}`"):
            load_tensors(path, legacy)
    assert not witness.exists()
    torch.load(path, weights_only=False)
    assert witness.exists()  # the file is as malicious as the test believes


def test_a_bare_pickle_is_never_run(tmp_path):
    witness, path = tmp_path / "witness", tmp_path / "w.bin"
    path.write_bytes(pickle.dumps(Malicious(f"touch {witness}")))
    for legacy in (False, True):
        with pytest.raises(TrustError):
            load_tensors(path, legacy)
    assert not witness.exists()


def test_nested_loads_hidden_in_an_allowed_name_are_stubs(tmp_path):
    """torch.storage._load_from_bytes unpickles bytes: it must not be reachable."""

    class Nested:
        def __reduce__(self):
            return torch.storage._load_from_bytes, (inner,)

    witness, path = tmp_path / "witness", tmp_path / "w.pt"
    torch.save(Malicious(f"touch {witness}"), tmp_path / "inner.pt")
    inner = (tmp_path / "inner.pt").read_bytes()
    torch.save({"state_dict": dict(TENSORS), "x": Nested()}, path)
    assert same(load_tensors(path, legacy=True), TENSORS)
    assert not witness.exists()


def test_a_torchscript_program_is_refused(tmp_path):
    path = tmp_path / "w.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w/constants.pkl", b"")
        archive.writestr("w/data.pkl", pickle.dumps({}))
    for legacy in (False, True):
        with pytest.raises(TrustError, match="TorchScript"):
            load_tensors(path, legacy)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_a_truncated_file_is_named_as_damaged(tmp_path, suffix, keep):
    path = tmp_path / f"w{suffix}"
    (torch.save if suffix == ".pt" else save_file)(TENSORS, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if isinstance(keep, int) else int(keep * len(whole))])
    for legacy in (False, True):
        with pytest.raises((InputError, TrustError), match=path.name):
            load_tensors(path, legacy)


def test_a_file_without_tensors_or_of_another_kind_is_refused(tmp_path):
    torch.save({"a": 1}, tmp_path / "none.pt")
    with pytest.raises(InputError, match="holds no named tensors"):
        load_tensors(tmp_path / "none.pt")
    (tmp_path / "w.h5").write_bytes(b"")
    with pytest.raises(InputError, match=r"not '\.h5'"):
        load_tensors(tmp_path / "w.h5")
    with pytest.raises(InputError, match="no weight file"):
        load_tensors(tmp_path / "absent.pt")


def test_a_checkpoint_of_old_lightning_opens_only_as_legacy(shared):
    folder = shared / "parity" / "mpralegnet"
    with pytest.raises(TrustError, match="getattr"):
        load_tensors(folder / "small_legacy.ckpt")
    legacy = load_tensors(folder / "small_legacy.ckpt", legacy=True)
    assert legacy
    assert all(np.isfinite(value.numpy()).all() for value in legacy.values())
    plain = load_tensors(folder / "small.ckpt")
    assert legacy.keys() == plain.keys()
    assert {k: v.shape for k, v in legacy.items()} == {k: v.shape for k, v in plain.items()}
    assert same(load_tensors(folder / "small.ckpt", legacy=True), plain)


LAMBDA = {"class_name": "Lambda", "config": {"name": "evil", "function": ["4wEAAA==", None, None]}}


@pytest.mark.parametrize(
    "layer",
    [
        LAMBDA,
        {"class_name": "TimeDistributed", "config": {"layer": LAMBDA}},
        {"class_name": "Custom", "registered_name": "keras.layers>Lambda", "config": {}},
        {"class_name": "Activation", "config": {"activation": {"class_name": "__lambda__"}}},
        {"class_name": "X", "config": {"function_type": "lambda"}},
    ],
)
def test_a_keras_lambda_is_refused_however_deep(layer):
    config = {"class_name": "Functional", "config": {"layers": [{"class_name": "Conv1D"}, layer]}}
    with pytest.raises(TrustError, match="Lambda"):
        refuse_lambda(json.dumps(config))


def test_a_keras_model_without_lambda_passes():
    layers = [{"class_name": name, "config": {"name": "lambda_like"}} for name in ("Dense", "Add")]
    refuse_lambda(json.dumps({"class_name": "Sequential", "config": {"layers": layers}}))
    with pytest.raises(InputError, match="JSON"):
        refuse_lambda("{'single': quotes}")
