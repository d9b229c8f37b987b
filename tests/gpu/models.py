"""Networks of full size with random weights, and a registry that holds them."""

from contextlib import contextmanager
from unittest.mock import patch

import numpy as np
import torch
from torch import nn

from tracksmith.models.contract import Model, Predictor
from tracksmith.models.registry import RegisteredModel, Registry


def random_clipnet(seed: int) -> nn.Module:
    """A fold of CLIPNET."""
    from tracksmith_clipnet.network import SHAPES, Clipnet

    dice = np.random.default_rng(seed)
    layers = {}
    for name, shape in SHAPES.items():
        leaf = name.rpartition("/")[2]
        if leaf == "kernel":
            values = dice.normal(0, 1 / np.sqrt(np.prod(shape[:-1])), shape)
        elif leaf in ("gamma", "moving_variance"):
            values = dice.uniform(0.5, 1.5, shape)
        else:
            values = dice.normal(0, 0.1, shape)
        layers[name] = values.astype(np.float32)
    return Clipnet(layers)


@contextmanager
def clipnet_of(folds: int):
    """Register CLIPNET with as many folds of random weights."""
    from tracksmith_clipnet.network import rescale
    from tracksmith_clipnet.plugin import LCL

    networks = {str(fold): random_clipnet(fold) for fold in range(1, folds + 1)}
    predictor = Predictor(networks, to_tracks=rescale(1e-3, calibrate=False))
    model = Model(
        LCL, lambda request: predictor, find_weights=lambda path: dict.fromkeys(networks, ())
    )
    registry = Registry({LCL.name: RegisteredModel(model, "gpu-suite", "1", "gpu-suite")}, [])
    with patch("tracksmith.models.registry.load_registry", lambda: registry):
        yield


def random_enformer(rows: int, *, tiny: bool) -> nn.Module:
    """Enformer's human head, ``rows`` tracks of it."""
    from tracksmith_enformer.network import Enformer
    from tracksmith_enformer.weights import Sizes, layout

    channels = (768, 768, 896, 1024, 1152, 1280, 1536)
    sizes = Sizes(channels, 11, 8, 64, 192, 192, (("human", 5313), ("mouse", 1643)))
    if tiny:
        sizes = Sizes((8, 8, 8, 12, 12, 12, 16), 2, 2, 4, 8, 6, (("human", 4),))
    dice = torch.Generator().manual_seed(0)
    tensors = {}
    for name, shape in layout(sizes).items():
        leaf = name.rpartition(".")[2]
        values = torch.randn(shape, generator=dice)
        if leaf == "running_var":
            values = values.abs() + 0.5
        elif len(shape) == 1:
            values = 0.2 * values + (leaf == "weight")
        elif not leaf.startswith("rel_"):
            values /= np.sqrt(np.prod(shape[1:]))
        tensors[name] = values
    chosen = list(range(min(rows, dict(sizes.outputs)["human"])))
    return Enformer(tensors, sizes, 196_608, 896, "human", chosen).eval()


def one_hot(rows: int, length: int, device: torch.device, known: float = 1.0) -> torch.Tensor:
    """Random bases, float32 ``(rows, 4, length)``."""
    codes = torch.randint(0, 4, (rows, length), device=device)
    return known * nn.functional.one_hot(codes, 4).transpose(1, 2).float().contiguous()


def write_genome(path, bases: int, seed: int = 1):
    """Write one contig of random bases."""
    letters = np.frombuffer(b"ACGT", np.uint8)
    dice = np.random.default_rng(seed)
    with path.open("wb") as out:
        out.write(b">chr1\n")
        for start in range(0, bases, 1 << 20):
            out.write(letters[dice.integers(0, 4, min(1 << 20, bases - start))].tobytes())
            out.write(b"\n" if start + (1 << 20) >= bases else b"")
        out.write(b"")
    return path
