"""What a plugin gives the engine: a card, a way to load it, and what loading returns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, get_args

from tracksmith.errors import CardError
from tracksmith.models.card import ModelCard, RegionGeometry
from tracksmith.models.scores import REGION_SCORES, WINDOW_SCORES, ScoreFacts, UnitKind

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
    "RegionEffect",
    "RegionScore",
    "ScoreRecord",
    "TrackScore",
    "WeightPaths",
]

_SCORE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_TAKEN = ("track", "percentile", "headline")
"""Words that the annotated VCF uses beside the scores of a model."""

WeightPaths: TypeAlias = Mapping[str, tuple[Path, ...]]
"""Files by fold name; a model without folds uses the name ``""``."""


@dataclass(frozen=True)
class LoadRequest:
    """What the engine asks a plugin to load.

    ``weights`` holds the files of the folds to load, and only those;
    ``tracks`` the ids wanted, in order, closed under ``rc_partner``;
    ``options`` every option of the card with its value; ``features`` the
    columns that a region model will be given, in order; none where only its
    network is tried, on made-up features.
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
        returns the raw outputs of both, two tensors. An attribute ``one_reference`` that
        is true says that ``reference`` may be ``(1, 4, window)`` for all alternatives.
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
    the user should know. ``alleles`` says that features of changed sequence
    will be asked for: whoever cannot make them raises UsageError.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    contigs: tuple[str, ...] = ()
    contig_names: Callable[[str], ContigNames] | None = None
    notify: Callable[[str], None] = lambda _: None
    alleles: bool = False


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


class AlleleRows(Protocol):
    """What a :class:`FeatureSource` may offer beside: rows of its own making for changed regions.

    Without it a region with an allele is normalised as those of the run are.
    """

    @property
    def substitutions_only(self) -> bool:
        """Whether alleles that change a region's length cannot be told."""

    def allele_rows(
        self,
        matrix: NDArray[np.float32],
        reference: NDArray[np.float32],
        alternative: NDArray[np.float32],
    ) -> NDArray[np.float32] | None:
        """Return the rows of regions with an allele, or None to have them normalised.

        ``matrix`` holds the rows of the regions as they are, ``(alleles, names)``;
        ``reference`` and ``alternative`` the features before normalising, without
        and with the allele, ``(alleles, own columns)``.
        """


@dataclass(frozen=True)
class RegionEffect:
    """What a score of a region model says of alleles; arrays are float ``(alleles, tracks)``.

    ``region`` is the number of the region in the window where it was found,
    int64; None for the allele's own region.
    """

    value: NDArray[np.floating[Any]]
    reference: NDArray[np.floating[Any]]
    alternative: NDArray[np.floating[Any]]
    region: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class RegionScore:
    """A variant score of a model over regions.

    ``compute`` gets the values of a window of regions, reference and
    alternative, both float32 ``(alleles, regions, tracks)``, and the number of
    the region that holds the allele. ``formula`` and ``unit`` say what the
    number is, ``signed`` whether positive means more in the alternative,
    ``places`` whether it names a region.
    """

    compute: Callable[[NDArray[np.float32], NDArray[np.float32], int], RegionEffect]
    formula: str
    unit: str = ""
    signed: bool = True
    places: bool = False

    def score_facts(self, name: str) -> ScoreFacts:
        """Return what the score of this name means."""
        return ScoreFacts(name, self.formula, self.unit, self.signed, places=self.places)


Loaded: TypeAlias = "Predictor | Mapping[str, nn.Module] | nn.Module"


@dataclass(frozen=True)
class ScoreRecord:
    """What a score of a plugin's own says of some variants, ``(units, variants)`` each.

    ``reference`` and ``alternative`` are what it compares, ``bin`` is the number of the bin where
    it found its value (-1: none); None where the score has no such thing. NaN is no value.
    """

    value: NDArray[np.floating[Any]]
    reference: NDArray[np.floating[Any]] | None = None
    alternative: NDArray[np.floating[Any]] | None = None
    bin: NDArray[np.integer[Any]] | None = None


@dataclass(frozen=True)
class TrackScore:
    """A variant score of a plugin's own, beside those of tracksmith.

    ``compute`` gets the scoring bins of reference and alternative, both float32
    ``(units, variants, bins)``, matched base by base, 0 where one allele has
    no base; it returns a :class:`ScoreRecord`, or its ``value`` alone. It leaves its input alone,
    and what it says of a variant depends on that variant alone.

    ``units`` says what counts: for ``tracks`` it gets every track and answers for every track; for
    ``pairs`` every pair of strands, with the bins of the second behind those of the first; for
    ``model`` all tracks at once, in the order of the card, and it answers with ``(variants,)``. It
    is called once for tracks and once for pairs where both count; ``model`` stands alone.

    ``formula`` and ``unit`` say what the number is, ``signed`` whether positive
    means more signal in the alternative, ``places`` whether records name a bin. ``needs_positive``
    and ``needs_place`` refuse tracks that may be negative, and one value a window.
    """

    compute: Callable[
        [NDArray[np.float32], NDArray[np.float32]], NDArray[np.floating[Any]] | ScoreRecord
    ]
    formula: str
    unit: str = ""
    signed: bool = True
    units: tuple[UnitKind, ...] = ("tracks",)
    needs_positive: bool = False
    needs_place: bool = False
    places: bool = False

    def score_facts(self, name: str) -> ScoreFacts:
        """Return what the score of this name means."""
        return ScoreFacts(
            name, self.formula, self.unit, self.signed, False, self.units,
            self.needs_positive, self.needs_place, self.places,
        )  # fmt: skip


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

    ``scores`` are variant scores of the plugin's own, by name: a
    :class:`TrackScore`, or for a region model a :class:`RegionScore`.

    ``unpack`` says what of a published archive is wanted: it maps the name of
    a file in the archive to its name in the model's folder, or to None.

    ``golden`` is the file that ``tracksmith plugin freeze`` wrote: inputs, and what
    the model gave for them. ``tracksmith doctor --self-test`` compares with it.

    Raises
    ------
    CardError
        Scores of the plugin's own, or those that the card names, do not fit.
    """

    card: ModelCard
    load: Callable[[LoadRequest], Any]
    find_weights: Callable[[Path], WeightPaths] | None = None
    describe: Callable[[WeightPaths], ModelCard] | None = None
    features: Callable[[FeatureRequest], FeatureSource] | None = None
    scores: Mapping[str, TrackScore | RegionScore] = field(default_factory=dict)
    unpack: Callable[[str], str | None] | None = None
    golden: Path | None = None

    def __post_init__(self) -> None:
        card: Any = self.card
        if not isinstance(card, ModelCard):
            return  # the registry names it
        problems = list(self._score_problems())
        if problems:
            listed = "\n".join(f"  - {problem}" for problem in problems)
            raise CardError(f"The scores of model {self.card.name!r} do not fit:\n{listed}")

    def _score_problems(self) -> Iterator[str]:
        own = {name: score.score_facts(name) for name, score in self.scores.items()}
        regions = isinstance(self.card.geometry, RegionGeometry)
        taken = REGION_SCORES if regions else WINDOW_SCORES
        for name, score in own.items():
            yield from _own_score_problems(name, score, taken)
        if regions:
            yield from (
                f"the card names the score {name!r}, which is not offered"
                for name in self.card.default_scores
                if name not in REGION_SCORES and name not in own
            )
            return
        known = {**WINDOW_SCORES, **own}
        for name in self.card.default_scores:
            if name not in known:
                yield f"the card names the score {name!r}, which is not offered"
            elif reason := self.card.unfit(known[name]):
                yield f"the card names the score {name!r}, but {reason}"
        units = {known[name].unit for name in self.card.variants.headline if name in known}
        if len(units) > 1:
            yield f"the scores of the headline have several units: {', '.join(sorted(units))}"


def _own_score_problems(
    name: str, score: ScoreFacts, taken: Mapping[str, ScoreFacts]
) -> Iterator[str]:
    if not _SCORE_NAME.fullmatch(name) or name in _TAKEN or name.endswith("_at"):
        yield f"{name!r} is no name for a score, or one that files use for something else"
    if name in taken:
        yield f"{name!r} is a score of tracksmith's: give your own another name"
    if not (score.formula + score.unit).isprintable() or '"' in score.formula + score.unit:
        yield f"score {name!r}: its formula and unit must be one line each, without quotes"
    kinds = get_args(UnitKind)
    if not score.units or not {*score.units} <= {*kinds}:
        yield f"score {name!r}: its units must be some of {', '.join(kinds)}"
    if "model" in score.units and len(score.units) > 1:
        yield f"score {name!r}: one of the model as a whole is taken over nothing else"
