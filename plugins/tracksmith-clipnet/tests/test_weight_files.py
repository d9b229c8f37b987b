"""Good weight files are read, and bad ones are refused with what is wrong."""

import copy
import json
import random
import re
import shutil
import zlib
from contextlib import contextmanager

import h5py
import numpy as np
import pytest
from tracksmith_clipnet.hdf5 import read_layers
from tracksmith_clipnet.plugin import find_weights

from tracksmith.errors import InputError, TrustError


@contextmanager
def edited(source, folder):
    path = folder / "fold_1.h5"
    shutil.copyfile(source, path)
    with h5py.File(path, "r+") as file:
        yield path, file


def with_config(source, folder, config):
    with edited(source, folder) as (path, file):
        file.attrs["model_config"] = json.dumps(config)
    return path


def layer_of(config, name):
    return next(layer for layer in config["config"]["layers"] if layer["config"]["name"] == name)


@pytest.mark.parametrize("suffix", [":0", ""], ids=["keras2", "keras3"])
def test_only_the_model_weights_are_read(tmp_path, write, random_layers, model_config, suffix):
    path = write(tmp_path / "fold_1.h5", random_layers, model_config, suffix)
    layers = read_layers(path)
    assert layers.keys() == random_layers.keys()
    for name, values in random_layers.items():
        np.testing.assert_array_equal(layers[name], values)


def test_a_file_without_a_configuration_is_read(tmp_path, write, random_layers):
    path = write(tmp_path / "fold_1.h5", random_layers, None, optimizer=False)
    assert read_layers(path).keys() == random_layers.keys()


def test_a_missing_array_is_named(published_like, tmp_path):
    with edited(published_like, tmp_path) as (path, file):
        del file["model_weights/conv1d_5/conv1d_5/bias:0"]
    with pytest.raises(InputError, match=r"fold_1\.h5 .*\n  - conv1d_5/bias is missing"):
        read_layers(path)


def test_an_array_too_many_is_named(published_like, tmp_path):
    with edited(published_like, tmp_path) as (path, file):
        file["model_weights/attention/attention/kernel:0"] = np.zeros((3, 3), np.float32)
    with pytest.raises(InputError, match="attention/kernel is not part of CLIPNET"):
        read_layers(path)


def test_another_shape_is_shown_beside_the_right_one(published_like, tmp_path):
    with edited(published_like, tmp_path) as (path, file):
        del file["model_weights/conv1d/conv1d/kernel:0"]
        file["model_weights/conv1d/conv1d/kernel:0"] = np.zeros((21, 4, 64), np.float32)
    with pytest.raises(
        InputError, match=r"conv1d/kernel has shape \(21, 4, 64\), not \(8, 4, 64\)"
    ):
        read_layers(path)


def test_another_type_is_refused(published_like, tmp_path):
    with edited(published_like, tmp_path) as (path, file):
        del file["model_weights/conv1d/conv1d/bias:0"]
        file["model_weights/conv1d/conv1d/bias:0"] = np.zeros(64, np.float16)
    with pytest.raises(InputError, match="conv1d/bias is float16, not float32"):
        read_layers(path)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("conv1d/conv1d/bias:0", np.nan, "conv1d/bias holds NaN or infinity"),
        ("batch_normalization/batch_normalization/moving_variance:0", -1, "negative variance"),
    ],
)
def test_values_that_no_training_leaves_are_refused(published_like, tmp_path, name, value, says):
    with edited(published_like, tmp_path) as (path, file):
        file[f"model_weights/{name}"][0] = value
    with pytest.raises(InputError, match=says):
        read_layers(path)


@pytest.mark.parametrize(
    ("layer", "key", "value"),
    [
        ("batch_normalization_3", "epsilon", 1e-5),
        ("activation", "activation", "relu"),
        ("activation_20", "activation", "sigmoid"),
        ("conv1d_6", "dilation_rate", [4]),
        ("conv1d_1", "padding", "same"),
    ],
)
def test_settings_that_shapes_do_not_show_are_compared(
    tmp_path, published_like, model_config, layer, key, value
):
    config = copy.deepcopy(model_config)
    layer_of(config, layer)["config"][key] = value
    path = with_config(published_like, tmp_path, config)
    with pytest.raises(InputError, match=f"  - {layer} has {key}"):
        read_layers(path)


def test_a_layer_of_another_kind_is_refused(tmp_path, published_like, model_config):
    config = copy.deepcopy(model_config)
    config["config"]["layers"].append({"class_name": "Softmax", "config": {"name": "shape"}})
    path = with_config(published_like, tmp_path, config)
    with pytest.raises(InputError, match="shape is a Softmax layer"):
        read_layers(path)


def test_a_lambda_layer_is_not_trusted_however_deep(tmp_path, published_like, model_config):
    config = copy.deepcopy(model_config)
    inner = {"class_name": "Lambda", "config": {"name": "f", "function": ["4wEAAAA="]}}
    wrapper = {"class_name": "TimeDistributed", "config": {"name": "t", "layer": inner}}
    config["config"]["layers"].append(wrapper)
    path = with_config(published_like, tmp_path, config)
    with pytest.raises(TrustError, match=r"fold_1\.h5: .*has a Lambda layer"):
        read_layers(path)


def test_data_in_other_files_is_not_trusted(published_like, tmp_path):
    outside = tmp_path / "secret.bin"
    outside.write_bytes(bytes(256))
    with edited(published_like, tmp_path) as (path, file):
        group = file["model_weights/conv1d/conv1d"]
        del group["bias:0"]
        group.create_dataset("bias:0", (64,), "f4", external=[(str(outside), 0, 256)])
    with pytest.raises(TrustError, match="conv1d/bias keeps its data in other files"):
        read_layers(path)


def test_a_link_to_another_file_is_not_followed(published_like, tmp_path):
    with edited(published_like, tmp_path) as (path, file):
        del file["model_weights/conv1d"]
        file["model_weights/conv1d"] = h5py.ExternalLink(published_like, "/model_weights/conv1d")
    with pytest.raises(InputError, match="conv1d/kernel is missing"):
        read_layers(path)


def test_a_configuration_without_layers_is_refused(published_like, tmp_path):
    with edited(published_like, tmp_path) as (path, file):
        file.attrs["model_config"] = '{"class_name": "Functional", "config": {}}'
    with pytest.raises(InputError, match=r"its attribute 'model_config' cannot be read"):
        read_layers(path)


def test_a_broken_configuration_is_refused(published_like, tmp_path):
    with edited(published_like, tmp_path) as (path, file):
        file.attrs["model_config"] = '{"class_name": "Functional", "config"'
    with pytest.raises(InputError, match=r"fold_1\.h5: .*model_config is not readable JSON"):
        read_layers(path)


@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_a_truncated_file_is_damaged(published_like, tmp_path, kept):
    content = published_like.read_bytes()
    path = tmp_path / "fold_1.h5"
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(InputError, match="is damaged, cut short or no HDF5 file"):
        read_layers(path)


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PK\x03\x04 keras"])
def test_what_is_no_hdf5_is_refused(tmp_path, content):
    path = tmp_path / "fold_1.h5"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"fold_1\.h5 is no HDF5 file"):
        read_layers(path)


def test_a_file_of_weights_alone_is_refused(tmp_path):
    path = tmp_path / "fold_1.h5"
    with h5py.File(path, "w") as file:
        file["layers/conv1d/vars/0"] = np.zeros((8, 4, 64), np.float32)
    with pytest.raises(InputError, match="no group 'model_weights'"):
        read_layers(path)


def test_a_model_with_one_output_is_refused(shared):
    path = shared / "parity/clipnet/scalar_fold_1.h5"
    with pytest.raises(InputError, match="one output per window"):
        read_layers(path)


def test_a_folder_gives_its_folds_in_order_and_ignores_the_rest(tmp_path):
    for name in ("fold_9.h5", "fold_2.hdf5", "README.md", "test_predictions.h5", "f1.torch"):
        (tmp_path / name).touch()
    assert find_weights(tmp_path) == {
        "2": (tmp_path / "fold_2.hdf5",),
        "9": (tmp_path / "fold_9.h5",),
    }


def test_one_file_is_one_fold(tmp_path):
    path = tmp_path / "fold_4.h5"
    path.touch()
    assert find_weights(path) == {"4": (path,)}


@pytest.mark.parametrize("name", ["fold_0.h5", "fold_10.h5", "fold1.h5", "model.h5", "Fold_1.h5"])
def test_a_name_without_a_fold_is_refused_and_shown(tmp_path, name):
    (tmp_path / name).touch()
    for path in (tmp_path, tmp_path / name):
        with pytest.raises(InputError, match=f"does not match: {name}"):
            find_weights(path)


def test_a_fold_that_is_there_twice_is_refused(tmp_path):
    for name in ("fold_1.h5", "fold_1.hdf5"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"has fold 1 twice: fold_1\.h5 and fold_1\.hdf5"):
        find_weights(tmp_path)


def test_nothing_there_is_said(tmp_path):
    with pytest.raises(InputError, match=r"no \.h5 or \.hdf5 file is there"):
        find_weights(tmp_path)
    with pytest.raises(InputError, match="There is nothing at"):
        find_weights(tmp_path / "absent")


def test_pytorch_weights_are_refused_as_another_architecture(tmp_path):
    path = tmp_path / "f1.torch"
    path.touch()
    for place in (tmp_path, path):
        with pytest.raises(InputError, match="another architecture"):
            find_weights(place)


def damage(data, places, seed):
    """Return bytes with a few of them changed close to the file's own structures."""
    chance, data = random.Random(seed), bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = max(0, chance.choice(places) + chance.randint(-100, 200))
        data[at : at + 4] = chance.choice(
            (b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f", b"\1\0\0\0")
        )
    return bytes(data)


def test_damage_of_any_kind_is_a_sentence(tmp_path, published_like):
    """A seeded sample of what was tried for four minutes of one core."""
    whole, path, refused = published_like.read_bytes(), tmp_path / "fold_1.h5", 0
    marks = (b"TREE", b"HEAP", b"SNOD", b"GCOL", b"\x89HDF", b"model_config")
    places = [match.start() for mark in marks for match in re.finditer(re.escape(mark), whole)]
    for seed in range(40):
        path.write_bytes(damage(whole, places, seed))
        try:
            read_layers(path)
        except (InputError, TrustError) as error:
            refused += 1
            assert str(path) in str(error)
    assert refused > 12


def packed(folder, write, layers, content, **options):
    """Write a model whose largest array is one gzip piece of ``content``."""
    path = write(folder / "fold_1.h5", layers, None, optimizer=False)
    with h5py.File(path, "r+") as file:
        group = file["model_weights/dense/dense"]
        del group["kernel:0"]
        options = {"chunks": (7872, 1000), "compression": "gzip"} | options
        piece = group.create_dataset("kernel:0", (7872, 1000), "f4", **options)
        piece.id.write_direct_chunk((0, 0), content)
    return path


def test_an_array_that_would_unpack_to_more_than_itself_is_refused(tmp_path, write, random_layers):
    values = random_layers["dense/kernel"].tobytes()
    good = packed(tmp_path, write, random_layers, zlib.compress(values, 1))
    np.testing.assert_array_equal(read_layers(good)["dense/kernel"], random_layers["dense/kernel"])
    for content in (zlib.compress(values + b"\0" * 1_000_000, 1), zlib.compress(values[4:], 1)):
        with pytest.raises(InputError, match="dense/kernel is packed so that it would unpack to"):
            read_layers(packed(tmp_path, write, random_layers, content))
