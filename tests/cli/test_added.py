"""Commands that plugins add: listed without an import, run, and broken each for itself."""

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from tests.distributions import write_distribution
from tracksmith.cli import COMMANDS, main

GROUP = "tracksmith.commands"
GREET = """
import click
from tracksmith.plugin import InputError

@click.command()
@click.argument("name")
def greet(name):
    \"\"\"Greet somebody at length.\"\"\"
    if name == "nobody":
        raise InputError("There is nobody.")
    click.echo(f"Hello {name}")
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a distribution with one command."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, source, *, distribution=None, target=None, **fields):
        distribution = distribution or f"dist-{name}"
        module = f"added_{distribution}".replace("-", "_")
        (tmp_path / f"{module}.py").write_text(source)
        offers = {GROUP: {name: f"{module}:{target or name}"}}
        return write_distribution(tmp_path, distribution, offers, **fields)

    yield write
    for name in [name for name in sys.modules if name.startswith("added_")]:
        del sys.modules[name]


def run(*arguments, code=0):
    result = CliRunner().invoke(main, arguments, prog_name="tracksmith")
    assert result.exit_code == code, result.output
    return result.output


def section(help_text, title):
    """Return the lines of one section of a help text, without what wraps."""
    lines = help_text.partition(f"\n{title}:\n")[2].partition("\n\n")[0].splitlines()
    return [line.strip() for line in lines]


def flat(*words: str) -> str:
    """What a command says, without its columns and line breaks."""
    return " ".join(run(*words).split())


def test_a_command_of_a_plugin_is_listed_with_its_distributions_summary_and_runs(install):
    install("greet", GREET, summary="Greetings for tracksmith")
    assert "greet  Greetings for tracksmith" in run("--help").replace("greet   ", "greet  ")
    assert not any(name.startswith("added_") for name in sys.modules)
    assert run("greet", "Ada") == "Hello Ada\n"
    assert "Greet somebody at length." in run("greet", "--help")


def test_a_distribution_without_a_summary_is_listed_by_the_name_of_its_command(install):
    install("greet", GREET)
    assert "greet" in section(run("--help"), "Commands of plugins")


def test_its_errors_end_in_their_message_and_exit_code(install):
    install("greet", GREET)
    assert run("greet", "nobody", code=4) == "Error: There is nobody.\n"


def test_names_of_built_in_commands_win(install):
    for name in COMMANDS:
        install(name, "raise RuntimeError", distribution=f"taker-{name}", summary="Taken")
    text = run("--help")
    assert "Taken" not in text
    assert all(f"  {name} " in text for name in COMMANDS)
    for name in COMMANDS:
        assert run(name, "--help").startswith(f"Usage: tracksmith {name}")
    assert ("UNUSABLE command models (taker-models) tracksmith has a command of this name") in flat(
        "doctor"
    )


def test_of_two_plugins_with_one_name_the_first_by_distribution_wins(install):
    install("greet", GREET, distribution="b-second", summary="Second")
    install("greet", GREET.replace("Hello", "Good day"), distribution="a-first", summary="First")
    text = run("--help")
    assert "First" in text
    assert "Second" not in text
    assert run("greet", "Ada") == "Good day Ada\n"
    assert "UNUSABLE command greet (b-second) the command of a-first 1.2 is used" in flat("doctor")


@pytest.mark.parametrize(
    ("source", "fields", "reason"),
    [
        ("import no_such_module_anywhere", {}, "ModuleNotFoundError: No module named"),
        ("raise SystemExit(3)", {}, "SystemExit: 3"),
        ("def (:", {}, "SyntaxError"),
        ("", {}, "AttributeError"),
        ("greet = 7", {}, "it offers an object of type int, not a click command"),
        (GREET, {"requires": ["tracksmith>=9"]}, "it needs tracksmith>=9, and this is"),
        (GREET, {"requires": ["tracksmith>=="]}, "InvalidRequirement"),
    ],
)
def test_a_broken_command_says_why_and_stops_no_other(install, source, fields, reason):
    install("greet", source, summary="Greetings", **fields)
    assert "Greetings" in run("--help")
    assert "Usage: tracksmith models" in run("models", "--help")
    for rest in (["Ada"], ["--help"], ["--loud", "-x", "1"], []):
        text = run("greet", *rest, code=2)
        assert "Error: The command 'greet' cannot be used: its plugin (dist-greet 1.2)" in text
        assert reason in text
        assert "Repair, update or remove the package dist-greet." in text
    assert f"UNUSABLE command greet (dist-greet) {reason}" in flat("doctor")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("METADATA", b""),
        ("METADATA", b"\xff"),
        ("entry_points.txt", b"[tracksmith.commands]\nbroken\n"),
        ("entry_points.txt", b"[other]\nbroken\n"),
        ("entry_points.txt", b"\xff"),
    ],
)
def test_damaged_metadata_stop_neither_the_help_nor_a_command(install, file, content):
    install("greet", GREET, summary="Greetings")
    (install("ill", GREET) / file).write_bytes(content)
    text = run("--help")
    assert "Greetings" in text
    assert "unknown" not in text
    assert run("greet", "Ada") == "Hello Ada\n"


def test_a_name_that_nobody_has_is_no_command(install, monkeypatch):
    assert "No such command 'greet'" in run("greet", code=2)
    install("greet", GREET)
    monkeypatch.setenv("TRACKSMITH_NO_PLUGINS", "1")
    assert "No such command 'greet'" in run("greet", code=2)
    assert "Commands of plugins" not in run("--help")


def test_completion_of_the_shell_offers_the_commands_of_plugins(install, tmp_path):
    install("greet", GREET)
    install("grunt", "raise SystemExit(3)")
    environment = os.environ | {
        "_TRACKSMITH_COMPLETE": "bash_complete",
        "COMP_WORDS": "tracksmith gr",
        "COMP_CWORD": "1",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
    }
    command = [
        sys.executable,
        "-c",
        "from tracksmith.cli import main; main(prog_name='tracksmith')",
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert [line.partition(",")[2] for line in done.stdout.splitlines()] == ["greet", "grunt"]
