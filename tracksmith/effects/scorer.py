"""From normalised alleles to scores: windows cut, batches filled across variants, bins matched."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tracksmith.effects.records import Taken
from tracksmith.effects.scored import Scored
from tracksmith.effects.scores import Pairs, Score, ScoreValues, chosen_units, units_of
from tracksmith.effects.stretches import Alleles, Bases, Block, blocks_of, read_bases
from tracksmith.effects.windows import (
    Frame,
    Matched,
    Placement,
    Positions,
    frame_of,
    match_bins,
    place,
)
from tracksmith.engine.forward import Forward
from tracksmith.engine.tiling import Orientation
from tracksmith.errors import PluginError, TracksmithError
from tracksmith.genome.alleles import Reason
from tracksmith.genome.bases import Masks
from tracksmith.genome.fasta import Genome
from tracksmith.runs.device import MEMORY_ERRORS, is_out_of_memory

__all__ = ["AlleleTracks", "Scorer"]

log = logging.getLogger(__name__)
Values: TypeAlias = NDArray[np.float32]

BLOCK_VALUES = 1 << 22
BLOCK_ALLELES = 128


@dataclass(frozen=True)
class AlleleTracks:
    """Predictions of both alleles on the bins of the frame, before they are matched.

    float32 ``(sets, tracks, variants, bins)``: the mean over folds, then, with
    spread, every fold. Minus strands are not negated.
    """

    reference: NDArray[np.float32]
    alternative: NDArray[np.float32]


@dataclass
class Scorer:
    """A loaded model that compares alleles.

    ``folds`` maps a contig's number to the folds that predict it; ``wanted``
    names the tracks that are scored, None means all. With ``every_bin`` all
    bins of the core are compared, whatever the card says.
    """

    forward: Forward
    genome: Genome
    scores: Sequence[Score]
    folds: Sequence[tuple[str, ...]]
    wanted: Collection[str] | None = None
    every_bin: bool = False
    placement: Placement = field(init=False)
    frame: Frame = field(init=False)

    def __post_init__(self) -> None:
        card = self.forward.card
        ways = self.forward.orientations
        self.card = card
        self._every = units_of(card)
        wanted_ids = self._every.names if self.wanted is None else self.wanted
        self.units, self._columns = chosen_units(card, wanted_ids)
        window = card.window_geometry.window
        wanted = card.variants.position
        offset = window // 2 if wanted is None else wanted
        self.placement = place(
            window, offset, [way.delta for way in ways], card.variants.max_allele
        )
        self.frame = frame_of(card, [way.moved_bins for way in ways], self.every_bin)
        self.core_offset = card.window_geometry.core_start - offset
        """Start of the core minus position of the variant, bp."""
        values = len(card.tracks) * self.frame.bins
        self.block = max(1, min(BLOCK_ALLELES, BLOCK_VALUES // values))

    @property
    def limit(self) -> int:
        """Longest allele, in bp."""
        return self.placement.limit

    @property
    def smallest_batch(self) -> int:
        """Windows of the smallest batch that was run."""
        return self.forward.batch.smallest

    def admit(self, taken: Taken) -> Taken:
        """Skip alleles on contigs that no fold may predict."""
        blind = np.array([not folds for folds in self.folds], np.bool_)
        return taken.without(blind[taken.alleles.contig], Reason.NO_FOLD, Reason.NO_FOLD.text)

    def score(self, alleles: Alleles, turned: NDArray[np.bool_] | None = None) -> Scored:
        """Score alleles; those of one site, and equal ones, share their predictions.

        Every allele must be at most ``placement.limit`` bp long and lie on a
        contig for which there is a fold. Scores that are not symmetric compare
        the ``turned`` alleles, bool (alleles,), the other way round.
        """
        turned = np.zeros(len(alleles), np.bool_) if turned is None else turned
        spread = self.forward.options.spread
        found = Scored.empty(len(alleles), len(self.scores), len(self.units), spread)
        apart = self.forward.offers_alleles
        for block in blocks_of(alleles, self.folds, self.block, apart):
            bases = read_bases(self.genome, block, self.placement)
            site = block.site_of_allele[block.allele_of_row]
            found.unknown[block.rows] = bases.unknown[site]
            found.edge[block.rows] = bases.edge[block.allele_of_row]
            self._compare(self.predict(block, bases), block, found, turned)
        return found

    def predict(self, block: Block, bases: Bases) -> AlleleTracks:
        """Predict both alleles of a block, averaged over folds, strands and shifts."""
        pairs = block.substitutions and self.forward.offers_alleles
        site_of_allele, one_each = block.site_of_allele, block.one_allele_a_site
        reference = bases.reference
        if pairs and not one_each:
            reference = reference[site_of_allele]
        masks = np.concatenate([reference, bases.alternative])
        values = self._room(len(masks), block)
        predict_way = self._pairs if pairs else self._windows
        for number, way in enumerate(self.forward.orientations):
            start = self.placement.start(way.delta)
            windows = masks[:, start : start + self.placement.window]
            predict_way(values, windows, way, block, bases.plain, number > 0)
        if len(self.forward.orientations) > 1:
            values /= np.float32(len(self.forward.orientations))
        self._refuse_unfinite(values, block)
        first, second = values[:, :, : len(reference)], values[:, :, len(reference) :]
        return AlleleTracks(first if pairs or one_each else first[:, :, site_of_allele], second)

    def _windows(
        self, values: Values, masks: Masks, way: Orientation, block: Block, plain: bool, add: bool
    ) -> None:
        """Predict windows one by one; ``add`` to what stands in ``values``."""
        kept = self._kept(way)

        def forward(first: int, last: int) -> None:
            found = self.forward.windows(masks[first:last], way.reverse, block.folds, plain)
            _put_tracks(values[:, :, first:last], found[..., kept], add)

        self._run(forward, len(masks), block)

    def _pairs(
        self, values: Values, masks: Masks, way: Orientation, block: Block, plain: bool, add: bool
    ) -> None:
        """Predict pairs by the plugin's shortcut: references, then as many alternatives."""
        pairs, kept = len(masks) // 2, self._kept(way)
        reference, alternative = masks[:pairs], masks[pairs:]
        start = self.placement.offset - way.delta
        changed = (start, start + int(block.length.max()))

        def forward(first: int, last: int) -> None:
            own, other = reference[first:last], alternative[first:last]
            found = self.forward.alleles(own, other, changed, way.reverse, block.folds, plain)
            for skip, tracks in zip((0, pairs), found, strict=True):
                _put_tracks(values[:, :, skip + first : skip + last], tracks[..., kept], add)

        self._run(forward, pairs, block)

    def _kept(self, way: Orientation) -> slice:
        if self.card.window_geometry.whole_window:
            return slice(0, 1)
        return slice(self.frame.first - way.moved_bins, self.frame.last - way.moved_bins)

    def _room(self, windows: int, block: Block) -> NDArray[np.float32]:
        sets = 1 + len(block.folds) if self.forward.options.spread else 1
        return np.empty((sets, len(self.card.tracks), windows, self.frame.bins), np.float32)

    def _run(self, forward: Callable[[int, int], None], windows: int, block: Block) -> None:
        """Fill batches; a plugin that raises gets a second try before it fails."""

        def twice(first: int, last: int) -> None:
            try:
                forward(first, last)
            except (TracksmithError, *MEMORY_ERRORS):
                raise
            except Exception as error:
                if is_out_of_memory(error):
                    raise
                log.warning("%s raised %r; trying once more", self.card.name, error)
                self._again(forward, first, last, block)

        self.forward.in_batches(twice, windows)

    def _again(
        self, forward: Callable[[int, int], None], first: int, last: int, block: Block
    ) -> None:
        try:
            forward(first, last)
        except (TracksmithError, *MEMORY_ERRORS):
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise PluginError(
                f"{self.card.name} raised {type(error).__name__}: {error}\nIt happened on "
                f"{last - first} windows of variants, the first variant at {self._name(block, 0)}."
            ) from error

    def _name(self, block: Block, site: int) -> str:
        name = self.genome.contigs.names[int(block.contig[site])]
        return f"{name}:{int(block.position[site]) + 1}"

    def _refuse_unfinite(self, values: Values, block: Block) -> None:
        # One NaN or inf makes the sum NaN or inf, and a sum is quicker to look at.
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(values.sum()):
                return
        unfinite = np.argwhere(~np.isfinite(values))
        if not len(unfinite):
            return
        where, track, row, _ = unfinite[0].tolist()
        bad = values[where, track, row]
        alleles = len(block.site_of_allele)
        references = np.arange(len(block.position))
        if values.shape[2] == 2 * alleles:
            references = block.site_of_allele
        site = int(np.concatenate([references, block.site_of_allele])[row])
        raise PluginError(
            f"{self.card.name} returned {bad[~np.isfinite(bad)][0]} for track "
            f"{self.card.tracks[track].id} around the variant at "
            f"{self._name(block, site)}. Check the weights and --dtype."
        )

    def _compare(
        self, tracks: AlleleTracks, block: Block, found: Scored, turned: NDArray[np.bool_]
    ) -> None:
        """Score the alleles of a block and put the results where they were asked for."""
        change = block.change
        plain = (change == 0) if self.frame.by_base else np.ones(len(change), np.bool_)
        for chosen, pairs in (
            (np.flatnonzero(plain), self._by_number),
            (np.flatnonzero(~plain), self._by_base),
        ):
            if len(chosen):
                self._write(pairs(tracks, block, chosen), block, chosen, found, turned)

    def _by_number(self, tracks: AlleleTracks, block: Block, chosen: Positions) -> Pairs:
        first, last = self.frame.scored
        size = self.card.window_geometry.bin
        every = len(chosen) == tracks.alternative.shape[2]
        reference, alternative = (
            (values if every else values[:, :, chosen])[..., first:last]
            for values in (tracks.reference, tracks.alternative)
        )
        place = (np.arange(first, last, dtype=np.int64) + self.frame.first) * size
        return Pairs(
            reference, alternative, place[None], size, self._every, self.card, last - first
        )

    def _by_base(self, tracks: AlleleTracks, block: Block, chosen: Positions) -> Pairs:
        """Match the bins of insertions and deletions."""
        matches = [self.matched(block, int(allele)) for allele in chosen]
        width = max(1, *(len(match.place) for match in matches))
        shape = (*tracks.reference.shape[:2], len(chosen), width)
        reference, alternative = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        place = np.zeros((len(chosen), width), np.int64)
        for row, (allele, match) in enumerate(zip(chosen.tolist(), matches, strict=True)):
            place[row, : len(match.place)] = match.place + self.frame.first
            for values, source, bins in (
                (reference, tracks.reference, match.reference),
                (alternative, tracks.alternative, match.alternative),
            ):
                there = np.flatnonzero(bins >= 0)
                values[:, :, row, there] = source[:, :, allele, bins[there]]
        first, last = self.frame.scored
        return Pairs(reference, alternative, place, 1, self._every, self.card, last - first)

    def matched(self, block: Block, allele: int) -> Matched:
        """Return which bins of the frame correspond for one allele."""
        replaced, new = int(block.length[allele]), len(block.alternative[allele])
        kept = 0 if self._kept_behind(block, allele) else min(replaced, new)
        edge = kept - self.core_offset - self.frame.first
        return match_bins(self.frame.bins, edge, new - replaced, self.frame.scored)

    def _kept_behind(self, block: Block, allele: int) -> bool:
        """Whether the one base that both alleles share lies behind: at a contig's start."""
        site, new = block.site_of_allele[allele], block.alternative[allele]
        replaced = int(block.length[allele])
        if block.position[site] or min(replaced, len(new)) != 1:
            return False
        name = self.genome.contigs.names[int(block.contig[site])]
        old = self.genome.read(name, 0, replaced)
        return bool(old[0] != new[0] and old[-1] == new[-1])

    def _write(
        self,
        pairs: Pairs,
        block: Block,
        chosen: Positions,
        found: Scored,
        turned: NDArray[np.bool_],
    ) -> None:
        """Compute all scores of some alleles of a block."""
        rank = np.full(len(block.alternative), -1, np.int64)
        rank[chosen] = np.arange(len(chosen))
        mine = rank[block.allele_of_row]
        here = mine >= 0
        rows, mine = block.rows[here], mine[here]
        site = block.site_of_allele[block.allele_of_row[here]]
        core = block.position[site] + self.core_offset
        cells = np.ix_(np.array(self._columns, np.int64), mine)
        pairs.outside = self._outside(pairs, block, chosen)
        for number, score in enumerate(self.scores):
            values = score.compute(pairs)
            self._put_value(values, number, rows, cells, found)
            if not score.symmetric and (again := np.flatnonzero(turned[rows])).size:
                other = score.compute(pairs.exchanged())
                few = np.ix_(np.array(self._columns, np.int64), mine[again])
                self._put_value(other, number, rows[again], few, found)
            if values.reference is not None and values.alternative is not None:
                _put(found.reference, rows, number, values.reference[0][cells])
                _put(found.alternative, rows, number, values.alternative[0][cells])
            if values.place is not None:
                place = values.place[0][cells].astype(np.int64) + core
                place = np.maximum(place, 0)  # a bin may begin before the contig
                found.place[rows, number] = np.where(
                    np.isnan(found.value[rows, number]), -1, place.T
                )

    @staticmethod
    def _put_value(
        values: ScoreValues, number: int, rows: Positions, cells: Any, found: Scored
    ) -> None:
        """Store a score of some rows and its spread over folds."""
        _put(found.value, rows, number, values.value[0][cells])
        if found.spread is not None and len(values.value) > 2:
            spread = values.value[1:].std(axis=0, ddof=1)
            _put(found.spread, rows, number, spread[cells])

    def _outside(self, pairs: Pairs, block: Block, chosen: Positions) -> NDArray[np.bool_] | None:
        """Return which bins of some alleles lie wholly beyond their contig."""
        site = block.site_of_allele[chosen]
        core = block.position[site] + self.core_offset
        length = self.genome.contigs.lengths[block.contig[site]]
        size, first, last = pairs.bin_size, int(pairs.place.min()), int(pairs.place.max())
        if (core + first + size > 0).all() and (core + last < length).all():
            return None
        start = pairs.place + core[:, None]
        outside: NDArray[np.bool_] = (start + size <= 0) | (start >= length[:, None])
        return outside if outside.any() else None


def _put_tracks(target: Values, found: Tensor, add: bool) -> None:
    tracks = found.cpu().numpy()
    if add:
        target += tracks
    else:
        target[...] = tracks


def _put(target: NDArray[np.float32], rows: Positions, score: int, values: NDArray[Any]) -> None:
    """Store ``(units, alleles)`` as the score of some alleles."""
    target[rows, score] = values.T
