"""A nearly free model of any number of tracks, a random genome, and figures of a process."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from tracksmith.models import registry as plugins
from tracksmith.models.card import ModelCard, Track, WindowGeometry
from tracksmith.models.contract import Model
from tracksmith.models.registry import RegisteredModel, Registry


def load_toy(tracks: int, window: int, bin_size: int):
    """Return a network that mixes averages of the bases of each bin, otherwise for each track."""
    import torch

    class Mix(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mix", torch.linspace(-1, 1, 4 * tracks).reshape(tracks, 4))

        def forward(self, bases: torch.Tensor) -> torch.Tensor:
            return torch.einsum(
                "tc,ncb->ntb", self.mix, bases.unfold(2, bin_size, bin_size).mean(3)
            )

    return Mix()


def install_toy(tracks: int = 2, window: int = 8192, bin_size: int = 128) -> None:
    """Make the toy the only model that tracksmith finds in this process."""
    card = ModelCard(
        name="toy",
        version="1",
        summary="nearly free",
        code_licence="MIT",
        weights_licence="MIT",
        citation="none",
        geometry=WindowGeometry(window, 0, window, bin_size),
        tracks=tuple(Track(f"t{number}", "a track", signed=True) for number in range(tracks)),
    )
    model = Model(card, lambda request: load_toy(tracks, window, bin_size))
    registry = Registry({"toy": RegisteredModel(model, "bench", "1", "bench")}, [])
    plugins.load_registry = lambda: registry


def write_genome(path: Path, lengths: Sequence[int]) -> Path:
    """Write contigs of random bases."""
    generator, letters = np.random.default_rng(1), np.frombuffer(b"ACGT", dtype=np.uint8)
    with path.open("wb") as handle:
        for number, length in enumerate(lengths):
            handle.write(b">c%d\n" % number)
            handle.write(letters[generator.integers(0, 4, length)].tobytes() + b"\n")
    return path


def cpu_since(began: float) -> float:
    """Return CPU seconds of this process, all threads, since ``time.process_time()`` was taken."""
    return time.process_time() - began
