"""Convolutions rewritten for speed return what they returned."""

import copy

import pytest
import torch
from torch import nn

from tracksmith.models.layout import channels_last


def randomised(network):
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            if module.affine:
                nn.init.normal_(module.weight)
                nn.init.normal_(module.bias)
    return network.eval()


class Residual(nn.Module):
    """A convolution that is used twice, a branch, and layers by name."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(4, 12, 9, padding=4, bias=False), nn.BatchNorm1d(12))
        self.shared = nn.Conv1d(12, 12, 3, padding=2, dilation=2)
        self.again = self.shared
        self.grouped = nn.Conv1d(12, 6, 5, stride=2, groups=3)
        self.circular = nn.Conv1d(6, 6, 3, padding=1, padding_mode="circular")
        self.head = nn.Linear(6, 2)

    def forward(self, bases):
        hidden = torch.relu(self.stem(bases))
        hidden = hidden + torch.relu(self.shared(hidden))
        hidden = hidden + torch.relu(self.again(hidden))
        hidden = self.circular(self.grouped(hidden))
        return self.head(hidden.transpose(1, 2)).transpose(1, 2)


NETWORKS = {
    "one layer": lambda: nn.Conv1d(4, 5, 7),
    "same padding": lambda: nn.Conv1d(4, 5, 7, padding="same", dilation=2),
    "norms": lambda: nn.Sequential(
        nn.Conv1d(4, 8, 5), nn.BatchNorm1d(8), nn.ReLU(), nn.Conv1d(8, 3, 3, stride=2),
        nn.BatchNorm1d(3, affine=False), nn.Flatten(), nn.Linear(87, 2),
    ),
    "residual": Residual,
}  # fmt: skip


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
@torch.no_grad()
def test_the_outputs_stay_the_same(make):
    torch.manual_seed(1)
    bases = torch.nn.functional.one_hot(torch.randint(0, 4, (3, 64))).float().transpose(1, 2)
    network = randomised(make())
    expected = network.double()(bases.double())
    fast = channels_last(copy.deepcopy(network).float())
    outputs = fast(bases)
    assert outputs.shape == expected.shape
    torch.testing.assert_close(outputs.double(), expected, rtol=0, atol=1e-6 * expected.abs().max())
    left = [module for module in fast.modules() if type(module) is nn.Conv1d]
    assert all(module.padding_mode != "zeros" for module in left)


def test_folded_norms_are_gone_and_a_shared_layer_stays_one():
    fast = channels_last(randomised(Residual()))
    assert not any(isinstance(module, nn.BatchNorm1d) for module in fast.modules())
    assert fast.shared is fast.again
