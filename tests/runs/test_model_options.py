"""Every option of a model may be said for one model, on the command line and from Python."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from engine_toys import Dense, toy_card
from region_toys import toy as region_toy

import tracksmith
from tracksmith.cli import main
from tracksmith.errors import UsageError
from tracksmith.models.card import Option, WindowGeometry
from tracksmith.models.contract import Model, Predictor
from tracksmith.models.registry import RegisteredModel, Registry
from tracksmith.runs.request import make_request
from tracksmith.runs.run import Run

GEOMETRY = WindowGeometry(64, 16, 32, 1)


def window_model(name: str, **changes) -> Model:
    networks = {fold: Dense(GEOMETRY, number) for number, fold in enumerate("12")}
    card = toy_card(GEOMETRY, ("1", "2"), name=name, **changes)
    return Model(card, lambda request: Predictor({f: networks[f] for f in request.weights}),
                 lambda path: {"1": (path / "1.w",), "2": (path / "2.w",)})  # fmt: skip


@pytest.fixture
def world(monkeypatch, tmp_path):
    scale = Option("scale", "yes", ("yes", "no"), "nothing")
    models = [window_model("one"), window_model("two", options=(scale,)), region_toy()]
    registry = Registry({m.card.name: RegisteredModel(m, "toys", "1", "toys") for m in models}, [])
    monkeypatch.setattr("tracksmith.models.registry.load_registry", lambda: registry)
    monkeypatch.chdir(tmp_path)
    Path("genome.fa").write_text(">chr1\n" + "ACGTTGCAAC" * 40 + "\n")
    Path("peaks.bed").write_text("".join(f"chr1\t{s}\t{s + 20}\n" for s in range(0, 300, 30)))
    Path("w").mkdir()
    for fold in "12":
        Path(f"w/{fold}.w").write_text(fold)
    return tmp_path


TWO = ["-m", "one", "-m", "two", "--weights", "one=w", "--weights", "two=w", "-g", "genome.fa"]


def call(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, ["plan", *words, "-o", "out", "-d", "cpu"])
    assert done.exit_code == code, done.output
    return done.output


def records():
    return {model.name: model for model in Run.open(Path("out")).plan.models}


def test_options_of_one_model_leave_the_other_alone(world):
    call(
        *TWO, "--folds", "one=mean:1", "-t", "two=plus", "--shifts", "two=0,5",
        "--stride", "one=16",
        "--spread", "two=yes", "--rc", "one=yes", "-b", "one=3", "--dtype", "two=bf16",
    )  # fmt: skip
    one, two = records()["one"], records()["two"]
    assert (one.folds.names, two.folds.names) == (("1",), ("1", "2"))
    assert (one.tracks, two.tracks) == (("plus", "minus", "both"), ("plus",))
    assert (one.shifts, two.shifts) == ((0,), (0, 5))
    assert (one.stride, two.stride) == (16, 32)
    assert (one.folds.spread, two.folds.spread) == (False, True)
    assert (one.reverse_complement, two.reverse_complement) == (True, False)
    assert (one.batch_size, one.batch_chosen, two.batch_chosen) == (3, True, False)
    assert (one.dtype, two.dtype) == ("float32", "bf16")


def test_what_is_said_for_one_model_goes_before_what_is_said_for_all(world):
    call(*TWO, "--folds", "1", "--folds", "two=2", "--spread=no", "--shifts", "0,3")
    assert [model.folds.rule for model in records().values()] == ["1", "2"]
    assert [model.shifts for model in records().values()] == [(0, 3), (0, 3)]


def test_python_says_the_same_by_a_mapping(world):
    call(*TWO, "--folds", "one=mean:1", "--spread", "two=yes", "--option", "two=scale=no")
    first = Run.open(Path("out")).id
    run = tracksmith.plan(
        ["one", "two"], "genome.fa", "python", weights={"one": "w", "two": "w"}, device="cpu",
        folds={"one": "mean:1"}, spread={"two": True}, options={"two": {"scale": "no"}},
    )  # fmt: skip
    assert run.id == first


def test_an_option_without_a_meaning_for_some_models_is_told(world):
    weights = ["--weights", "one=w"]
    mixed = ["-m", "one", "-m", "toy", "-g", "genome.fa", "--peaks", "peaks.bed", *weights]
    said = call(*mixed, "--shifts", "0,2", "--accessibility", "toy=none.bw", code=4)
    said = call(*mixed, "--shifts", "0,2", "--option", "mode=b")
    assert "--shifts has no meaning for toy, which reads a list of regions" in said
    assert "--option mode has no meaning for one; it is left out there" in said
    assert records()["toy"].options == {"mode": "b"}
    assert records()["one"].shifts == (0, 2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--folds", "three=mean"], "--folds names three, which was not asked for"),
        (["--shifts", "tow=1"], "names tow, which was not asked for. Did you mean 'two'"),
        (["--folds", "1", "--folds", "2"], "given twice, 1 and 2"),
        (["--overlaps", "merge"], "--overlaps has no meaning for one, two"),
        (["--overlaps", "one=merge"], "--overlaps has no meaning for one, which reads windows"),
        (["--option", "scael=no"], "--option scael: one has no options"),
        (["--score", "l2"], "--score has no meaning here: it belongs to `tracksmith variants"),
    ],
)
def test_an_option_that_has_no_meaning_at_all_is_refused(world, words, message):
    assert message in call(*TWO, *words, code=2)
    assert not Path("out").exists()


def test_weights_of_several_models_say_whose_they_are(world):
    said = call("-m", "one", "-m", "two", "-g", "genome.fa", "--weights", "w", code=2)
    assert "say whose weights: --weights MODEL=PATH" in said


def test_a_mapping_that_names_another_model_is_refused():
    with pytest.raises(UsageError, match=r"--folds names tow.*'two'"):
        make_request(models=["one", "two"], folds={"tow": "mean"})


def test_a_study_holds_the_runs_and_gives_them_back(world):
    Path("study.toml").write_text(
        'genome = "genome.fa"\nmodels = ["one", "two"]\ndevice = "cpu"\n'
        '[predict]\nout = "out"\nregions = ["chr1:1-200"]\n'
        '[predict.weights]\none = "w"\ntwo = "w"\n'
        '[predict.folds]\none = "mean:1"\n[predict.options.two]\nscale = "no"\n'
    )
    done = CliRunner().invoke(main, ["run", "study.toml", "-q"])
    assert done.exit_code == 0, done.output
    first = Run.open(Path("out"))
    call(*TWO, "-r", "chr1:1-200", "--folds", "one=mean:1", "--option", "two=scale=no")
    written = CliRunner().invoke(main, ["study", "out"])
    assert written.exit_code == 0, written.output
    Path("again.toml").write_text(written.output.replace(str(world / "out"), str(world / "new")))
    done = CliRunner().invoke(main, ["run", "again.toml", "-q"])
    assert done.exit_code == 0, done.output
    assert Run.open(Path("new")).id == first.id
    assert json.loads(Path("new/run.json").read_text())["results"]


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ('[predict]\nout = "o"\ntrust_weights = ["one"]\n', 2, "take trust_weights out"),
        ("[predict", 4, "is no study"),
        ("genome = 'genome.fa'\n", 2, "holds no table [predict] or [variants]"),
        ("[predict]\nmodels = ['one']\n", 2, "[predict] needs a folder"),
        (
            "[predict]\nmodles = ['one']\nout = 'x'\n",
            2,
            "no option 'modles'. Did you mean 'models'",
        ),
        ("predict = 3\n", 2, "predict is no table"),
        ("[variants]\nmodels = ['one']\nout = 'x'\n", 2, '[variants] needs variants = "FILE"'),
    ],
)
def test_a_study_that_makes_no_sense_is_refused(world, text, code, message):
    Path("bad.toml").write_text(text)
    done = CliRunner().invoke(main, ["run", "bad.toml"])
    assert done.exit_code == code, done.output
    assert message in done.output


def test_a_study_keeps_the_formats_of_a_run(world):
    call(*TWO, "--format", "bedgraph")
    written = CliRunner().invoke(main, ["study", "out"])
    assert 'formats = ["bedgraph"]' in written.output


VCF = (
    "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    "chr1\t201\t.\tA\tC\t.\t.\t.\n"
)


def test_no_study_names_variants_that_came_through_a_pipe(world):
    words = ["variants", "-", "-m", "one", "--weights", "w", "-g", "genome.fa", "-o", "piped"]
    done = CliRunner().invoke(main, [*words, "-d", "cpu", "-q"], input=VCF)
    assert done.exit_code == 0, done.output
    refused = CliRunner().invoke(main, ["study", "piped"])
    assert refused.exit_code == 2
    assert "its variants came from a pipe" in refused.output
