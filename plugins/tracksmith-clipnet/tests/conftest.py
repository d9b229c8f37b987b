"""Fixtures of the CLIPNET plugin: shared parity data, and a small file in the published layout."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

SHARED = Path(__file__).resolve().parents[4] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and parity fixtures beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"no shared data at {SHARED}: real data and parity fixtures live there")
    return SHARED


def _conv(name, width, channels, dilation=1, padding="valid"):
    config = {"name": name, "padding": padding, "dilation_rate": [dilation], "strides": [1]}
    config |= {"activation": "linear", "filters": channels, "kernel_size": [width]}
    return {"class_name": "Conv1D", "config": config}


@pytest.fixture(scope="session")
def model_config() -> dict:
    """The parts of a stored Keras configuration that the loader compares."""
    layers = [{"class_name": "InputLayer", "config": {"name": "input_1"}}]
    layers += [_conv("conv1d", 8, 64), _conv("conv1d_1", 4, 128), _conv("conv1d_2", 1, 64)]
    layers += [_conv(f"conv1d_{3 + i}", 3, 64, 2**i, "same") for i in range(9)]
    for number in range(23):
        name = "batch_normalization" + (f"_{number}" if number else "")
        config = {"name": name, "epsilon": 0.001}
        layers.append({"class_name": "BatchNormalization", "config": config})
    for number in range(22):
        name = "activation" + (f"_{number}" if number else "")
        config = {"name": name, "activation": "relu" if number else "elu"}
        layers.append({"class_name": "Activation", "config": config})
    return {"class_name": "Functional", "config": {"name": "model", "layers": layers}}


@pytest.fixture(scope="session")
def random_layers() -> dict[str, np.ndarray]:
    """Seeded weights, shapes written down from the published listing, not from the plugin."""
    random = np.random.default_rng(7)
    shapes = {"conv1d": (8, 4, 64), "conv1d_1": (4, 64, 128), "conv1d_2": (1, 128, 64)}
    shapes |= {f"conv1d_{number}": (3, 64, 64) for number in range(3, 12)}
    shapes |= {"dense": (7872, 1000), "dense_1": (64, 1)}
    layers = {}
    for name, shape in shapes.items():
        scale = np.sqrt(2 / np.prod(shape[:-1]))
        kernel = np.zeros(shape, dtype=np.float32)
        kernel[:512] = random.normal(0, scale, kernel[:512].shape)
        layers[f"{name}/kernel"] = kernel
        layers[f"{name}/bias"] = random.normal(0, 0.1, shape[-1:]).astype(np.float32)
    for number, width in enumerate([4, 64, 128, *[64] * 18, 1000, 1]):
        name = "batch_normalization" + (f"_{number}" if number else "")
        for part, (mean, sd) in {
            "gamma": (1, 0.2),
            "beta": (0.1, 0.1),
            "moving_mean": (0, 0.1),
        }.items():
            layers[f"{name}/{part}"] = random.normal(mean, sd, width).astype(np.float32)
        layers[f"{name}/moving_variance"] = random.uniform(0.5, 2, width).astype(np.float32)
    return layers


def write_model(path: Path, layers, config=None, suffix=":0", optimizer=True) -> Path:
    """Write weights as Keras 2 (``suffix=":0"``) or Keras 3 (``""``) lays them out."""
    with h5py.File(path, "w") as file:
        if config is not None:
            file.attrs["model_config"] = json.dumps(config)
        weights = file.create_group("model_weights")
        weights.create_group("activation")
        for key, values in layers.items():
            layer, name = key.split("/")
            compression = "gzip" if values.size > 100_000 else None
            target = f"{layer}/{layer}/{name}{suffix}"
            weights.create_dataset(target, data=values, compression=compression)
            if optimizer and values.size < 100_000:
                file[f"optimizer_weights/Adam/m/{layer}/{name}{suffix}"] = np.full_like(values, 9)
    return path


@pytest.fixture(scope="session")
def published_like(tmp_path_factory, random_layers, model_config) -> Path:
    """A file in the published layout with random weights and optimizer copies."""
    path = tmp_path_factory.mktemp("clipnet") / "fold_1.h5"
    return write_model(path, random_layers, model_config)


@pytest.fixture(scope="session")
def write():
    """How to write such a file."""
    return write_model
