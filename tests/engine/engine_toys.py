"""Small networks whose every output depends on every base and on its place in the window."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from tracksmith.models.card import (
    Alphabet,
    Fold,
    ModelCard,
    Track,
    WindowGeometry,
)

ONE_HOT = {"A": (1, 0, 0, 0), "C": (0, 1, 0, 0), "G": (0, 0, 1, 0), "T": (0, 0, 0, 1)}
PAIR = {"A": "T", "C": "G", "G": "C", "T": "A", "N": "N"}


def toy_card(geometry: WindowGeometry, names: Sequence[str] = (), **changes) -> ModelCard:
    fields = {
        "name": "toy",
        "version": "1",
        "summary": "a toy",
        "code_licence": "MIT",
        "weights_licence": "MIT",
        "citation": "none",
        "geometry": geometry,
        "tracks": (
            Track("plus", "plus", "+", rc_partner="minus", signed=True),
            Track("minus", "minus", "-", rc_partner="plus", signed=True),
            Track("both", "both", ".", signed=True),
        ),
        "folds": tuple(Fold(name) for name in names),
        "alphabet": Alphabet(),
    }
    return ModelCard(**(fields | changes))


class Dense(nn.Module):
    """A random linear map from the whole window to all bins of three tracks, squared."""

    def __init__(self, geometry: WindowGeometry, seed: int) -> None:
        super().__init__()
        generator = np.random.default_rng(seed)
        shape = (3, geometry.bins, 4, geometry.window)
        self.register_buffer(
            "weight", torch.from_numpy(generator.standard_normal(shape, dtype=np.float32))
        )

    def forward(self, bases: Tensor) -> Tensor:
        linear = torch.einsum("tbcw,ncw->ntb", self.weight, bases)
        return linear + 0.01 * linear**2


def dense_by_hand(network: Dense, text: str) -> np.ndarray:
    """The same arithmetic in float64, from letters; ``(3, bins)``."""
    columns = np.array([ONE_HOT.get(letter, (0, 0, 0, 0)) for letter in text.upper()], float).T
    linear = np.einsum("tbcw,cw->tb", network.weight.numpy().astype(float), columns)
    return linear + 0.01 * linear**2


def complement(text: str) -> str:
    return "".join(PAIR[letter] for letter in reversed(text.upper()))


def cut(sequence: str, start: int, end: int) -> str:
    """Cut a sequence; N where it does not reach."""
    left = "N" * max(0, min(end, 0) - start)
    right = "N" * max(0, end - max(start, len(sequence)))
    return left + sequence[max(0, start) : max(0, end)] + right
