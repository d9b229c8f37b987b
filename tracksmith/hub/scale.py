"""Scales: all tracks of a kind are drawn on one, so that rows can be compared and peaks are seen.

A sparse kind, where nearly all values are next to nothing beside its peaks, is
drawn up to its strongest value, everywhere alike. Any other kind scales to
what is in view: a fixed scale would cut its peaks or flatten the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tracksmith.hub.runs import FIRST, SECOND, Output

# decision: scales-show-peaks (no fixed scale fits every locus)
__all__ = [
    "Limits",
    "Scale",
    "common_scales",
    "outward",
    "scale_key",
    "strongest_limits",
    "value_range",
    "wide_function",
]

Key = tuple[str, ...]
Limits = tuple[float, float]
"""The values at the bottom and at the top of a row; the first is the smaller one."""

_NOTHING = 0.01
"""Below this part of the strongest value, a bar in a row of 100 pixels is not seen."""


@dataclass(frozen=True)
class Scale:
    """What the values of a kind reach, in the sign in which they are stored.

    ``low <= 0 <= high`` hold every value. ``sparse`` says that 99 % of the
    values of each track are next to nothing beside the strongest of the kind;
    ``signed`` that a track of the kind has values on both sides of 0.
    ``usual`` is the size that 99.8 % of the values of each track stay within.
    """

    low: float
    high: float
    usual: float
    sparse: bool
    signed: bool

    def fixed(self, low: float, high: float) -> Limits | None:
        """Return the limits of a row that does not scale to what is in view, else None.

        Parameters
        ----------
        low, high
            What the values of the row reach. A row with values on one side of 0
            shows that side, up to what the kind reaches on either, so that
            strands have one unit of height.
        """
        return self._limits(low, high, self.low, self.high) if self.sparse else None

    def usual_limits(self, low: float, high: float) -> Limits | None:
        """Return limits that hold all but the rarest values, for those who turn scaling off.

        ``low`` and ``high`` are those of the row. None where there is no value but 0.
        """
        bottom, top = max(self.low, -self.usual), min(self.high, self.usual)
        return self._limits(low, high, bottom, top) or self._limits(low, high, self.low, self.high)

    def _limits(self, low: float, high: float, bottom: float, top: float) -> Limits | None:
        if self.signed:
            limits = outward(bottom, up=False), outward(top, up=True)
            return limits if limits[0] < limits[1] else None
        reach = outward(max(top, -bottom), up=True)
        if reach == 0:
            return None
        return (-reach if low < 0 else 0.0), (0.0 if high <= 0 and low < 0 else reach)


def scale_key(output: Output) -> Key:
    """Return what tracks must share to share a scale: model, assay, units, statistic."""
    track = output.track
    statistic = "alleles" if output.statistic in ("ref", "alt") else output.statistic
    for haplotype in (FIRST, SECOND):  # on the scale of the reference
        statistic = {haplotype: "mean", f"{haplotype}.sd": "sd"}.get(statistic, statistic)
    return (output.model.name, track.assay, track.units, track.transform, statistic)


def common_scales(outputs: Iterable[Output]) -> dict[Key, Scale]:
    """Return the scale of every kind of bigWigs."""
    kinds: dict[Key, list[Output]] = {}
    for output in outputs:
        if output.kind == "bigwig":
            kinds.setdefault(scale_key(output), []).append(output)
    return {key: _common(members) for key, members in kinds.items()}


def _common(outputs: list[Output]) -> Scale:
    extremes = [_extremes(output) for output in outputs]
    low, high = min(low for low, _ in extremes), max(high for _, high in extremes)
    return Scale(
        low,
        high,
        usual=max(_size_within(output, "0.001", "0.999") for output in outputs),
        sparse=_is_sparse(outputs, max(high, -low)),
        signed=any(low < 0 < high for low, high in extremes),
    )


def _extremes(output: Output) -> Limits:
    """Return the least and the greatest value of a bigWig, 0 at least and at most."""
    return min(output.file.min or 0.0, 0.0), max(output.file.max or 0.0, 0.0)


def _size_within(output: Output, lower: str, upper: str) -> float:
    """Return the size that values between two quantiles stay within; all where there are none."""
    low, high = _extremes(output)
    quantiles = output.file.quantiles
    # Quantiles come from a histogram, so that the outermost may lie beyond the extremes.
    below = max(quantiles.get(lower, low), low)
    above = min(quantiles.get(upper, high), high)
    return max(above, -below)


def _is_sparse(outputs: list[Output], strongest: float) -> bool:
    """Say whether 99 % of the values of each track are next to nothing beside the strongest."""
    usual = max(_size_within(output, "0.01", "0.99") for output in outputs)
    return usual < _NOTHING * strongest


def value_range(output: Output) -> Limits:
    """Return the least and the greatest value of a bigWig, always different, outward-rounded."""
    low = outward(output.file.min or 0.0, up=False)
    high = outward(output.file.max or 0.0, up=True)
    return (low, high) if low < high else (min(low, 0.0), max(high, low + 1.0))


def strongest_limits(output: Output) -> Limits | None:
    """Return the limits of a bigWig of the strongest effects; None where there is no effect.

    One scale up to the strongest of all: on one of its own, a bar alone would
    fill the row, whatever it is.
    """
    reach = outward(1.1 * (output.file.max or 0.0), up=True)
    return (0.0, reach) if reach > 0 else None


def outward(value: float, up: bool) -> float:
    """Return ``value`` with three digits, rounded up or down, never inward."""
    if value == 0 or not math.isfinite(value):
        return 0.0
    rounded = float(f"{value:.2e}")
    inward = rounded < value if up else rounded > value
    if not inward:
        return rounded
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    return float(f"{rounded + (step if up else -step):.2e}")


def wide_function(output: Output) -> str:
    """Return what stands for many bases in a wide view of igv: mean, or the extreme.

    The mean of rare peaks is next to nothing: a wide view would look empty.
    """
    low, high = _extremes(output)
    if low < 0 < high or not _is_sparse([output], max(high, -low)):
        return "mean"
    # decision: extremes-in-wide-views (the mean of rare peaks is next to nothing)
    return "max" if high > 0 else "min"
