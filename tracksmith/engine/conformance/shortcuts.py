"""The exact shortcuts that a network may offer, against plain windows."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from tracksmith.engine.calls import STRETCH_WINDOWS
from tracksmith.engine.conformance.basics import TOLERANCE, difference
from tracksmith.engine.conformance.report import Verdict, fails, open_, passes
from tracksmith.engine.conformance.subject import PLAIN, Subject, random_masks
from tracksmith.genome.bases import OUTSIDE, N
from tracksmith.models.card import WindowGeometry

__all__ = ["check_alleles", "check_stretch"]

SECONDS = 1.5
"""Time to spend on windows of a stretch; slow networks get fewer of them."""
SLOW = 0.1
"""Seconds per window from which fewer places are tried."""


def check_stretch(subject: Subject) -> Verdict:
    """``predict_stretch`` gives what the network gives window by window."""
    network = subject.network
    if not hasattr(network, "predict_stretch"):
        return open_("No predict_stretch is offered.")
    geometry = subject.geometry
    most = subject.affordable(SECONDS, 2, getattr(network, "stretch_windows", STRETCH_WINDOWS))
    half = max(geometry.bin, geometry.core_length // 2 // geometry.bin * geometry.bin)
    worst = 0.0
    for stride, count in ((geometry.core_length, most), (half, 3), (geometry.bin, 2)):
        bases = random_masks((geometry.window + (count - 1) * stride,), stride)
        bases[: geometry.window // 3] = OUTSIDE
        bases[-geometry.window // 4 : -geometry.window // 5] = N
        windows = np.stack([bases[i * stride : i * stride + geometry.window] for i in range(count)])
        with torch.inference_mode():
            raw = network.predict_stretch(subject.bases(bases[None])[0], stride)
        plain = [subject.raw(window[None]) for window in windows]
        wanted = (count, *plain[0].shape[1:])
        if tuple(raw.shape) != wanted:
            return fails(
                f"predict_stretch returned {tuple(raw.shape)} for {count} windows {stride} bp "
                f"apart; the network returns {wanted} for these."
            )
        distance = difference(subject.chosen(raw), subject.chosen(torch.cat(plain)))
        if not distance <= TOLERANCE:
            return fails(
                f"predict_stretch differs from plain windows by {distance:.2g} of the largest "
                f"value ({count} windows {stride} bp apart). A shortcut must be exact."
            )
        worst = max(worst, distance)
    return passes(
        f"predict_stretch equals plain windows to {worst:.1g} of the largest value, at strides "
        f"of {geometry.core_length}, {half} and {geometry.bin} bp."
    )


def check_alleles(subject: Subject) -> Verdict:
    """``predict_alleles`` gives what the network gives for either allele."""
    network = subject.network
    if not hasattr(network, "predict_alleles"):
        return open_("No predict_alleles is offered.")
    worst = 0.0
    for number, (first, last) in enumerate(_places(subject.geometry, quick=subject.seconds < SLOW)):
        reference, alternative = _alleles(subject, (first, last), several=number == 0)
        with torch.inference_mode():
            pair = network.predict_alleles(
                subject.bases(reference), subject.bases(alternative), first, last
            )
        if not isinstance(pair, tuple) or len(pair) != 2:
            return fails("predict_alleles must return two tensors: reference and alternative.")
        for raw, masks, name in zip(
            pair, (reference, alternative), ("reference", "alternative"), strict=True
        ):
            plain = subject.chosen(subject.raw(masks))
            if len(raw) != len(masks):
                return fails(
                    f"predict_alleles returned {len(raw)} windows for the {name}, of which it got "
                    f"{len(masks)}."
                )
            distance = difference(subject.chosen(raw), plain)
            if not distance <= TOLERANCE:
                return fails(
                    f"predict_alleles differs from plain windows by {distance:.2g} of the largest "
                    f"value for the {name} changed in columns {first} to {last}. A shortcut must "
                    "be exact."
                )
            worst = max(worst, distance)
    return passes(f"predict_alleles equals plain windows to {worst:.1g} of the largest value.")


def _alleles(
    subject: Subject, columns: tuple[int, int], *, several: bool
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return references and alternatives; one for two where the network says it takes that."""
    shared = getattr(subject.network, "one_reference", False)
    reference = subject.windows(2 if several and not shared else 1, columns[0])
    alternative = _changed(reference, *columns)
    if several and shared:
        alternative = np.concatenate([alternative, _changed(alternative, *columns)])
    return reference, alternative


def _places(geometry: WindowGeometry, *, quick: bool) -> list[tuple[int, int]]:
    """Return columns to change: in the middle, at the core's borders, at the window's."""
    window, middle = geometry.window, geometry.window // 2
    start = geometry.core_start
    end = min(start + geometry.core_length, window)
    single = [(place, place + 1) for place in (start, end - 1, 0, window - 1)]
    return [(max(0, middle - 10), min(middle + 20, window)), *single[: 4 if quick else 2]]


def _changed(masks: NDArray[np.uint8], first: int, last: int) -> NDArray[np.uint8]:
    """Return the windows with other bases in the columns ``[first, last)``."""
    changed = masks.copy()
    changed[:, first:last] = PLAIN[(np.log2(masks[:, first:last]).astype(int) + 1) % 4]
    return changed
