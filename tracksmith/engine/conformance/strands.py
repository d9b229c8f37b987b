"""Both strands of the same bases: what the reverse complement gives, and which strand is which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracksmith.engine.conformance.report import Verdict, fails, open_, passes
from tracksmith.engine.conformance.subject import Subject, random_masks
from tracksmith.genome.bases import encode, reverse_complement

__all__ = ["ALIKE", "BothStrands", "both_strands", "check_sense", "check_strands", "mirror_lag"]

SECONDS = 2.0
"""Time to spend on windows of either strand; slow networks get fewer of them."""
ALIKE = 0.7
"""Correlation from which two outputs are taken for the same thing seen twice."""
NEAR = 50
"""Bases on either side of a start site in which its signal is looked for."""
CLEARLY = 0.2
"""By how much one reading must be better than another."""

PROMOTER = (
    "CCCGGGGGGCGGGGCCAATCAGGGGGCGGAGCCGAAGTGTTTCTGATCGG"
    "GGGGCTATAAAAGGGGGTGGGGGCGCGTTCGTCCTCACTCTCTTCCGCATCGCTGTCTGCGAGG"
)
"""GC and CCAAT boxes before the adenovirus major late promoter, -88 to +27 or so: as strong a
signal for transcription to the right as is known. The start site +1 is the A of TCACTCT."""
START = PROMOTER.index("TCACTCT") + 2
STARTS_OF_TRANSCRIPTION = ("", "PRO-cap", "GRO-cap", "CAGE", "RAMPAGE", "PRO-seq", "GRO-seq")


@dataclass(frozen=True)
class BothStrands:
    """Outputs for the same bases read on either strand, less what is common to all windows.

    ``forward`` and ``reverse`` are ``(windows, tracks, bins)``, both in forward
    order of bins; ``reverse`` has the tracks as the network returned them.
    """

    forward: NDArray[np.float64]
    reverse: NDArray[np.float64]

    def alike(self, rows: list[int], *, flipped: bool = True) -> float:
        """Return the correlation with ``rows`` of the reverse, turned back or not."""
        other = self.reverse if flipped else self.reverse[..., ::-1]
        return correlation(self.forward, other[:, rows])

    def lag(self, rows: list[int]) -> tuple[int, float, float]:
        """Return by how many bins the strands must be moved to be most alike; see mirror_lag."""
        return mirror_lag(self.forward, self.reverse[:, rows])


def mirror_lag(
    forward: NDArray[np.float64], reverse: NDArray[np.float64]
) -> tuple[int, float, float]:
    """Return the lag in bins at which both strands correlate best, that correlation, and at 0.

    Both ``(windows, tracks, bins)``; at least half of the bins overlap.
    """
    bins = forward.shape[2]
    lags = np.arange(-(bins // 2), bins // 2 + 1)
    low, high = np.maximum(0, -lags), np.minimum(bins, bins - lags)
    products = _products(forward, reverse)[lags]
    norms = _squares(forward, low, high) * _squares(reverse, low + lags, high + lags)
    correlations = products / np.sqrt(np.maximum(norms, 1e-30))
    by_lag = dict(zip(lags.tolist(), correlations.tolist(), strict=True))
    best = max(by_lag, key=lambda lag: (round(by_lag[lag], 9), -abs(lag)))
    return best, by_lag[best], by_lag[0]


def _products(forward: NDArray[np.float64], reverse: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of ``forward[i] * reverse[i + lag]`` at index ``lag``, negative ones too."""
    size = 2 * forward.shape[2]
    spectrum = np.conj(np.fft.rfft(forward, size)) * np.fft.rfft(reverse, size)
    products: NDArray[np.float64] = np.fft.irfft(spectrum.sum(axis=(0, 1)), size)
    return products


def _squares(
    values: NDArray[np.float64], low: NDArray[np.int64], high: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the sum of squares over each range of bins."""
    sums = np.concatenate([[0.0], np.cumsum((values**2).sum(axis=(0, 1)))])
    squares: NDArray[np.float64] = sums[high] - sums[low]
    return squares


def correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the correlation over all values about 0; 0 where one has none."""
    norm = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / norm) if norm > 0 else 0.0


def both_strands(subject: Subject) -> BothStrands:
    """Predict windows of random bases with promoters here and there, on both strands.

    Where the core lies off the middle, the reverse complement is taken from
    another window, so that both cores cover the same bases.
    """
    if "both_strands" not in subject.memory:
        subject.memory["both_strands"] = _both_strands(subject)
    strands: BothStrands = subject.memory["both_strands"]
    return strands


def _both_strands(subject: Subject) -> BothStrands:
    geometry = subject.geometry
    turned = 2 * geometry.core_start + geometry.core_length - geometry.window
    turned = 0 if geometry.whole_window else turned
    most = 48 if geometry.bins < 3 else 12
    count = subject.affordable(SECONDS, 4, most)
    stretch = random_masks((count, geometry.window + abs(turned)), 21)
    core = max(0, -turned) + geometry.core_start
    _implant(stretch, core, core + geometry.core_length)
    here, there = max(0, -turned), max(0, turned)
    forward = subject.predict(stretch[:, here : here + geometry.window])
    other = reverse_complement(stretch[:, there : there + geometry.window])
    reverse = subject.predict(other)[:, :, ::-1]
    return BothStrands(_standardised(forward), _standardised(reverse))


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values less the mean over windows, every track with variance 1 or 0."""
    rest = values - values.mean(axis=0)
    scale = np.sqrt((rest**2).mean(axis=(0, 2), keepdims=True))
    standard: NDArray[np.float64] = rest / np.where(scale > 0, scale, 1)
    return standard


def _implant(stretch: NDArray[np.uint8], start: int, end: int) -> None:
    """Put a promoter into three of four rows, in either direction, inside ``[start, end)``."""
    probe = encode(PROMOTER)
    room = min(end, stretch.shape[1]) - len(probe)
    places = np.random.default_rng(22).integers(start, max(room, start + 1), len(stretch))
    if room < start:
        return
    for row, place in enumerate(places):
        if row % 4:
            strand = probe if row % 2 else reverse_complement(probe)
            stretch[row, place : place + len(probe)] = strand


def check_strands(subject: Subject) -> Verdict:
    """The reverse complement gives the reversed output with strands swapped."""
    card, seen = subject.card, both_strands(subject)
    if card.reverse_complement == "wrong":
        return open_("The card says that the reverse complement is another question: not checked.")
    same, partners = list(range(len(card.tracks))), card.rc_partners()
    # A shifted output is a fault of its own: here the strands may be moved to fit.
    lag, as_promised, _ = seen.lag(partners)
    other = {
        "the same tracks, not those of the other strand: the strands are swapped in one "
        "orientation, or rc_partner is wrong": (same, True),
        "the bins in the window's own order, not reversed: is a strand's output left in the "
        "direction of transcription?": (partners, False),
        "the same tracks with bins not reversed: the output does not follow the strand": (
            same,
            False,
        ),
    }
    for meaning, (rows, flipped) in other.items():
        correlation = seen.alike(rows, flipped=flipped)
        if (
            correlation >= ALIKE
            and correlation >= as_promised + CLEARLY
            and (rows, flipped) != (partners, 1)
        ):
            return fails(
                f"The reverse complement gives {meaning} (correlation {correlation:.2f}; as the "
                f"card promises {as_promised:.2f})."
            )
    if as_promised >= ALIKE:
        exact = "exactly " if as_promised > 1 - 1e-9 else ""
        moved = f", moved by {lag} bins" if lag else ""
        return passes(
            f"The reverse complement gives {exact}the output reversed, strands swapped{moved} "
            f"(correlation {as_promised:.3f})."
        )
    wish = " The card averages both by default." if card.reverse_complement == "default" else ""
    return open_(
        f"The reverse complement gives another output (correlation {as_promised:.2f}): untrained "
        f"weights, or a network that reads one strand. Nothing can be told.{wish}"
    )


def check_sense(subject: Subject) -> Verdict:
    """A promoter that fires to the right raises the plus track, not the minus track."""
    pair = _initiation_pair(subject)
    if pair is None:
        return open_("No pair of unsigned strands of transcription: nothing says which is which.")
    window = subject.geometry.window
    middle = subject.geometry.core_start + subject.geometry.core_length // 2
    probe = encode(PROMOTER)
    if not START <= middle <= window - (len(probe) - START):
        return open_(f"The window has no room for a promoter of {len(probe)} bp: not checked.")
    agreed = both_strands(subject).alike(subject.card.rc_partners())
    if agreed < ALIKE:
        return open_(
            f"The strands do not mirror each other (correlation {agreed:.2f}), as with untrained "
            "weights: which is plus and which is minus cannot be told."
        )
    right, wrong = _gains(subject, pair, middle)
    votes = float(np.mean(right > 3 * wrong)), float(np.mean(wrong > 3 * right))
    if votes[1] >= 0.8:
        return fails(
            "The strands are swapped: the adenovirus major late promoter, which fires to the "
            f"right, raises {pair[1]} instead of {pair[0]} (in {votes[1]:.0%} of random contexts), "
            "and its reverse complement the other way round."
        )
    if votes[0] >= 0.8:
        return passes(
            f"The adenovirus major late promoter raises {pair[0]} where it fires to the right and "
            f"{pair[1]} where it fires to the left."
        )
    return open_("A strong promoter raises neither strand clearly: nothing can be told.")


def _initiation_pair(subject: Subject) -> tuple[str, str] | None:
    tracks = {track.id: track for track in subject.card.tracks}
    for track in tracks.values():
        partner = tracks[track.rc_partner or track.id]
        fit = track.assay in STARTS_OF_TRANSCRIPTION and not (track.signed or partner.signed)
        if track.strand == "+" and partner.strand == "-" and fit:
            return track.id, partner.id
    return None


def _gains(
    subject: Subject, pair: tuple[str, str], middle: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what a promoter adds to the right and to the wrong strand, per random context."""
    count = subject.affordable(SECONDS, 4, 8)
    plain = random_masks((count, subject.geometry.window), 23)
    probe = encode(PROMOTER)
    sense, antisense = plain.copy(), plain.copy()
    sense[:, middle - START : middle - START + len(probe)] = probe
    first = middle + START + 1 - len(probe)
    antisense[:, first : first + len(probe)] = reverse_complement(probe)
    rows = [[track.id for track in subject.card.tracks].index(name) for name in pair]
    geometry = subject.geometry
    width = 1 if geometry.whole_window else geometry.bin
    centre, reach = (middle - geometry.core_start) // width, NEAR // width
    near = slice(max(0, centre - reach), centre + reach + 1)
    base = subject.predict(plain)[:, rows, near].sum(axis=2)
    plus = subject.predict(sense)[:, rows, near].sum(axis=2) - base
    minus = subject.predict(antisense)[:, rows, near].sum(axis=2) - base
    return np.maximum(plus[:, 0] + minus[:, 1], 0), np.maximum(plus[:, 1] + minus[:, 0], 0)
