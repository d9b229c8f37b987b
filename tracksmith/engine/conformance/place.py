"""Whether a value belongs to the bases that the card names.

A constant shift of the output cannot be seen in the output itself: every bin
is as plausible as the next. Two things betray it. The reverse complement turns
the frame round, so that an output shifted by s bins lies 2s bins away from its
mirror image; this needs a network that treats both strands alike, as trained
ones do. And a bin of a local network reacts to bases on either side of it:
the middle of those is the bin's place. A network whose every output depends on
every base, with untrained weights, betrays nothing, and the check says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracksmith.engine.conformance.report import Verdict, fails, open_, passes
from tracksmith.engine.conformance.strands import ALIKE, both_strands
from tracksmith.engine.conformance.subject import PLAIN, Subject

__all__ = ["Responses", "check_place", "reach", "responses"]

SECONDS = 3.0
"""Time to spend on replaced bases; slow networks get fewer of them."""
DECISIVE = 0.05
"""By how much the best lag must beat lag 0."""
FEWEST = 4
"""Changes that must show before their average says anything."""
PEAKED = 4.0
"""How far the reaction of a bin to near bases must stand out to say where it is."""


def check_place(subject: Subject) -> Verdict:
    """The output is not shifted against the bases."""
    geometry = subject.geometry
    response = responses(subject)
    if not (response.values > response.noise).any():
        return fails("No change of bases changed any output: the network does not read its input.")
    if geometry.whole_window or geometry.bins < 3:
        return open_(
            "The outputs depend on the bases. Where a value belongs cannot be told from "
            f"{geometry.bins} values a window: the card puts it at bases {geometry.core_start:,} "
            f"to {geometry.core_start + geometry.core_length:,} of {geometry.window:,}."
        )
    by_mirror = _by_mirror(subject)
    return by_mirror or _by_reach(subject, response)


def _by_mirror(subject: Subject) -> Verdict | None:
    """Judge by the reverse complement; None where the strands are not alike enough."""
    if subject.card.reverse_complement == "wrong":
        return None
    lag, best, unmoved = both_strands(subject).lag(subject.card.rc_partners())
    if best < ALIKE or (lag and best < unmoved + DECISIVE):
        return None
    if lag == 0:
        return passes(
            f"Both strands of the same bases line up bin by bin (correlation {unmoved:.3f}): the "
            "output is not shifted."
        )
    return fails(
        f"Both strands of the same bases line up only when moved by {lag} bins (correlation "
        f"{best:.2f}, unmoved {unmoved:.2f}): " + _shifted(subject, lag / 2)
    )


def _shifted(subject: Subject, bins: float) -> str:
    """Say by how much the output is shifted; positive: bin b holds what belongs to b + bins."""
    geometry = subject.geometry
    moved = round(bins * geometry.bin)
    side = "right" if moved > 0 else "left"
    return (
        f"the output is shifted by {abs(moved)} bp. Values belong {abs(moved)} bp further to the "
        f"{side} than the card says; it says core_start={geometry.core_start}, and "
        f"{geometry.core_start + moved} would fit."
    )


@dataclass(frozen=True)
class Responses:
    """How much each bin changes when the bases of one bin are replaced.

    ``values`` is ``(changes, bins)``, the largest change over tracks as a share
    of the track's largest; ``changed`` the bin whose bases were replaced, of
    the core's grid (negative before the core); ``noise`` what counts as none.
    """

    values: NDArray[np.float64]
    changed: NDArray[np.int64]
    noise: float


def responses(subject: Subject) -> Responses:
    """Replace the bases of one bin after the other, all over the window."""
    geometry = subject.geometry
    width = 1 if geometry.whole_window else geometry.bin
    first = -(geometry.core_start // width)
    last = (geometry.window - geometry.core_start) // width
    count = min(subject.affordable(SECONDS, 8, 160), last - first)
    # Half of them all over the window, half where the core's bins have neighbours on both sides.
    spread = np.linspace(first, last - 1, -(-count // 2))
    inner = np.linspace(geometry.bins // 4, max(geometry.bins * 3 // 4 - 1, 0), count // 2)
    inner = np.zeros(0) if geometry.whole_window else inner
    changed = np.unique(np.concatenate([spread, inner]).round().astype(np.int64))
    plain = subject.windows(1, 31)
    masks = np.repeat(plain, len(changed), axis=0)
    for row, place in enumerate(geometry.core_start + changed * width):
        old = np.log2(plain[0, place : place + width]).astype(int)
        masks[row, place : place + width] = PLAIN[(old + 1) % 4]
    # The plain window goes first and through the same calls as the others.
    values = subject.predict(np.concatenate([np.repeat(plain, 2, axis=0), masks]))
    moved = np.abs(values[2:] - values[0])
    scale = moved.max(axis=(0, 2), keepdims=True)
    moved = (moved / np.where(scale > 0, scale, 1)).max(axis=1)
    size = np.abs(values).max(axis=(0, 2)) / np.where(scale > 0, scale, np.inf)[0, :, 0]
    return Responses(moved, changed, 1e-5 + 3e-7 * float(size.max()))


def _by_reach(subject: Subject, response: Responses) -> Verdict:
    """Judge by which bases a bin reacts to."""
    width = subject.geometry.bin
    sides = reach(response)
    if sides is not None:
        before, after = sides
        middle = (before - after) / 2
        spans = f"A bin reacts to bases {-before * width} to {after * width:+} bp from itself"
        if abs(middle) <= 0.5:
            return passes(f"{spans}: its place is the middle of what it reads.")
        return _off_centre(subject, f"{spans}, to nothing else", -middle)
    low, top, high, contrast = _peak(response)
    if contrast < PEAKED:
        return open_(
            "Every output depends on nearly every base alike, and the strands do not mirror each "
            "other: a shift of the output cannot be told (untrained weights?)."
        )
    if low <= 0 <= high:
        return passes(
            f"A bin reacts most to bases between {low * width} and {(high + 1) * width} bp from "
            "its own start: the output is not shifted by more than that."
        )
    sentence = f"A bin reacts most to bases {low * width} to {(high + 1) * width} bp from its start"
    return _off_centre(subject, sentence, top)


def _off_centre(subject: Subject, sentence: str, bins: float) -> Verdict:
    if subject.request.asymmetric:
        return open_(f"{sentence}, and the network is said to be asymmetric: no shift can be told.")
    return fails(
        f"{sentence}: {_shifted(subject, bins)} If the network looks further to one side on "
        "purpose, say so (--asymmetric)."
    )


def reach(response: Responses) -> tuple[int, int] | None:
    """Return how many bins before and after itself a bin reacts to; None without clear borders.

    Borders are clear where half of the changes at least, and four, end at the same
    distance inside the core, on either side.
    """
    reacts = response.values > response.noise
    bins = reacts.shape[1]
    some = reacts.any(axis=1)
    lowest, highest = reacts.argmax(axis=1), bins - 1 - reacts[:, ::-1].argmax(axis=1)
    # A change at j that last shows at bin b: b reacts to bases b - j before it.
    before = (highest - response.changed)[some & (highest < bins - 1)]
    after = (response.changed - lowest)[some & (lowest > 0)]
    sides = []
    for distances in (before, after):
        if len(distances) < 4:
            return None
        values, counts = np.unique(distances, return_counts=True)
        if counts.max() < 0.5 * len(distances):
            return None
        sides.append(int(values[counts.argmax()]))
    return sides[0], sides[1]


def _peak(response: Responses) -> tuple[int, int, int, float]:
    """Return at which distances in bins a bin reacts most: from, at most, to, and how clearly.

    Distances are those of the changed bases from the bin; between the outer two
    it reacts at least half as much as at most. The last value says how far the
    peak stands out from the median, 0 where too few bins react.
    """
    bins = response.values.shape[1]
    inside = (response.changed >= bins // 4) & (response.changed < bins - bins // 4)
    inside &= (response.values > response.noise).any(axis=1)
    rows, places = response.values[inside], response.changed[inside]
    if len(rows) < FEWEST:
        return 0, 0, 0, 0.0
    rows = rows / rows.max(axis=1, keepdims=True)
    distances = np.arange(-(bins // 2), bins // 2 + 1)
    at = places[:, None] - distances
    valid = (at >= 0) & (at < bins)
    taken = np.take_along_axis(rows, np.clip(at, 0, bins - 1), axis=1)
    profile = np.where(valid, taken, 0).sum(axis=0) / np.maximum(valid.sum(axis=0), 1)
    profile[valid.sum(axis=0) < FEWEST // 2] = np.nan
    floor = float(np.nanmedian(profile))
    top = int(np.nanargmax(profile))
    near = np.flatnonzero(~(profile - floor >= (profile[top] - floor) / 2))
    low = int(distances[max(near[near < top], default=-1) + 1])
    high = int(distances[min(near[near > top], default=len(distances)) - 1])
    return low, int(distances[top]), high, float(profile[top] / floor) if floor > 0 else np.inf
