"""Scripts for clusters quote any path as their language does, and name the run."""

import shlex
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from tracksmith.errors import UsageError
from tracksmith.runs.templates import cluster_script

ODD = ["plain", "two words", "a'b", 'a"b', "{braces}", "$(touch X)", "back\\slash", "`x`", "#a;b"]


def run_at(folder: Path, parts: int = 3) -> SimpleNamespace:
    plan = SimpleNamespace(device="cpu")
    return SimpleNamespace(folder=folder, plan=plan, parts=parts, id="0123456789abcdef" * 4)


@pytest.mark.parametrize("name", ODD)
def test_slurm_runs_the_commands_on_the_very_folder(tmp_path, name):
    folder = tmp_path / name
    script = cluster_script("slurm", run_at(folder))
    command = [line for line in script.splitlines() if line.startswith("tracksmith work")]
    assert shlex.split(command[0])[2] == str(folder)
    assert all(str(folder) not in line for line in script.splitlines() if line.startswith("#"))
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ODD)
def test_snakemake_gives_the_shell_the_very_folder(tmp_path, name):
    """The script is read as Snakemake does: Python texts, then their braces."""
    folder = tmp_path / name
    script = cluster_script("snakemake", run_at(folder))
    texts = [line.partition(": ")[2] for line in script.splitlines() if ": " in line]
    done, finish, touched, work = texts[-4:]
    assert shlex.split(eval(finish).format())[2] == str(folder)
    share = SimpleNamespace(share=2)
    assert shlex.split(eval(work).format(wildcards=share))[2:5] == [str(folder), "--part", "2/3"]
    path = eval(done.removeprefix("expand(").rpartition(", share")[0]).format(share=2)
    assert path == f"{folder}.shares/0123456789ab/2.done"
    assert eval(touched.removeprefix("touch(").removesuffix(")")).format(share=2) == path


@pytest.mark.parametrize("name", ODD)
def test_nextflow_escapes_what_groovy_would_read(tmp_path, name):
    script = cluster_script("nextflow", run_at(tmp_path / name))
    line = next(line for line in script.splitlines() if "tracksmith finish" in line)
    text = line.partition('"')[2].rpartition('"')[0]
    read, escaped = "", False
    for letter in text:  # as Groovy reads a text in double quotes
        if escaped or letter != "\\":
            assert escaped or letter not in '"$'
            read, escaped = read + letter, False
        else:
            escaped = True
    assert shlex.split(read)[4] == str(tmp_path / name)


def test_a_line_break_in_the_folder_is_refused(tmp_path):
    for kind in ("slurm", "snakemake", "nextflow"):
        with pytest.raises(UsageError, match="line break"):
            cluster_script(kind, run_at(tmp_path / "a\ntouch X\nb"))


def test_another_run_in_the_same_folder_has_other_marks(tmp_path):
    """What Snakemake marked as done for a run that was replaced is not done for the new one."""
    one, two = run_at(tmp_path / "run"), run_at(tmp_path / "run")
    two.id = "f" * 64
    for kind in ("snakemake", "nextflow"):
        assert cluster_script(kind, one) != cluster_script(kind, two)


@pytest.mark.skipif(not shutil.which("snakemake"), reason="no snakemake on the PATH")
def test_snakemake_itself_reads_the_script(tmp_path):
    script = tmp_path / "Snakefile"
    script.write_text(cluster_script("snakemake", run_at(tmp_path / "{a b}'s $run")))
    command = ["snakemake", "-s", str(script), "--cores", "1", "-n"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
