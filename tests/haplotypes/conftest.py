"""Toy models in place of the installed plugins, small genomes, people of some edits."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from tracksmith.models.contract import Model
from tracksmith.models.registry import RegisteredModel, Registry

HEAD = (
    "##fileformat=VCFv4.3\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    '##FORMAT=<ID=PS,Number=1,Type=Integer,Description="Phase set">\n'
)
Row = tuple[str, int, str, str, Sequence[str]]
"""Contig, position (1-based), REF, ALT, the genotypes."""


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


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
        path.write_text("".join(f">{name}\n{bases}\n" for name, bases in contigs.items()))
        return path

    return write


@pytest.fixture
def write_people(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes rows of a VCF with genotypes."""

    def write(
        rows: Sequence[Row],
        people: Sequence[str] = ("ann",),
        *,
        name: str = "people.vcf",
        contigs: Mapping[str, int] | None = None,
        keys: str = "GT",
    ) -> Path:
        declared = "".join(f"##contig=<ID={n},length={s}>\n" for n, s in (contigs or {}).items())
        fixed = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT")
        columns = [*fixed, *people]
        lines = [HEAD, declared, "\t".join(columns) + "\n"]
        for contig, position, ref, alt, genotypes in rows:
            row = [contig, str(position), ".", ref, alt, ".", ".", ".", keys, *genotypes]
            lines.append("\t".join(row) + "\n")
        path = tmp_path / name
        path.write_text("".join(lines))
        return path

    return write


@pytest.fixture
def random_sequence() -> Callable[[int, int], str]:
    """Return a function from length and seed to a random sequence."""

    def make(length: int, seed: int) -> str:
        return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))

    return make
