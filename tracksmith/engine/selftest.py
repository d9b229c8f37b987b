"""A model loaded for a comparison: with its golden file, with itself on a CPU, by the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.engine.agreement import CPU, difference
from tracksmith.engine.calls import as_predictor
from tracksmith.engine.folds import refuse_partial
from tracksmith.engine.golden import (
    Golden,
    digest_of_inputs,
    golden_inputs,
    input_bases,
    input_rows,
    read_golden,
)
from tracksmith.engine.samples import RegionSample, WindowSample
from tracksmith.engine.tiling import tile
from tracksmith.errors import PluginError, TracksmithError, UsageError
from tracksmith.files import digest_of_file
from tracksmith.models.card import ModelCard, RegionGeometry
from tracksmith.models.contract import FeatureRequest, LoadRequest, Model, WeightPaths
from tracksmith.models.weights import describe, find_weights
from tracksmith.runs.planned import card_options
from tracksmith.runs.versions import installed_versions

__all__ = [
    "SelfTestRequest",
    "Subject",
    "freeze",
    "frozen_difference",
    "load_subject",
    "not_comparable",
]

MOST_TRACKS = 4
MOST_VALUES = 240


@dataclass(frozen=True)
class SelfTestRequest:
    """With what a model is loaded: weights, options, and the files of a model over regions."""

    weights: Path | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Subject:
    """A loaded model; ``golden`` says what its sample reads, and may hold frozen outputs."""

    card: ModelCard
    weights: WeightPaths
    options: Mapping[str, str]
    golden: Golden
    sample: WindowSample | RegionSample

    @property
    def folds(self) -> list[str]:
        """The folds that have weights."""
        return [fold for fold in self.weights if fold]

    def digests(self) -> dict[str, tuple[str, ...]]:
        """Return the sha256 of the weight files of each fold."""
        return {fold: tuple(map(digest_of_file, files)) for fold, files in self.weights.items()}


def load_subject(model: Model, request: SelfTestRequest) -> Subject:
    """Load a model with all of its tracks and the folds that are there.

    Raises
    ------
    ResourceError
        The weights are not there.
    TracksmithError
        The plugin refuses them or fails, or its golden file is damaged.
    """
    golden = None if model.golden is None else read_golden(model.golden, model.card.name)
    weights = find_weights(model, request.weights)
    card = describe(model, weights)
    options = card_options(card, request.options)
    names: tuple[str, ...] = ()
    if isinstance(card.geometry, RegionGeometry) and (request.inputs or golden is None):
        names = _feature_names(model, FeatureRequest(request.inputs, options))
    if golden is None or (names and len(names) != golden.columns):
        golden = golden_inputs(card, len(names))
    tracks = tuple(track.id for track in card.tracks)
    loaded = _call_load(model, LoadRequest(weights, tracks, options, names))
    predictor = as_predictor(loaded, tuple(weights))
    predictor = replace(predictor, tracks=predictor.tracks or tracks)
    if isinstance(card.geometry, RegionGeometry):
        networks = list(predictor.networks.values())
        sample: Any = RegionSample(card, networks, input_rows(golden))
    else:
        tiling = tile(card.geometry)
        if (golden.length, golden.stride) != (tiling.window, tiling.stride):
            raise PluginError(
                f"{model.golden} was frozen for windows of {golden.length} bp every "
                f"{golden.stride} bp; the card of {card.name} says {tiling.window} every "
                f"{tiling.stride}. Freeze the model again."
            )
        sample = WindowSample(card, predictor, tiling, input_bases(golden), tuple(weights))
    return Subject(card, weights, options, golden, sample)


def _feature_names(model: Model, request: FeatureRequest) -> tuple[str, ...]:
    if model.features is None:
        raise PluginError(f"{model.card.name} has no features step.")
    try:
        return tuple(model.features(request).names)
    except (TracksmithError, KeyError) as error:
        raise UsageError(
            f"How many features {model.card.name} reads is not known without its files "
            f"({error}): give them with --input NAME=PATH."
        ) from error


def _call_load(model: Model, request: LoadRequest) -> Any:
    try:
        return model.load(request)
    except TracksmithError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"{model.card.name} failed to load: {type(error).__name__}: {error}"
        ) from error


def freeze(model: Model, request: SelfTestRequest) -> Golden:
    """Return the golden file of a model: what it gives now, on a CPU in float32.

    Raises
    ------
    PluginError
        A value is not finite, or the model fails.
    ResourceError
        Weights are missing, of some folds or of all.
    """
    subject = load_subject(_without_outputs(model, request), request)
    card = subject.card
    refuse_partial(card, tuple(subject.weights), "the file of one fold (--weights FILE)")
    values = subject.sample.on(CPU, "float32")
    if not np.isfinite(values).all():
        raise PluginError(f"{card.name} returned values that are not finite: nothing to freeze.")
    rows, bins = _chosen(values)
    outputs = values[np.ix_(rows, range(values.shape[1]), bins)]
    return replace(
        subject.golden,
        inputs=digest_of_inputs(subject.golden),
        card=card.version,
        options=dict(subject.options),
        weights=subject.digests(),
        versions=installed_versions(),
        tracks=tuple(card.tracks[row].id for row in rows),
        bins=tuple(bins),
        outputs=tuple(tuple(tuple(map(_short, cells)) for cells in row) for row in outputs),
    )


def _without_outputs(model: Model, request: SelfTestRequest) -> Model:
    """Return a model that is frozen anew; the features of one over regions may stay the same."""
    regions = isinstance(model.card.geometry, RegionGeometry) and not request.inputs
    if regions and model.golden is not None and model.golden.is_file():
        return model
    return replace(model, golden=None)


def _chosen(values: NDArray[np.float32]) -> tuple[list[int], list[int]]:
    """Choose tracks and bins to keep: half of the bins by their strength, half evenly spread."""
    tracks, windows, count = values.shape
    strongest = int(np.abs(values).max(axis=(1, 2)).argmax())
    spread = np.linspace(0, tracks - 1, min(tracks, MOST_TRACKS)).round().astype(int)
    rows = sorted({*spread.tolist(), strongest})
    most = min(count, max(2, MOST_VALUES // (len(rows) * windows)))
    strength = np.abs(values[rows]).max(axis=(0, 1))
    strong = np.argsort(-strength, kind="stable")[: -(-most // 2)]
    others = np.setdiff1d(np.arange(count), strong)
    even = np.linspace(0, len(others) - 1, most - len(strong)).round().astype(int)
    return rows, sorted([*strong.tolist(), *others[even].tolist()])


def _short(value: np.float32) -> float:
    """Return a number that is written with few digits and read as the same float32."""
    return float(f"{value:.9g}")


def not_comparable(subject: Subject) -> str:
    """Say why frozen outputs cannot be compared with what is loaded; nothing if they can."""
    golden = subject.golden
    if not golden.outputs:
        return "the plugin ships no frozen outputs"
    if golden.weights != subject.digests():
        return "these weights are not those whose outputs were frozen (their sha256 differs)"
    if dict(golden.options) != dict(subject.options):
        return "other options than those of the frozen outputs"
    return ""


def frozen_difference(subject: Subject, values: NDArray[np.float32]) -> float:
    """Return the largest difference from the frozen outputs as a share of their largest.

    Raises
    ------
    PluginError
        The frozen tracks or bins are none of the model's.
    """
    golden = subject.golden
    ids = [track.id for track in subject.card.tracks]
    missing = [track for track in golden.tracks if track not in ids]
    if missing or max(golden.bins) >= values.shape[2] or golden.windows != values.shape[1]:
        what = f"track {missing[0]}" if missing else f"bin {max(golden.bins)}"
        raise PluginError(
            f"The golden file of {subject.card.name} has {what}, which the model has not. "
            "Freeze the model again."
        )
    rows = [ids.index(track) for track in golden.tracks]
    return difference(values[np.ix_(rows, range(golden.windows), golden.bins)], golden.values)
