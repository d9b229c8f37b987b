"""Small networks of known attributions, and what reads the tracks of a run."""

import numpy as np
import pyBigWig
import torch
from engine_toys import toy_card
from torch import Tensor, nn

from tracksmith.models.card import Alphabet, Track, VariantDefaults, WindowGeometry
from tracksmith.models.contract import Model, Predictor

GEOMETRY = WindowGeometry(64, 16, 32, 1)
LINEAR = WindowGeometry(40, 0, 40, 40, whole_window=True)
ONE_TRACK = (Track("value", "value", signed=True),)


class Linear(nn.Module):
    """A weighted sum of the whole window, one value."""

    def __init__(self, weight: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("weight", torch.from_numpy(weight.astype(np.float32)))

    def forward(self, bases: Tensor) -> Tensor:
        return torch.einsum("cw,ncw->n", self.weight, bases)[:, None, None]


def linear_model(weight: np.ndarray, alphabet: Alphabet | None = None, **changes) -> Model:
    """A model of one value a window whose attributions are its weights."""
    facts = {"tracks": ONE_TRACK, "alphabet": alphabet or Alphabet()} | changes
    card = toy_card(LINEAR, variants=VariantDefaults(scores=("diff",)), **facts)
    return Model(card, lambda request: Linear(weight))


def model_of(network, geometry=GEOMETRY, scores=("diff",), **changes) -> Model:
    """A model of three tracks whose folds are networks, or a single network."""
    folds = network if isinstance(network, dict) else {}
    card = toy_card(geometry, tuple(folds), variants=VariantDefaults(scores=scores), **changes)
    return Model(card, lambda request: Predictor(folds) if folds else network)


class Positive(nn.Module):
    """Two convolutions with activations between: three tracks of values above 0 per base."""

    def __init__(self, geometry: WindowGeometry = GEOMETRY, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.first = nn.Conv1d(4, 6, 9, padding=4)
        self.middle = nn.ReLU()
        self.second = nn.Conv1d(6, 3, 7, padding=3)
        self.last = nn.Softplus()
        self.core = slice(geometry.core_start, geometry.core_start + geometry.core_length)

    def forward(self, bases: Tensor) -> Tensor:
        return self.last(self.second(self.middle(self.first(bases))))[..., self.core]


def letters(run, name: str, contig: str) -> np.ndarray:
    """The values of a track of a run along a contig, NaN where it has none."""
    with pyBigWig.open(str(run.folder / "tracks" / name)) as file:
        return file.values(contig, 0, file.chroms(contig), numpy=True)
