"""Fixtures of the MPRALegNet plugin: shared parity data, and small random checkpoints."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tracksmith_mpralegnet.network import Sizes, expected_shapes

SHARED = Path(__file__).resolve().parents[4] / "shared"
SMALL = Sizes(inputs=4, stem=8, stem_width=5, width=3, blocks=((8, 16, 12), (12, 24, 10)))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and parity fixtures beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"no shared data at {SHARED}: real data and parity fixtures live there")
    return SHARED


@pytest.fixture(scope="session")
def parity(shared) -> Path:
    return shared / "parity/mpralegnet"


@pytest.fixture(scope="session")
def oracle(parity):
    with np.load(parity / "mpralegnet_oracle.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="session")
def tensors():
    """Seeded weights of a small network: ``tensors(seed, **sizes)``."""

    def make(seed: int, sizes: Sizes = SMALL) -> dict[str, torch.Tensor]:
        random = np.random.default_rng(seed)
        made = {}
        for name, shape in expected_shapes(sizes).items():
            scale = 3 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.2
            centre = 1.0 if name.endswith("running_var") else 0.0
            values = np.abs(centre + random.normal(0, scale, shape)) if centre else None
            values = random.normal(0, scale, shape) if values is None else values
            if len(shape) == 1 and name.endswith(".weight"):
                values += 1
            made[f"model.{name}"] = torch.from_numpy(values.astype(np.float32))
        return made

    return make


@pytest.fixture
def place(tmp_path):
    """Copy one file into a new folder under other names: ``place(source, name, ...)``."""

    def copy(source: Path, *names: str) -> Path:
        root = tmp_path / "weights"
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, root / name)
        return root

    return copy


@pytest.fixture
def save(tmp_path, tensors):
    """Write random checkpoints: ``save({name: seed})`` returns their folder."""

    def write(seeds: dict[str, int]) -> Path:
        root = tmp_path / "weights"
        for name, seed in seeds.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            torch.save({"state_dict": tensors(seed), "epoch": 3}, root / name)
        return root

    return write
