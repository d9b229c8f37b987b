"""The formats of a track: each says its name, its size, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from tracksmith.tracks.bigwig import TrackSummary, write_bigwig
from tracksmith.tracks.options import TrackOptions, forecast_bytes
from tracksmith.tracks.piece import EncodedPiece

__all__ = ["FORMATS", "Pieces", "TrackFormat", "track_path", "value_facts"]

Pieces: TypeAlias = Callable[[], Iterable[tuple[int, EncodedPiece]]]
"""Yields (number of the contig, piece), contigs in order and starts ascending."""

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

    def write(
        self,
        path: Path,
        contigs: Sequence[tuple[str, int]],
        pieces: Pieces,
        bin_size: int,
        options: TrackOptions,
    ) -> TrackSummary:
        """Write a track from its pieces, whole or not at all, and read it back."""

    def forecast(self, values: int, options: TrackOptions) -> int:
        """Return an upper estimate of the size in bytes of so many values."""


@dataclass(frozen=True)
class BigWig:
    """bigWig, as UCSC and IGV read it."""

    name: str = "bigwig"
    suffix: str = ".bw"
    shown: bool = True

    def write(
        self,
        path: Path,
        contigs: Sequence[tuple[str, int]],
        pieces: Pieces,
        bin_size: int,
        options: TrackOptions,
    ) -> TrackSummary:
        """See :class:`TrackFormat`."""
        return write_bigwig(path, contigs, pieces, bin_size, options)

    def forecast(self, values: int, options: TrackOptions) -> int:
        """See :class:`TrackFormat`."""
        return forecast_bytes(values, options)


FORMATS: Mapping[str, TrackFormat] = {item.name: item for item in (BigWig(),)}


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
