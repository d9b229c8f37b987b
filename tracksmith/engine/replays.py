"""Batches of one shape recorded as CUDA graphs: hundreds of launches become one."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tracksmith.runs.failures import is_device_failure

__all__ = ["Replays"]

log = logging.getLogger(__name__)

CALLS_BEFORE = 2
"""A shape is recorded when it comes once more: rare shapes are not worth it."""

MOST = 8
"""Recordings kept: each holds the memory that its batch needs."""

Call = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Recording:
    """A recorded batch: what it reads, what it writes, and the graph between."""

    graph: Any
    inputs: Tensor
    outputs: Tensor

    def replay(self, inputs: Tensor) -> Tensor:
        """Return the outputs for other inputs; they hold until the next replay."""
        self.inputs.copy_(inputs)
        self.graph.replay()
        return self.outputs


class Replays:
    """Runs batches on a CUDA device, replaying those whose shape comes again and again.

    A recording is used only after it gave, bit for bit, what the plain calls give. A
    network that cannot be recorded, because it looks at values on the host, say, runs
    by plain calls for good.
    """

    def __init__(self, device: torch.device, *, wanted: bool) -> None:
        self._device = device
        self._wanted = wanted and device.type == "cuda"
        self._calls: Counter[Hashable] = Counter()
        self._recordings: dict[Hashable, Recording] = {}
        self._pool: Any = None

    def run(self, key: Hashable, inputs: Tensor, call: Call) -> Tensor:
        """Return ``call(inputs)``; equal keys promise equal shapes and equal calls.

        The outputs hold until the next call.
        """
        recording = self._recordings.get(key)
        if recording is not None:
            return recording.replay(inputs)
        outputs = call(inputs)
        self._calls[key] += 1
        if self._wanted and self._calls[key] > CALLS_BEFORE and len(self._recordings) < MOST:
            self._try(key, inputs, outputs, call)
        return outputs

    def forget(self) -> None:
        """Give back the memory of all recordings, and make no more."""
        self._recordings.clear()
        self._pool = None
        self._wanted = False

    def _try(self, key: Hashable, inputs: Tensor, outputs: Tensor, call: Call) -> None:
        try:
            # Recorded on other inputs: a graph that holds nothing would give these outputs again.
            recording = self._record(torch.zeros_like(inputs), call)
            again = recording.replay(inputs)
            # decision: replays-held-against-calls (equal bits, or no recording at all)
            same = torch.equal(again.nan_to_num(), outputs.nan_to_num())
        except Exception as error:
            if is_device_failure(error) and not _of_recording(error):
                raise
            log.info("a batch cannot be recorded (%s); plain calls go on", error)
            self.forget()
            return
        if same:
            self._recordings[key] = recording
        else:
            log.warning("a recorded batch gave other values than plain calls; these go on")
            self.forget()

    def _record(self, inputs: Tensor, call: Call) -> Recording:
        torch.cuda.synchronize(self._device)  # the caller has made it the current device
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        graph = torch.cuda.CUDAGraph()
        # Other threads, which write the part before, may go on using the device.
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            outputs = call(inputs)
        return Recording(graph, inputs, outputs)


def _of_recording(error: Exception) -> bool:
    """Say whether a CUDA error only means that something cannot be recorded."""
    return "captur" in str(error)
