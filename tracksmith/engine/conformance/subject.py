"""The model under test: loaded as the engine loads it, asked without the engine's help."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracksmith.engine.calls import as_predictor
from tracksmith.engine.windows import Encoder
from tracksmith.errors import ResourceError
from tracksmith.genome.bases import OUTSIDE, N
from tracksmith.models.card import ModelCard, WindowGeometry
from tracksmith.models.contract import LoadRequest, Model, Predictor, WeightPaths
from tracksmith.models.encoding import encoding_table
from tracksmith.models.weights import describe, find_weights
from tracksmith.runs.planned import card_options

__all__ = ["CheckRequest", "Subject", "load_subject", "random_masks"]

MOST_TRACKS = 24
"""Tracks that are computed of a model that has more."""
PLAIN = np.array([1, 2, 4, 8], dtype=np.uint8)
BATCH_BASES = 65_536


@dataclass(frozen=True)
class CheckRequest:
    """With what a model is checked.

    ``inputs`` are the files of a region model, by the names on its card.
    ``asymmetric`` says that the network looks further to one side on purpose,
    so that a reach off its bin's centre is no sign of a shifted output.
    """

    weights: Path | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, Path] = field(default_factory=dict)
    asymmetric: bool = False


def random_masks(shape: tuple[int, ...], seed: int) -> NDArray[np.uint8]:
    """Return random plain bases as masks, uint8."""
    masks: NDArray[np.uint8] = np.random.default_rng(seed).choice(PLAIN, shape)
    return masks


@dataclass(eq=False)
class Subject:
    """A loaded window model. ``card`` has the tracks that are computed, partners included.

    ``memory`` keeps what several checks look at.
    """

    model: Model
    card: ModelCard
    weights: WeightPaths
    predictor: Predictor
    request: CheckRequest
    memory: dict[str, Any] = field(default_factory=dict)

    @property
    def geometry(self) -> WindowGeometry:
        """The card's geometry."""
        return self.card.window_geometry

    @property
    def networks(self) -> list[nn.Module]:
        """The networks of all folds, each once."""
        return list({id(net): net for net in self.predictor.networks.values()}.values())

    @property
    def network(self) -> Any:
        """The network of the first fold: what is slow to check is checked on it alone."""
        return self.networks[0]

    @cached_property
    def encoder(self) -> Encoder:
        """From masks to the card's alphabet."""
        return Encoder(encoding_table(self.card.alphabet))

    @cached_property
    def returned(self) -> list[str]:
        """Ids of the tracks that the network returns."""
        full = describe(self.model, self.weights)
        return list(self.predictor.tracks or (track.id for track in full.tracks))

    @cached_property
    def seconds(self) -> float:
        """Seconds that one window takes."""
        masks = random_masks((1, self.geometry.window), 0)
        self.raw(masks)
        start = time.perf_counter()
        self.raw(masks)
        return time.perf_counter() - start

    def affordable(self, seconds: float, fewest: int, most: int) -> int:
        """Return how many windows fit into a time, within bounds."""
        return int(np.clip(seconds / max(self.seconds, 1e-6), fewest, most))

    def bases(self, masks: NDArray[np.uint8]) -> Tensor:
        """Return masks ``(windows, length)`` as the network's input."""
        return torch.from_numpy(self.encoder(masks))

    @torch.inference_mode()
    def raw(self, masks: NDArray[np.uint8], network: Any = None) -> Any:
        """Return what a network returns for windows given as masks."""
        return (network or self.network)(self.bases(masks))

    @torch.inference_mode()
    def tracks(self, raw: Any) -> Any:
        """Return raw output as all tracks that the network returns."""
        return raw if self.predictor.to_tracks is None else self.predictor.to_tracks(raw)

    def chosen(self, raw: Any) -> NDArray[np.float64]:
        """Return raw output as the card's tracks, ``(windows, tracks, bins)``."""
        columns = [self.returned.index(track.id) for track in self.card.tracks]
        values: NDArray[np.float64] = self.tracks(raw)[:, columns].double().numpy()
        return values

    def predict(self, masks: NDArray[np.uint8], network: Any = None) -> NDArray[np.float64]:
        """Return the card's tracks for windows ``(windows, window)``.

        Every call of the network gets the same number of windows, so that what
        does not depend on a changed base stays equal to the bit.
        """
        size = max(1, min(len(masks), 16, BATCH_BASES // self.geometry.window))
        batches = -(-len(masks) // size)
        rows = np.minimum(np.arange(batches * size), len(masks) - 1)
        values = [
            self.chosen(self.raw(masks[rows[i * size : (i + 1) * size]], network))
            for i in range(batches)
        ]
        return np.concatenate(values)[: len(masks)]

    def windows(self, count: int, seed: int) -> NDArray[np.uint8]:
        """Return random windows as masks."""
        return random_masks((count, self.geometry.window), seed)

    def mixed(self, seed: int) -> NDArray[np.uint8]:
        """Return four windows: plain, with a run of N, past a contig's start, with IUPAC codes."""
        window = self.geometry.window
        masks = self.windows(4, seed)
        masks[1, window // 3 : window // 2] = N
        masks[2, : window // 2] = OUTSIDE
        codes = np.arange(3, 15, dtype=np.uint8)
        masks[3, :: max(1, window // 40)] = np.resize(codes, masks[3, :: max(1, window // 40)].size)
        return masks

    def load(self, tracks: Sequence[str]) -> Predictor:
        """Load the model once more, for some tracks."""
        return _load(self.model, self.weights, tracks, self.request)


def load_subject(model: Model, request: CheckRequest) -> Subject:
    """Find the weights and load a window model.

    Raises
    ------
    ResourceError
        The weights are not there.
    TracksmithError
        The plugin refuses them, or fails.
    """
    if request.weights is not None and not request.weights.exists():
        raise ResourceError(f"The weights are not there: {request.weights} does not exist.")
    weights = find_weights(model, request.weights)
    full = describe(model, weights)
    card = _fewer_tracks(full)
    predictor = _load(model, weights, [track.id for track in card.tracks], request)
    return Subject(model, card, weights, predictor, request)


def _load(
    model: Model, weights: WeightPaths, tracks: Sequence[str], request: CheckRequest
) -> Predictor:
    options = card_options(model.card, request.options)
    predictor = as_predictor(
        model.load(LoadRequest(weights, tuple(tracks), options)), tuple(weights)
    )
    for network in predictor.networks.values():
        network.eval().requires_grad_(False)
    return replace(predictor, networks=dict(predictor.networks))


def _fewer_tracks(card: ModelCard) -> ModelCard:
    """Return the card with at most about MOST_TRACKS tracks, spread out, partners included."""
    ids = [track.id for track in card.tracks]
    if len(ids) <= MOST_TRACKS:
        return card
    partners = card.rc_partners()
    rows = np.unique(np.linspace(0, len(ids) - 1, MOST_TRACKS // 2).round().astype(int))
    kept = sorted({*rows.tolist(), *(partners[row] for row in rows)})
    return card.with_tracks([ids[row] for row in kept])
