"""A region model of simple arithmetic, and a genome with peaks for it."""

import numpy as np
import torch
from torch import nn

from tracksmith.models.card import ModelCard, Option, RegionGeometry, Track
from tracksmith.models.contract import Model
from tracksmith.models.registry import RegisteredModel, Registry


class Neighbours(nn.Module):
    """A region's own features plus the mean over the window: shows which window was used."""

    def forward(self, x):
        mean = x.mean(dim=1, keepdim=True)
        return torch.stack([(x + mean)[..., 0], (2 * x - mean)[..., 1]], dim=-1)


class BaseCounts:
    """Two columns: G and C bases, and bases; divided by their maxima."""

    names = ("gc", "bases")

    def features(self, batch):
        rows = [[np.isin(masks, (2, 4)).sum(), len(masks)] for masks in batch.bases]
        assert [row[1] for row in rows] == (batch.ends - batch.starts).tolist()
        return np.array(rows, dtype=np.float32)

    def normalise(self, features, signal, normalisers):
        used = normalisers or {"maxima": [float(value) for value in features.max(axis=0)]}
        matrix = (features / np.array(used["maxima"])).astype(np.float32)
        if signal is not None:
            matrix[:, 1] *= signal
        return matrix, used


def toy(network=Neighbours, features=BaseCounts, geometry=None, **changes):
    fields = {
        "name": "toy",
        "version": "1",
        "summary": "a toy",
        "code_licence": "MIT",
        "weights_licence": "private",
        "citation": "none",
        "geometry": geometry or RegionGeometry(6, 3, ("peaks", "accessibility", "extra")),
        "tracks": (
            Track("plus", "plus", "+", rc_partner="minus"),
            Track("minus", "minus", "-", rc_partner="plus"),
        ),
        "options": (Option("mode", "a", ("a", "b"), "no effect"),),
        "commercial_use": False,
    }
    card = ModelCard(**(fields | changes))
    return Model(card, lambda request: network(), features=lambda request: features())


def registry(model):
    return Registry({model.card.name: RegisteredModel(model, "toys", "1", "toys")}, [])
