"""What the shell completes: models, folds, tracks and other words; without torch."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import json, sys
from tracksmith.cli import main
try:
    main(prog_name="tracksmith")
except SystemExit:
    pass
print(json.dumps([name for name in ("torch", "numpy", "h5py") if name in sys.modules]))
"""


def complete(*words: str) -> list[str]:
    """Ask as bash does; what comes back is a kind and a word a line."""
    variables = {
        "COMP_WORDS": " ".join(("tracksmith", *words)),
        "COMP_CWORD": str(len(words)),
        "_TRACKSMITH_COMPLETE": "bash_complete",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | variables, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    *lines, heavy = done.stdout.splitlines()
    assert json.loads(heavy) == [] and done.stderr == "", done.stderr
    return [line for line in lines if line]


@pytest.mark.parametrize("command", ["predict", "variants", "plan"])
@pytest.mark.parametrize("flag", ["-m", "--model"])
def test_models_are_completed_wherever_they_are_asked_for(command, flag):
    assert complete(command, flag, "core") == ["plain,core-promoter"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--folds", "he"], ["plain,held-out"]),
        (["-t", "p"], ["plain,plus"]),
        (["-t", "core-promoter=m"], ["plain,core-promoter=minus"]),
        (["--dtype", "b"], ["plain,bf16"]),
        (["--format", "bed"], ["plain,bedgraph"]),
        (["-d", "cu"], ["plain,cuda"]),
        (["--compressor", "is"], ["plain,isal"]),
        (["-g", "gen"], ["file,gen"]),
        (["--weights", "w"], ["file,w"]),
        (["-r", "pea"], ["file,pea"]),
        (["-o", "ru"], ["file,ru"]),
    ],
)
def test_words_are_completed_for_the_models_on_the_line(words, expected):
    assert complete("predict", "-m", "core-promoter", *words) == expected


def test_names_of_folds_options_and_inputs_are_those_of_the_cards():
    from tracksmith.models.registry import load_registry

    known = load_registry().models
    if "get-expression" not in known or "clipnet-lcl" not in known:
        pytest.skip("the plugins of GET and CLIPNET are not installed")
    both = ("predict", "-m", "get-expression", "-m", "clipnet-lcl")
    folds = [fold.name for fold in known["clipnet-lcl"].card.folds]
    first = folds[0][:1]
    expected = [f"plain,{name}" for name in folds if name.startswith(first)]
    assert complete(*both, "--folds", first) == expected
    assert "plain,alleles=ratio" in complete(*both, "--option", "al")
    assert complete(*both, "--input", "mot") == ["plain,motifs="]


def test_nothing_is_completed_where_nothing_is_known():
    assert complete("predict", "-m", "no-such-model", "-t", "pl") == []
    assert complete("predict", "--shifts", "1") == []
