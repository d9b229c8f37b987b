"""Scripts for clusters quote any path as their language does, and ask for what tasks need."""

import re
import shlex
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from tracksmith.errors import UsageError
from tracksmith.runs.templates import TEMPLATES, cluster_script, task_count

ODD = [
    "plain",
    "two words",
    "a'b",
    'a"b',
    "{braces}",
    "$(touch X)",
    "back\\slash",
    "`x`",
    "#a;b",
    "100%",
    "-r",
    "ä ü",
]


def run_at(folder: Path, parts: int = 3, device: str = "cpu", waves: int = 1) -> SimpleNamespace:
    stages = [SimpleNamespace(wave=wave) for wave in range(waves)]
    plan = SimpleNamespace(device=device, stages=stages)
    return SimpleNamespace(folder=folder, plan=plan, parts=parts, id="0123456789abcdef" * 4)


def scripts(run, finishes_on="cpu", **more):
    return {kind: cluster_script(kind, run, finishes_on, **more) for kind in TEMPLATES}


@pytest.mark.parametrize("name", ODD)
def test_slurm_submits_the_commands_on_the_very_folder(tmp_path, name):
    """The script runs with an ``sbatch`` that writes down what it was given."""
    folder = tmp_path / name
    folder.mkdir()
    (tmp_path / "bin").mkdir()
    for command, code in (
        ("sbatch", 'printf "%s\\0" "$@" >> "$SAID"; bash -s; echo "12;here"'),
        ("tracksmith", 'printf "%s\\0" "$@" >> "$SAID"'),
    ):
        path = tmp_path / "bin" / command
        path.write_text(f"#!/bin/bash\n{code}\n")
        path.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}/bin:/usr/bin:/bin", "SAID": str(tmp_path / "said"),
        "SLURM_ARRAY_TASK_ID": "2",
    }  # fmt: skip
    script = cluster_script("slurm", run_at(folder), "cpu")
    done = subprocess.run(["bash"], input=script, text=True, capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr
    said = (tmp_path / "said").read_text().split("\0")
    work, finish = said.index("work"), said.index("finish")
    assert said[work : work + 6] == ["work", str(folder), "--part", "2/3", "--device", "cpu"]
    assert said[finish : finish + 2] == ["finish", str(folder)]
    assert "--array=0-2" in said[:work]
    assert "--dependency=afterok:12" in said[work:finish]
    for option in [text for text in said if text.startswith("--output=")]:
        place = Path(option.removeprefix("--output=").replace("%%", "%"))
        assert place.parent == folder / "logs"
        assert place.parent.is_dir()
    assert not (tmp_path / "X").exists()


@pytest.mark.parametrize("name", ODD)
def test_snakemake_gives_the_shell_the_very_folder(tmp_path, name):
    """The script is read as Snakemake does: Python texts, then their braces."""
    folder = tmp_path / name
    script = cluster_script("snakemake", run_at(folder), "cpu")
    texts = {}
    for rule, lines in re.findall(r"^rule (\w+):\n((?:    .*\n)+)", script, re.MULTILINE):
        for line in lines.splitlines():
            key, _, value = line.strip().partition(": ")
            texts[rule, key] = value
    finish, work = (shell(eval(texts[rule, "shell"])) for rule in ("finish", "work"))
    assert shlex.split(finish)[2:4] == [str(folder), ">"]
    assert shlex.split(work)[2:5] == [str(folder), "--part", "2/3"]
    (place,) = re.findall(r"^workdir: (.*)$", script, re.MULTILINE)
    assert eval(place) == str(folder)
    assert texts["finish", "input"] == 'expand(".tasks/{share}.done", share=range(3))'
    assert texts["work", "output"] == 'touch(".tasks/{share}.done")'
    assert texts["work", "log"] == '"logs/snakemake-{share}.log"'


def shell(text):
    return text.replace("{log:q}", "LOG").format(wildcards=SimpleNamespace(share=2))


@pytest.mark.parametrize("name", ODD)
def test_nextflow_escapes_what_groovy_would_read(tmp_path, name):
    script = cluster_script("nextflow", run_at(tmp_path / name), "cpu")
    for command in ("work", "finish"):
        line = next(line for line in script.splitlines() if f"tracksmith {command}" in line)
        text = line.partition('"')[2].rpartition('"')[0].replace("${share}", "2")
        read, escaped = "", False
        for letter in text:  # as Groovy reads a text in double quotes
            if escaped or letter != "\\":
                assert escaped or letter not in '"$'
                read, escaped = read + letter, False
            else:
                escaped = True
        made, run = (shlex.split(part) for part in read.split("; tracksmith ", 1))
        assert made == ["mkdir", "-p", str(tmp_path / name / "logs")]
        assert run[:2] == [command, str(tmp_path / name)]
        share = "2" if command == "work" else "finish"
        assert run[-2:] == [str(tmp_path / name / "logs" / f"nextflow-{share}.log"), "2>&1"]


def test_a_line_break_in_the_folder_is_refused(tmp_path):
    for kind in TEMPLATES:
        with pytest.raises(UsageError, match="line break"):
            cluster_script(kind, run_at(tmp_path / "a\ntouch X\nb"), "cpu")


def test_what_was_planned_for_a_gpu_asks_for_one_and_finishing_only_where_networks_run(tmp_path):
    words = {"slurm": "--gpus-per-task=1", "snakemake": "gpu=1", "nextflow": "accelerator 1"}
    for kind, word in words.items():
        none, some, both = (
            cluster_script(kind, run_at(tmp_path, device=device), finishes_on)
            for device, finishes_on in (("cpu", "cpu"), ("cuda", "cpu"), ("cuda", "cuda"))
        )
        rules = [text.replace(f"--resources {word}", "").count(word) for text in (none, some, both)]
        assert rules == [0, 1, 2]
        assert "--device cuda" in some and "--device cpu" in none


def test_every_script_asks_for_cores_and_memory(tmp_path):
    words = {
        "slurm": ("--cpus-per-task=4", "--mem=16G"),
        "snakemake": ("threads: 4", "mem_mb=16000"),
        "nextflow": ("cpus 4", "memory '16 GB'"),
    }
    for kind, script in scripts(run_at(tmp_path)).items():
        assert all(script.count(word) == 2 for word in words[kind])


@pytest.mark.parametrize(
    ("parts", "device", "waves", "tasks"),
    [(740, "cpu", 1, 740), (5_000, "cpu", 1, 1_000), (740, "cuda", 1, 6), (3, "cuda", 1, 1),
     (9, "cpu", 2, 1)],
)  # fmt: skip
def test_tasks_are_minutes_of_work_and_one_where_stages_wait_for_each_other(
    tmp_path, parts, device, waves, tasks
):
    run = run_at(tmp_path, parts, device, waves)
    assert task_count(run) == tasks
    assert f"--array=0-{tasks - 1} " in cluster_script("slurm", run, "cpu")
    assert f"share=range({tasks})" in cluster_script("snakemake", run, "cpu")
    assert f"channel.of(0..{tasks - 1})" in cluster_script("nextflow", run, "cpu")


def test_the_number_of_tasks_may_be_chosen(tmp_path):
    run = run_at(tmp_path, 740, "cuda")
    assert "--array=0-19 " in cluster_script("slurm", run, "cpu", 20)
    for tasks in (0, 741):
        with pytest.raises(UsageError, match="give 1 to 740"):
            cluster_script("slurm", run, "cpu", tasks)
