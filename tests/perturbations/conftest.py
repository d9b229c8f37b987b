"""The demonstration genome, toy models in place of the installed plugins, small genomes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tracksmith_demo.genome import DemoGenome, write_demo_genome

from tracksmith.models.contract import Model
from tracksmith.models.registry import RegisteredModel, Registry


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> DemoGenome:
    return write_demo_genome(tmp_path_factory.mktemp("demo"))


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that makes models the only ones that are found."""

    def install(*models: Model) -> None:
        found = {model.card.name: RegisteredModel(model, "toys", "1", "toys") for model in models}
        monkeypatch.setattr("tracksmith.models.registry.load_registry", lambda: Registry(found, []))

    return install


@pytest.fixture
def write_genome(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes contigs as FASTA."""

    def write(**contigs: str) -> Path:
        path = tmp_path / "genome.fa"
        path.write_text("".join(f">{name}\n{text}\n" for name, text in contigs.items()))
        return path

    return write


@pytest.fixture
def random_bases() -> Callable[[int, int], str]:
    """Return a function from length and seed to a random sequence."""
    return lambda length, seed: "".join(np.random.default_rng(seed).choice(list("ACGT"), length))
