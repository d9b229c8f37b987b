"""A registry of toys in place of the installed plugins, and small genomes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tracksmith.models.contract import Model
from tracksmith.models.registry import RegisteredModel, Registry


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that makes models the only ones the engine finds."""

    def install(*models: Model) -> None:
        registered = {
            model.card.name: RegisteredModel(model, "toys", "1", "toys") for model in models
        }
        monkeypatch.setattr(
            "tracksmith.models.registry.load_registry", lambda: Registry(registered, [])
        )

    return install


@pytest.fixture
def write_genome(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes contigs as FASTA."""

    def write(**contigs: str) -> Path:
        path = tmp_path / "genome.fa"
        lines = []
        for name, sequence in contigs.items():
            lines.append(f">{name}\n")
            lines += [f"{sequence[i : i + 60]}\n" for i in range(0, len(sequence), 60)]
        path.write_text("".join(lines))
        return path

    return write


@pytest.fixture
def random_bases() -> Callable[[int, int], str]:
    """Return a function from length and seed to a random sequence."""

    def make(length: int, seed: int) -> str:
        return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))

    return make
