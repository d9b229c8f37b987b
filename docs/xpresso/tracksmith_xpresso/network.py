"""The network of Xpresso, read from its Keras file without Keras."""

import h5py
import torch
from torch import nn
from torch.nn.functional import linear, max_pool1d, relu

from tracksmith.plugin import reading

BASES = 10_500


class Xpresso(nn.Module):
    """One value for the start site 7,000 bp into 10,500 bp, read on either strand."""

    def __init__(self, path):
        super().__init__()
        with reading(path, "Keras file"), h5py.File(path) as file:
            layers = file["model_weights"]
            self.first = _convolution(layers["conv1d_1/conv1d_1"])
            self.second = _convolution(layers["conv1d_2/conv1d_2"])
            for number in (1, 2, 3):
                for name in ("kernel", "bias"):
                    values = layers[f"dense_{number}/dense_{number}/{name}:0"][()]
                    self.register_buffer(f"{name}{number}", torch.from_numpy(values.T.copy()))

    def forward(self, bases):
        """Map ``(batch, 4, 14000)`` to ``(batch, 2, 1)``: the start site in the middle."""
        # In the order ACGT the complement is the order reversed.
        plus, minus = bases[..., :BASES], bases.flip(1, 2)[..., :BASES]
        return torch.stack([self.expression(plus), self.expression(minus)], dim=1)

    def expression(self, bases):
        """Map ``(batch, 4, 10500)``, read towards the right, to ``(batch, 1)``."""
        image = max_pool1d(relu(self.first(bases)), 30)
        image = max_pool1d(relu(self.second(image)), 10)
        # Keras flattens position by position. The last 6 inputs of the dense layer are features
        # of the mRNA: z-scores, so 0 is the average gene.
        features = image.transpose(1, 2).flatten(1)
        hidden = relu(linear(features, self.kernel1[:, : features.shape[1]], self.bias1))
        hidden = relu(linear(hidden, self.kernel2, self.bias2))
        return linear(hidden, self.kernel3, self.bias3)


def _convolution(layer):
    kernel = torch.from_numpy(layer["kernel:0"][()]).permute(2, 1, 0).contiguous()
    outputs, inputs, width = kernel.shape
    convolution = nn.Conv1d(inputs, outputs, width)
    convolution.weight.data, convolution.bias.data = kernel, torch.from_numpy(layer["bias:0"][()])
    # "same" padding as TensorFlow counts it: of an odd rest, the larger half goes to the right.
    return nn.Sequential(nn.ConstantPad1d(((width - 1) // 2, width // 2), 0.0), convolution)
