"""Checks of a region model: features of each region, normalisers, and the network over them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracksmith.engine.calls import as_predictor
from tracksmith.engine.conformance.basics import TOLERANCE, difference, digest
from tracksmith.engine.conformance.report import Verdict, fails, open_, passes
from tracksmith.engine.conformance.subject import CheckRequest, random_masks
from tracksmith.errors import PluginError, ResourceError
from tracksmith.genome.bases import N
from tracksmith.models.card import ModelCard, RegionGeometry
from tracksmith.models.contract import (
    FeatureRequest,
    FeatureSource,
    LoadRequest,
    Model,
    RegionBatch,
    WeightPaths,
)
from tracksmith.models.weights import describe, find_weights
from tracksmith.runs.planned import card_options

__all__ = ["REGION_CHECKS", "RegionSubject", "load_region_subject"]

REGIONS = 40
WIDTHS = (150, 600)


@dataclass(eq=False)
class RegionSubject:
    """A loaded region model with the features of some random regions.

    ``raw`` is what ``features`` gave, ``matrix`` and ``normalisers`` what
    ``normalise`` made of it with ``signal``.
    """

    card: ModelCard
    weights: WeightPaths
    source: FeatureSource
    network: Any
    batch: RegionBatch
    raw: NDArray[np.float32]
    signal: NDArray[np.float64]
    matrix: NDArray[np.float32]
    normalisers: dict[str, Any]

    @property
    def geometry(self) -> RegionGeometry:
        """The card's geometry."""
        if not isinstance(self.card.geometry, RegionGeometry):
            raise PluginError(f"{self.card.name} turns into a window model once it is loaded.")
        return self.card.geometry

    @torch.inference_mode()
    def predict(self, x: NDArray[np.float32]) -> Any:
        """Return what the network returns for ``(batch, regions, features)``."""
        return self.network(torch.from_numpy(np.ascontiguousarray(x)))

    def windows(self, count: int, length: int, seed: int) -> NDArray[np.float32]:
        """Return random windows of the regions, ``(count, length, features)``."""
        rows = np.random.default_rng(seed).integers(0, len(self.matrix), (count, length))
        return self.matrix[rows]


def load_region_subject(model: Model, request: CheckRequest) -> RegionSubject:
    """Open the features, find the weights and load the network.

    Raises
    ------
    ResourceError
        The weights or the inputs are not there.
    """
    if model.features is None:
        raise PluginError("A region model needs a features step: Model(..., features=...).")
    needed = [name for name in getattr(model.card.geometry, "inputs", ()) if name != "peaks"]
    if needed and not request.inputs:
        raise ResourceError(
            "No inputs are given, and without them there are no features: name the files with "
            f"--input NAME=PATH ({', '.join(needed)})."
        )
    if request.weights is not None and not request.weights.exists():
        raise ResourceError(f"The weights are not there: {request.weights} does not exist.")
    weights = find_weights(model, request.weights)
    card = describe(model, weights)
    options = card_options(card, request.options)
    source = model.features(FeatureRequest(dict(request.inputs), options))
    tracks = tuple(track.id for track in card.tracks)
    loaded = model.load(LoadRequest(weights, tracks, options, source.names))
    network = next(iter(as_predictor(loaded, tuple(weights)).networks.values()))
    if not isinstance(network, nn.Module):
        raise PluginError(f"load() returned {type(network).__name__}, not an nn.Module.")
    network.eval().requires_grad_(False)
    batch = _random_regions()
    raw = source.features(batch)
    signal = np.random.default_rng(43).integers(1, 500, REGIONS).astype(np.float64)
    matrix, normalisers = source.normalise(raw.copy(), signal, None)
    return RegionSubject(
        card, weights, source, network, batch, raw, signal, matrix, dict(normalisers)
    )


def _random_regions() -> RegionBatch:
    random = np.random.default_rng(41)
    widths = random.integers(*WIDTHS, REGIONS)
    starts = np.cumsum(widths + random.integers(0, 5_000, REGIONS)) - widths + 10_000
    sizes = zip(widths.tolist(), starts.tolist(), strict=True)
    bases = [random_masks((width,), start) for width, start in sizes]
    bases[3][:] = N
    bases[4][::7] = N
    return RegionBatch("chr1", starts, starts + widths, bases)


def _part(batch: RegionBatch, rows: Sequence[int]) -> RegionBatch:
    index = np.array(rows)
    bases = [batch.bases[row] for row in rows]
    return RegionBatch(batch.contig, batch.starts[index], batch.ends[index], bases)


def check_features(subject: RegionSubject) -> Verdict:
    """Features are one finite row a region, which depends on that region alone."""
    raw, names = subject.raw, subject.source.names
    if len(set(names)) != len(names) or not names:
        return fails("The features have no names, or one name twice.")
    if raw.ndim != 2 or len(raw) != REGIONS:
        return fails(f"features() returned {raw.shape} for {REGIONS} regions: one row each is due.")
    if raw.dtype != np.float32 or not np.isfinite(raw).all():
        return fails(f"features() returned {raw.dtype}, or values that are not finite.")
    halves = [list(range(0, REGIONS, 2)), list(range(1, REGIONS, 2))]
    for rows in (*halves, [5]):
        features = subject.source.features(_part(subject.batch, rows))
        if not np.allclose(features, raw[rows], rtol=1e-5, atol=1e-6):
            return fails(
                "A region's features change with the regions beside it: leave what depends on all "
                "of them to normalise()."
            )
    return passes(f"{raw.shape[1]} values a region, from that region alone, N included.")


def check_normalisers(subject: RegionSubject) -> Verdict:
    """What was normalised by is stored, and gives the same matrix again, also for fewer regions."""
    source, matrix = subject.source, subject.matrix
    wanted = (REGIONS, len(source.names))
    if matrix.shape != wanted or matrix.dtype != np.float32 or not np.isfinite(matrix).all():
        return fails(
            f"normalise() returned {matrix.dtype} {matrix.shape}; finite float32 {wanted} is due."
        )
    try:
        stored = json.loads(json.dumps(subject.normalisers, allow_nan=False))
    except (TypeError, ValueError) as error:
        return fails(f"The normalisers cannot be stored as JSON: {error}.")
    rows = np.arange(0, REGIONS, 3)
    fewer, _ = source.normalise(subject.raw[rows].copy(), subject.signal[rows], stored)
    if not np.allclose(fewer, matrix[rows], rtol=1e-5, atol=1e-6):
        return fails(
            "With the stored normalisers some of the regions get other features than among all: "
            "two runs could not be compared."
        )
    return passes(
        f"The stored normalisers ({', '.join(stored) or 'none'}) give the same features for fewer "
        "regions."
    )


def check_region_shape(subject: RegionSubject) -> Verdict:
    """The network returns float32 ``(batch, regions, tracks)`` for any number of regions."""
    context, tracks = subject.geometry.context, len(subject.card.tracks)
    for count, length in ((1, context), (2, context), (3, max(1, context // 3)), (1, 1)):
        values = subject.predict(subject.windows(count, length, 1))
        if not isinstance(values, Tensor) or tuple(values.shape) != (count, length, tracks):
            shape = tuple(getattr(values, "shape", ()))
            return fails(
                f"The network returned {shape} for {count} windows of {length} regions; the card "
                f"promises ({count}, {length}, {tracks}): batch, regions, tracks."
            )
        if values.dtype is not torch.float32 or not bool(torch.isfinite(values).all()):
            return fails(f"The network returned {values.dtype}, or values that are not finite.")
    return passes(f"float32 (batch, regions, {tracks} tracks), for {context} regions and fewer.")


def check_region_repeats(subject: RegionSubject) -> Verdict:
    """The same windows give the same values, and nothing is changed by asking."""
    x = torch.from_numpy(subject.windows(2, subject.geometry.context, 2))
    before, kept = digest(subject.network), x.clone()
    with torch.inference_mode():
        first, again = subject.network(x), subject.network(x)
    if not torch.equal(x, kept):
        return fails("The network changed its input tensor: work on a copy.")
    if not torch.equal(first, again):
        return fails(
            "The same windows gave other values the second time: something is random though the "
            "network is in evaluation mode. Is dropout left on?"
        )
    after = digest(subject.network)
    changed = [name for name in before if before[name] != after.get(name)]
    if changed:
        return fails(f"Predicting changed {len(changed)} tensors of the network: {changed[0]}.")
    return passes("The same windows give the same values; input and state are left as they were.")


def check_region_batch(subject: RegionSubject) -> Verdict:
    """A window's values depend neither on its neighbours in the batch nor on their order."""
    x = subject.windows(3, subject.geometry.context, 3)
    together = subject.predict(x).double().numpy()
    turned = subject.predict(x[::-1]).double().numpy()[::-1]
    alone = np.concatenate([subject.predict(row[None]).double().numpy() for row in x])
    worst = max(difference(turned, together), difference(alone, together))
    if not worst <= TOLERANCE:
        return fails(
            f"A window alone, or in another order, differs by {worst:.2g} of the largest value "
            "from the same window in a batch: something is shared along the batch."
        )
    return passes(f"Alone, in a batch and in another order: equal to {worst:.1g} of the largest.")


def check_region_order(subject: RegionSubject) -> Verdict:
    """Every region's value stays with its region when the window is reordered, if at all."""
    x = subject.windows(1, subject.geometry.context, 4)
    order = np.random.default_rng(5).permutation(subject.geometry.context)
    plain = subject.predict(x).double().numpy()
    moved = subject.predict(x[:, order]).double().numpy()
    if difference(moved, plain[:, order]) <= 10 * TOLERANCE:
        return passes("Values go with their regions: the network knows no order of regions.")
    return open_(
        "The order of regions matters to this network, so whether a value belongs to its own "
        "region cannot be told."
    )


REGION_CHECKS = {
    "shape": check_region_shape,
    "repeats": check_region_repeats,
    "batch": check_region_batch,
    "features": check_features,
    "normalisers": check_normalisers,
    "order": check_region_order,
}
