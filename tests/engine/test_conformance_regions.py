"""The kit's checks of region models, on a toy and on toys that break one promise each."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conformance_toys import FACTS
from torch import nn

from tracksmith.engine.conformance import CheckRequest, check_model
from tracksmith.plugin import Model, ModelCard, RegionGeometry, Track

CARD = ModelCard(
    **FACTS,
    geometry=RegionGeometry(context=9, stride=3, inputs=("peaks", "table")),
    tracks=(Track("a", "a"), Track("b", "b")),
)


class Source:
    """Shares of the four bases, divided by their largest over all regions."""

    names = ("A", "C", "G", "T")

    def features(self, batch):
        rows = [[(bases == 1 << bit).mean() for bit in range(4)] for bases in batch.bases]
        return np.array(rows, dtype=np.float32)

    def normalise(self, features, signal, normalisers):
        largest = normalisers["largest"] if normalisers else features.max(0).tolist()
        return features / np.array(largest, dtype=np.float32), {"largest": largest}


class Beside(Source):
    def features(self, batch):
        rows = super().features(batch)
        return rows - rows.mean(axis=0)


class Forgetful(Source):
    def normalise(self, features, signal, normalisers):
        return super().normalise(features, signal, None)


class Unstorable(Source):
    def normalise(self, features, signal, normalisers):
        return features, {"largest": features.max(0)}


class Wide(Source):
    names = ("A", "C", "G", "T", "missing")


class Network(nn.Module):
    """Every region with the mean of its window: knows no order."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.linear = nn.Linear(4, 2)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        return self.linear(x) + self.linear(x.mean(1, keepdim=True)).sin()


class Positional(Network):
    def forward(self, x):
        return super().forward(x + torch.linspace(0, 1, x.shape[1])[:, None])


class Dropping(Network):
    def forward(self, x):
        return nn.functional.dropout(super().forward(x), 0.1, training=True)


class Sharing(Network):
    def forward(self, x):
        return super().forward(x - x.mean(0, keepdim=True))


class Flat(Network):
    def forward(self, x):
        return super().forward(x).flatten(1)


class Fixed(Network):
    def forward(self, x):
        return super().forward(x)[:, :9].double()


class InPlace(Network):
    def forward(self, x):
        return super().forward(x.mul_(2))


class Counting(Network):
    def forward(self, x):
        self.calls += 1
        return super().forward(x)


@pytest.fixture(autouse=True)
def no_new_interpreter(monkeypatch):
    """This module imports torch, as a plugin must not."""
    monkeypatch.setattr("tracksmith.engine.conformance.kit.heavy_imports", lambda module: [])


def check(source=Source, network=Network):
    model = Model(CARD, lambda request: network(), features=lambda request: source())
    return check_model(model, CheckRequest(inputs={"table": Path(__file__)}))


def test_a_sound_region_model_passes():
    statuses = {finding.check: finding.status for finding in check().findings}
    assert list(statuses) == [
        "card", "import", "load", "shape", "repeats", "batch", "features", "normalisers", "order",
        "golden",
    ]  # fmt: skip
    assert statuses.pop("golden") == "open"  # it ships none
    assert set(statuses.values()) == {"pass"}


@pytest.mark.parametrize(
    ("broken", "where", "sentence"),
    [
        ({"source": Beside}, "features", "change with the regions beside it"),
        ({"source": Forgetful}, "normalisers", "two runs could not be compared"),
        ({"source": Unstorable}, "normalisers", "cannot be stored as JSON"),
        ({"source": Wide}, "normalisers", r"finite float32 \(40, 5\) is due"),
        ({"network": Dropping}, "repeats", "Is dropout left on"),
        ({"network": Counting}, "repeats", "changed 1 tensors of the network: calls"),
        ({"network": InPlace}, "repeats", "changed its input tensor"),
        ({"network": Sharing}, "batch", "shared along the batch"),
        ({"network": Flat}, "shape", r"\(1, 18\) for 1 windows of 9 regions"),
        ({"network": Fixed}, "shape", "returned torch.float64"),
    ],
)
def test_a_broken_region_model_fails_with_the_right_sentence(broken, where, sentence):
    report = check(**broken)
    assert [finding.check for finding in report.failed] == [where], report.text()
    assert re.search(sentence, report[where].sentence), report[where].sentence


def test_a_network_that_knows_the_order_cannot_be_placed():
    order = check(network=Positional)["order"]
    assert order.status == "open"
    assert "whether a value belongs to its own region cannot be told" in order.sentence


def test_a_region_model_without_a_features_step_fails_to_load():
    model = Model(CARD, lambda request: Network())
    report = check_model(replace(model), CheckRequest())
    assert "needs a features step" in report["load"].sentence
