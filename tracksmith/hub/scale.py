"""Common scales: one for all tracks of the same kind, from the run's own quantiles.

igv.js reads ``viewLimits`` as whole numbers, so a scale is whole or absent;
where every value is below 1, browsers scale by themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tracksmith.hub.runs import Output

__all__ = ["Scale", "common_scales", "outward", "scale_key", "value_range"]

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
    return (output.model.name, *shared, output.statistic)


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


def _reach(output: Output) -> tuple[float, float]:
    quantiles = {float(key): float(value) for key, value in output.entry["quantiles"].items()}
    low = quantiles[min(quantiles)] if quantiles and min(quantiles) <= 0.01 else None
    high = quantiles[max(quantiles)] if quantiles and max(quantiles) >= 0.99 else None
    least, most = float(output.entry.get("min") or 0), float(output.entry.get("max") or 0)
    # A track that is 0 nearly everywhere has quantiles of 0: then its extremes are the scale.
    if not low and not high:
        low, high = least, most
    return min(low if low is not None else least, 0.0), max(high if high is not None else most, 0.0)


def _nice(value: float) -> int:
    """Return the next whole number of at most two digits before its zeros."""
    if value <= 0:
        return 0
    whole = math.ceil(value)
    step = int(10 ** max(len(str(whole)) - 2, 0))
    return math.ceil(whole / step) * step
