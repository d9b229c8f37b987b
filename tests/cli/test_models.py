"""What ``tracksmith models`` says, and how quickly it may say it."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace

import pytest
from click.testing import CliRunner

from tests.models.toys import FOLDS, make_card, make_model
from tracksmith.cli import main
from tracksmith.errors import InputError
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


def test_without_a_model_the_list_says_how_to_install_one(run, monkeypatch):
    broken = BrokenPlugin("ill", "dist-ill", "1", "ImportError: no thing")
    monkeypatch.setattr("tracksmith.cli.models.load_registry", lambda: Registry({}, [broken]))
    text = run()
    assert text.startswith("No model is installed")
    assert "pip install tracksmith-NAME" in text
    assert "tracksmith plugin new NAME" in text
    assert "ill (dist-ill 1)  ImportError: no thing" in text
    assert json.loads(run("list", "--json"))["models"] == []


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
    assert run("tracks", "toy").splitlines() == [
        "#  ID     LABEL       STRAND",
        "0  plus   K562 plus   +",
        "1  minus  K562 minus  -",
        "All: assay PRO-cap; cell type K562; units RPM.",
    ]
    text = run("tracks", "toy", "--grep", "K562 MINUS")
    assert "1  minus" in text
    assert "plus" not in text
    assert "1 of 2 tracks have" in text


def test_a_track_s_columns_are_those_that_tell_something_new(monkeypatch, run):
    tracks = (
        Track("a", "DNASE:HepG2", assay="DNASE", cell_type="HepG2", units="reads"),
        Track("b", "CHIP:K562", assay="CHIP", cell_type="K562", units="reads"),
        Track("c", "CAGE:K562", assay="CAGE", cell_type="K562", units="RPM"),
    )
    registered = RegisteredModel(make_model(tracks=tracks), "d", "1", "e")
    monkeypatch.setattr(
        "tracksmith.cli.models.load_registry", lambda: Registry({"toy": registered}, [])
    )
    assert run("tracks", "toy").splitlines()[:2] == [
        "#  ID  LABEL        UNITS",
        "0  a   DNASE:HepG2  reads",
    ]
    listed = json.loads(run("tracks", "toy", "--grep", "K562", "--json"))
    assert [(item["number"], item["id"], item["cell_type"]) for item in listed] == [
        (1, "b", "K562"),
        (2, "c", "K562"),
    ]


def test_the_names_of_tracks_come_with_a_small_table_before_the_weights(run, tmp_path, monkeypatch):
    table = WeightFile("names.txt", size=12, names_tracks=True)
    card = make_card(weights=(WeightFile("w.pt"), table), tracks=(Track("t.0", "track 0"),))

    def describe(paths):
        named = [path for path in paths[""] if path.name == "names.txt"]
        label = named[0].read_text() if named else "track 0"
        return replace(card, tracks=(Track("t.0", label),))

    def find(place):
        if not (place / "w.pt").is_file():
            raise InputError(f"no w.pt in {place}")
        return {"": (place / "w.pt",)}

    model = Model(card, lambda request: None, find, describe)
    registry = Registry({"toy": RegisteredModel(model, "d", "1", "e")}, [])
    monkeypatch.setattr("tracksmith.cli.models.load_registry", lambda: registry)
    (tmp_path / "names.txt").write_text("K562 DNase")
    text = run("tracks", "toy")
    assert "track 0" in text
    way = "names.txt (12 bytes) has the names of all tracks: `tracksmith models fetch toy --only"
    assert way in text
    table = replace(table, size=None)
    text = run("fetch", "toy", "--from", str(tmp_path), "--only", "names.txt", code=6)
    (tmp_path / "names.txt").write_text("K562 DNase, ")
    text = run("fetch", "toy", "--from", str(tmp_path), "--only", "names.txt")
    assert "toy cannot be used yet: other files of it are missing." in text
    text = run("tracks", "toy")
    assert "K562 DNase" in text
    assert "models fetch" not in text
    assert run("verify", "toy", code=5)


def test_only_names_what_is_there_where_nothing_fits(run, source):
    text = run("fetch", "toy", "--from", str(source), "--only", "c*", code=2)
    assert "--only c*: no file of toy is called so. There are a.pt." in text


def test_verify_says_what_each_digest_was_compared_with(run, source, tmp_path):
    (source / "b.pt").write_bytes(b"\x80\2other")
    run("fetch", "toy", "--from", str(source))
    lines = run("verify", "toy").splitlines()
    assert [line.split()[-2:] for line in lines[1:]] == [["as", "published"], ["as", "fetched"]]
    assert "nothing to compare with" in run("verify", "toy", "--weights", str(source / "b.pt"))
    cached = tmp_path / "cache" / "weights" / "toy" / "2" / "b.pt"
    cached.write_bytes(b"\x80\2changed")
    text = run("verify", "toy", code=6)
    assert f"not as they were published or fetched, first {cached}" in text


def test_weights_beside_which_a_track_table_lies_refine_the_list(run, monkeypatch, source):
    card = make_card(weights=(WeightFile("a.pt"),))

    def describe(paths):
        return make_card(tracks=(Track("told", paths[""][0].name),))

    model = Model(card, load=lambda request: None, describe=describe)
    registry = Registry({"toy": RegisteredModel(model, "d", "1", "e")}, [])
    monkeypatch.setattr("tracksmith.cli.models.load_registry", lambda: registry)
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
        (("nonsense",), 2, "No such command 'nonsense'. `main models --help` lists all."),
        (("shwo",), 2, "No such command 'shwo'. Did you mean 'show'?"),
        (("show", "TO"), 2, "Did you mean 'toy'?"),
        (("show", "t"), 2, "No model is called 't'."),
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
