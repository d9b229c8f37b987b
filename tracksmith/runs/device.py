"""Devices by name, precisions, and the batch size that fits a device."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import TYPE_CHECKING

from tracksmith.errors import ResourceError, UsageError

if TYPE_CHECKING:
    import torch

__all__ = [
    "DTYPES",
    "default_batch_size",
    "device_facts",
    "device_kind",
    "first_device",
    "has_cuda_driver",
    "parse_devices",
    "resolve_device",
    "resolve_devices",
    "usable_cores",
]

DTYPES = ("float32", "tf32", "bf16", "fp16")
"""What ``--dtype`` may say. The first is exact; ``tf32`` needs a CUDA device."""

CPU_BATCH_BASES = 16_384
"""Bases of a batch on a CPU: larger batches fall out of the cache and get slower."""

GPU_BYTES_PER_BASE = 16_384
"""Rough memory of a network's activations per base of a window, float32."""

GPU_WINDOWS = 2_048

UNSEEN_GPU_MEMORY = 16 << 30
"""Memory of a GPU where none is at hand: on a login node, say."""


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
        return "cuda" if _cuda_is_there() else "cpu"
    return kind


def first_device(text: str) -> str:
    """Return the first device of ``--device`` by its name; ``auto`` becomes what is there."""
    name = parse_devices(text)[0]
    return device_kind(name) if name == "auto" else name


def has_cuda_driver() -> bool:
    """Say whether there is a driver without which torch finds no CUDA device."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def _cuda_is_there() -> bool:
    """Say whether torch could use a CUDA device, without importing it where there is none."""
    # decision: no-torch-to-plan (three seconds, only to hear that there is no GPU)
    if "torch" not in sys.modules and not has_cuda_driver():
        return False
    import torch

    return torch.cuda.is_available()


def resolve_device(name: str) -> torch.device:
    """Return the torch device of a name, after checking that it is there.

    Raises
    ------
    ResourceError
        No such device: never a silent fall-back to the CPU.
    """
    import torch

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
    _make_exact()
    return torch.device("cuda", int(index or 0))


def _make_exact() -> None:
    """Set the process to exact and repeatable arithmetic on CUDA devices."""
    import torch

    # TF32 would change small effects silently; whoever wants speed says --dtype.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    # decision: same-bytes-on-a-gpu (no algorithm that adds in another order each time)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False


def resolve_devices(text: str) -> list[torch.device]:
    """Return the devices of ``--device``; see :func:`resolve_device` for what is raised."""
    return [resolve_device(name) for name in parse_devices(text)]


def default_batch_size(device: str, window: int) -> int:
    """Return a batch size in windows: small on a CPU, by memory on a GPU.

    All its memory, not what is free just now: the batch size is part of a plan, and the
    same command has to give the same plan. Too large a batch is halved.
    """
    kind, _, index = device.partition(":")
    if kind != "cuda":
        return max(1, min(64, CPU_BATCH_BASES // window))
    memory = _memory_of(int(index or 0))
    windows = max(1, min(GPU_WINDOWS, memory * 3 // 4 // (GPU_BYTES_PER_BASE * window)))
    return 1 << (windows.bit_length() - 1)


def _memory_of(index: int) -> int:
    """Return the bytes of a CUDA device; asking opens nothing on it."""
    import torch

    if not torch.cuda.is_available() or index >= torch.cuda.device_count():
        return UNSEEN_GPU_MEMORY
    return int(torch.cuda.get_device_properties(index).total_memory)


def device_facts(device: torch.device) -> dict[str, str]:
    """Return what decides the last digits of a device: its name, and the model of a GPU."""
    import torch

    properties = {"device": str(device)}
    if device.type == "cuda":
        card = torch.cuda.get_device_properties(device)
        properties |= {
            "gpu": card.name,
            "capability": f"{card.major}.{card.minor}",
            "cuda": str(torch.version.cuda),
            "cudnn": str(torch.backends.cudnn.version()),  # type: ignore[no-untyped-call]
        }
    return properties


def usable_cores() -> int:
    """Return the CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
