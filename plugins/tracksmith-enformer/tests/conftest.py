"""Fixtures of the Enformer plugin: shared parity data, and small seeded networks."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tracksmith_enformer.network import Enformer
from tracksmith_enformer.weights import Sizes, layout

SHARED = Path(__file__).resolve().parents[4] / "shared"
TINY = Sizes((12, 12, 16), 2, 2, 8, 12, 12, (("human", 5), ("mouse", 3)))
"""Three halvings: a token is 8 bp."""
DEEP = Sizes((8, 8, 8, 12, 12, 12, 16), 2, 2, 4, 8, 6, (("human", 4),))
"""Seven halvings as in the published network: a token is 128 bp."""


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and parity fixtures beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"no shared data at {SHARED}: real data and parity fixtures live there")
    return SHARED


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


def random_tensors(sizes: Sizes, seed: int = 0) -> dict[str, torch.Tensor]:
    """Seeded weights of a sensible scale, with normalisation statistics away from 0 and 1."""
    random = np.random.default_rng(seed)
    tensors = {}
    for name, shape in layout(sizes).items():
        leaf = name.rpartition(".")[2]
        values = random.standard_normal(shape)
        if leaf == "running_var":
            values = random.uniform(0.5, 2.0, shape)
        elif len(shape) == 1:
            values = 0.2 * values + (leaf == "weight")
        elif leaf.startswith("rel_"):
            values = 0.5 * values
        else:
            values = values / np.sqrt(np.prod(shape[1:]))
        tensors[name] = torch.from_numpy(values.astype(np.float32))
    return tensors


def random_bases(length: int, batch: int = 1, seed: int = 0) -> torch.Tensor:
    """One-hot ``(batch, 4, length)`` with a few N."""
    codes = np.random.default_rng(seed).integers(0, 4, (batch, length))
    bases = torch.nn.functional.one_hot(torch.from_numpy(codes), 4).transpose(1, 2).float()
    bases[:, :, length // 3 : length // 3 + 5] = 0
    return bases


def write_folder(folder: Path, sizes: Sizes, tensors=None, **config) -> Path:
    """Write weights and ``config.json`` as they lie in a Hugging Face folder."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors or random_tensors(sizes), folder / "model.safetensors")
    if config:
        (folder / "config.json").write_text(json.dumps(config))
    return folder


def write_table(path: Path, count: int, first: int = 0) -> Path:
    """Write a table of targets with ``count`` DNASE tracks called ``ID0`` ..."""
    columns = ["index", "genome", "identifier", "file", "clip", "scale", "sum_stat", "description"]
    lines = ["\t".join(columns)]
    for row in range(count):
        cells = [str(first + row), "0", f"ID{row}", "/x", "32", "2", "mean", f"DNASE:cell {row}"]
        lines.append("\t".join(cells))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """The helpers above: test modules cannot import one another."""
    return SimpleNamespace(
        tiny=TINY,
        deep=DEEP,
        tensors=random_tensors,
        bases=random_bases,
        folder=write_folder,
        table=write_table,
    )


@pytest.fixture(scope="session")
def tiny() -> Enformer:
    """64 tokens of 8 bp, the middle 40 predicted, in double precision."""
    return Enformer(random_tensors(TINY), TINY, 512, 40, "human").double()


@pytest.fixture(scope="session")
def deep() -> Enformer:
    """The published geometry, narrow, in double precision."""
    return Enformer(random_tensors(DEEP), DEEP, 196_608, 896, "human").double()
