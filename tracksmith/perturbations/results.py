"""What a run of perturbations found, readout by readout, from its parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracksmith.perturbations.model import ModelPlan
from tracksmith.perturbations.pairs import REFERENCE, Pair
from tracksmith.runs.parts import PartStore

__all__ = ["ModelResults", "ReadoutResults"]

Values = NDArray[np.float64]
Bins = NDArray[np.float32]


class ReadoutResults(NamedTuple):
    """What a model says of one readout.

    ``pairs`` are all pairs, ``scored`` the numbers of those with a value. ``reference`` is float64
    ``(tracks,)``; ``mean`` and ``sd`` over seeds are ``(scored, tracks)``, ``sd`` NaN where
    there is one sequence. ``bins`` are float32 ``(tracks, bins)`` of the reference and of edits
    that get tracks, by number; several seeds are averaged.
    """

    number: int
    pairs: list[Pair]
    scored: list[int]
    reference: Values
    mean: Values
    sd: Values
    bins: dict[int, Bins]

    @property
    def effect(self) -> Values:
        """With the edit minus without it, float64 ``(scored, tracks)``."""
        return self.mean - self.reference


@dataclass(frozen=True)
class ModelResults:
    """The results of one model; memory holds those of one readout at a time."""

    plan: ModelPlan
    store: PartStore

    def readouts(self) -> Iterator[ReadoutResults]:
        """Yield the results of every readout, in the order of the genome."""
        stage = self.plan.number
        values = (data for _, data in self.store.pieces(stage, 0))
        bins = (data for _, data in self.store.pieces(stage, 1))
        for number in range(len(self.plan.inputs.readouts)):
            yield self._one(number, values, bins)

    def _one(self, number: int, values: Iterator[bytes], bins: Iterator[bytes]) -> ReadoutResults:
        tracks = len(self.plan.rows)
        pairs = list(self.plan.pairs.of_readout(number))
        scored = [at for at, pair in enumerate(pairs) if not pair.why]
        if not scored:
            empty = np.empty((0, tracks))
            return ReadoutResults(number, pairs, [], np.full(tracks, np.nan), empty, empty, {})
        seeds = [self.plan.inputs.edits[pairs[at].edit].seeds for at in scored]
        every = np.stack([np.frombuffer(raw) for raw in islice(values, 1 + sum(seeds))])
        ends = np.cumsum([1, *seeds])
        own = [every[first:last] for first, last in pairwise(ends)]
        mean = np.stack([rows[0] if len(rows) == 1 else rows.mean(axis=0) for rows in own])
        sd = np.stack(
            [np.full(tracks, np.nan) if len(rows) < 2 else rows.std(axis=0, ddof=1) for rows in own]
        )
        numbers = [REFERENCE, *(pairs[at].edit for at in scored)]
        drawn = self._bins(numbers, [1, *seeds], bins)
        return ReadoutResults(number, pairs, scored, every[0], mean, sd, drawn)

    def _bins(self, numbers: list[int], seeds: list[int], bins: Iterator[bytes]) -> dict[int, Bins]:
        """Return the bins of whole windows, of the edits that get tracks."""
        drawn = {}
        for number, count in zip(numbers, seeds, strict=True):
            raws = list(islice(bins, count))
            wanted = number in self.plan.drawn or number == REFERENCE
            if wanted and all(raws):
                rows = [np.frombuffer(raw, np.float32) for raw in raws]
                mean = rows[0] if count == 1 else np.mean(rows, axis=0, dtype=np.float64)
                drawn[number] = mean.astype(np.float32).reshape(len(self.plan.rows), -1)
        return drawn
