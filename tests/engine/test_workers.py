"""Several worker processes: their deaths cost a part at most, and none outlives its driver."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import verbs

import tracksmith
from tracksmith.errors import IncompleteError, ResourceError
from tracksmith.files import digest_of_file

pytest.importorskip("distributed")


@pytest.fixture(scope="module", autouse=True)
def usual_port_taken():
    """Hold the port at which Dask likes to serve its pages: two runs at once must not mind."""
    with socket.socket() as taken:
        with suppress(OSError):  # then somebody else holds it
            taken.bind(("127.0.0.1", 8787))
            taken.listen()
        yield


@pytest.fixture
def genome(tmp_path: Path, random_bases) -> Path:
    path = tmp_path / "genome.fa"
    path.write_text(">chr1\n" + random_bases(60_000, 1) + "\n")
    return path


def digests(folder: Path) -> dict[str, str]:
    return {path.name: digest_of_file(path) for path in sorted((folder / "tracks").iterdir())}


def test_parts_of_dying_workers_are_done_by_others(genome, tmp_path, monkeypatch):
    # Every worker process dies as it begins its third part.
    monkeypatch.setenv("TRACKSMITH_CRASH", "part-begin:3")
    request = verbs.request(("core-promoter",), genome, parts=5, device="cpu,cpu")
    verbs.run_all(request, tmp_path / "run")
    monkeypatch.delenv("TRACKSMITH_CRASH")
    tracksmith.predict("core-promoter", genome, tmp_path / "plain", parts=5, device="cpu")
    assert digests(tmp_path / "run") == digests(tmp_path / "plain")


def test_workers_that_die_at_once_stop_the_run(genome, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKSMITH_CRASH", "part-begin:1")
    request = verbs.request(("core-promoter",), genome, parts=5, device="cpu,cpu")
    with pytest.raises(ResourceError, match=r"worker process died .* finished parts are kept"):
        verbs.run_all(request, tmp_path / "run")


def test_no_worker_outlives_a_killed_driver(tmp_path, random_bases):
    path = tmp_path / "large.fa"
    path.write_text(">chr1\n" + random_bases(100_000, 1) * 300 + "\n")
    command = [sys.executable, "-m", "tracksmith.cli", "predict", "-m", "core-promoter"]
    driver = subprocess.Popen(
        [*command, "-g", str(path), "-o", str(tmp_path / "run"), "-d", "cpu,cpu"],
        stderr=subprocess.DEVNULL,
    )
    children: list[psutil.Process] = []
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("run/parts/.tmp-*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    children = psutil.Process(driver.pid).children(recursive=True)
    assert children
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    gone, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    assert len(gone) == len(children)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_workers_start_ends_in_a_sentence(number, tmp_path, random_bases):
    (tmp_path / "small.fa").write_text(">chr1\n" + random_bases(9_000, 1) + "\n")
    command = [sys.executable, "-m", "tracksmith.cli", "predict", "-m", "core-promoter"]
    driver = subprocess.Popen(
        [*command, "-g", str(tmp_path / "small.fa"), "-o", str(tmp_path / "run"), "-d", "cpu,cpu"],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not psutil.Process(driver.pid).children() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not list(tmp_path.glob("run/parts/part-*")), "the workers are not at work yet"
    driver.send_signal(number)
    said = driver.communicate(timeout=60)[1]
    assert driver.returncode == 128 + number
    assert "Stopped. What was finished is kept" in said
    assert "Traceback" not in said
    assert len(said.splitlines()) < 6


POISON = """
import os, signal
from tracksmith.plugin import *

CARD = ModelCard(
    name="poison", version="1", summary="x", code_licence="MIT", weights_licence="MIT",
    citation="x", geometry=WindowGeometry(64, 16, 32), tracks=(Track("a", "a", signed=True),),
)

def load(request):
    import torch

    class Deadly(torch.nn.Module):
        def forward(self, bases):
            if (bases[:, 0].unfold(1, 25, 1).sum(-1) == 25).any():
                os.kill(os.getpid(), signal.SIGKILL)
            return bases[:, :1, 16:48] * 1.0

    return Deadly()

@hookimpl
def tracksmith_models():
    return [Model(card=CARD, load=load)]
"""


@pytest.mark.parametrize("place", [100, 50_000], ids=["first", "last"])
def test_a_part_that_kills_every_worker_is_set_aside(place, tmp_path, monkeypatch, random_bases):
    (tmp_path / "poison_plugin.py").write_text(POISON)
    metadata = tmp_path / "poison-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: poison\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[tracksmith]\npoison = poison_plugin\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    bases = random_bases(60_000, 1)
    path = tmp_path / "genome.fa"
    path.write_text(">chr1\n" + bases[:place] + "A" * 30 + bases[place + 30 :] + "\n")
    request = verbs.request(("poison",), path, parts=5, device="cpu,cpu")
    out = tmp_path / "run"
    with pytest.raises(IncompleteError, match=r"1 of 5 parts failed .*\n.* died 3 times") as caught:
        verbs.run_all(request, out)
    assert caught.value.exit_code == 3
    assert f"tracksmith work {out}" in str(caught.value)
    assert verbs.status(out).done == 4
