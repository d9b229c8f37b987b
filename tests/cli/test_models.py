"""What ``tracksmith models`` says, and how quickly it may say it."""

import hashlib
import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from tests.models.toys import FOLDS, make_card, make_model
from tracksmith.cli import main
from tracksmith.models.card import Option, RegionGeometry, Track, WeightFile
from tracksmith.models.contract import Model
from tracksmith.models.registry import BrokenPlugin, RegisteredModel, Registry

CONTENT = b"\x80\2weights"
SHA = hashlib.sha256(CONTENT).hexdigest()
TRACKS = (
    Track("plus", "K562 plus", "+", "minus", "PRO-cap", "K562", units="RPM", transform="log1p"),
    Track("minus", "K562 minus", "-", "plus", "PRO-cap", "K562", units="RPM"),
)


def registry():
    plain = make_model(
        tracks=TRACKS,
        folds=FOLDS,
        unseen=("chrX",),
        weights=(WeightFile("a.pt", "a", 9, SHA), WeightFile("b.pt", "b")),
        options=(Option("eps", "0", ("0", "1e-3"), "a small number"),),
        notes=("A note.",),
    )
    regions = Model(
        make_card(
            name="regional",
            geometry=RegionGeometry(200, 100, ("peaks",)),
            commercial_use=False,
            weights_licence="CC BY-NC 4.0",
        ),
        load=lambda request: None,
    )
    entries = {
        model.card.name: RegisteredModel(model, "tracksmith-toy", "0.3", "toy")
        for model in (plain, regions)
    }
    return Registry(entries, [BrokenPlugin("ill", "dist-ill", "1", "ImportError: no thing")])


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setattr("tracksmith.cli.models.load_registry", registry)
    monkeypatch.setenv("TRACKSMITH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TRACKSMITH_WEIGHTS", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)

    def invoke(*arguments, code=0):
        result = CliRunner().invoke(main, ["models", *arguments])
        assert result.exit_code == code, result.output
        return result.output

    return invoke


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "a.pt").write_bytes(CONTENT)
    return folder


def test_the_list_has_every_model_and_every_broken_plugin(run):
    text = run()
    assert text == run("list")
    (row,) = (line for line in text.splitlines() if line.startswith("toy "))
    assert row.split() == ["toy", "2", "2", "8", "bp", "1", "bp", "2", "missing", "CC", "BY", "4.0"]
    assert "200 regions" in text
    assert "*** NON-COMMERCIAL USE ONLY: regional ***" in text
    assert "ill (dist-ill 1)  ImportError: no thing" in text


def test_the_list_fits_the_terminal(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "70")
    lines = run().splitlines()
    assert max(map(len, lines)) <= 70
    assert any(line.startswith("regional ") for line in lines)


def test_the_list_as_json_says_where_weights_were_looked_for(run, tmp_path):
    answer = json.loads(run("list", "--json"))
    toy, regional = answer["models"]
    assert toy["weights"]["looked_at"] == [str(tmp_path / "cache" / "weights" / "toy" / "2")]
    assert toy["weights"]["found"] == {}
    assert regional["commercial_use"] is False
    assert answer["broken"][0]["reason"] == "ImportError: no thing"


def test_the_card_is_shown_whole(run, tmp_path):
    text = run("show", "toy")
    for expected in (
        "tracksmith-toy 0.3",
        "nobody",
        "code MIT; weights CC BY 4.0",
        "bases 2 to 6 of the window, bins of 1 bp",
        "channels ACGT, a base is 1, N is 0",
        "plus (+): K562 plus, RPM, log1p",
        "a small number. Default 0 (0, 1e-3).",
        "chr1 chr2",
        "No fold saw chrX.",
        SHA,
        "2 files, 1 with a published sha256",
        str(tmp_path / "cache" / "weights" / "toy" / "2"),
        "tracksmith models fetch toy",
        "A note.",
    ):
        assert expected in text
    assert "NON-COMMERCIAL" not in text
    assert "*** NON-COMMERCIAL USE ONLY" in run("show", "regional")
    assert "peaks" in run("show", "regional")


def test_the_card_as_json_is_the_card(run):
    answer = json.loads(run("show", "toy", "--json"))
    card = registry().get("toy").card
    assert answer["card"] == json.loads(json.dumps(card.to_dict()))
    assert answer["plugin"] == {"distribution": "tracksmith-toy", "version": "0.3"}


def test_tracks_are_listed_with_their_numbers_and_searched(run):
    assert [line.split()[:2] for line in run("tracks", "toy").splitlines()] == [
        ["#", "ID"],
        ["0", "plus"],
        ["1", "minus"],
    ]
    text = run("tracks", "toy", "--grep", "K562 MINUS")
    assert "1  minus" in text
    assert "plus" not in text
    assert "1 of 2 tracks have" in text


def test_weights_beside_which_a_track_table_lies_refine_the_list(run, monkeypatch, source):
    card = make_card(weights=(WeightFile("a.pt"),))

    def describe(paths):
        return make_card(tracks=(Track("told", paths[""][0].name),))

    model = Model(card, load=lambda request: None, describe=describe)
    found = Registry({"toy": RegisteredModel(model, "d", "1", "e")}, [])
    monkeypatch.setattr("tracksmith.cli.models.load_registry", lambda: found)
    assert "told" not in run("tracks", "toy")
    assert "told  a.pt" in run("tracks", "toy", "--weights", str(source))


def test_weights_are_fetched_verified_and_then_found(run, source, tmp_path):
    text = run("fetch", "toy", "--from", str(source))
    assert "Licence of the weights of toy: CC BY 4.0." in text
    assert "1 of 2 folds of toy are there." in text
    cached = tmp_path / "cache" / "weights" / "toy" / "2" / "a.pt"
    assert cached.read_bytes() == CONTENT
    assert "1 of 2 folds" in run("list")
    text = run("verify", "toy", code=5)
    assert "toy has 2 folds, and the weights of 1 are not there: b." in text
    (row,) = (line for line in text.splitlines() if line.startswith("a "))
    assert row.endswith(f"{SHA}  as published")
    assert run("verify", "toy", "--weights", str(cached))
    cached.write_bytes(b"damaged")
    text = run("verify", "toy", code=6)
    assert "WRONG" in text
    assert "tracksmith models fetch toy" in text


def test_offline_what_is_missing_is_named(run, source, tmp_path, monkeypatch):
    text = run("fetch", "toy", "--offline", "--from", str(source), code=5)
    cached = tmp_path / "cache" / "weights" / "toy" / "2"
    assert f"  - {cached / 'b.pt'}\n" in text
    assert (cached / "a.pt").read_bytes() == CONTENT
    (source / "b.pt").write_bytes(CONTENT)
    monkeypatch.setenv("TRACKSMITH_OFFLINE", "1")
    assert "The weights are ready" in run("fetch", "toy", "--from", str(source))
    assert "The weights are ready" in run("fetch", "toy")


def test_a_quiet_fetch_says_the_licence_alone(run, source):
    assert run("fetch", "toy", "--from", str(source), "-q") == (
        "Licence of the weights of toy: CC BY 4.0.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("show", "tyo"), 2, "Did you mean 'toy'?"),
        (("show", "ill"), 2, "ImportError: no thing"),
        (("fetch", "toy"), 5, "names no address"),
        (("fetch", "toy", "--from", "/nowhere"), 2, "neither an existing file"),
        (("verify", "toy"), 5, "not on this machine"),
        (("verify", "toy", "--weights", "/nowhere"), 4, "no such file or folder"),
        (("nonsense",), 2, "No such command"),
    ],
)
def test_a_fault_is_explained_with_its_exit_code(run, arguments, code, message):
    assert message in run(*arguments, code=code)


@pytest.mark.parametrize("arguments", [["--help"], ["models"], ["models", "show", "core-promoter"]])
def test_asking_for_help_and_models_imports_nothing_heavy(arguments):
    code = (
        "import sys; from tracksmith.cli import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'pysam', 'pyBigWig', 'requests', 'h5py'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "core-promoter" in result.stdout or "Commands" in result.stdout
    assert result.stdout.splitlines()[-1] == "HEAVY []"
