"""Names that are not UTF-8 end in a sentence, wherever they are given or found."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

import tracksmith
from tracksmith.cli import main
from tracksmith.errors import InputError, UsageError

ODD = os.fsdecode(b"x\xff")
WHAT = ["-m", "core-promoter", "-g", "genome.fa"]
SEQUENCE = "ACGTTGCAAC" * 200


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A genome and a folder whose name is not UTF-8, with the same genome in it."""
    monkeypatch.chdir(tmp_path)
    try:
        Path(ODD).mkdir()
    except OSError:
        pytest.skip("this file system holds UTF-8 names only")
    for folder in (Path(), Path(ODD)):
        (folder / "genome.fa").write_text(f">chr1\n{SEQUENCE}\n")
    return tmp_path


def call(*words: str, code: int) -> str:
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == code, f"{done.output}\n{done.exception!r}"
    assert not list(Path().glob("tracksmith-bug-*"))
    return done.output


@pytest.mark.parametrize(
    "words",
    [
        ["predict", *WHAT[:3], f"{ODD}/genome.fa", "-o", "out"],
        ["predict", *WHAT, "-o", ODD],
        ["predict", *WHAT, "-o", f"{ODD}/out"],
        ["predict", *WHAT, "-r", ODD, "-o", "out"],
        ["predict", *WHAT, "--alias", ODD, "-o", "out"],
        ["predict", *WHAT, "--weights", f"core-promoter={ODD}", "-o", "out"],
        ["variants", ODD, *WHAT, "-o", "out"],
        ["plan", ODD, *WHAT, "-o", "out"],
        ["work", ODD], ["finish", ODD], ["status", ODD], ["study", ODD], ["run", ODD],
        ["view", ODD], ["hub", "build", ODD], ["hub", "check", ODD], ["plugin", "new", ODD],
        ["models", "fetch", "get-atac", "--from", ODD], [ODD],
    ],
    ids=lambda words: " ".join(word.replace(ODD, "ODD") for word in words[:2]),
)  # fmt: skip
def test_an_argument_that_is_not_utf8_is_refused_by_name(world, words):
    before = sorted(os.listdir())  # noqa: PTH208
    assert r"\xff" in call(*words, code=2) and before == sorted(os.listdir())  # noqa: PTH208


def test_a_folder_above_counts_as_well(world, monkeypatch):
    monkeypatch.chdir(ODD)
    assert "--genome cannot be used" in call("predict", *WHAT, "-o", "out", code=2)
    assert not Path("out").exists()


def test_python_and_studies_are_told_the_same(world):
    Path(f"{ODD}/study.toml").write_text(
        'models = ["core-promoter"]\ngenome = "genome.fa"\n[predict]\nout = "out"\n'
    )
    with pytest.raises(UsageError, match=r"--genome cannot be used: the name .*\\xff"):
        tracksmith.predict("core-promoter", f"{ODD}/genome.fa", "out")
    with pytest.raises(UsageError, match=r"--genome cannot be used: '.*' holds a zero byte"):
        tracksmith.predict("core-promoter", "genome\0.fa", "out")
    with pytest.raises(InputError, match=r"Cannot use this path: the name .*\\xff"):
        tracksmith.predict("core-promoter", "genome.fa", f"{ODD}/out")
    assert sorted(path.name for path in Path(ODD).iterdir()) == ["genome.fa", "study.toml"]
    with pytest.raises(UsageError, match=r"\[predict\]: --genome cannot be used"):
        from tracksmith.study import read_study

        read_study(Path(ODD) / "study.toml")


def test_a_run_that_was_moved_under_such_a_folder_is_not_opened(world):
    tracksmith.plan("core-promoter", "genome.fa", "out", device="cpu")
    Path("out").rename(f"{ODD}/out")
    with pytest.raises(InputError, match=r"Cannot use this path"):
        tracksmith.work(f"{ODD}/out")


def test_weights_of_such_a_name_inside_a_folder_are_refused(world, monkeypatch):
    from engine_toys import Dense, toy_card

    from tracksmith.models.card import WindowGeometry
    from tracksmith.models.contract import Model, Predictor
    from tracksmith.models.registry import RegisteredModel, Registry

    geometry = WindowGeometry(64, 16, 32, 1)
    model = Model(
        toy_card(geometry, ("1",)),
        lambda request: Predictor({"1": Dense(geometry, 0)}),
        lambda path: {"1": (next(path.glob("*.w")),)},
    )
    known = Registry({"toy": RegisteredModel(model, "toys", "1", "toys")}, [])
    monkeypatch.setattr("tracksmith.models.registry.load_registry", lambda: known)
    Path("w").mkdir()
    Path(f"w/{ODD}.w").write_text("1")
    with pytest.raises(InputError, match=r"Cannot use this path: the name .*\\xff\.w"):
        tracksmith.predict("toy", "genome.fa", "out", weights="w")
    assert not Path("out").exists()


def test_a_bug_is_reported_whatever_the_arguments_were(world, monkeypatch):
    import sys

    from tracksmith.cli import _report_bug

    monkeypatch.setattr(sys, "argv", ["tracksmith", ODD])
    _report_bug(ValueError(ODD))
    (log,) = Path().glob("tracksmith-bug-*")
    assert r"x\udcff" in log.read_text(encoding="utf-8")
