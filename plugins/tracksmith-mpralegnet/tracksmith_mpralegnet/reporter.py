"""From a genomic window to reporter activity: adapters, insert orientation, strands, cell lines."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tracksmith_mpralegnet.network import LegNet

__all__ = ["Reporter"]

ORDER = "AGCT"
FIVE_PRIME, THREE_PRIME = "AGGACCGGATCAACT", "CATTGCGTGAACCGA"
"""What stands left and right of every 200-bp insert of the library, on the oligo's own strand."""


class Reporter(nn.Module):
    """The chosen tracks of one fold.

    Parameters
    ----------
    networks
        One per cell line.
    outputs
        For every track the number of its network and whether its insert is
        reverse-complemented.
    adapters
        Whether the library's adapters are put around the window.
    both_strands
        Whether an oligo's activity is the mean over the oligo and its reverse
        complement, adapters included.
    """

    flanks: Tensor

    def __init__(
        self,
        networks: Sequence[LegNet],
        outputs: Sequence[tuple[int, bool]],
        *,
        adapters: bool,
        both_strands: bool,
    ) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.outputs = tuple(outputs)
        self.adapters = adapters
        self.both_strands = both_strands
        flanks = torch.stack([_one_hot(FIVE_PRIME), _one_hot(THREE_PRIME)])
        self.register_buffer("flanks", flanks, persistent=False)

    def forward(self, windows: Tensor) -> Tensor:
        """Map ``(batch, 4, window)``, rows A, G, C, T, to log2(RNA/DNA) ``(batch, tracks, 1)``."""
        turns = sorted({turned for _, turned in self.outputs})
        activity = {
            turned: self._activity(self._oligos(windows, turned=turned)) for turned in turns
        }
        tracks = [activity[turned][number] for number, turned in self.outputs]
        return torch.stack(tracks, dim=1).unsqueeze(2)

    def _oligos(self, windows: Tensor, *, turned: bool) -> Tensor:
        inserts = _reverse_complement(windows) if turned else windows
        if not self.adapters:
            return inserts
        left, right = self.flanks.to(inserts.dtype)[:, None].expand(-1, len(inserts), -1, -1)
        return torch.cat([left, inserts, right], dim=2)

    def _activity(self, oligos: Tensor) -> list[Tensor]:
        """Return the activity ``(batch,)`` of oligos ``(batch, 4, length)`` in every cell line."""
        strands = [oligos, _reverse_complement(oligos)] if self.both_strands else [oligos]
        return [self._mean(network, strands) for network in self.networks]

    @staticmethod
    def _mean(network: nn.Module, strands: Sequence[Tensor]) -> Tensor:
        if network.inputs == 5:
            # The fifth row tells the network which strand it reads.
            strands = [_with_strand_row(oligos, row) for row, oligos in enumerate(strands)]
        activity: Tensor = network(torch.cat(list(strands)))
        return activity.reshape(len(strands), -1).mean(dim=0)


def _one_hot(sequence: str) -> Tensor:
    return torch.tensor([[float(base == letter) for base in sequence] for letter in ORDER])


def _reverse_complement(sequences: Tensor) -> Tensor:
    """Turn ``(batch, 4, length)``: in the order A, G, C, T the complement is the order reversed."""
    return sequences.flip(1, 2)


def _with_strand_row(sequences: Tensor, row: int) -> Tensor:
    return torch.cat([sequences, torch.full_like(sequences[:, :1], row)], dim=1)
