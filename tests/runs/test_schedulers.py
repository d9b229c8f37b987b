"""The scripts of ``plan --template`` run as they are printed, in SLURM and in Snakemake.

Nextflow's launcher fetches itself from the internet: its script is held as text alone, in
``test_templates.py``.
"""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tracksmith
from tracksmith.files import digest_of_file

ODD = "my 'run' {of} ä 100%"
COMMAND = f"{shlex.quote(sys.executable)} -m tracksmith"
ALONE = Path(__file__).with_name("slurm_alone.sh")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a genome of two parts, and a ``tracksmith`` that runs this code."""
    bases = "".join(np.random.default_rng(1).choice(list("ACGT"), 2 * 262_144))
    (tmp_path / "genome.fa").write_text(f">chr1\n{bases}\n")
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "tracksmith"
    command.write_text(f'#!/bin/bash\nexec {COMMAND} "$@"\n')
    command.chmod(0o755)
    tracksmith.predict("core-promoter", tmp_path / "genome.fa", tmp_path / "plain", device="cpu")
    return tmp_path


def environment(place: Path) -> dict[str, str]:
    search = os.pathsep.join(sys.path[1:])
    path = f"{place / 'bin'}:{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONPATH": search, "OMP_NUM_THREADS": "1"}


def plan(place: Path, template: str, *more: str) -> str:
    """Return the script that the command prints."""
    command = [sys.executable, "-m", "tracksmith", "plan", "-m", "core-promoter"]
    command += ["-g", "genome.fa", "-d", "cpu", "--parts", "2", "-o", ODD, "--template", template]
    done = subprocess.run(
        [*command, *more], capture_output=True, text=True, cwd=place, env=environment(place)
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def digests(folder: Path) -> dict[str, str]:
    return {path.name: digest_of_file(path) for path in sorted((folder / "tracks").iterdir())}


def logs(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted((folder / "logs").iterdir())}


@pytest.fixture
def slurm():
    """Return the start of a command that runs another one beside a SLURM of one node."""
    missing = [name for name in ("slurmctld", "slurmd", "munged", "sbatch") if not _which(name)]
    if missing:
        pytest.skip(f"no {', '.join(missing)}: `apt-get install slurm-wlm munge`")
    alone = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*alone, "ip", "link", "set", "lo", "up"], capture_output=True).returncode:
        pytest.skip("SLURM runs in a network of its own, which needs root")
    return [*alone, "bash", str(ALONE)]


def _which(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


WAIT = """
tail=$(bash run.sh)
echo "$tail"
job=$(grep -o 'job [0-9]*\\.' <<< "$tail" | tr -dc 0-9)
for _ in $(seq 600); do
    state=$(scontrol show job "$job" | grep -o 'JobState=[A-Z_]*')
    case $state in *PENDING|*RUNNING|*COMPLETING) sleep 0.2 ;; *) break ;; esac
done
echo "$state"
squeue
"""


def test_slurm_computes_the_parts_and_then_joins_them(place, slurm):
    (place / "run.sh").write_text(plan(place, "slurm"))
    done = subprocess.run(
        ["timeout", "-k", "5", "240", *slurm, str(place / "slurm"), "bash", "-c", WAIT],
        capture_output=True, text=True, cwd=place, env=environment(place),
    )  # fmt: skip
    assert "JobState=COMPLETED" in done.stdout, done.stdout + done.stderr
    assert digests(place / ODD) == digests(place / "plain")
    said = logs(place / ODD)
    assert len(said) == 3
    assert any("tracks" in text for name, text in said.items() if name.endswith("finish.log"))


def test_slurm_takes_what_is_asked_for_a_gpu(place, slurm):
    """Its tasks fail here, without a GPU: then the job that would join them ends as well."""
    script = plan(place, "slurm").replace("--device cpu", "--device cuda")
    script = script.replace("--mem=16G", "--mem=16G --gpus-per-task=1", 1)
    (place / "run.sh").write_text(script)
    done = subprocess.run(
        ["timeout", "-k", "5", "240", *slurm, str(place / "slurm"), "bash", "-c", WAIT],
        capture_output=True, text=True, cwd=place, env=environment(place),
    )  # fmt: skip
    assert "JobState=CANCELLED" in done.stdout, done.stdout + done.stderr
    said = logs(place / ODD)
    assert len(said) == 2
    assert all("another kind of device" in text for text in said.values())


def test_snakemake_runs_the_script_again_after_the_run_was_replaced(place):
    command = os.environ.get("SNAKEMAKE") or shutil.which("snakemake")
    if not command:
        pytest.skip("no snakemake on the PATH, nor in the variable SNAKEMAKE")
    for more in ((), ("--overwrite",)):
        (place / "Snakefile").write_text(plan(place, "snakemake", *more))
        done = subprocess.run(
            [command, "-s", "Snakefile", "--cores", "all"],
            capture_output=True, text=True, cwd=place, env=environment(place), timeout=240,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert digests(place / ODD) == digests(place / "plain")
    assert "parts computed" in logs(place / ODD)["snakemake-0.log"]
