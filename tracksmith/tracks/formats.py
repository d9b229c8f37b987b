"""The formats of a track: each says its name, its size, and how it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tracksmith.errors import UsageError
from tracksmith.tracks.bedgraph import BedGraph
from tracksmith.tracks.bigwig import TrackData, TrackSummary, write_bigwig
from tracksmith.tracks.options import TrackOptions, forecast_bytes

__all__ = [
    "FORMATS", "TrackFormat", "choose_formats", "track_files", "track_path", "value_facts",
]  # fmt: skip

PROBABILITIES = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)


class TrackFormat(Protocol):
    """One format of a track."""

    @property
    def name(self) -> str:
        """The kind of the file in ``run.json``."""

    @property
    def suffix(self) -> str:
        """How the name of the file ends."""

    @property
    def shown(self) -> bool:
        """Whether a hub can show it."""

    def write(self, path: Path, data: TrackData, options: TrackOptions) -> TrackSummary:
        """Write a track from its pieces, whole or not at all, and read it back."""

    def beside(self, path: str, longest: int) -> tuple[str, ...]:
        """Return the files that lie beside one, given the longest contig (bp)."""

    def forecast(self, values: int, options: TrackOptions) -> int:
        """Return an upper estimate of the size in bytes of so many values."""


@dataclass(frozen=True)
class BigWig:
    """bigWig, as UCSC and IGV read it."""

    name: str = "bigwig"
    suffix: str = ".bw"
    shown: bool = True

    def write(self, path: Path, data: TrackData, options: TrackOptions) -> TrackSummary:
        """See :class:`TrackFormat`."""
        return write_bigwig(path, *data, options)

    def beside(self, path: str, longest: int) -> tuple[str, ...]:
        """Nothing lies beside it."""
        return ()

    def forecast(self, values: int, options: TrackOptions) -> int:
        """See :class:`TrackFormat`."""
        return forecast_bytes(values, options)


FORMATS: Mapping[str, TrackFormat] = {item.name: item for item in (BigWig(), BedGraph())}


def choose_formats(names: Sequence[str]) -> tuple[str, ...]:
    """Return the formats that were asked for, each once; none means bigWig.

    Raises
    ------
    UsageError
        There is no such format.
    """
    for name in names:
        if name not in FORMATS:
            raise UsageError(f"--format {name}: use {', '.join(FORMATS)}.")
    return tuple(dict.fromkeys(names)) or ("bigwig",)


def track_files(
    model: str, track: str, statistic: str, formats: Sequence[str], longest: int
) -> list[str]:
    """Return the paths of a track in every format, and of what lies beside them."""
    paths = []
    for form in (FORMATS[name] for name in formats):
        path = track_path(model, track, statistic, form.suffix)
        paths += [path, *form.beside(path, longest)]
    return paths


def track_path(model: str, track: str, statistic: str, suffix: str, folder: str = "tracks") -> str:
    """Return the path of a track file inside its run; ``mean`` is not named."""
    middle = "" if statistic == "mean" else f".{statistic}"
    return f"{folder}/{model}.{track}{middle}{suffix}"


def value_facts(summary: TrackSummary) -> dict[str, Any]:
    """Return bases covered and the distribution of the values, for scales and provenance."""
    if summary.bases == 0:
        return {"values": 0}
    quantiles = summary.quantiles(PROBABILITIES)
    return {
        "values": summary.bases,
        "min": summary.totals.minimum,
        "max": summary.totals.maximum,
        "mean": summary.totals.mean,
        "quantiles": {f"{p:g}": float(q) for p, q in zip(PROBABILITIES, quantiles, strict=True)},
    }
