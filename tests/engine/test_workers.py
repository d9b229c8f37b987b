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

import tracksmith
from tracksmith.engine import api
from tracksmith.engine.request import PredictRequest
from tracksmith.errors import ResourceError
from tracksmith.files import digest_of_file

pytest.importorskip("distributed")


@pytest.fixture(scope="module", autouse=True)
def usual_port_taken():
    """Hold the port at which Dask likes to serve its pages: two runs at once must not mind."""
    with socket.socket() as held:
        with suppress(OSError):  # then somebody else holds it
            held.bind(("127.0.0.1", 8787))
            held.listen()
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
    asked = PredictRequest(("core-promoter",), genome, parts=5, device="cpu,cpu")
    api.predict(asked, tmp_path / "run")
    monkeypatch.delenv("TRACKSMITH_CRASH")
    tracksmith.predict("core-promoter", genome, tmp_path / "plain", parts=5, device="cpu")
    assert digests(tmp_path / "run") == digests(tmp_path / "plain")


def test_workers_that_die_at_once_stop_the_run(genome, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKSMITH_CRASH", "part-begin:1")
    asked = PredictRequest(("core-promoter",), genome, parts=5, device="cpu,cpu")
    with pytest.raises(ResourceError, match=r"worker process died .* finished parts are kept"):
        api.predict(asked, tmp_path / "run")


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
