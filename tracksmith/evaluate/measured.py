"""Measured bigWigs on a run's contigs: their names, their lengths, the sign they are stored in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import InputError
from tracksmith.genome.aliases import ContigNames
from tracksmith.genome.contigs import Contigs, shown
from tracksmith.tracks.reader import OpenTrack

__all__ = ["Lookup", "Signal", "open_measured", "settle_sign"]

Notify = Callable[[str], None]
FEW = 0.5
"""A file with values at a smaller share of the compared bases may have left out its zeros."""


@dataclass
class Signal:
    """A track under the run's names of contigs, in the sign of the model's values.

    ``names`` maps the run's contigs to the file's. With ``fill`` a base without a value counts
    as 0, which somebody who knows the file must say.
    """

    track: OpenTrack
    names: Mapping[str, str]
    sign: float = 1.0
    fill: bool = False
    lengths: Mapping[str, int] = field(default_factory=dict)

    def values(self, contig: str, start: int, end: int) -> NDArray[np.float64]:
        """Return one float64 per base of ``[start, end)``, NaN where there is no value."""
        name = self.names.get(contig)
        if name is None:
            return np.full(end - start, np.nan)
        inside = max(start, min(end, self.track.contigs[name]))
        values = self.track.values(name, start, inside)
        if inside < end:
            values = np.concatenate([values, np.full(end - inside, np.nan)])
        values[~np.isfinite(values)] = np.nan
        # decision: gaps-are-not-zeros (a file does not say why a base has no value)
        if self.fill:
            values[: inside - start][np.isnan(values[: inside - start])] = 0.0
        # 0.0 is added so that no -0.0 is left.
        return values * self.sign + 0.0

    def extremes(self) -> tuple[float, float] | None:
        """Return the smallest and largest stored value on the run's contigs."""
        values = [self.track.extremes(name) for name in self.names.values()]
        known = [pair for pair in values if pair is not None]
        return (min(a for a, _ in known), max(b for _, b in known)) if known else None


@dataclass(frozen=True)
class Lookup:
    """How contigs of measured files are found among those of a run."""

    contigs: Contigs
    aliases: Mapping[str, tuple[str, ...]] | None = None
    other_lengths: bool = False
    fill: bool = False


def open_measured(path: Path, lookup: Lookup, notify: Notify) -> Signal:
    """Open a measured bigWig and hold its contigs against the run's.

    Raises
    ------
    InputError
        No bigWig, no contig in common, or a contig of another length: another assembly.
    """
    track = OpenTrack(path)
    try:
        return _on_contigs(track, lookup, notify)
    except BaseException:
        track.close()
        raise


def _on_contigs(track: OpenTrack, lookup: Lookup, notify: Notify) -> Signal:
    contigs = lookup.contigs
    known = ContigNames(contigs, str(track.path), notify, lookup.aliases)
    names: dict[str, str] = {}
    for name, length in track.contigs.items():
        number = known.find(name, length)
        if number is None:
            continue
        own = contigs.names[number]
        if own in names:
            raise InputError(
                f"{track.path}: {names[own]!r} and {name!r} both mean the run's contig {own!r}. "
                "Leave one of them."
            )
        names[own] = name
    if not names:
        raise InputError(
            f"{track.path} shares no contig with the run: it has {shown(list(track.contigs))}, the "
            f"run has {shown(contigs.names)}. If they are the same contigs under other names, give "
            "--alias FILE."
        )
    if not lookup.other_lengths:
        _check_lengths(track, contigs, names)
    return Signal(track, names, fill=lookup.fill)


def _check_lengths(track: OpenTrack, contigs: Contigs, names: Mapping[str, str]) -> None:
    differing = [own for own, name in names.items() if track.contigs[name] != contigs.length(own)]
    if differing:
        lines = "".join(
            f"\n  {own}: {track.contigs[names[own]]:,} bp there, {contigs.length(own):,} bp in the "
            "run's genome"
            for own in differing[:5]
        )
        raise InputError(
            f"{track.path} and the run differ in the length of {len(differing)} of {len(names)} "
            f"common contigs: it was measured on another assembly.{lines}\nUse the file of the "
            "run's assembly; where the genome was cut on purpose, give --allow-other-lengths."
        )


def settle_sign(signal: Signal, *, signed: bool, strand: str) -> str:
    """Bring a measured file into the sign of the model's values, and say what was found.

    Where the prediction cannot be negative, a file of negative values alone is turned: so browsers
    like their minus strands. ``signed`` tracks are compared as they are.

    Returns
    -------
    str
        A sentence on what the file holds; '' where there is nothing to say.
    """
    values = signal.extremes()
    if values is None or signed:
        return ""
    low, high = values
    path = signal.track.path
    if low < 0 and high <= 0:
        signal.sign = -1.0
        usual = "as minus strands often are" if strand == "-" else "which is unusual"
        return f"{path} is stored negative, {usual}: its values are compared without their sign."
    if low < 0:
        return (
            f"{path} holds values of both signs, {low:.4g} to {high:.4g}, though the prediction "
            "cannot be negative: they are compared as they are."
        )
    return f"{path} is stored positive." if strand == "-" else ""
