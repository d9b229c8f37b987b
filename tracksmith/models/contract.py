"""What a plugin gives the engine: a card, a way to load it, and what loading returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from tracksmith.models.card import ModelCard

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["LoadRequest", "Loaded", "Model", "Predictor", "WeightPaths"]

WeightPaths: TypeAlias = Mapping[str, tuple[Path, ...]]
"""Files by fold name; a model without folds uses the name ``""``."""


@dataclass(frozen=True)
class LoadRequest:
    """What the engine asks a plugin to load.

    ``weights`` holds the files of the folds to load, and only those;
    ``tracks`` the ids wanted, in order, closed under ``rc_partner``;
    ``options`` every option of the card with its value.
    """

    weights: WeightPaths = field(default_factory=dict)
    tracks: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Predictor:
    """A loaded model: one network per fold, on the CPU, in evaluation mode or not.

    A network maps ``(batch, 4, window)`` float32 in the card's alphabet to its
    raw output, ``(batch, ...)`` float32. Raw outputs are averaged over folds
    (and only over folds); ``to_tracks`` then makes ``(batch, tracks, bins)``.
    Without ``to_tracks`` the raw output must have that shape already.

    ``tracks`` names the tracks returned, in order, when a plugin computes only
    those that were asked for; None means all tracks of the card.

    A network may offer two exact shortcuts, which the conformance kit holds
    against plain windows:

    ``predict_stretch(bases, stride)``
        ``bases`` is ``(4, window + (n - 1) * stride)``; returns what the
        network returns for the ``n`` windows of that stretch, ``(n, ...)``.
    ``predict_alleles(reference, alternative, first, last)``
        Both ``(batch, 4, window)``, equal outside columns ``[first, last)``;
        returns the raw outputs of both, two tensors.
    """

    networks: Mapping[str, nn.Module]
    to_tracks: Callable[[Tensor], Tensor] | None = None
    tracks: tuple[str, ...] | None = None


Loaded: TypeAlias = "Predictor | Mapping[str, nn.Module] | nn.Module"


@dataclass(frozen=True)
class Model:
    """What the hook returns: a card, and how to load it.

    ``load`` gets a :class:`LoadRequest` and returns an ``nn.Module``, a mapping
    from fold to ``nn.Module``, or a :class:`Predictor`. It imports torch
    itself, so that listing models stays fast.

    ``find_weights`` maps a file or folder that the user named to the files of
    each fold, for models whose file names the card cannot list one by one.

    ``describe`` returns the card refined by what lies beside the weights (a
    table of track names, say); it gets the paths that were found.

    ``features`` and its like belong to region models: see
    :mod:`tracksmith.engine.regions`.
    """

    card: ModelCard
    load: Callable[[LoadRequest], Any]
    find_weights: Callable[[Path], WeightPaths] | None = None
    describe: Callable[[WeightPaths], ModelCard] | None = None
    regions: Any = None
