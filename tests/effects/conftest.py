"""Toy models in place of the installed plugins, the demonstration genome, small VCFs."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from engine_toys import Dense, toy_card
from tracksmith_demo.genome import DemoGenome, write_demo_genome

from tracksmith.models.card import VariantDefaults, WindowGeometry
from tracksmith.models.contract import Model, Predictor
from tracksmith.models.registry import RegisteredModel, Registry

GEOMETRY = WindowGeometry(64, 16, 32, 1)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that makes models the only ones that are found."""

    def install(*models: Model) -> None:
        registered = {
            model.card.name: RegisteredModel(model, "toys", "1", "toys") for model in models
        }
        monkeypatch.setattr(
            "tracksmith.models.registry.load_registry", lambda: Registry(registered, [])
        )

    return install


@pytest.fixture
def toy() -> Callable[..., Model]:
    """Return a function that makes a toy model whose every output depends on every base."""

    def make(
        names=("1",), geometry=GEOMETRY, scores=("diff",), variants=None, own=None, **changes
    ) -> Model:
        defaults = variants or VariantDefaults(scores=scores, max_allele=20)
        card = toy_card(geometry, names, variants=defaults, **changes)
        networks = {name: Dense(geometry, seed) for seed, name in enumerate(names)}
        return Model(card, lambda request: Predictor(networks), scores=own or {})

    return make


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> DemoGenome:
    return write_demo_genome(tmp_path_factory.mktemp("demo"))


@pytest.fixture
def write_genome(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes contigs as FASTA."""

    def write(**contigs: str) -> Path:
        path = tmp_path / "genome.fa"
        path.write_text("".join(f">{name}\n{text}\n" for name, text in contigs.items()))
        return path

    return write


@pytest.fixture
def write_vcf(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes rows (contig, 1-based position, id, ref, alt) as a VCF."""

    def write(rows, name="variants.vcf", header=(), extra="\t.\tPASS\t.") -> Path:
        columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
        lines = ["##fileformat=VCFv4.3", *header, columns]
        lines += ["\t".join(map(str, row)) + extra for row in rows]
        path = tmp_path / name
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    return write


@pytest.fixture
def table_of() -> Callable[[Path], list[dict[str, str]]]:
    """Return a function that reads a table of a run by the standard library."""

    def read(path: Path) -> list[dict[str, str]]:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as handle:
            header, *lines = (line.rstrip("\n").split("\t") for line in handle)
        names = [name.lstrip("#") for name in header]
        return [dict(zip(names, line, strict=True)) for line in lines]

    return read


@pytest.fixture
def random_bases() -> Callable[[int, int], str]:
    """Return a function from length and seed to a random sequence."""
    return lambda length, seed: "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


@pytest.fixture
def small(write_genome, random_bases):
    texts = {"chr1": random_bases(3_000, 1), "chr2": random_bases(500, 2)}
    texts["chr1"] = texts["chr1"][:1_000] + "N" * 100 + texts["chr1"][1_100:]
    return write_genome(**texts), texts
