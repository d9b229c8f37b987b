"""The network of the demonstration model: one convolution and running maxima, all exact."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from tracksmith_demo.plugin import (
    CARD,
    ELEMENTS,
    INITIATOR,
    MARGIN,
    THRESHOLD,
    Element,
)

__all__ = ["CorePromoter"]


class CorePromoter(nn.Module):
    """Score transcription start sites on both strands.

    One convolution matches every element and its reverse complement, by the
    position of the leftmost base. A site at ``p`` on the plus strand then looks
    at ``p + place``, one on the minus strand at the mirrored positions.
    """

    kernels: Tensor
    bias: Tensor

    def __init__(self) -> None:
        super().__init__()
        elements = (INITIATOR, *ELEMENTS)
        forward = [torch.tensor(element.matrix()) * element.weight for element in elements]
        matrices = [*forward, *(matrix.flip(0, 1) for matrix in forward)]
        width = max(matrix.shape[1] for matrix in matrices)
        padded = [functional.pad(matrix, (0, width - matrix.shape[1])) for matrix in matrices]
        cutoffs = [-element.cutoff * element.weight / 64 for element in elements]
        self.register_buffer("kernels", torch.stack(padded), persistent=False)
        self.register_buffer("bias", torch.tensor(cutoffs * 2), persistent=False)

    def forward(self, bases: Tensor) -> Tensor:
        """Score ``(batch, 4, length)`` bases A, C, G, T.

        Returns
        -------
        scores : float32, shape (batch, 2, length - 256)
            At least 0; the plus and the minus strand.
        """
        length = bases.shape[2] - 2 * MARGIN
        matches = functional.conv1d(bases, self.kernels, self.bias)
        matches = matches.view(len(bases), 2, -1, matches.shape[2])
        scores: Tensor = matches.new_full((len(bases), 2, length), -THRESHOLD)
        for number, element in enumerate(ELEMENTS, 1):
            for strand, peak in enumerate(_peaks(matches[:, :, number], element, length)):
                scores[:, strand].add_(peak)
        scores.clamp_(min=0)
        for strand, peak in enumerate(_peaks(matches[:, :, 0], INITIATOR, length)):
            scores[:, strand].mul_(peak)
        return scores

    def predict_stretch(self, bases: Tensor, stride: int) -> Tensor:
        """Score the windows of ``(4, length)`` bases, ``stride`` apart, sharing all of the work.

        Returns
        -------
        scores : float32, shape (windows, 2, 1792)
        """
        core = CARD.window_geometry.core_length
        scores: Tensor = self(bases[None])[0]
        return scores.unfold(1, core, stride).transpose(0, 1)


def _peaks(matches: Tensor, element: Element, length: int) -> tuple[Tensor, Tensor]:
    """Return the element's best strength over its places, per site of each strand.

    ``matches`` is ``(batch, 2, positions)``: the element and its reverse
    complement, by leftmost base.
    """
    if element.both_orientations:
        matches = matches.amax(1, keepdim=True).expand(-1, 2, -1)
        best = _running_max(matches[:, 0], element.places).clamp_(min=0)
        plus, minus = best, best
    else:
        best = _running_max(matches, element.places).clamp(min=0)
        plus, minus = best[:, 0], best[:, 1]
    right = MARGIN + element.first
    left = MARGIN - element.last - len(element.consensus) + 1
    return plus[:, right : right + length], minus[:, left : left + length]


def _running_max(values: Tensor, width: int) -> Tensor:
    """Return the maximum over ``width`` consecutive values, doubling the reach at each step."""
    reach = 1
    while 2 * reach <= width:
        values = torch.maximum(values[..., :-reach], values[..., reach:])
        reach *= 2
    if reach < width:
        rest = width - reach
        values = torch.maximum(values[..., :-rest], values[..., rest:])
    return values
