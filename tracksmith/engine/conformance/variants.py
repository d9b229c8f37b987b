"""Whether variants can be scored as the card says: their window, and scores of the plugin's own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tracksmith.engine.conformance.report import Verdict, fails, passes
from tracksmith.engine.conformance.subject import PLAIN, Subject, random_masks
from tracksmith.models.contract import ScoreRecord, TrackScore
from tracksmith.models.own_scores import ask
from tracksmith.models.scores import UnitKind

__all__ = ["check_variants"]

VARIANTS = 3
Values = NDArray[np.float32]


def check_variants(subject: Subject) -> Verdict:
    """The network reads the window of variants; own scores answer for each variant alone."""
    card, geometry = subject.card, subject.card.variant_geometry
    masks = random_masks((2 * VARIANTS, geometry.window), 9)
    for network in subject.networks if card.variants.geometry is not None else ():
        values = subject.tracks(subject.raw(masks, network))
        due = (len(masks), len(subject.returned), geometry.bins)
        if tuple(values.shape) != due:
            return fails(
                f"Variants have a window of {geometry.window:,} bp of their own, for which the "
                f"network returns {tuple(values.shape)}; (batch, tracks, bins) = {due} is due."
            )
    problem = next(_problems(subject, masks), "")
    if problem:
        return fails(problem)
    own = f", of its own {', '.join(subject.model.scores)}" if subject.model.scores else ""
    return passes(f"Variants are scored by {', '.join(card.default_scores)}{own}.")


def _problems(subject: Subject, masks: NDArray[np.uint8]) -> Iterator[str]:
    if not subject.model.scores:
        return
    bins = _both_alleles(subject, masks)
    for name, score in subject.model.scores.items():
        if not isinstance(score, TrackScore):
            continue
        for kind in score.units:
            if kind == "model" and len(subject.card.tracks) < len(subject.model.card.tracks):
                continue  # the kit computes some of many tracks
            yield from _problems_of(name, score, kind, bins, _pairs(subject))


def _both_alleles(subject: Subject, masks: NDArray[np.uint8]) -> tuple[Values, Values]:
    """Return the scored bins of windows, and of the same with one base changed."""
    card = subject.card
    position = card.variants.position
    middle = card.variant_geometry.window // 2 if position is None else position
    reference, alternative = masks[:VARIANTS], masks[:VARIANTS].copy()
    alternative[:, middle] = PLAIN[(np.searchsorted(PLAIN, reference[:, middle]) + 1) % 4]
    scored = slice(*(card.variants.bins or (None, None)))
    own, other = (
        subject.chosen(subject.raw(rows)).transpose(1, 0, 2)[..., scored].astype(np.float32)
        for rows in (reference, alternative)
    )
    return own, other


def _pairs(subject: Subject) -> NDArray[np.int64]:
    partners = enumerate(subject.card.rc_partners())
    return np.array([pair for pair in partners if pair[0] < pair[1]], np.int64).reshape(-1, 2)


def _problems_of(
    name: str,
    score: TrackScore,
    kind: UnitKind,
    bins: tuple[Values, Values],
    pairs: NDArray[np.int64],
) -> Iterator[str]:
    """Yield what is wrong with one score over one kind of units."""
    if kind == "pairs" and not len(pairs):
        return
    given = tuple(values.copy() for values in bins)
    together = ask(name, score, kind, bins, pairs)
    if any(not np.array_equal(mine, old) for mine, old in zip(bins, given, strict=True)):
        yield f"The score {name} changed the bins that it was given: work on a copy."
    for variant in range(bins[0].shape[1]):
        one = slice(variant, variant + 1)
        alone = ask(name, score, kind, (bins[0][:, one], bins[1][:, one]), pairs)
        if not _same(alone, together, one):
            yield (
                f"The score {name} of a variant alone is another than among {VARIANTS}: it may "
                "depend on its own bins only."
            )
            return
    equal = np.nan_to_num(ask(name, score, kind, (bins[0], bins[0]), pairs).value, nan=0.0)
    if equal.any():
        yield (
            f"The score {name} of two equal alleles is {equal[equal != 0][0]:.3g}: what "
            "changes nothing must score 0, or have no value."
        )


def _same(alone: ScoreRecord, together: ScoreRecord, one: slice) -> bool:
    for name in ("value", "reference", "alternative", "bin"):
        mine, theirs = getattr(alone, name), getattr(together, name)
        if (mine is None) != (theirs is None):
            return False
        if mine is not None and not np.allclose(mine, theirs[:, one], rtol=1e-5, equal_nan=True):
            return False
    return True
