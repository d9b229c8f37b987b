"""Commands whose standard streams are closed, and how commands are found and completed."""

import os
import shlex
import subprocess
import sys

import pytest
from click.testing import CliRunner

from tracksmith.cli import main

PROGRAM = f"{shlex.quote(sys.executable)} -m tracksmith"
PREDICT = "predict -m core-promoter -g x.fa -d cpu -o out"


def shell(command, folder):
    return subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "x.fa").write_text(">chr1\n" + "ACGT" * 300 + "\n")
    return tmp_path


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_run_needs_no_standard_stream(folder, closed):
    assert shell(f"{PROGRAM} {PREDICT}", folder).returncode == 0
    tracks = {path.name: path.read_bytes() for path in (folder / "out/tracks").iterdir()}
    (folder / "out").rename(folder / "first")
    done = shell(f"{PROGRAM} {PREDICT} {closed}", folder)
    assert done.returncode == 0, done.stderr
    assert tracks == {path.name: path.read_bytes() for path in (folder / "out/tracks").iterdir()}


def test_messages_and_exit_codes_stay_with_the_streams_that_are_left(folder):
    assert shell(f"{PROGRAM} models 2>&-", folder).stdout.startswith("NAME")
    assert shell(f"{PROGRAM} models >&-", folder).stdout == ""
    done = shell(f"{PROGRAM} models show nosuch >&-", folder)
    assert (done.returncode, "No model is called 'nosuch'" in done.stderr) == (2, True)
    assert shell(f"{PROGRAM} models show nosuch 2>&-", folder).returncode == 2
    done = shell(f"{PROGRAM} variants - -m core-promoter -g x.fa -o out <&-", folder)
    assert (done.returncode, "standard input is empty" in done.stderr) == (4, True)


def test_what_libraries_print_does_not_end_in_a_file_of_the_run(folder):
    """A closed standard error leaves its number to the next file that is opened."""
    code = (
        "import os, sys\nfrom tracksmith.cli.streams import open_closed_streams\n"
        "open_closed_streams()\n"
        "with open('x.out', 'wb') as file: os.write(2, b'oops'); print('said', file=sys.stderr)\n"
    )
    program = f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} 2>&-"
    assert shell(program, folder).returncode == 0
    assert (folder / "x.out").read_bytes() == b""


def test_a_reader_that_has_enough_ends_the_command_quietly(folder):
    code = (
        "from tracksmith.cli import main\nimport sys\n"
        "import tracksmith.cli.models as m\n"
        "m.listing = lambda *a: '\\n'.join(['row'] * 200_000)\n"
        "main(['models'])"
    )
    # Unbuffered, Python itself drops what is left of a write that ended halfway.
    python = f"env -u PYTHONUNBUFFERED {shlex.quote(sys.executable)}"
    program = f"{python} -c {shlex.quote(code)} | head -1"
    done = shell(f"set -o pipefail; {program}", folder)
    assert (done.returncode, done.stdout, done.stderr) == (141, "row\n", "")


def test_the_package_itself_runs_as_a_program(folder):
    done = shell(f"{PROGRAM} --help", folder)
    assert done.stdout.startswith("Usage: python -m tracksmith [OPTIONS] COMMAND")


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["preidct"], "No such command 'preidct'. Did you mean 'predict'?"),
        (["pl"], "Did you mean 'plan', 'plot' or 'plugin'?"),
        (["hub", "chekc"], "Did you mean 'check'?"),
        (["plugin", "newx"], "Did you mean 'new'?"),
        (["xyzzy"], "No such command 'xyzzy'. `main --help` lists all."),
        (["predict", "--genom", "x"], "No such option"),
    ],
)
def test_a_mistyped_word_is_answered_with_what_it_may_have_meant(typed, says):
    result = CliRunner().invoke(main, typed)
    assert result.exit_code == 2
    assert says in result.output


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("tracksmith pred", {"predict"}),
        ("tracksmith models ve", {"verify"}),
        ("tracksmith models show core", {"core-promoter"}),
        ("tracksmith models fetch core-promoter --of", {"--offline"}),
    ],
)
def test_a_shell_completes_commands_options_and_models(folder, typed, expected):
    wanted = {
        "_TRACKSMITH_COMPLETE": "bash_complete",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    code = "from tracksmith.cli import main; main(prog_name='tracksmith')"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=os.environ | wanted, capture_output=True, text=True)
    assert {line.partition(",")[2] for line in done.stdout.splitlines()} == expected


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_the_lines_of_the_readme_set_completion_up(shell_name):
    wanted = {"_TRACKSMITH_COMPLETE": f"{shell_name}_source"}
    code = "from tracksmith.cli import main; main(prog_name='tracksmith')"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=os.environ | wanted, capture_output=True, text=True)
    assert "_tracksmith_completion" in done.stdout
