"""Small genomes, made afresh for each test; indexes never go to the real cache folder."""

from collections.abc import Callable
from pathlib import Path

import pysam.bcftools
import pytest

from tracksmith.genome.contigs import Contigs
from tracksmith.genome.fasta import Genome


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture
def notes() -> list[str]:
    """What ``notify`` was told."""
    return []


@pytest.fixture
def genome_of(tmp_path: Path) -> Callable[..., Genome]:
    """Write FASTA text to a file and open it as a genome."""

    def make(text: str | bytes, name: str = "genome.fa") -> Genome:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return Genome.open(path)

    return make


@pytest.fixture(scope="session")
def contigs() -> Contigs:
    """Three contigs, one of them with a colon in its name."""
    return Contigs(["chr1", "chr2", "HLA-A*01:02"], [1_000, 200, 30])


@pytest.fixture(scope="session")
def to_bcf() -> Callable[[Path, Path], None]:
    """Convert a VCF to BCF by bcftools."""

    def convert(vcf: Path, bcf: Path) -> None:
        pysam.bcftools.view("-Ob", "-o", str(bcf), str(vcf), catch_stdout=False)

    return convert
