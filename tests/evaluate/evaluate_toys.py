"""A model of positive tracks on two strands, and measured bigWigs made from its predictions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyBigWig
import torch
from engine_toys import Dense, toy_card
from torch import nn

from tracksmith.models.card import Fold, Track, WindowGeometry
from tracksmith.models.contract import Model, Predictor

GEOMETRY = WindowGeometry(64, 16, 32, 1)
WIDE = WindowGeometry(64, 16, 32, 16)


class Peaks(nn.Module):
    """Positive values of both strands, with peaks that depend on the sequence."""

    def __init__(self, geometry: WindowGeometry, seed: int) -> None:
        super().__init__()
        self.dense = Dense(geometry, seed)

    def forward(self, bases: torch.Tensor) -> torch.Tensor:
        linear = torch.einsum("tbcw,ncw->ntb", self.dense.weight[:2], bases)
        return torch.exp(0.1 * linear)


def peaks_model(geometry=GEOMETRY, folds=(("1", ("chr1",)), ("2", ("chr2",))), first=0) -> Model:
    tracks = (
        Track("plus", "plus", "+", rc_partner="minus"),
        Track("minus", "minus", "-", rc_partner="plus"),
    )
    named = tuple(Fold(name, held_out) for name, held_out in folds)
    card = toy_card(geometry, (), tracks=tracks, folds=named)
    networks = {name: Peaks(geometry, seed) for seed, (name, _) in enumerate(folds, first)}
    return Model(card, lambda request: Predictor(networks or {"": Peaks(geometry, 0)}))


def stored(path: Path, contig: str, length: int) -> np.ndarray:
    """The values of a file, by pyBigWig alone."""
    with pyBigWig.open(str(path)) as file:
        return np.array(file.values(contig, 0, length), float)


def write_measured(path: Path, values: dict[str, np.ndarray], lengths: Sequence[int] = ()) -> Path:
    """Write a bigWig with a value for every base that is not NaN, as other programs do."""
    sizes = lengths or [len(array) for array in values.values()]
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader(list(zip(values, sizes, strict=True)))
        for contig, array in values.items():
            known = np.flatnonzero(~np.isnan(array))
            if len(known):
                file.addEntries(
                    [contig] * len(known),
                    known.tolist(),
                    ends=(known + 1).tolist(),
                    values=array[known].astype(float).tolist(),
                )
    return path
