"""The precision of a network's arithmetic, put around its calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

__all__ = ["in_precision"]

HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


def in_precision(name: str, device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which networks compute in a precision of ``DTYPES``.

    ``float32`` is IEEE single precision; ``bf16`` and ``fp16`` are torch's autocast;
    ``tf32`` rounds the factors of convolutions and products to ten bits of mantissa.
    """
    if name in HALF:
        return torch.autocast(device.type, HALF[name])
    return _tf32() if name == "tf32" else nullcontext()


@contextmanager
def _tf32() -> Iterator[None]:
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
