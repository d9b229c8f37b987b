"""What a plugin gives the engine: a card, a way to load it, and what loading returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from tracksmith.models.card import ModelCard

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from tracksmith.genome.aliases import ContigNames

__all__ = [
    "FeatureRequest",
    "FeatureSource",
    "LoadRequest",
    "Loaded",
    "Model",
    "Predictor",
    "RegionBatch",
    "TrackScore",
    "WeightPaths",
]

WeightPaths: TypeAlias = Mapping[str, tuple[Path, ...]]
"""Files by fold name; a model without folds uses the name ``""``."""


@dataclass(frozen=True)
class LoadRequest:
    """What the engine asks a plugin to load.

    ``weights`` holds the files of the folds to load, and only those;
    ``tracks`` the ids wanted, in order, closed under ``rc_partner``;
    ``options`` every option of the card with its value; ``features`` the
    columns that a region model will be given, in order.
    """

    weights: WeightPaths = field(default_factory=dict)
    tracks: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    features: tuple[str, ...] = ()


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
        network returns for the ``n`` windows of that stretch, ``(n, ...)``. An
        attribute ``stretch_windows`` says how many windows a call should have
        at least (8 without it).
    ``predict_alleles(reference, alternative, first, last)``
        Both ``(batch, 4, window)``, equal outside columns ``[first, last)``;
        returns the raw outputs of both, two tensors.
    """

    networks: Mapping[str, nn.Module]
    to_tracks: Callable[[Tensor], Tensor] | None = None
    tracks: tuple[str, ...] | None = None


@dataclass(frozen=True)
class FeatureRequest:
    """What a region model needs to open its feature source.

    ``files`` holds the inputs of the card that the user gave, by name, without
    ``peaks`` and ``accessibility``, which the engine reads itself;
    ``options`` every option of the card; ``device`` where features may be
    computed, as torch names it. ``contigs`` are the genome's contigs that have
    regions; ``contig_names`` returns, for a file's name, what maps its contig
    names onto the genome's (None: they are the same); ``notify`` is told what
    the user should know.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    contigs: tuple[str, ...] = ()
    contig_names: Callable[[str], ContigNames] | None = None
    notify: Callable[[str], None] = lambda _: None


@dataclass(frozen=True)
class RegionBatch:
    """Consecutive regions of one contig.

    ``starts`` and ``ends`` are bp, 0-based half-open, int64 ``(regions,)``;
    ``bases`` the masks of each region (A 1, C 2, G 4, T 8), uint8.
    """

    contig: str
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    bases: Sequence[NDArray[np.uint8]]


class FeatureSource(Protocol):
    """Makes the matrix that a region model reads."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the finished matrix, in order."""

    def features(self, batch: RegionBatch) -> NDArray[np.float32]:
        """Return what the regions themselves tell, ``(regions, own columns)``, not normalised.

        A region's row depends on that region alone.
        """

    def normalise(
        self,
        features: NDArray[np.float32],
        signal: NDArray[np.float64] | None,
        normalisers: Mapping[str, Any] | None,
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Return the matrix ``(regions, names)``, and what it was normalised by.

        ``features`` are the rows of all regions of the run; ``signal`` is the
        accessibility of each as the user gave it (counts, or the sum of a
        bigWig over the region), None if not given. ``normalisers`` of an
        earlier run make the values comparable with that run's; without them
        they are taken from these regions. They are stored as JSON.
        """


Loaded: TypeAlias = "Predictor | Mapping[str, nn.Module] | nn.Module"


@dataclass(frozen=True)
class TrackScore:
    """A variant score of a plugin's own, beside those of tracksmith.

    ``compute`` gets the scoring bins of reference and alternative, both float32
    ``(tracks, variants, bins)``, matched base by base, 0 where one allele has
    no base; it returns ``(tracks, variants)``, NaN where not defined.
    ``formula`` and ``unit`` say what the number is, ``signed`` whether positive
    means more signal in the alternative.
    """

    compute: Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.floating[Any]]]
    formula: str
    unit: str = ""
    signed: bool = True


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

    ``features`` belongs to a region model, one over a list of regions instead
    of windows, and opens what makes its input matrix: the card has a
    :class:`~tracksmith.models.card.RegionGeometry`, and the network maps
    ``(batch, regions, features)`` to ``(batch, regions, tracks)``, all tracks
    of the card in order, for any number of regions.

    ``scores`` are variant scores of the plugin's own, by name.

    ``unpack`` says what of a published archive is wanted: it maps the name of
    a file in the archive to its name in the model's folder, or to None.
    """

    card: ModelCard
    load: Callable[[LoadRequest], Any]
    find_weights: Callable[[Path], WeightPaths] | None = None
    describe: Callable[[WeightPaths], ModelCard] | None = None
    features: Callable[[FeatureRequest], FeatureSource] | None = None
    scores: Mapping[str, TrackScore] = field(default_factory=dict)
    unpack: Callable[[str], str | None] | None = None
