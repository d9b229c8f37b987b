"""Fixtures of the GET plugin: shared parity data, and a small checkpoint of seeded weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tracksmith_get.motifs import MotifSet

SHARED = Path(__file__).resolve().parents[4] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and parity fixtures beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"no shared data at {SHARED}: real data and parity fixtures live there")
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Leave the other cores to other tests."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def jaspar(shared) -> MotifSet:
    """182 motifs in 39 clusters."""
    motifs = shared / "data" / "motifs"
    return MotifSet.read(motifs / "jaspar_2024_consensus.meme", motifs / "jaspar_2024_clusters.tsv")


def small_state(features: int = 6, width: int = 8, depth: int = 2, tracks: int = 2) -> dict:
    """Seeded weights under this network's own names; shapes written down, not read from it."""
    shapes = {
        "cls_token": (1, 1, width),
        "region_embed.embed.weight": (width, features),
        "region_embed.embed.bias": (width,),
        "encoder.norm.weight": (width,),
        "encoder.norm.bias": (width,),
        "head_exp.head.weight": (tracks, width),
        "head_exp.head.bias": (tracks,),
    }
    for block in range(depth):
        shapes |= {
            f"encoder.blocks.{block}.{name}": shape
            for name, shape in {
                "norm1.weight": (width,),
                "norm1.bias": (width,),
                "attn.q_bias": (width,),
                "attn.v_bias": (width,),
                "attn.qkv.weight": (3 * width, width),
                "attn.proj.weight": (width, width),
                "attn.proj.bias": (width,),
                "norm2.weight": (width,),
                "norm2.bias": (width,),
                "mlp.fc1.weight": (4 * width, width),
                "mlp.fc1.bias": (4 * width,),
                "mlp.fc2.weight": (width, 4 * width),
                "mlp.fc2.bias": (width,),
            }.items()
        }
    random = np.random.default_rng(5)
    return {
        name: torch.from_numpy(random.normal(0, 0.5, shape).astype(np.float32))
        for name, shape in shapes.items()
    }


@pytest.fixture()
def state() -> dict:
    """A small model: 5 clusters and accessibility, 8 channels, 2 blocks, 2 tracks."""
    return small_state()


@pytest.fixture(scope="session")
def make_state():
    """How to make such a state dict of another size."""
    return small_state
