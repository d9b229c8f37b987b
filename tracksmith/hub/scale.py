"""Common scales: one for all tracks of the same kind, from the run's own quantiles.

igv.js reads ``viewLimits`` as whole numbers, so a scale is whole or absent;
where every value is below 1, browsers scale by themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tracksmith.hub.runs import Output

__all__ = ["Scale", "common_scales", "outward", "scale_key", "value_range", "wide_function"]

Key = tuple[str, ...]


@dataclass(frozen=True)
class Scale:
    """What a group of tracks spans, in their units: the reach of their 0.999 quantiles.

    ``low`` <= 0 <= ``high``; both in the sign in which the values are stored.
    """

    low: float
    high: float

    @property
    def whole(self) -> bool:
        """Whether whole numbers can show it: the values reach 1 or more."""
        return max(-self.low, self.high) >= 1

    def limits(self, mirrored: bool = False) -> str | None:
        """Return ``low:high`` in whole numbers, or None where they would flatten the track."""
        if not self.whole:
            return None
        high = max(self.high, -self.low) if mirrored else self.high
        low = -high if mirrored else self.low
        return f"{-_nice(-low)}:{_nice(high)}" if low < 0 else f"0:{_nice(high)}"


def scale_key(output: Output) -> Key:
    """Return what tracks must share to share a scale: model, assay, units, statistic."""
    track = output.track
    shared = (str(track.get(name, "")) for name in ("assay", "units", "transform"))
    statistic = "alleles" if output.statistic in ("ref", "alt") else output.statistic
    return (output.model.name, *shared, statistic)


def common_scales(outputs: Iterable[Output]) -> dict[Key, Scale]:
    """Return the scale of every group of bigWigs."""
    found: dict[Key, Scale] = {}
    for output in outputs:
        if output.kind != "bigwig":
            continue
        low, high = _reach(output)
        key = scale_key(output)
        before = found.get(key, Scale(0.0, 0.0))
        found[key] = Scale(min(before.low, low), max(before.high, high))
    return found


def value_range(output: Output) -> tuple[float, float]:
    """Return the least and the greatest value of a bigWig, always different, outward-rounded."""
    low = outward(float(output.entry.get("min") or 0.0), up=False)
    high = outward(float(output.entry.get("max") or 0.0), up=True)
    return (low, high) if low < high else (min(low, 0.0), max(high, low + 1.0))


def outward(value: float, up: bool) -> float:
    """Return ``value`` with three digits, rounded up or down, never inward."""
    if value == 0 or not math.isfinite(value):
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    rounded = (math.ceil if up else math.floor)(value / step) * step
    return float(f"{rounded:.3g}")


def wide_function(output: Output) -> str:
    """Return what stands for many bases in a wide view of igv: mean, or the extreme.

    The mean of rare peaks is next to nothing: a wide view would look empty.
    """
    low, high = (float(output.entry.get(key) or 0) for key in ("min", "max"))
    if low < 0 < high or not _is_rare(max(high, -low), _upward(output, high <= 0)):
        return "mean"
    # decision: extremes-in-wide-views (the mean of rare peaks is next to nothing)
    return "max" if high > 0 else "min"


def _upward(output: Output, turned: bool) -> dict[float, float]:
    """Return the quantiles by probability, those of the negated values where ``turned``."""
    quantiles = {float(key): float(value) for key, value in output.entry["quantiles"].items()}
    return {1 - p: -value for p, value in quantiles.items()} if turned else quantiles


def _is_rare(extreme: float, quantiles: Mapping[float, float]) -> bool:
    """Say whether 99 % of the values are next to nothing beside the extreme."""
    usual = max((value for p, value in quantiles.items() if p <= 0.991), default=extreme)
    return usual < 0.01 * extreme


def _reach(output: Output) -> tuple[float, float]:
    """Return how far a track's values reach below and above 0.

    The 0.999 quantile; for a track of rare peaks, where 99 % of all values are
    next to nothing, half way (on a logarithmic scale) from there to the extreme.
    """
    entry = output.entry
    least, most = float(entry.get("min") or 0), float(entry.get("max") or 0)
    if not entry["quantiles"]:
        return min(least, 0.0), max(most, 0.0)
    down = -_one_side(-least, _upward(output, turned=True))
    return min(down, 0.0), max(_one_side(most, _upward(output, turned=False)), 0.0)


def _one_side(extreme: float, quantiles: Mapping[float, float]) -> float:
    """Return the reach of one side, upward; quantiles by probability."""
    if extreme <= 0:
        return 0.0
    top = quantiles[max(quantiles)] if max(quantiles) >= 0.99 else extreme
    if top <= 0:
        return extreme
    return math.sqrt(top * extreme) if _is_rare(extreme, quantiles) else min(top, extreme)


def _nice(value: float) -> int:
    """Return the next whole number of at most two digits before its zeros."""
    if value <= 0:
        return 0
    whole = math.ceil(value)
    step = int(10 ** max(len(str(whole)) - 2, 0))
    return math.ceil(whole / step) * step
