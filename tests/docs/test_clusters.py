"""The commands for a local Dask scheduler on the page of clusters run as they stand there."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import psutil
import pytest

from tracksmith.files import digest_of_file

pytest.importorskip("distributed")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "clusters.md"


def end(process):
    family = [process, *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        member.kill()
    process.wait()


def test_a_scheduler_and_workers_as_the_page_shows_them(tmp_path):
    text = PAGE.read_text(encoding="utf-8")
    block = next(block for block in text.split("```text\n") if block.startswith("dask scheduler"))
    scheduler, worker, predict, work = block.partition("\n```")[0].splitlines()
    bases = "".join(np.random.default_rng(1).choice(list("ACGT"), 300_000))
    (tmp_path / "genome.fa").write_text(f">chr1\n{bases}\n")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": os.pathsep.join(sys.path[1:])}

    def run(line):
        arguments = [sys.executable, "-m", *shlex.split(line)]
        return subprocess.run(
            arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200
        )

    with ExitStack() as ends:
        for line in (f"{scheduler} --host 127.0.0.1 --port 0 --no-dashboard", worker, worker):
            command = shlex.split(line)
            assert shutil.which(command[0], path=path), "Dask's command is beside its Python"
            process = subprocess.Popen(
                command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            ends.callback(end, process)
            deadline = time.monotonic() + 60
            while not (tmp_path / "scheduler.json").exists() and time.monotonic() < deadline:
                time.sleep(0.1)
        done = run(predict)
        assert done.returncode == 0, done.stderr
        assert "distributed" not in done.stdout + done.stderr
        assert run("tracksmith plan -m core-promoter -g genome.fa -o planned").returncode == 0
        address = json.loads((tmp_path / "scheduler.json").read_text())["address"]
        done = run(work.replace("tcp://node1:8786", address))
        assert done.returncode == 0, done.stderr
    assert run("tracksmith finish planned").returncode == 0
    one, other = (
        {file.name: digest_of_file(file) for file in (tmp_path / name / "tracks").iterdir()}
        for name in ("run", "planned")
    )
    assert one == other and len(one) == 2
