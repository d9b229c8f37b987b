"""Checks that need no idea of what a model predicts: shapes, numbers, nothing changed."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracksmith.engine.conformance.report import Verdict, fails, open_, passes
from tracksmith.engine.conformance.subject import Subject
from tracksmith.genome.bases import N

__all__ = [
    "TOLERANCE",
    "check_all_n",
    "check_batch",
    "check_dtype",
    "check_finite",
    "check_input",
    "check_repeats",
    "check_shape",
    "check_state",
    "check_tracks",
    "difference",
    "digest",
]

TOLERANCE = 1e-5
"""Largest difference between two ways to the same value, as a share of the largest value."""


def difference(mine: NDArray[np.float64], plain: NDArray[np.float64]) -> float:
    """Return the largest difference as a share of the largest plain value."""
    largest = float(np.abs(plain).max(initial=0))
    worst = float(np.abs(mine - plain).max(initial=0))
    return worst / largest if largest else worst


def check_shape(subject: Subject) -> Verdict:
    """Every network returns ``(batch, tracks, bins)``, also for a batch of one."""
    bins, returned = subject.geometry.bins, len(subject.returned)
    for network in subject.networks:
        for count in (1, 2):
            values = subject.tracks(subject.raw(subject.windows(count, 1), network))
            if not isinstance(values, Tensor):
                return fails(f"It returned {type(values).__name__}, not a tensor.")
            shape = tuple(values.shape)
            if len(shape) != 3:
                return fails(
                    f"It returned {len(shape)} dimensions, {shape}, for {count} windows: a network "
                    f"returns three, (batch, tracks, bins), here ({count}, {returned}, {bins})."
                )
            if shape != (count, returned, bins):
                return fails(
                    f"It returned {shape} for {count} windows; the card promises "
                    f"({count}, {returned}, {bins}): batch, tracks, bins."
                )
    return passes(f"(batch, {returned} tracks, {bins} bins), for one window and for more.")


def check_dtype(subject: Subject) -> Verdict:
    """Raw outputs and tracks are float32."""
    for network in subject.networks:
        raw = subject.raw(subject.windows(1, 1), network)
        for name, values in (("network", raw), ("track", subject.tracks(raw))):
            if values.dtype is not torch.float32:
                dtype = str(values.dtype).removeprefix("torch.")
                return fails(
                    f"The {name} values are {dtype}: they must be float32. Look for weights or "
                    "constants of another type, or end with .float()."
                )
    return passes("float32.")


def check_repeats(subject: Subject) -> Verdict:
    """The same windows give the same values, to the bit."""
    masks = subject.windows(1, 2)
    for network in subject.networks:
        first = subject.chosen(subject.raw(masks, network))
        for _ in range(2):
            again = subject.chosen(subject.raw(masks, network))
            if not np.array_equal(first, again, equal_nan=True):
                return fails(
                    f"The same windows gave other values the second time, by "
                    f"{difference(again, first):.2g} of the largest: something is random though "
                    "the network is in evaluation mode. Is dropout left on (a functional dropout "
                    "with training=True, or a train() of its own)?"
                )
    return passes("The same windows give the same values, to the bit.")


def check_finite(subject: Subject) -> Verdict:
    """No NaN and no infinity, also beside N, outside the contig and with IUPAC codes."""
    names = ("plain bases", "a run of N", "a contig's end", "IUPAC codes")
    for fold, network in zip(subject.predictor.networks, subject.networks, strict=False):
        for name, row in zip(names, subject.mixed(3), strict=True):
            values = subject.chosen(subject.raw(row[None], network))
            bad = np.argwhere(~np.isfinite(values))
            if len(bad):
                _, track, bin_number = (int(x) for x in bad[0])
                return fails(
                    f"A window with {name} gave {values[0, track, bin_number]} for track "
                    f"{subject.card.tracks[track].id}, bin {bin_number}"
                    + (f", fold {fold}." if fold else ".")
                )
    return passes("Finite for plain bases, runs of N, windows past a contig's end, IUPAC codes.")


def check_all_n(subject: Subject) -> Verdict:
    """A window of N alone gives numbers: a division by the sum of nothing would show."""
    masks = np.full((1, subject.geometry.window), N, dtype=np.uint8)
    for network in subject.networks:
        values = subject.chosen(subject.raw(masks, network))
        if not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).sum())
            return fails(
                f"A window of N alone gave {bad} of {values.size} values that are not finite. "
                "Look for a division by a sum that can be 0."
            )
    return passes("A window of N alone gives finite values.")


def check_batch(subject: Subject) -> Verdict:
    """A window's values depend neither on its neighbours in the batch nor on their number."""
    masks = subject.windows(3, 4)
    together = subject.chosen(subject.raw(masks))
    turned = subject.chosen(subject.raw(masks[::-1]))[::-1]
    alone = np.concatenate([subject.chosen(subject.raw(row[None])) for row in masks])
    for values, how in ((turned, "in another order"), (alone, "alone")):
        worst = difference(values, together)
        if not worst <= TOLERANCE:
            return fails(
                f"A window computed {how} differs by {worst:.2g} of the largest value from the "
                "same window in a batch: something is shared along the batch (normalisation by "
                "batch statistics, a sum or softmax over the wrong axis)."
            )
    worst = max(difference(turned, together), difference(alone, together))
    return passes(f"Alone, in a batch and in another order: equal to {worst:.1g} of the largest.")


def check_input(subject: Subject) -> Verdict:
    """Neither the network changes its input, nor ``to_tracks`` the raw outputs."""
    with torch.inference_mode():
        bases = subject.bases(subject.windows(2, 5))
        before = bases.clone()
        raw = subject.network(bases)
        if not torch.equal(bases, before):
            return fails(
                "The network changed its input tensor: it works in place (mul_, relu_, +=) on "
                "what it was given. Work on a copy: the engine gives other folds the same tensor."
            )
        kept = raw.clone()
        subject.tracks(raw)
        if not torch.equal(torch.nan_to_num(raw), torch.nan_to_num(kept)):
            return fails("to_tracks changed the raw outputs that it was given: work on a copy.")
    return passes("The input is left as it was.")


def digest(network: nn.Module) -> dict[str, str]:
    """Return the sha256 of every parameter and buffer by name."""
    tensors: dict[str, Any] = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    return {
        name: hashlib.sha256(
            tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
            if tensor.numel()
            else b""
        ).hexdigest()
        for name, tensor in tensors.items()
    }


def check_state(subject: Subject) -> Verdict:
    """Predicting changes no parameter and no buffer."""
    before = digest(subject.network)
    for seed in (6, 7):
        subject.raw(subject.windows(1, seed))
    after = digest(subject.network)
    changed = [name for name in before | after if before.get(name) != after.get(name)]
    if changed:
        return fails(
            f"Predicting changed {len(changed)} tensors of the network, first {changed[0]}: a "
            "later window would depend on earlier ones. Is a normalisation still learning?"
        )
    return passes(f"{len(before)} parameters and buffers are the same before and after.")


def check_tracks(subject: Subject) -> Verdict:
    """A track asked for alone has the values that it has among all."""
    ids = [track.id for track in subject.card.tracks]
    partners = subject.card.rc_partners()
    last = sorted({len(ids) - 1, partners[-1]})
    if len(last) == len(ids):
        return open_("There is nothing to choose: one track, or one pair.")
    wanted = [ids[row] for row in last]
    predictor = subject.load(wanted)
    fewer = Subject(subject.model, subject.card.with_tracks(wanted), subject.weights, predictor,
                    subject.request)  # fmt: skip
    masks = subject.windows(1, 8)
    all_of_them = subject.chosen(subject.raw(masks))[:, last]
    alone = fewer.chosen(fewer.raw(masks))
    worst = difference(alone, all_of_them)
    if not worst <= TOLERANCE:
        return fails(
            f"{', '.join(wanted)} loaded alone differs by {worst:.2g} of the largest value from "
            "the same among all tracks: does Predictor.tracks name what the network returns?"
        )
    return passes(f"{', '.join(wanted)} loaded alone has the values that it has among all.")
