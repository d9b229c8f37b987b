"""Before the first part of a long run on a GPU: a few windows, compared with the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from tracksmith.engine.agreement import is_guarded, refuse_wrong_device
from tracksmith.engine.golden import LONG_WINDOW, golden_inputs, input_bases, input_rows
from tracksmith.engine.plan import WindowPlan
from tracksmith.engine.samples import RegionSample, WindowSample
from tracksmith.models.card import ModelCard
from tracksmith.models.contract import Predictor

__all__ = ["guard_regions", "guard_windows"]


def guard_windows(
    plan: WindowPlan, predictor: Predictor, device: torch.device, windows: int | None = None
) -> None:
    """Compare a few windows of one fold, if the run is long and the device is no CPU.

    ``windows`` is how many the run has; those of the plan's genome and regions if None.

    Raises
    ------
    DeviceError, UsageError
        See :func:`tracksmith.engine.agreement.refuse_wrong_device`.
    """
    record, tiling = plan.record, plan.tiling
    # decision: guard-long-runs (a wrong GPU gives plausible numbers)
    long = tiling.window > LONG_WINDOW
    inputs = replace(
        golden_inputs(plan.card),
        windows=1 if long else 3, length=tiling.window, stride=tiling.stride,
    )  # fmt: skip
    if windows is None:
        windows = plan.cores * len(record.shifts) * (2 if record.reverse_complement else 1)
    if is_guarded(device, inputs.windows, windows * len(record.folds.names)):
        sample = WindowSample(
            plan.card, predictor, tiling, input_bases(inputs), record.folds.names[:1]
        )
        refuse_wrong_device(sample, device, record.dtype)


def guard_regions(
    card: ModelCard,
    networks: Sequence[nn.Module],
    features: int,
    device: torch.device,
    dtype: str,
    windows: int,
) -> None:
    """Compare a window of regions by one network; otherwise as :func:`guard_windows`."""
    inputs = replace(golden_inputs(card, features), windows=1)
    if is_guarded(device, inputs.windows, windows * len(networks)):
        rows = np.ascontiguousarray(input_rows(inputs))
        refuse_wrong_device(RegionSample(card, networks[:1], rows), device, dtype)
