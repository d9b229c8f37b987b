"""What a device did when a call failed: it had no memory left, or it broke."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from tracksmith.errors import DeviceError, ResourceError, TracksmithError

if TYPE_CHECKING:
    import torch

__all__ = [
    "device_faults_told",
    "first_words",
    "is_device_failure",
    "is_of_device",
    "is_out_of_memory",
    "no_memory_message",
    "said_of_device",
]

MEMORY_SIGNS = (
    "not enough memory", "can't allocate memory", "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED",
)  # fmt: skip
"""What a plain RuntimeError says when it was about memory."""

WORKSPACE_SIGNS = (
    "CUBLAS_STATUS_NOT_INITIALIZED", "CUDNN_STATUS_NOT_INITIALIZED",
    "CUDNN_STATUS_INTERNAL_ERROR", "unable to find an engine to execute",
)  # fmt: skip
"""What libraries say that found no room for their workspace, and of other faults too."""

WORKSPACE = 1 << 30
"""With fewer bytes free, those signs are taken for a want of memory."""

FAILURE_SIGNS = ("CUDA error", "CUBLAS_STATUS_", "CUDNN_STATUS_", "MPS backend")
"""How messages begin, or what they hold, that speak of a device rather than of a network."""


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether torch, one of its libraries or Python ran out of memory."""
    if isinstance(error, MemoryError) or _is_of_torch(error, "OutOfMemoryError"):
        return True
    text = str(error)
    if any(sign in text for sign in MEMORY_SIGNS):
        return True
    return any(sign in text for sign in WORKSPACE_SIGNS) and _nearly_full()


def is_device_failure(error: BaseException) -> bool:
    """Say whether a device broke: every later call of this process on it fails too."""
    if isinstance(error, TracksmithError) or is_out_of_memory(error):
        return False
    if _is_of_torch(error, "AcceleratorError"):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in FAILURE_SIGNS)


def _is_of_torch(error: BaseException, name: str) -> bool:
    """Say whether an error is one of torch's, which nobody raises before it is imported."""
    known = sys.modules.get("torch")
    return known is not None and isinstance(error, getattr(known, name))


def is_of_device(error: BaseException) -> bool:
    """Say whether an error tells of the device, so that no plugin is to blame."""
    return is_out_of_memory(error) or is_device_failure(error)


@contextmanager
def device_faults_told(device: torch.device | str) -> Iterator[None]:
    """Say in a sentence what a device did.

    Raises
    ------
    DeviceError
        It broke.
    ResourceError
        It has too little memory.
    """
    try:
        yield
    except TracksmithError:
        raise
    except Exception as error:
        if is_device_failure(error):
            raise DeviceError(_broken_message(device, error)) from error
        if is_out_of_memory(error):
            raise ResourceError(no_memory_message(device, error)) from error
        raise


def said_of_device(error: BaseException) -> str | None:
    """Return the sentence for an error of a device whose name is not known; None for others."""
    if is_device_failure(error):
        return _broken_message("The device", error)
    return no_memory_message("cpu", error) if is_out_of_memory(error) else None


def no_memory_message(device: torch.device | str, error: BaseException) -> str:
    """Say how much memory is free on a device and who has the rest."""
    first = first_words(error)
    if not str(device).startswith("cuda"):
        return (
            f"Out of memory: {first}\nClose other programs, give a smaller --batch-size, "
            "or use a machine with more memory; then repeat the command: finished parts are kept."
        )
    return (
        f"Out of memory on {device}{_who_uses_it(device)}: {first}\n"
        "Free it (`nvidia-smi` lists who uses it), or use another --device; "
        "then repeat the command: finished parts are kept."
    )


def _who_uses_it(device: torch.device | str) -> str:
    """Return `` (0.7 of 79.2 GiB free, other processes use 78.1 GiB)``; nothing where unknown."""
    with suppress(Exception):
        import torch

        free, total = torch.cuda.mem_get_info(torch.device(device))
        others = max(0, total - free - torch.cuda.memory_reserved(torch.device(device)))
        return (
            f" ({free / (1 << 30):.1f} of {total / (1 << 30):.1f} GiB are free, "
            f"other processes use {others / (1 << 30):.1f})"
        )
    return ""


def _broken_message(device: torch.device | str, error: BaseException) -> str:
    return (
        f"{device} failed: {first_words(error)}\n"
        "This is neither a fault of the model nor of your data. Parts that were done are safe: "
        "repeat the command. If it happens again, look at "
        "`nvidia-smi` and `dmesg` for errors of the GPU, or use another --device."
    )


def first_words(error: BaseException) -> str:
    """Return what an error says, without the advice that torch adds for programmers."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return re.split(r" GPU \d+ has ", line)[0]


def _nearly_full() -> bool:
    import torch

    if not torch.cuda.is_available():
        return False
    with suppress(Exception):
        return int(torch.cuda.mem_get_info()[0]) < WORKSPACE
    return True  # what cannot be asked any more has no room either
