"""A file of another assembly is refused before anything is scored; some mismatches are told."""

import random
from pathlib import Path

import pytest
import verbs

from tracksmith.effects.kind import Variants
from tracksmith.errors import InputError
from tracksmith.genome.alleles import AlleleReader
from tracksmith.models.registry import load_registry
from tracksmith.progress import Silent

OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}
HEAD = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


@pytest.fixture
def sequence(random_bases) -> str:
    return random_bases(9_000, 5)


@pytest.fixture
def genome(write_genome, sequence) -> Path:
    return write_genome(chr1=sequence)


def write_snvs(
    path: Path, sequence: str, wrong: float, count: int = 200, swap: bool = False
) -> Path:
    """Write SNVs, of which a share has another REF than the sequence, spread evenly."""
    rows, due = [], 0.0
    for number in range(count):
        at = 1_000 + 30 * number
        due += wrong
        ref, alt = sequence[at], OTHER[sequence[at]]
        if due >= 1:
            due -= 1
            ref, alt = (alt, ref) if swap else (alt, OTHER[alt])
        rows.append(f"chr1\t{at + 1}\t.\t{ref}\t{alt}\t.\t.\t.\n")
    path.write_text(HEAD + "".join(rows))
    return path


class Noted(Silent):
    """Keeps what is told."""

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes

    def note(self, text: str) -> None:
        self.notes.append(text)


def score(tmp_path: Path, genome: Path, variants: Path, **more):
    request = verbs.request(("core-promoter",), genome, variants=variants, device="cpu", **more)
    return verbs.run_all(request, tmp_path / "run")


@pytest.fixture
def never(monkeypatch):
    """Let no variant be scored."""

    def refuse(self, part):
        raise AssertionError("a variant was scored")

    monkeypatch.setattr("tracksmith.effects.worker.VariantWorker.compute", refuse)


def test_a_file_of_another_assembly_is_refused_before_anything_is_scored(
    tmp_path, genome, random_bases, never
):
    variants = write_snvs(tmp_path / "v.vcf", random_bases(9_000, 6), 0)
    with pytest.raises(InputError) as raised:
        score(tmp_path, genome, variants)
    said = str(raised.value)
    assert "of the first 200 reference alleles are not what genome.fa has there (line " in said
    assert "another assembly" in said and "--max-skipped 1" in said
    assert int(said.split("v.vcf: ")[1].split(" of the first")[0]) in range(120, 180)
    assert not (tmp_path / "run").exists()


def test_whoever_lets_all_be_skipped_gets_what_fits(tmp_path, genome, random_bases):
    variants = write_snvs(tmp_path / "v.vcf", random_bases(9_000, 6), 0)
    run = score(tmp_path, genome, variants, max_skipped=1)
    (counts,) = run.results.counts.values()
    assert 20 < counts.alleles_scored < 80


def test_alleles_that_are_swapped_are_no_mismatch_where_that_was_asked_for(
    tmp_path, genome, sequence, never
):
    variants = write_snvs(tmp_path / "v.vcf", sequence, 0.75, swap=True)
    with pytest.raises(InputError, match="150 of the first 200"):
        score(tmp_path, genome, variants)
    with pytest.raises(AssertionError, match="a variant was scored"):
        score(tmp_path, genome, variants, ref_mismatch="use-alt-as-ref")


def test_some_mismatches_are_told_at_once_and_too_many_refused_at_the_end(
    tmp_path, genome, sequence
):
    variants = write_snvs(tmp_path / "v.vcf", sequence, 0.2)
    notes: list[str] = []
    request = verbs.request(("core-promoter",), genome, variants=variants, device="cpu")
    with pytest.raises(InputError, match="40 of 200 alleles cannot be scored"):
        verbs.run_all(request, tmp_path / "run", Noted(notes))
    assert any("40 of the first 200" in note and "more than 5 %" in note for note in notes)


def test_few_variants_prove_nothing(tmp_path, genome, sequence, never):
    variants = write_snvs(tmp_path / "v.vcf", sequence, 1, count=10)
    with pytest.raises(AssertionError, match="a variant was scored"):
        score(tmp_path, genome, variants)


def test_only_the_first_thousand_are_looked_at(tmp_path, write_genome, random_bases, monkeypatch):
    text = random_bases(9_000, 5)
    dice = random.Random(1)
    rows = [
        f"chr1\t{at + 1}\t.\t{text[at] if n < 1_000 else OTHER[text[at]]}\t"
        f"{OTHER[text[at]] if n < 1_000 else text[at]}\t.\t.\t.\n"
        for n, at in enumerate(sorted(dice.sample(range(1_000, 8_000), 3_000)))
    ]
    (tmp_path / "v.vcf").write_text(HEAD + "".join(rows))
    seen = []
    original = "tracksmith.effects.limits.AlleleReader.alleles"
    alleles = AlleleReader.alleles
    monkeypatch.setattr(original, lambda self, record: seen.append(1) or alleles(self, record))
    request = verbs.request(
        ("core-promoter",), write_genome(chr1=text), variants=tmp_path / "v.vcf", device="cpu"
    )
    Variants().draft(request, load_registry(), Silent())
    assert len(seen) == 1_000
