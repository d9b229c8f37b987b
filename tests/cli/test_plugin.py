"""``tracksmith plugin new`` writes what works at once; ``check`` says what does not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import conformance_toys as toys
import pytest
from click.testing import CliRunner

from tracksmith.cli import main
from tracksmith.models.registry import RegisteredModel, Registry


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)

    def invoke(*arguments, code=0):
        result = CliRunner().invoke(main, ["plugin", *arguments])
        assert result.exit_code == code, result.output
        return result.output

    return invoke


@pytest.fixture
def register(monkeypatch):
    def install(model, name="toy"):
        registered = {name: RegisteredModel(model, "toys", "1", "toys")}
        monkeypatch.setattr("tracksmith.cli.plugin.load_registry", lambda: Registry(registered, []))

    return install


def install(folder, target):
    """Install a package from its folder, as pip does, without the network."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--disable-pip-version-check", "--target", str(target)]
    subprocess.run([*command, str(folder)], check=True, capture_output=True)
    return os.environ | {"PYTHONPATH": str(target), "OMP_NUM_THREADS": "1"}


def test_a_new_plugin_installs_and_its_tests_pass_at_once(run, tmp_path):
    said = run("new", "toy-model")
    folder = tmp_path / "tracksmith-toy-model"
    assert "pip install -e tracksmith-toy-model" in said
    written = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    assert written == [
        "README.md",
        "pyproject.toml",
        "tests/test_plugin.py",
        "tracksmith_toy_model/__init__.py",
        "tracksmith_toy_model/golden.json",
        "tracksmith_toy_model/network.py",
        "tracksmith_toy_model/plugin.py",
    ]
    assert not any("@" in (folder / path).read_text().replace("@hookimpl", "") for path in written)
    environment = install(folder, tmp_path / "site")
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "."]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "17 passed, 3 skipped" in done.stdout


def test_the_templates_travel_in_the_wheel_and_pass_the_linter(run, tmp_path):
    root = Path(__file__).resolve().parents[2]
    target = tmp_path / "site"
    install(root, target)
    shipped = {path.name for path in (target / "tracksmith/models/template").iterdir()}
    assert shipped == {path.name for path in (root / "tracksmith/models/template").iterdir()}
    assert len(shipped) == 7
    run("new", "x")
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "B,E,F,I,N,UP"]
    lint = subprocess.run(
        [*command, "--line-length", "100", "."],
        cwd="tracksmith-x",
        capture_output=True,
        text=True,
    )
    assert lint.returncode == 0, lint.stdout


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Toy", "use small letters, digits and single hyphens"),
        ("a--b", "use small letters"),
        ("../x", "use small letters"),
        ("core-promoter", "A model is already called 'core-promoter'"),
    ],
)
def test_a_name_that_cannot_be_is_refused(run, tmp_path, name, reason):
    assert reason in run("new", name, code=2)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_holds_something_is_left_alone(run, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").write_text("")
    assert "is not an empty folder" in run("new", "toy", "--out", "mine", code=2)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes"]


def test_a_sound_model_gives_one_page_and_exit_code_0(run, register):
    register(toys.CORE_PROMOTER)
    said = run("check", "toy")
    assert len(said.splitlines()) < 40
    assert "19 checks: 16 passed, 0 failed, 3 could not tell." in said


def test_a_broken_model_names_what_is_broken_and_exits_with_1(run, register):
    register(toys.wrapped(toys.CORE_PROMOTER, toys.moved(250)))
    said = run("check", "toy", code=1)
    assert "FAIL  place" in said
    assert said.splitlines()[-1] == "Error: toy does not keep its contract: place."


def test_json_holds_every_finding(run, register):
    register(toys.local(moved=1))
    said = run("check", "toy", "--asymmetric", "--json")
    findings = {finding["check"]: finding for finding in json.loads(said)["findings"]}
    assert findings["place"]["status"] == "open"
    assert findings["shape"] == {
        "check": "shape",
        "status": "pass",
        "sentence": "(batch, 2 tracks, 200 bins), for one window and for more.",
    }


def test_weights_that_are_not_there_are_a_matter_of_the_machine(run):
    said = run("check", "clipnet-lcl", "--weights", "absent", code=5)
    assert "The weights are not there: absent does not exist." in said
    assert "Did you mean 'core-promoter'" in run("check", "core-promotor", code=2)
