"""Scores of a plugin's own: called on matched bins, and what they return held to the contract."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import PluginError
from tracksmith.models.contract import ScoreRecord, TrackScore
from tracksmith.models.scores import UnitKind

__all__ = ["ask"]

Values = NDArray[np.float32]


def ask(
    name: str,
    score: TrackScore,
    kind: UnitKind,
    bins: tuple[Values, Values],
    pairs: NDArray[np.int64],
) -> ScoreRecord:
    """Ask a score for the values of one kind of units.

    Parameters
    ----------
    bins
        Those of reference and alternative, float32 ``(tracks, variants, bins)``.
    pairs
        The tracks of every pair of strands, int64 ``(pairs, 2)``.

    Returns
    -------
    record
        float64 ``(units, variants)``, ``bin`` counting from the first bin of a track.

    Raises
    ------
    PluginError
        The plugin returns what it may not; what it raises goes through.
    """
    reference, alternative = bins
    if kind == "pairs":
        reference, alternative = (
            np.concatenate([values[pairs[:, 0]], values[pairs[:, 1]]], axis=2)
            for values in (reference, alternative)
        )
    returned = score.compute(reference, alternative)
    record = returned if isinstance(returned, ScoreRecord) else ScoreRecord(returned)
    if score.places and record.bin is None:
        raise PluginError(f"The plugin's score {name} is to name bins, but returned none.")
    units = 1 if kind == "model" else len(reference)
    shape = (units, reference.shape[1])
    value, own, other = (
        _checked(name, values, shape)
        for values in (record.value, record.reference, record.alternative)
    )
    if value is None:
        raise PluginError(f"The plugin's score {name} returned no value.")
    return ScoreRecord(value, own, other, _bins(name, record.bin, reference.shape[2], bins, shape))


def _checked(name: str, values: Any, shape: tuple[int, int]) -> NDArray[np.float64] | None:
    if values is None:
        return None
    array = np.asarray(values, dtype=np.float64)
    if shape[0] == 1 and array.shape == shape[1:]:
        array = array[None]
    if array.shape != shape:
        raise PluginError(
            f"The plugin's score {name} returned shape {array.shape}; "
            f"(units, variants) = {shape} is due."
        )
    return array


def _bins(
    name: str, numbers: Any, count: int, bins: tuple[Values, Values], shape: tuple[int, int]
) -> NDArray[np.int64] | None:
    """Return bins of a single track, -1 for none."""
    checked = _checked(name, numbers, shape)
    if checked is None:
        return None
    if (checked != np.rint(checked)).any() or checked.max(initial=-1) >= count:
        raise PluginError(f"The plugin's score {name} names bins that are none of the {count}.")
    indices = checked.astype(np.int64)
    return np.where(indices < 0, -1, indices % bins[0].shape[2])
