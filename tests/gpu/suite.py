"""Saying what was found, in time."""

import gc
import json
import time
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch


class LateError(Exception):
    """The section's time is over."""


@dataclass
class Suite:
    """One run of the suite: where, how large, how long, and what was found."""

    device: torch.device
    fixtures: Path | None
    work: Path
    tiny: bool
    budget: float
    log: TextIO
    began: float = field(default_factory=time.perf_counter)
    section: str = ""
    until: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def cuda(self) -> bool:
        return self.device.type == "cuda"

    @property
    def left(self) -> float:
        """Seconds left to the section."""
        return min(self.until, self.began + self.budget) - time.perf_counter()

    def say(self, what: str, **measured: Any) -> None:
        seconds = round(time.perf_counter() - self.began, 1)
        row = {"section": self.section, "what": what, "t": seconds, **map_values(measured)}
        self.rows.append(row)
        for out in (None, self.log):
            print(json.dumps(row, default=str), file=out, flush=True)

    def check(self, what: str, good: bool, **measured: Any) -> None:
        """Say something that has to be so."""
        self.say(what, verdict="good" if good else "BAD", **measured)

    @contextmanager
    def step(self, what: str, seconds: float = 0.0):
        """Do something that takes ``seconds``, if these are left; print what breaks it."""
        try:
            if self.left < seconds:
                raise LateError(f"{self.left:.0f} s left, {seconds:.0f} wanted")
            yield
        except LateError as late:
            self.say(what, skipped=str(late))
        except Exception as error:  # noqa: BLE001
            trace = traceback.format_exc().splitlines()[-8:]
            self.say(
                what, verdict="BAD", failed=f"{type(error).__name__}: {error}"[:600], trace=trace
            )
        finally:
            gc.collect()
            if self.cuda:
                torch.cuda.empty_cache()

    def table(self) -> int:
        """Print what was found; return how much of it is bad."""
        print("\n" + "=" * 100)
        for row in self.rows:
            measured = {k: v for k, v in row.items() if k not in ("section", "what", "t", "trace")}
            text = ", ".join(f"{name} {value}" for name, value in measured.items())
            print(f"{row['section']:<11} {row['what'][:60]:<60} {text[:240]}")
        bad = sum(row.get("verdict") == "BAD" for row in self.rows)
        print(f"{len(self.rows)} rows, {bad} bad, {time.perf_counter() - self.began:.0f} s")
        return bad

    def seconds(self, function: Any, most: int = 30) -> float:
        """Return the median seconds of a call, the device's work included."""
        walls: list[float] = []
        for _ in range(3):
            function()
        self.wait()
        while len(walls) < 3 or (sum(walls) < 0.3 and len(walls) < most):
            one = time.perf_counter()
            function()
            self.wait()
            walls.append(time.perf_counter() - one)
        return float(np.median(walls))

    def wait(self) -> None:
        if self.cuda:
            torch.cuda.synchronize()


def map_values(measured: dict[str, Any]) -> dict[str, Any]:
    """Round numbers to four digits."""
    return {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in measured.items()}


def difference(outputs: Any, expected: Any) -> dict[str, Any]:
    """Return the largest difference, and its share of the largest expected value."""
    outputs, expected = (np.asarray(array, np.float64) for array in (outputs, expected))
    worst, scale = np.abs(outputs - expected).max(), np.abs(expected).max()
    return {
        "max_abs": float(worst),
        "of_max": float(worst / max(scale, 1e-300)),
        "finite": bool(np.isfinite(outputs).all()),
    }
