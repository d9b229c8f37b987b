"""The network of the demonstration model: one convolution and running maxima, all exact."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from tracksmith.models.core_promoter import (
    ELEMENTS,
    INITIATOR,
    MARGIN,
    SCALE,
    THRESHOLD,
    Element,
)

__all__ = ["CorePromoter"]


class CorePromoter(nn.Module):
    """Score transcription start sites on both strands.

    The strand is not part of the arithmetic: the minus strand is the same
    network on the reverse complement, read backwards.
    """

    kernels: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.elements = (INITIATOR, *ELEMENTS)
        self.rows: list[list[int]] = []
        matrices: list[Tensor] = []
        for element in self.elements:
            matrix = torch.tensor(element.matrix())
            turned = [matrix, matrix.flip(0, 1)] if element.both_orientations else [matrix]
            self.rows.append(list(range(len(matrices), len(matrices) + len(turned))))
            matrices += turned
        width = max(matrix.shape[1] for matrix in matrices)
        padded = [functional.pad(matrix, (0, width - matrix.shape[1])) for matrix in matrices]
        self.register_buffer("kernels", torch.stack(padded), persistent=False)

    def forward(self, bases: Tensor) -> Tensor:
        """Map ``(batch, 4, length)`` bases A, C, G, T to ``(batch, 2, length - 256)`` scores >= 0."""
        batch = len(bases)
        both = torch.cat([bases, bases.flip(1, 2)])
        scores = self._score_strand(both)
        return torch.stack([scores[:batch], scores[batch:].flip(1)], dim=1)

    def predict_stretch(self, bases: Tensor, stride: int) -> Tensor:
        """Score the windows of ``(4, length)`` bases, ``stride`` apart, in one go.

        The network is a sliding one, so windows share all of their work.
        """
        from tracksmith.models.core_promoter import CARD

        core = CARD.window_geometry.core_length
        return self(bases[None])[0].unfold(1, core, stride).transpose(0, 1)

    def _score_strand(self, bases: Tensor) -> Tensor:
        """Map ``(batch, 4, length)`` to the scores of its forward strand, ``(batch, length - 256)``."""
        length = bases.shape[2] - 2 * MARGIN
        matches = functional.conv1d(bases, self.kernels)
        initiator, *others = (
            self._strength(matches[:, rows], element, length)
            for rows, element in zip(self.rows, self.elements, strict=True)
        )
        support = torch.stack(others).sum(0) - THRESHOLD
        return support.clamp_(min=0).mul_(initiator).mul_(SCALE)

    def _strength(self, matches: Tensor, element: Element, length: int) -> Tensor:
        """Return the element's best weighted strength over its places, ``(batch, length)``."""
        best = matches.amax(1)
        places = element.last - element.first + 1
        start = MARGIN + element.first
        peak = _running_max(best[:, start : start + length + places - 1], places)
        return (peak - element.cutoff / 64).clamp_(min=0).mul_(element.weight)


def _running_max(values: Tensor, width: int) -> Tensor:
    """Return the maximum over ``width`` consecutive values, doubling the reach at each step."""
    reach = 1
    while 2 * reach <= width:
        values = torch.maximum(values[:, :-reach], values[:, reach:])
        reach *= 2
    if reach < width:
        rest = width - reach
        values = torch.maximum(values[:, :-rest], values[:, rest:])
    return values
