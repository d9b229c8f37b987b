"""From normalised alleles to scores: both alleles predicted, their bins matched, compared."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.allele_forward import AlleleForward, AlleleTracks
from tracksmith.effects.flags import EDGE, FILLS_BINS, REPEAT
from tracksmith.effects.matching import Bins, Closest, Indel, Match, closest, matches
from tracksmith.effects.records import Taken
from tracksmith.effects.scored import Scored
from tracksmith.effects.scores import Pairs, Score, ScoreValues
from tracksmith.effects.stretches import (
    Alleles,
    Bases,
    Block,
    blocks_of,
    edge_and_span,
    read_bases,
)
from tracksmith.effects.units import chosen_units, units_of
from tracksmith.effects.windows import Frame, Placement, Positions, frame_of, place
from tracksmith.genome.allele_kinds import Reason
from tracksmith.genome.readable import Readable
from tracksmith.runs.behind import Behind

if TYPE_CHECKING:
    from tracksmith.engine.forward import Forward

__all__ = ["Compared", "MatchedAllele", "Scorer"]

BLOCK_VALUES = 1 << 22
BLOCK_ALLELES = 128
GPU_BLOCK_ALLELES = 1024
"""A GPU gets more at a time: its calls cost as much for few windows as for many."""


@dataclass(frozen=True)
class Compared:
    """Corresponding bins of some alleles of a block, by their numbers in it.

    ``reference`` and ``alternative`` are float32 ``(sets, tracks, alleles,
    bins)``, ``place`` is the bin of the core where each is shown, int64
    ``(alleles, bins)`` or ``(1, bins)``. ``flags`` are those of the alleles, uint8.
    """

    alleles: Positions
    reference: NDArray[np.float32]
    alternative: NDArray[np.float32]
    place: Positions
    flags: NDArray[np.uint8]


@dataclass(frozen=True)
class MatchedAllele:
    """The bins of one allele that changes the length.

    ``taken`` are those of the closest of the ``matches``; ``place`` is the bin of the frame where
    each is shown, int64 (bins,).
    """

    matches: Sequence[Match]
    taken: Closest
    place: Positions
    flags: int


@dataclass
class Scorer:
    """A loaded model that compares alleles.

    ``folds`` maps a contig's number to the folds that predict it; ``wanted``
    names the tracks that are scored, None means all. With ``every_bin`` all
    bins of the core are compared, whatever the card says. ``max_allele`` is the longest allele in
    bp, None what the card says; the window may hold less: see ``limit``. With ``keep_folds`` the
    scores of every fold are kept as well, NaN for folds that a contig does not have.
    """

    forward: Forward
    genome: Readable
    scores: Sequence[Score]
    folds: Sequence[tuple[str, ...]]
    wanted: Collection[str] | None = None
    every_bin: bool = False
    max_allele: int | None = None
    keep_folds: bool = False
    placement: Placement = field(init=False)
    frame: Frame = field(init=False)

    def __post_init__(self) -> None:
        card = self.forward.card
        geometry = card.variant_geometry
        if card.variants.geometry is not None:
            self.forward = self.forward.over(geometry)
        ways = self.forward.orientations
        self.card = card
        self._every = units_of(card, self.scores)
        wanted_ids = self._every.names if self.wanted is None else self.wanted
        self.units, self._columns = chosen_units(card, wanted_ids, self.scores)
        window = geometry.window
        wanted = card.variants.position
        offset = window // 2 if wanted is None else wanted
        longest = card.variants.max_allele if self.max_allele is None else self.max_allele
        self.placement = place(window, offset, [way.delta for way in ways], longest)
        self.frame = frame_of(card, [way.moved_bins for way in ways], every_bin=self.every_bin)
        self.core_offset = geometry.core_start - offset
        """Start of the core minus position of the variant, bp."""
        self._model = AlleleForward(self.forward, self.placement, self.frame, self.genome.contigs)

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

        Every allele must be in its normal form, at most ``limit`` bp long, and lie on a
        contig for which there is a fold. Scores that are not symmetric compare
        the ``turned`` alleles, bool (alleles,), the other way round.
        """
        turned = np.zeros(len(alleles), np.bool_) if turned is None else turned
        spread = self.forward.options.spread
        scored = Scored.empty(len(alleles), len(self.scores), len(self.units), spread=spread)
        if self.keep_folds:
            most = max(map(len, self.folds), default=0)
            scored.each = np.full((most, *scored.value.shape), np.nan, np.float32)
        with Behind(in_thread=self._on_gpu) as behind:
            for block in self.blocks(alleles, self._most):
                bases = self.read(block)
                tracks = self.predict(block, bases)
                behind.run(partial(self._score_block, block, bases, tracks, scored, turned))
        return scored

    def _score_block(
        self,
        block: Block,
        bases: Bases,
        tracks: AlleleTracks,
        scored: Scored,
        turned: NDArray[np.bool_],
    ) -> None:
        """Put the scores of a block where they belong."""
        site = block.site_of_allele[block.allele_of_row]
        scored.unknown[block.rows] = bases.unknown[site]
        edge = np.where(bases.edge[block.allele_of_row], EDGE, 0)
        scored.flags[block.rows] = edge.astype(np.uint8)
        for compared in self.compare(tracks, block, bases):
            self._write(compared, block, scored, turned)

    @property
    def _on_gpu(self) -> bool:
        return self.forward.device.type == "cuda"

    def blocks(self, alleles: Alleles, most: Callable[[int], int]) -> Iterator[Block]:
        """Yield blocks of alleles that are predicted together, ``most(margin)`` of them."""
        size = 1 if self.frame.whole else self.frame.size
        apart = self.forward.offers_alleles
        return blocks_of(alleles, self.folds, most, apart=apart, bin_size=size)

    def _most(self, margin: int) -> int:
        first, last = self.frame.taken(margin)
        values = len(self.card.tracks) * (last - first)
        alleles = GPU_BLOCK_ALLELES if self._on_gpu else BLOCK_ALLELES
        return max(1, min(alleles, BLOCK_VALUES // values))

    def read(self, block: Block) -> Bases:
        """Read the bases of a block, in as many registers as the bins of the model need."""
        wide = self.frame.size > 1 and not self.frame.whole
        return read_bases(self.genome, block, self.placement, both_registers=wide)

    def predict(self, block: Block, bases: Bases) -> AlleleTracks:
        """Predict both alleles of a block, averaged over folds, strands and shifts."""
        return self._model.predict(block, bases)

    def compare(self, tracks: AlleleTracks, block: Block, bases: Bases) -> Iterator[Compared]:
        """Yield the corresponding bins: of alleles that keep the length, then of the others.

        Those that are yielded together have as many bins, so that nothing stands for no bin.
        """
        change = block.change
        plain = np.ones(len(change), np.bool_) if self.frame.whole else change == 0
        if plain.any():
            yield self._by_number(tracks, np.flatnonzero(plain), bases, block)
        by_width: dict[int, list[tuple[int, MatchedAllele]]] = {}
        for allele in np.flatnonzero(~plain).tolist():
            match = self.matched(tracks, block, bases, allele)
            by_width.setdefault(len(match.place), []).append((allele, match))
        for matched in by_width.values():
            yield self._by_match(matched)

    def _by_number(
        self, tracks: AlleleTracks, chosen: Positions, bases: Bases, block: Block
    ) -> Compared:
        first, last = (bin_number - tracks.first for bin_number in self.frame.scored)
        every = len(chosen) == tracks.alternative.shape[2]
        reference, alternative = (
            (values if every else values[:, :, chosen])[..., first:last]
            for values in (tracks.reference, tracks.alternative)
        )
        place = np.arange(*self.frame.scored, dtype=np.int64)[None] + self.frame.first
        flags = np.zeros(len(chosen), np.uint8)
        for row in np.flatnonzero(block.change[chosen]):  # of a model with one value a window
            _, span = edge_and_span(bases, block, self.placement, int(chosen[row]))
            flags[row] = REPEAT if span else 0
        return Compared(chosen, reference, alternative, place, flags)

    def _by_match(self, matched: list[tuple[int, MatchedAllele]]) -> Compared:
        """Put together insertions and deletions that have as many bins."""
        alleles = np.array([allele for allele, _ in matched], np.int64)
        matched_alleles = [match for _, match in matched]
        return Compared(
            alleles,
            np.stack([match.taken.reference for match in matched_alleles], axis=2),
            np.stack([match.taken.alternative for match in matched_alleles], axis=2),
            np.stack([match.place for match in matched_alleles]) + self.frame.first,
            np.array([match.flags for match in matched_alleles], np.uint8),
        )

    def matched(
        self, tracks: AlleleTracks, block: Block, bases: Bases, allele: int
    ) -> MatchedAllele:
        """Match the bins of one allele that changes the length."""
        low, size = tracks.first, self.frame.size
        first, last = self.frame.scored
        kept, span = edge_and_span(bases, block, self.placement, allele)
        edge = kept - self.core_offset - (self.frame.first + low) * size
        bins = Bins(tracks.reference.shape[3], size, (first - low, last - low))
        indel = Indel(edge, span, int(block.change[allele]))
        candidates, place = matches(bins, indel)
        alternative = tracks.alternative[:, :, allele]
        if bins.registers > 1:
            right = tracks.right[:, :, int(np.searchsorted(tracks.moved, allele))]
            alternative = np.concatenate([alternative, right], axis=2)
        filled = indel.change >= size > 1 and any(match.inserted.any() for match in candidates)
        flags = (REPEAT if span else 0) | (FILLS_BINS if filled else 0)
        taken = closest(tracks.reference[:, :, allele], alternative, candidates)
        return MatchedAllele(candidates, taken, place + low, flags)

    def _write(
        self, compared: Compared, block: Block, scored: Scored, turned: NDArray[np.bool_]
    ) -> None:
        """Compute all scores of some alleles of a block and put them where they belong."""
        rank = np.full(len(block.alternative), -1, np.int64)
        rank[compared.alleles] = np.arange(len(compared.alleles))
        mine = rank[block.allele_of_row]
        here = mine >= 0
        rows, mine = block.rows[here], mine[here]
        scored.flags[rows] |= compared.flags[mine]
        site = block.site_of_allele[block.allele_of_row[here]]
        core = block.position[site] + self.core_offset
        pairs = self._pairs(compared, block)
        for number, score in enumerate(self.scores):
            self._put(score.compute(pairs), number, (rows, mine, core), scored)
            if not score.symmetric and (again := np.flatnonzero(turned[rows])).size:
                few = (rows[again], mine[again], core[again])
                self._put(score.compute(pairs.exchanged()), number, few, scored)

    def _put(
        self,
        values: ScoreValues,
        number: int,
        which: tuple[Positions, Positions, Positions],
        scored: Scored,
    ) -> None:
        """Store a score of some rows, its spread over folds, and what it was made of.

        ``which`` are the rows, their alleles among those compared, and where their cores start.
        """
        rows, alleles, core = which
        own = np.array(self.units.of(self.scores[number]), np.int64)
        cells = np.ix_(np.array(self._columns, np.int64)[own], alleles)
        target = (rows[:, None], number, own[None])
        scored.value[target] = values.value[0][cells].T
        if scored.spread is not None and len(values.value) > 2:
            scored.spread[target] = values.value[1:].std(axis=0, ddof=1)[cells].T
            if scored.each is not None:
                for fold, each in enumerate(values.value[1:]):
                    scored.each[fold][target] = each[cells].T
        if values.reference is not None and values.alternative is not None:
            scored.reference[target] = values.reference[0][cells].T
            scored.alternative[target] = values.alternative[0][cells].T
        if values.place is not None:
            place = values.place[0][cells].T + core[:, None]
            known = ~np.isnan(scored.value[target]) & ~np.isnan(place)
            # A bin may begin before the contig.
            scored.place[target] = np.where(known, np.maximum(np.nan_to_num(place), 0), -1)

    def _pairs(self, compared: Compared, block: Block) -> Pairs:
        first, last = self.frame.scored
        size = self.frame.size
        pairs = Pairs(
            compared.reference, compared.alternative, compared.place * size, self._every,
            self.card, bin_size=size, scored=last - first,
        )  # fmt: skip
        pairs.outside = self._outside(pairs, block, compared.alleles)
        return pairs

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
