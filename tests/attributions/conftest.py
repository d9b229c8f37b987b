"""Toy models in place of the installed plugins, and small genomes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tracksmith.models.registry import RegisteredModel, Registry


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def register(monkeypatch):
    """Return a function that makes models the only ones that are found."""

    def install(*models):
        found = {model.card.name: RegisteredModel(model, "toys", "1", "toys") for model in models}
        monkeypatch.setattr("tracksmith.models.registry.load_registry", lambda: Registry(found, []))

    return install


@pytest.fixture
def write_genome(tmp_path: Path):
    """Return a function that writes contigs as FASTA."""

    def write(name="genome.fa", **contigs: str) -> Path:
        path = tmp_path / name
        path.write_text("".join(f">{contig}\n{text}\n" for contig, text in contigs.items()))
        return path

    return write


@pytest.fixture
def random_bases():
    """Return a function from length and seed to a random sequence."""

    def make(length: int, seed: int) -> str:
        return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))

    return make
