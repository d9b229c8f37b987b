"""Empty, repeated and contradictory options end in a sentence, before any work."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tracksmith.cli import main

WHAT = ["-m", "core-promoter", "-g", "genome.fa", "-d", "cpu"]
SEQUENCE = "ACGTTGCAAC" * 200


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("genome.fa").write_text(f">chr1\n{SEQUENCE}\n")
    Path("other.fa").write_text(f">chr1\n{SEQUENCE}\n")
    Path("empty").write_text("")
    Path("in.tsv").write_text("chr1\t500\tC\tG\n")
    return tmp_path


def call(*words: str, code: int) -> str:
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == code, f"{done.output}\n{done.exception!r}"
    return done.output


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["predict", *WHAT, "-o", ""], 2, "its value is empty"),
        (["variants", "", *WHAT, "-o", "out"], 2, "its value is empty"),
        (["work", ""], 2, "its value is empty"),
        (["predict", "-m", "core-promoter", "-g", "", "-o", "out"], 2, "--genome names no file"),
        (["predict", *WHAT, "--alias", "", "-o", "out"], 2, "--alias names no file"),
        (["predict", *WHAT, "--alias", ".", "-o", "out"], 4, "Cannot read the alias file ."),
        (["predict", *WHAT, "--alias", "empty", "-o", "out"], 4, "No line of the alias file"),
        (["predict", *WHAT, "--weights", "empty", "-o", "out"], 2, "reads no weight files"),
        (["predict", *WHAT, "-g", "other.fa", "-o", "out"], 2, "given twice, genome.fa and other"),
        (["predict", *WHAT, "-o", "out", "-o", "two"], 2, "given twice, out and two"),
        (["predict", *WHAT, "--precision", "8bits", "--precision", "9bits", "-o", "out"], 2,
         "given twice, 8bits and 9bits"),
        (["variants", *WHAT, "--saturate", "chr1:1-5", "--saturate", "chr1:8-9", "-o", "out"], 2,
         "given twice, chr1:1-5 and chr1:8-9"),
        (["variants", "in.tsv", *WHAT, "--max-allele", "0", "-o", "out"], 2, "--max-allele 0"),
        (["variants", "in.tsv", *WHAT, "--max-allele", "-3", "-o", "out"], 2, "--max-allele -3"),
        (["variants", "in.tsv", *WHAT, "--background", "9999999999", "-o", "out"], 2,
         "--background 9999999999: give the number of random variants, 0 to 100,000,000"),
        (["variants", "in.tsv", *WHAT, "--around", "top:x", "-o", "out"], 4, "--around top:x"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_said_and_claims_no_folder(world, words, code, message):
    before = sorted(path.name for path in world.iterdir())
    assert message in call(*words, code=code)
    assert sorted(path.name for path in world.iterdir()) == before


def test_the_same_said_twice_is_said_once(world):
    call("plan", *WHAT, "-g", "genome.fa", "-o", "out", "-o", "out", "-q", code=0)
    assert Path("out/run.json").is_file()
