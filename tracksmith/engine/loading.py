"""Loading a planned model over windows onto a device, and which files that had to trust."""

from __future__ import annotations

from dataclasses import replace

import torch

from tracksmith.engine.calls import as_predictor
from tracksmith.engine.forward import Forward
from tracksmith.engine.guard import guard_windows
from tracksmith.engine.plan import WindowPlan
from tracksmith.models.contract import Predictor
from tracksmith.models.trust import trusting
from tracksmith.runs.batch import BatchSize
from tracksmith.runs.planned import load_model

__all__ = ["load_forward", "load_predictor"]


def load_forward(
    plan: WindowPlan, device: torch.device, windows: int | None = None
) -> tuple[Forward, list[str]]:
    """Load a model onto a device, after checking the digests of its weights.

    ``windows`` is how many the run has, where these are not the plan's.

    Returns
    -------
    forward, trusted
        ``trusted`` are the sha256 of the weight files that were unpickled.

    Raises
    ------
    TrustError
        A weight file is not the one that was planned.
    PluginError
        The plugin failed to load it.
    DeviceError
        A GPU computes other values than the CPU.
    """
    predictor, trusted = load_predictor(plan)
    guard_windows(plan, predictor, device, windows)
    record = plan.record
    batch = BatchSize(record.batch_size, chosen=record.batch_chosen)
    forward = Forward(plan.card, predictor, plan.tiling, device, batch, plan.options)
    return forward, trusted


def load_predictor(plan: WindowPlan) -> tuple[Predictor, list[str]]:
    """Load the networks of a model on the CPU; otherwise as :func:`load_forward`."""
    computed = tuple(track.id for track in plan.card.tracks)
    with trusting() as consent:
        loaded = load_model(plan.planned, computed, ())
    predictor = as_predictor(loaded, plan.record.folds.names)
    every = tuple(track.id for track in plan.planned.full.tracks)
    return replace(predictor, tracks=predictor.tracks or every), consent.used
