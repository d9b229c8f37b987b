"""What the networks of a model return, as the tracks of its card in the forward frame."""

from __future__ import annotations

import torch
from torch import Tensor

from tracksmith.engine.tiling import Tiling
from tracksmith.errors import PluginError
from tracksmith.models.card import ModelCard
from tracksmith.models.contract import Predictor

__all__ = ["Returned"]


class Returned:
    """Makes tracks of the raw outputs of folds.

    ``card`` holds the tracks to compute; ``predictor.tracks`` names those that the
    networks return, if others.
    """

    def __init__(
        self, card: ModelCard, predictor: Predictor, device: torch.device, *, spread: bool
    ) -> None:
        self.card = card
        self.spread = spread
        self.to_tracks = predictor.to_tracks
        self._names = list(predictor.tracks or (track.id for track in card.tracks))
        self._columns = self._track_columns(device)
        partners = card.rc_partners()
        self._partners = torch.tensor(partners, device=device)
        self._mirrored = list(partners) == list(reversed(range(len(partners))))

    def _track_columns(self, device: torch.device) -> Tensor | None:
        """Return which returned tracks are the wanted ones; None when they are those."""
        wanted = [track.id for track in self.card.tracks]
        if self._names == wanted:
            return None
        missing = [track for track in wanted if track not in self._names]
        if missing:
            raise PluginError(
                f"{self.card.name} returns the tracks {', '.join(self._names[:9])}; "
                f"{missing[0]} is missing."
            )
        columns = [self._names.index(track) for track in wanted]
        return torch.tensor(columns, device=device)

    def sets(self, raws: list[Tensor], windows: int, tiling: Tiling, *, reverse: bool) -> Tensor:
        """Return the tracks of the mean over folds, then, with spread, of every fold.

        float32 ``(sets, tracks, windows, bins)``; with ``reverse`` the networks read the
        reverse complement, and the result is turned back.
        """
        mean = raws[0] if len(raws) == 1 else torch.stack(raws).mean(dim=0)
        sets = [mean, *raws] if self.spread else [mean]
        tracks = [self._tracks(raw, windows, tiling, reverse=reverse) for raw in sets]
        return tracks[0][None] if len(tracks) == 1 else torch.stack(tracks)

    def _tracks(self, raw: Tensor, windows: int, tiling: Tiling, *, reverse: bool) -> Tensor:
        """Return ``(tracks, windows, bins)`` of the wanted tracks in the forward frame."""
        values = raw if self.to_tracks is None else self.to_tracks(raw)
        self._check(values, windows, tiling.network.bins)
        if self._columns is not None:
            values = values.index_select(1, self._columns)
        if reverse and self._mirrored:
            values = values.flip(1, 2)
        elif reverse:
            values = values.index_select(1, self._partners).flip(2)
        kept = values[:, :, tiling.first_bin : tiling.first_bin + tiling.bins]
        return kept.transpose(0, 1)

    def _check(self, values: Tensor, windows: int, bins: int) -> None:
        if values.ndim != 3 or values.shape[0] != windows or values.shape[2] != bins:
            raise PluginError(
                f"{self.card.name} returned shape {tuple(values.shape)} for {windows} windows; "
                f"the card promises ({windows}, tracks, {bins})."
            )
        if values.shape[1] != len(self._names):
            raise PluginError(
                f"{self.card.name} returned {values.shape[1]} tracks; "
                f"the card promises {len(self._names)}."
            )
