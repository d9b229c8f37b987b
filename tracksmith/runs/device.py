"""Devices, batch sizes, precision: all that decides how a batch is run, not what it means."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar

import torch

from tracksmith.errors import ResourceError, UsageError
from tracksmith.runs.cores import usable_cores
from tracksmith.runs.lanes import Lanes

__all__ = [
    "DTYPES",
    "MEMORY_ERRORS",
    "BatchSize",
    "default_batch_size",
    "device_kind",
    "is_out_of_memory",
    "parse_devices",
    "resolve_device",
    "resolve_devices",
    "usable_cores",
]

log = logging.getLogger(__name__)
Result = TypeVar("Result")

DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

CPU_BATCH_BASES = 16_384
"""Bases of a batch on a CPU: larger batches fall out of the cache and get slower."""

GPU_BYTES_PER_BASE = 16_384
"""Rough memory of a network's activations per base of a window, float32."""

GPU_WINDOWS = 2_048

MEMORY_ERRORS = (MemoryError, torch.cuda.OutOfMemoryError)

MEMORY_SIGNS = (
    "not enough memory", "can't allocate memory", "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED",
)  # fmt: skip
"""What a plain RuntimeError says when it was about memory."""


def parse_devices(text: str) -> list[str]:
    """Split ``--device``: ``auto``, ``cpu``, ``cuda:0,cuda:1`` ...

    Raises
    ------
    UsageError
        An unknown name, or devices of two kinds.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    kinds = {name.partition(":")[0] for name in names}
    if not names or not kinds <= {"auto", "cpu", "cuda", "mps"}:
        raise UsageError(f"Unknown device {text!r}. Use auto, cpu, cuda, cuda:0 or cuda:0,cuda:1.")
    if len(kinds) > 1 or (len(names) > 1 and kinds == {"auto"}):
        raise UsageError(
            f"--device {text}: all devices of a run must be of one kind, "
            "because another kind gives other last digits."
        )
    return names


def device_kind(name: str) -> str:
    """Return ``cpu``, ``cuda`` or ``mps`` for one device name; ``auto`` looks for a GPU."""
    kind = name.partition(":")[0]
    if kind == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return kind


def resolve_device(name: str) -> torch.device:
    """Return the torch device of a name, after checking that it is there.

    Raises
    ------
    ResourceError
        No such device: never a silent fall-back to the CPU.
    """
    kind = device_kind(name)
    if kind == "cpu":
        return torch.device("cpu")
    if kind == "mps":
        if not torch.backends.mps.is_available():
            raise ResourceError("--device mps: torch finds no Apple GPU. Use --device cpu.")
        return torch.device("mps")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    index = name.partition(":")[2]
    if count == 0:
        raise ResourceError(
            f"--device {name}: torch {torch.__version__} finds no CUDA device. Check the driver "
            "with `nvidia-smi` and install torch for its CUDA version, or use --device cpu."
        )
    if index and not (index.isdigit() and int(index) < count):
        raise ResourceError(f"--device {name}: this machine has CUDA devices 0 to {count - 1}.")
    # TF32 would change small effects silently; whoever wants speed says --dtype.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    return torch.device("cuda", int(index or 0))


def resolve_devices(text: str) -> list[torch.device]:
    """Return the devices of ``--device``; see :func:`resolve_device` for what is raised."""
    return [resolve_device(name) for name in parse_devices(text)]


def default_batch_size(kind: str, window: int) -> int:
    """Return a batch size in windows: small on a CPU, by memory on a GPU.

    All its memory, not what is free just now: the batch size is part of a plan, and the
    same command has to give the same plan. Too large a batch is halved.
    """
    if kind != "cuda":
        return max(1, min(64, CPU_BATCH_BASES // window))
    memory = 16 << 30
    if torch.cuda.is_available():
        memory = torch.cuda.mem_get_info()[1]
    windows = max(1, min(GPU_WINDOWS, memory * 3 // 4 // (GPU_BYTES_PER_BASE * window)))
    return 1 << (windows.bit_length() - 1)


class BatchSize:
    """A batch size that is halved, and stays halved, when memory runs out.

    ``chosen`` says that somebody asked for it: nothing may make it larger.
    """

    def __init__(self, windows: int, *, chosen: bool = False) -> None:
        self.windows = windows
        self.chosen = chosen
        self.smallest = windows

    def run_in(self, lanes: Lanes, forward: Callable[[int, int], None], count: int) -> None:
        """Call ``forward(a, b)`` over ``[0, count)``, batches side by side in the lanes.

        The batches are those of :meth:`run`. One that does not fit into memory
        is run again alone, in halves.
        """
        if not count:
            return
        batches = -(-count // self.windows)
        edges = [count * number // batches for number in range(batches + 1)]
        raised = lanes.run(forward, list(pairwise(edges)))
        for (first, last), error in raised:
            self._halve(error, last - first)
        for (first, last), _ in raised:
            self.run(forward, first, last)

    def run(self, forward: Callable[[int, int], Result], first: int, last: int) -> list[Result]:
        """Call ``forward(a, b)`` over ``[first, last)`` in batches of even size.

        Raises
        ------
        ResourceError
            Even a single window does not fit.
        """
        results: list[Result] = []
        while first < last:
            left = last - first
            batches = -(-left // self.windows)
            end = first + left // batches
            try:
                results.append(forward(first, end))
            except (RuntimeError, MemoryError) as error:
                self._halve(error, end - first)
                continue
            first = end
        return results

    def _halve(self, error: BaseException, windows: int) -> None:
        if not is_out_of_memory(error):
            raise error
        if windows <= 1:
            raise ResourceError(
                f"Out of memory with a single window: {str(error).splitlines()[0]}\n"
                "Free memory on the device, or use another --device."
            ) from error
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.windows = min(self.windows, windows // 2)
        self.smallest = min(self.smallest, self.windows)
        log.warning("out of memory with %d windows; going on with %d", windows, self.windows)


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether torch or Python ran out of memory."""
    if isinstance(error, MEMORY_ERRORS):
        return True
    return any(sign in str(error) for sign in MEMORY_SIGNS)
