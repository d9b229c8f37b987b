"""Whether a device computes what the CPU does, within what its precision allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from tracksmith.errors import DeviceError, UsageError
from tracksmith.runs.failures import device_faults_told

__all__ = [
    "TOLERANCES", "Sample", "difference", "is_guarded", "refuse_wrong_device",
    "run_difference",
]  # fmt: skip

TOLERANCES: Mapping[str, float] = {"float32": 1e-5, "tf32": 0.02, "bf16": 0.2, "fp16": 0.03}
"""Largest difference from float32 on a CPU, as a share of the largest value, by ``--dtype``.

Those of the coarse ones are about 2.5 times the most that the published models showed on an
H100 with random weights: 0.8 % in tf32, 8.5 % in bf16, 1.1 % in fp16. A device that computes
something else is off by tens of percent.
"""

GUARDED_TIMES = 1_000
"""A run is guarded if it has this many times the windows that are compared."""

STOPS_A_RUN = 1e-4
"""A run in float32 is refused from here on, ten times what the self-test takes for the same.

Two devices that each are within 1e-5 of the truth may lie further apart, and a long run must not
be stopped by rounding. What is wrong is off by more: TF32 that was left on, by 6e-4 at least.
"""

CPU = torch.device("cpu")


class Sample(Protocol):
    """Networks with a few windows for them."""

    @property
    def name(self) -> str:
        """The model's name."""

    def __len__(self) -> int:
        """Return how many windows there are."""

    def on(self, device: torch.device, dtype: str) -> NDArray[np.float32]:
        """Bring the networks to a device and return ``(tracks, windows, bins)``, one by one."""

    def as_run(self, device: torch.device, dtype: str) -> NDArray[np.float32]:
        """Return the same as a run computes it, NaN where N makes a gap."""


def difference(values: NDArray[np.floating], expected: NDArray[np.floating]) -> float:
    """Return the largest difference as a share of the largest expected value.

    NaN where one of both is NaN; infinite values are equal to themselves alone.
    """
    mine, plain = values.astype(np.float64), expected.astype(np.float64)
    differs = (mine != plain) & ~(np.isnan(mine) & np.isnan(plain))
    if not differs.any():
        return 0.0
    worst = float(np.abs(mine[differs] - plain[differs]).max())
    largest = float(np.abs(plain[np.isfinite(plain)]).max(initial=0))
    return worst / largest if largest else worst


def run_difference(
    sample: Sample, device: torch.device, dtype: str, expected: NDArray[np.float32]
) -> float:
    """Return how far a run on a device is from expected values, gaps left out."""
    values = sample.as_run(device, dtype)
    return difference(np.where(np.isnan(values), expected, values), expected)


def is_guarded(device: torch.device, compared: int, windows: int) -> bool:
    """Say whether a run of so many windows, folds counted, is worth comparing some first."""
    return device.type == "cuda" and windows >= GUARDED_TIMES * compared


def refuse_wrong_device(sample: Sample, device: torch.device, dtype: str) -> None:
    """Compare a device with the CPU in float32; afterwards the networks are on the device.

    The CPU comes first: what is damaged on its way to the device shows as well.

    Raises
    ------
    DeviceError
        It computes something else.
    UsageError
        Only in this precision: the model is too coarse in it.
    """
    expected = sample.on(CPU, "float32")
    with device_faults_told(device):
        allowed = max(TOLERANCES[dtype], STOPS_A_RUN)
        exact = worst = run_difference(sample, device, dtype, expected)
        if worst <= allowed:
            return
        if dtype != "float32":
            exact = run_difference(sample, device, "float32", expected)
    if exact <= STOPS_A_RUN:
        raise UsageError(
            f"--dtype {dtype} changes what {sample.name} predicts by {worst:.2g} of its largest "
            f"value, and {allowed:g} is the most that is taken for rounding. "
            "Leave --dtype out: float32 on this device agrees with the CPU."
        )
    raise DeviceError(
        f"{device} computes other values of {sample.name} than the CPU: they differ by {exact:.2g} "
        f"of the largest value, and {STOPS_A_RUN:g} is allowed in float32. No part was computed "
        "here. "
        f"`tracksmith doctor --self-test {sample.name} -d {device}` repeats the comparison. If it "
        "differs again, look at `nvidia-smi -q -d ECC` and `dmesg` for errors of the GPU, try "
        "another build of torch, or use another --device."
    )
