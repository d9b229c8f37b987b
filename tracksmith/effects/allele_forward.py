"""Both alleles of variants predicted: windows cut, batches filled across variants."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.stretches import Bases, Block
from tracksmith.effects.windows import Frame, Placement, Positions
from tracksmith.engine.tiling import Orientation
from tracksmith.errors import PluginError, TracksmithError
from tracksmith.genome.bases import Masks
from tracksmith.genome.contigs import Contigs
from tracksmith.runs.failures import is_of_device

if TYPE_CHECKING:
    from torch import Tensor

    from tracksmith.engine.forward import Forward

__all__ = ["AlleleForward", "AlleleTracks"]

log = logging.getLogger(__name__)
Values = NDArray[np.float32]


@dataclass(frozen=True)
class AlleleTracks:
    """Predictions of both alleles, before their bins are matched.

    float32 ``(sets, tracks, alleles, bins)``: the mean over folds, then, with
    spread, every fold. Minus strands are not negated. ``right`` is the right register of the
    alleles ``moved``. The bins are those of the frame from ``first`` on.
    """

    reference: Values
    alternative: Values
    moved: Positions
    right: Values
    first: int


@dataclass(frozen=True)
class AlleleForward:
    """A loaded model that predicts both alleles of variants on the bins of a frame."""

    forward: Forward
    placement: Placement
    frame: Frame
    contigs: Contigs

    def predict(self, block: Block, bases: Bases) -> AlleleTracks:
        """Predict both alleles of a block, averaged over folds, strands and shifts."""
        pairs = block.substitutions and self.forward.offers_alleles
        site_of_allele, one_each = block.site_of_allele, block.one_allele_a_site
        reference = bases.reference
        if pairs and not one_each:
            reference = reference[site_of_allele]
        masks = np.concatenate([reference, bases.alternative, bases.right])
        taken = self.frame.taken(block.margin)
        values = self._room(len(masks), block, taken)
        predict_way = self._pairs if pairs else self._windows
        for number, way in enumerate(self.forward.orientations):
            start = self.placement.start(way.delta)
            windows = masks[:, start : start + self.placement.window]
            kept = self._kept(way, taken)
            predict_way(_Target(values, number > 0), windows, (way, kept), block, plain=bases.plain)
        if len(self.forward.orientations) > 1:
            values /= np.float32(len(self.forward.orientations))
        self._refuse_unfinite(values, block, bases, len(reference))
        ends = np.cumsum([len(reference), len(bases.alternative)]).tolist()
        own, other, right = np.split(values, ends, axis=2)
        own = own if pairs or one_each else own[:, :, site_of_allele]
        return AlleleTracks(own, other, bases.moved, right, taken[0])

    def _windows(
        self,
        target: _Target,
        masks: Masks,
        way: tuple[Orientation, slice],
        block: Block,
        *,
        plain: bool,
    ) -> None:
        """Predict windows one by one."""

        def forward(first: int, last: int) -> None:
            outputs = self.forward.windows(
                masks[first:last], block.folds, reverse=way[0].reverse, plain=plain
            )
            target.put(first, last, outputs[..., way[1]])

        self._run(forward, len(masks), block)

    def _pairs(
        self,
        target: _Target,
        masks: Masks,
        way: tuple[Orientation, slice],
        block: Block,
        *,
        plain: bool,
    ) -> None:
        """Predict pairs by the plugin's shortcut: references, then as many alternatives."""
        pairs = len(masks) // 2
        reference, alternative = masks[:pairs], masks[pairs:]
        start = self.placement.offset - way[0].delta
        changed = (start, start + int(block.length.max()))

        def forward(first: int, last: int) -> None:
            own, other = reference[first:last], alternative[first:last]
            outputs = self.forward.alleles(
                own, other, changed, block.folds, reverse=way[0].reverse, plain=plain
            )
            for skip, tracks in zip((0, pairs), outputs, strict=True):
                target.put(skip + first, skip + last, tracks[..., way[1]])

        self._run(forward, pairs, block)

    def _kept(self, way: Orientation, taken: tuple[int, int]) -> slice:
        if self.frame.whole:
            return slice(0, 1)
        first = self.frame.first - way.moved_bins
        return slice(first + taken[0], first + taken[1])

    def _room(self, windows: int, block: Block, taken: tuple[int, int]) -> Values:
        sets = 1 + len(block.folds) if self.forward.options.spread else 1
        tracks = len(self.forward.card.tracks)
        return np.empty((sets, tracks, windows, taken[1] - taken[0]), np.float32)

    def _run(self, forward: Callable[[int, int], None], windows: int, block: Block) -> None:
        """Fill batches; a plugin that raises gets a second try before it fails."""

        def twice(first: int, last: int) -> None:
            try:
                forward(first, last)
            except TracksmithError:
                raise
            except (Exception, SystemExit) as error:
                if is_of_device(error):
                    raise
                log.warning("%s raised %r; trying once more", self.forward.card.name, error)
                self._again(forward, first, last, block)

        self.forward.in_batches(twice, windows)

    def _again(
        self, forward: Callable[[int, int], None], first: int, last: int, block: Block
    ) -> None:
        try:
            forward(first, last)
        except TracksmithError:
            raise
        except (Exception, SystemExit) as error:
            if is_of_device(error):
                raise
            raise PluginError(
                f"{self.forward.card.name} raised {type(error).__name__}: {error}\nIt happened on "
                f"{last - first} windows of variants, the first variant at {self._name(block, 0)}."
            ) from error

    def _name(self, block: Block, site: int) -> str:
        name = self.contigs.names[int(block.contig[site])]
        return f"{name}:{int(block.position[site]) + 1}"

    def _refuse_unfinite(self, values: Values, block: Block, bases: Bases, references: int) -> None:
        # One NaN or inf makes the sum NaN or inf, and a sum is quicker to look at.
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(values.sum()):
                return
        unfinite = np.argwhere(~np.isfinite(values))
        if not len(unfinite):
            return
        where, track, row, _ = unfinite[0].tolist()
        bad = values[where, track, row]
        sites = block.site_of_allele
        own = sites if references == len(sites) else np.arange(references)
        site = int(np.concatenate([own, sites, sites[bases.moved]])[row])
        card = self.forward.card
        raise PluginError(
            f"{card.name} returned {bad[~np.isfinite(bad)][0]} for track "
            f"{card.tracks[track].id} around the variant at "
            f"{self._name(block, site)}. Check the weights and --dtype."
        )


@dataclass(frozen=True)
class _Target:
    """Where predictions go, float32 ``(sets, tracks, windows, bins)``; ``add`` to what is there."""

    values: Values
    add: bool

    def put(self, first: int, last: int, outputs: Tensor) -> None:
        tracks = outputs.cpu().numpy()
        if self.add:
            self.values[:, :, first:last] += tracks
        else:
            self.values[:, :, first:last] = tracks
