"""The card: every fact about a model that the engine needs, without importing torch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Literal

from tracksmith.errors import CardError, UsageError
from tracksmith.models.geometry import RegionGeometry, WindowGeometry
from tracksmith.models.scores import REGION_SCORES, WINDOW_SCORES, ScoreFacts, default_scores

__all__ = [
    "Alphabet",
    "Fold",
    "ModelCard",
    "Option",
    "RegionGeometry",
    "Track",
    "VariantDefaults",
    "WeightFile",
    "WindowGeometry",
]

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class Alphabet:
    """How bases become the network's channels.

    ``order`` names the channels; a known base has ``known`` in its channel,
    N and everything outside the contig has ``unknown`` in all four. A code of
    two bases (a heterozygous genotype, or IUPAC) becomes ``half`` of ``known``
    in both channels, the ``sum`` (``known`` in both), or ``unknown``. Codes of
    three bases are read as N.
    """

    order: str = "ACGT"
    known: float = 1.0
    unknown: float = 0.0
    heterozygous: Literal["half", "sum", "unknown"] = "unknown"

    def problems(self) -> Iterator[str]:
        """Say what is contradictory, one sentence each."""
        if sorted(self.order) != list("ACGT"):
            yield f"the alphabet's order {self.order!r} must name A, C, G and T once each"
        if self.known == self.unknown:
            yield "a known base and N must differ"


@dataclass(frozen=True)
class Track:
    """One output of a model.

    ``rc_partner`` is the id of the track that the reverse complement of the
    sequence gives (plus for minus); None means the track itself. ``signed``
    tracks may be negative. The bigWig of a minus-strand track that is not
    signed is stored negative, as genome browsers expect.
    """

    id: str
    label: str
    strand: Literal["+", "-", "."] = "."
    rc_partner: str | None = None
    assay: str = ""
    cell_type: str = ""
    ontology: str = ""
    units: str = ""
    transform: str = "linear"
    signed: bool = False
    color: tuple[int, int, int] = (31, 78, 121)

    @property
    def stored_sign(self) -> int:
        """-1 for a minus-strand track of values that cannot be negative, else 1."""
        # decision: signed-minus-as-is (negating a log ratio turns its meaning round)
        return -1 if self.strand == "-" and not self.signed else 1

    def problems(self) -> Iterator[str]:
        """Say what is contradictory, one sentence each."""
        if not _IDENTIFIER.fullmatch(self.id):
            yield (
                f"track id {self.id!r}: a letter, then letters, digits, '_', '-', '.' (64 at most)"
            )
        if self.strand not in "+-." or len(self.strand) != 1:
            yield f"track {self.id}: strand {self.strand!r} must be '+', '-' or '.'"
        if len(self.color) != 3 or not all(0 <= part <= 255 for part in self.color):
            yield f"track {self.id}: colour {self.color} must be three numbers from 0 to 255"


@dataclass(frozen=True)
class Fold:
    """One set of weights of an ensemble and the contigs it never saw in training."""

    name: str
    held_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class WeightFile:
    """One published file. ``sha256`` and ``size`` (bytes) are None where nobody states them.

    ``limit`` is how many bytes it may have where the size is not known.
    ``names_tracks`` marks a table that only names tracks: the model works without it.
    """

    name: str
    fold: str = ""
    size: int | None = None
    sha256: str | None = None
    urls: tuple[str, ...] = ()
    limit: int = 4 << 30
    names_tracks: bool = False


@dataclass(frozen=True)
class Option:
    """A switch of the model itself, given as ``--option name=value``.

    ``mean_only`` are choices that hold for the mean of all folds alone: they are
    refused with other folds, with ``--folds held-out`` and with ``--spread``.
    """

    name: str
    default: str
    choices: tuple[str, ...]
    help: str
    mean_only: tuple[str, ...] = ()


@dataclass(frozen=True)
class VariantDefaults:
    """How variant effects are read off unless the user says otherwise.

    ``scores`` are taken in this order; none means ``diff`` for tracks that may be negative, else
    ``log2fc``, and for a model over regions ``diff`` and ``strongest``. The strongest effect of a
    variant, its headline, is looked for among the scores of ``headline``, or the first score alone.

    ``geometry`` is the window of variants, for a network that reads windows of any length
    (None: the card's own). ``position`` is the variant's 0-based offset in it (None: the
    middle, ``window // 2``); ``bins`` the half-open range of its core's bins that
    are scored (None: all); ``reduce`` how they become one number;
    ``pseudocount`` is added before a logarithm, in the track's units. ``max_allele`` is the
    longest allele in bp, unless the user gives another limit.
    """

    scores: tuple[str, ...] = ()
    position: int | None = None
    bins: tuple[int, int] | None = None
    reduce: Literal["sum", "mean"] = "sum"
    pseudocount: float = 1e-6
    max_allele: int = 100
    headline: tuple[str, ...] = ()
    geometry: WindowGeometry | None = None


@dataclass(frozen=True)
class ModelCard:
    """Every fact about a model; checked when made, stored in every run.

    ``reverse_complement`` says whether averaging with the reverse complement
    is the ``default``, ``allowed``, or ``wrong``. ``unseen`` are contigs that
    no fold saw in training. ``archives`` are published zip files that hold the
    weights. ``weights_of`` names the model whose weights these are, where
    several models read the same files.

    Raises
    ------
    CardError
        With every contradiction, not only the first.
    """

    name: str
    version: str
    summary: str
    code_licence: str
    weights_licence: str
    citation: str
    geometry: WindowGeometry | RegionGeometry
    tracks: tuple[Track, ...]
    authors: str = ""
    commercial_use: bool = True
    alphabet: Alphabet = field(default_factory=Alphabet)
    reverse_complement: Literal["default", "allowed", "wrong"] = "allowed"
    assemblies: tuple[str, ...] = ()
    folds: tuple[Fold, ...] = ()
    unseen: tuple[str, ...] = ()
    weights: tuple[WeightFile, ...] = ()
    archives: tuple[WeightFile, ...] = ()
    weights_of: str = ""
    options: tuple[Option, ...] = ()
    variants: VariantDefaults = field(default_factory=VariantDefaults)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            listed = "\n".join(f"  - {problem}" for problem in problems)
            raise CardError(f"The card of model {self.name!r} contradicts itself:\n{listed}")

    def _problems(self) -> Iterator[str]:
        if not _IDENTIFIER.fullmatch(self.name):
            yield f"name {self.name!r}: a letter, then letters, digits, '_', '-', '.' (64 at most)"
        for required in ("version", "summary", "code_licence", "weights_licence", "citation"):
            if not getattr(self, required).strip():
                yield f"{required} is empty"
        yield from self.geometry.problems()
        yield from self.alphabet.problems()
        yield from self._track_problems()
        yield from _repeats("fold", [fold.name for fold in self.folds])
        yield from self._weight_problems()
        yield from self._variant_problems()

    def _track_problems(self) -> Iterator[str]:
        if not self.tracks:
            yield "a model needs at least one track"
        ids = [track.id for track in self.tracks]
        yield from _repeats("track", ids)
        yield from _repeats("track (ignoring case)", sorted(set(ids), key=str.lower), str.lower)
        partners = {track.id: track.rc_partner or track.id for track in self.tracks}
        for track in self.tracks:
            yield from track.problems()
            partner = partners[track.id]
            if partner not in partners:
                yield f"track {track.id}: its rc_partner {partner!r} is no track of this model"
            elif partners[partner] != track.id:
                yield f"track {track.id}: its rc_partner {partner!r} does not name it in return"

    def _weight_problems(self) -> Iterator[str]:
        files = (*self.weights, *self.archives)
        yield from _repeats("weight file", [file.name for file in files])
        folds = [fold.name for fold in self.folds] or [""]
        for file in self.weights:
            if file.fold not in folds:
                yield f"weight file {file.name!r} belongs to {file.fold!r}, which is no fold"
        for file in files:
            if PurePosixPath(file.name).is_absolute() or ".." in PurePosixPath(file.name).parts:
                yield f"weight file {file.name!r} must be a name inside the model's folder"
            for url in file.urls:
                if not url.startswith(("https://", "http://")):
                    yield f"weight file {file.name!r}: {url!r} is no http(s) address"

    def _variant_problems(self) -> Iterator[str]:
        yield from self._score_problems()
        if isinstance(self.geometry, RegionGeometry):
            return
        geometry = self.variant_geometry
        if self.variants.geometry is not None:
            yield from (f"variants: {problem}" for problem in geometry.problems())
        position = self.variants.position
        if position is not None and not 0 <= position < geometry.window:
            yield f"the variant position {position} lies outside the window"
        bins = self.variants.bins
        if bins is not None and not 0 <= bins[0] < bins[1] <= geometry.bins:
            yield f"the scored bins {bins} lie outside the {geometry.bins} bins of the core"

    def _score_problems(self) -> Iterator[str]:
        regions = isinstance(self.geometry, RegionGeometry)
        known = REGION_SCORES if regions else WINDOW_SCORES
        for name in self.default_scores:
            reason = self.unfit(known[name]) if name in known else ""
            if reason:
                yield f"{name!r} is a score of variants by default, but {reason}"
            if regions and name in WINDOW_SCORES and name not in known:
                yield f"no score of a model over regions is called {name!r}"
        others = [name for name in self.variants.headline if name not in self.default_scores]
        if others:
            yield f"the headline {others[0]!r} is none of the scores"

    def unfit(self, score: ScoreFacts) -> str:
        """Say why this model cannot have a score; nothing if it can."""
        regions = isinstance(self.geometry, RegionGeometry)
        whole = not regions and self.variant_geometry.whole_window
        return score.unfit(() if regions else self.signed_tracks, whole_window=whole)

    @property
    def signed_tracks(self) -> tuple[str, ...]:
        """The tracks that may be negative."""
        return tuple(track.id for track in self.tracks if track.signed)

    @property
    def default_scores(self) -> tuple[str, ...]:
        """The scores of variants unless the user says otherwise."""
        regions = isinstance(self.geometry, RegionGeometry)
        return self.variants.scores or default_scores(self.signed_tracks, regions=regions)

    @property
    def variant_geometry(self) -> WindowGeometry:
        """The geometry of variants' windows: their own, or that of a window model."""
        return self.variants.geometry or self.window_geometry

    @property
    def window_geometry(self) -> WindowGeometry:
        """The geometry of a window model.

        Raises
        ------
        UsageError
            The model reads regions, not windows.
        """
        if isinstance(self.geometry, RegionGeometry):
            raise UsageError(
                f"{self.name} reads a list of regions, not windows along a genome: "
                "use `tracksmith predict --peaks FILE.bed`."
            )
        return self.geometry

    def rc_partners(self) -> list[int]:
        """Return, for every track, the index of the track its reverse complement gives."""
        index = {track.id: number for number, track in enumerate(self.tracks)}
        return [index[track.rc_partner or track.id] for track in self.tracks]

    def with_tracks(self, ids: Sequence[str]) -> ModelCard:
        """Return the card with only these tracks (their partners must be among them)."""
        by_id = {track.id: track for track in self.tracks}
        return replace(self, tracks=tuple(by_id[i] for i in ids))

    def to_dict(self, tracks: Sequence[str] | None = None) -> dict[str, Any]:
        """Return the card as plain values for JSON, with these tracks only (None: all)."""
        kind = "regions" if isinstance(self.geometry, RegionGeometry) else "windows"
        kept = self.tracks if tracks is None else [t for t in self.tracks if t.id in set(tracks)]
        values: dict[str, Any] = {"reads": kind}
        for item in fields(self):
            value = kept if item.name == "tracks" else getattr(self, item.name)
            values[item.name] = _plain(value)
        values["variants"]["scores"] = list(self.default_scores)
        return values


def _plain(value: Any) -> Any:
    """Return dataclasses as dictionaries, also inside lists."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _repeats(what: str, names: Sequence[str], key: Any = None) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        folded = key(name) if key else name
        if folded in seen:
            yield f"{what} {name!r} is declared twice"
        seen.add(folded)
