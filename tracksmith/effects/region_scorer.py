"""Effects of variants on a model over regions: what the new features of a region change.

A variant acts through the features of the region in which it lies, and from
there on every region of the window around that one; outside all regions it
does nothing. The features with an allele are made anew and normalised as those
of the run, unless the model's feature source says how they change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.records import Taken
from tracksmith.effects.region_scores import compute_of
from tracksmith.effects.scored import Scored
from tracksmith.effects.scores import Score
from tracksmith.effects.stretches import Alleles
from tracksmith.effects.units import Units
from tracksmith.effects.windows import Positions, splice
from tracksmith.errors import PluginError
from tracksmith.genome.allele_kinds import Reason
from tracksmith.models.card import ModelCard
from tracksmith.models.contract import RegionBatch
from tracksmith.regions.work import RegionWork, region_features

__all__ = ["RegionScorer", "region_units"]

PARTLY = "The allele changes bases on both sides of the end of a region that the model was given."

BLOCK = 64
"""Windows that are predicted together, those of reference and alternative alleles."""


def region_units(card: ModelCard) -> Units:
    """Return the tracks: logarithms of two strands are not added."""
    ids = tuple(track.id for track in card.tracks)
    return Units(ids, np.empty((0, 2), np.int64))


def _shared_ends(old: bytes, new: bytes) -> tuple[int, int]:
    """Return how many bases two alleles share at their left and right ends, right end first."""
    most = min(len(old), len(new))
    right = 0
    while right < most and old[-1 - right] == new[-1 - right]:
        right += 1
    left = 0
    while left < most - right and old[left] == new[left]:
        left += 1
    return left, right


@dataclass(frozen=True)
class _Window:
    """The regions around one peak: ``[first, last)`` of the run's, and the peak's place in it."""

    first: int
    last: int
    own: int

    @property
    def length(self) -> int:
        """Regions."""
        return self.last - self.first


class RegionScorer:
    """A loaded model over regions that compares alleles.

    Parameters
    ----------
    work
        The peaks, their features and the model.
    columns
        The tracks of the card that were asked for, by number.
    limit
        Longest allele, in bp.
    """

    def __init__(
        self, work: RegionWork, scores: Sequence[Score], columns: Positions, limit: int
    ) -> None:
        self.work = work
        self.scores = scores
        self._computes = [compute_of(work.planned.model, score.name) for score in scores]
        self.columns = columns
        self.limit = limit
        bounds = np.searchsorted(work.peaks.contig, np.arange(len(work.peaks.contigs) + 1))
        self._bounds = bounds.astype(np.int64)

    @cached_property
    def raw(self) -> NDArray[np.float32]:
        """The features of all regions, float32 ``(regions, features)``; made when first needed."""
        return region_features(self.work)

    @cached_property
    def _normalised(self) -> tuple[NDArray[np.float32], dict[str, Any]]:
        return self.work.normalise(self.raw)

    @property
    def matrix(self) -> NDArray[np.float32]:
        """What the network reads of all regions, float32 ``(regions, features)``."""
        return self._normalised[0]

    @property
    def normalisers(self) -> dict[str, Any]:
        """What the features of all regions were normalised by."""
        return self._normalised[1]

    @property
    def smallest_batch(self) -> int:
        """Windows of the smallest batch that was run."""
        return self.work.forward.batch.smallest

    def admit(self, taken: Taken) -> Taken:
        """Skip alleles outside the regions, and those that the feature source cannot tell."""
        partly = self._passes_an_end(taken.alleles)
        taken = taken.without(partly, Reason.OUTSIDE_PEAKS, PARTLY)
        outside = self._peak_of(taken.alleles) < 0
        taken = taken.without(outside, Reason.OUTSIDE_PEAKS, Reason.OUTSIDE_PEAKS.text)
        if not getattr(self.work.source, "substitutions_only", False):
            return taken
        lengths = np.array([len(bases) for bases in taken.alleles.alternative], np.int64)
        detail = f"{Reason.LENGTH_CHANGE.text} Look for an --option of the model that takes them."
        return taken.without(lengths != taken.alleles.length, Reason.LENGTH_CHANGE, detail)

    def _peak_of(self, alleles: Alleles) -> Positions:
        """Return the peak that holds the changed bases of each allele, -1 for none.

        Bases inserted at a peak's edge are in it; between two peaks that touch, in the first.
        """
        alleles = self._trimmed(alleles)
        peaks = self.work.peaks
        numbers = np.full(len(alleles), -1, np.int64)
        for contig in np.unique(alleles.contig).tolist():
            rows = np.flatnonzero(alleles.contig == contig)
            first, last = self._bounds[contig], self._bounds[contig + 1]
            starts, ends = peaks.starts[first:last], peaks.ends[first:last]
            position = alleles.position[rows]
            end = position + alleles.length[rows]
            number = np.searchsorted(starts, position, side="right") - 1
            touching = (alleles.length[rows] == 0) & (number > 0)
            number -= touching & (np.append(ends, -1)[number - 1] == position)
            inside = (number >= 0) & (end <= np.append(ends, -1)[number])
            numbers[rows[inside]] = first + number[inside]
        return numbers

    def _passes_an_end(self, alleles: Alleles) -> NDArray[np.bool_]:
        """Say which alleles change bases of a peak and bases outside it."""
        peaks = self.work.peaks
        outside = self._peak_of(alleles) < 0
        alleles = self._trimmed(alleles)
        for contig in np.unique(alleles.contig).tolist():
            rows = np.flatnonzero(alleles.contig == contig)
            first, last = self._bounds[contig], self._bounds[contig + 1]
            end = alleles.position[rows] + alleles.length[rows]
            begun = np.searchsorted(peaks.starts[first:last], end, side="left")
            ended = np.searchsorted(peaks.ends[first:last], alleles.position[rows], side="right")
            outside[rows] &= begun > ended
        return outside

    def _trimmed(self, alleles: Alleles) -> Alleles:
        """Return the alleles without the bases that reference and alternative share."""
        position, length = alleles.position.copy(), alleles.length.copy()
        alternative = list(alleles.alternative)
        for row, new in enumerate(alternative):
            start, size = int(position[row]), int(length[row])
            if size == len(new) == 1 or not size or not new:
                continue
            contig = self.work.peaks.contigs.names[int(alleles.contig[row])]
            old = self.work.genome.read(contig, start, start + size).tobytes()
            left, right = _shared_ends(old, new)
            position[row], length[row] = start + left, size - left - right
            alternative[row] = new[left : len(new) - right]
        return Alleles(alleles.contig, position, length, alternative)

    def score(self, alleles: Alleles, turned: NDArray[np.bool_] | None = None) -> Scored:
        """Score alleles, each inside a peak; those of one peak share its reference.

        All scores over regions are symmetric, so ``turned`` changes nothing here.
        """
        alleles = self._trimmed(alleles)
        tracks = len(self.columns)
        scored = Scored.empty(len(alleles), len(self.scores), tracks, spread=False)
        peak = self._peak_of(alleles)
        rows = self._new_rows(alleles, peak)
        for group in self._groups(peak):
            self._score_group(group, alleles, rows, scored)
        return scored

    def _groups(self, peak: Positions) -> Iterator[list[tuple[_Window, Positions]]]:
        """Yield windows and the alleles of their peaks, about a block of one length at a time."""
        group: list[tuple[_Window, Positions]] = []
        size = 0
        for number in np.unique(peak).tolist():
            window = self._window(number)
            mine = np.flatnonzero(peak == number)
            for first in range(0, len(mine), BLOCK):
                chosen = mine[first : first + BLOCK]
                full = size + len(chosen) >= BLOCK
                if group and (full or group[0][0].length != window.length):
                    yield group
                    group, size = [], 0
                group.append((window, chosen))
                size += 1 + len(chosen)
        if group:
            yield group

    def _score_group(
        self,
        group: list[tuple[_Window, Positions]],
        alleles: Alleles,
        rows: NDArray[np.float32],
        scored: Scored,
    ) -> None:
        """Predict the windows of several peaks together, each as it is and with every allele."""
        pieces = []
        for window, chosen in group:
            piece = np.repeat(
                self.matrix[None, window.first : window.last], 1 + len(chosen), axis=0
            )
            piece[1:, window.own] = rows[chosen]
            pieces.append(piece)
        values = self.work.forward.windows(np.concatenate(pieces))
        at = 0
        for window, chosen in group:
            last = at + 1 + len(chosen)
            self._refuse_unfinite(values[at:last], alleles, chosen)
            # What changes no feature changes nothing: last digits depend on the place in a batch.
            same = (rows[chosen] == self.matrix[window.first + window.own]).all(axis=1)
            values[at + 1 : last][same] = values[at]
            self._compare(values[at], values[at + 1 : last], window, chosen, scored)
            at = last

    def _refuse_unfinite(
        self, values: NDArray[np.float32], alleles: Alleles, chosen: Positions
    ) -> None:
        """Refuse NaN or infinity in the window of a reference (first) or of its alleles."""
        unfinite = np.argwhere(~np.isfinite(values))
        if not len(unfinite):
            return
        window, region, track = unfinite[0].tolist()
        row = int(chosen[max(window - 1, 0)])
        contig = self.work.peaks.contigs.names[int(alleles.contig[row])]
        raise PluginError(
            f"{self.work.card.name} returned {values[window, region, track]} for track "
            f"{self.work.card.tracks[track].id} around the variant at "
            f"{contig}:{int(alleles.position[row]) + 1}. Check the weights, the inputs and --dtype."
        )

    def _window(self, peak: int) -> _Window:
        """Return the context around a peak, the peak in its middle where the contig allows."""
        contig = int(self.work.peaks.contig[peak])
        low, high = int(self._bounds[contig]), int(self._bounds[contig + 1])
        context = self.work.forward.geometry.context
        first = max(low, min(peak - context // 2, high - context))
        return _Window(first, min(first + context, high), peak - first)

    def _new_rows(self, alleles: Alleles, peak: Positions) -> NDArray[np.float32]:
        """Return the row of the peak with every allele, float32 ``(alleles, features)``."""
        peaks = self.work.peaks
        raw = np.empty((len(alleles), self.raw.shape[1]), np.float32)
        for contig in np.unique(alleles.contig).tolist():
            rows = np.flatnonzero(alleles.contig == contig)
            name = peaks.contigs.names[contig]
            starts, ends = peaks.starts[peak[rows]], peaks.ends[peak[rows]]
            bases = [
                self._changed(name, alleles, row, start, end)
                for row, start, end in zip(
                    rows.tolist(), starts.tolist(), ends.tolist(), strict=True
                )
            ]
            raw[rows] = self.work.source.features(RegionBatch(name, starts, ends, bases))
        # decision: features-of-alleles (the plugin knows how a feature follows its sequence)
        offered = getattr(self.work.source, "allele_rows", None)
        changed = offered and offered(self.matrix[peak], self.raw[peak], raw)
        if changed is not None:
            rows_of: NDArray[np.float32] = changed
            return rows_of
        signal = None if peaks.signal is None else peaks.signal[peak]
        return self.work.source.normalise(raw, signal, self.normalisers)[0]

    def _changed(
        self, contig: str, alleles: Alleles, row: int, start: int, end: int
    ) -> NDArray[np.uint8]:
        """Return a peak's bases with one allele; its length changes with the allele's."""
        reference = self.work.genome.read(contig, start, end)
        new = np.frombuffer(alleles.alternative[row], dtype=np.uint8)
        length = int(alleles.length[row])
        at = int(alleles.position[row]) - start
        return splice(reference, at, length, new, len(reference) + len(new) - length)

    def _compare(
        self,
        reference: NDArray[np.float32],
        alternative: NDArray[np.float32],
        window: _Window,
        rows: Positions,
        scored: Scored,
    ) -> None:
        r = np.broadcast_to(reference[:, self.columns], alternative[..., self.columns].shape)
        a = alternative[..., self.columns]
        for number, compute in enumerate(self._computes):
            effect = compute(r, a, window.own)
            scored.value[rows, number] = effect.value
            scored.reference[rows, number] = effect.reference
            scored.alternative[rows, number] = effect.alternative
            if effect.region is not None:
                starts = self.work.peaks.starts
                scored.place[rows, number] = starts[window.first + effect.region]
