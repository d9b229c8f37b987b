"""Runs by the workers of a Dask scheduler that is there: processes of their own on loopback."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest
import verbs
from click.testing import CliRunner
from dask_toys import install

import tracksmith
from tracksmith.cli import main
from tracksmith.errors import InputError, ResourceError, TrustError, UsageError
from tracksmith.files import digest_of_file
from tracksmith.runs import dask_scheduler

distributed = pytest.importorskip("distributed")

CORES = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def start(*arguments, **more):
    """Start a command of Dask, as a user types it."""
    return subprocess.Popen(
        [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]],
        env=os.environ | CORES | more, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def end(process):
    with suppress(psutil.NoSuchProcess):
        family = [
            psutil.Process(process.pid),
            *psutil.Process(process.pid).children(recursive=True),
        ]
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
    process.wait()


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """A scheduler with two workers, and the file with its address."""
    folder = tmp_path_factory.mktemp("dask")
    site = install(folder)
    path = folder / "scheduler.json"
    where = {
        "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]),
        "TOY_DIES": str(folder / "die"),
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "3",
    }
    options = ["--host", "127.0.0.1", "--port", str(free_port()), "--no-dashboard"]
    options += ["--scheduler-file", str(path)]
    processes = [start("dask_scheduler", *options, **where)]
    for name in ("one", "two"):
        processes.append(
            start("dask_worker", "--scheduler-file", str(path), "--name", name, "--nthreads", "1",
                  "--local-directory", str(folder), "--no-dashboard", **where)
        )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        deadline = time.monotonic() + 60
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        yield path
    for process in reversed(processes):
        end(process)


@pytest.fixture
def genome(write_genome, random_bases):
    return write_genome(chr1=random_bases(4 * 262_144, 1))


def digests(folder, inner="tracks"):
    return {path.name: digest_of_file(path) for path in sorted((folder / inner).iterdir())}


def test_a_worker_that_is_killed_loses_no_part(scheduler, genome, tmp_path, capfd):
    (scheduler.parent / "die").touch()  # the first worker that computes a batch kills itself
    request = verbs.request(("dask-toy",), genome, parts=4, device="cpu", dask=str(scheduler))
    verbs.run_all(request, tmp_path / "run")
    assert not (scheduler.parent / "die").exists()
    assert capfd.readouterr() == ("", ""), "Dask says nothing"
    verbs.run_all(verbs.changed(request, dask=None), tmp_path / "one")
    assert digests(tmp_path / "run") == digests(tmp_path / "one")


def test_work_by_address_as_a_command_and_from_python(scheduler, genome, tmp_path):
    address = json.loads(scheduler.read_text())["address"]
    tracksmith.plan("core-promoter", genome, tmp_path / "run", parts=4, device="cpu")
    done = CliRunner().invoke(
        main, ["work", str(tmp_path / "run"), "--part", "0/2", "--dask", address]
    )
    assert done.exit_code == 0, done.output
    assert "2 parts computed" in done.stdout
    with distributed.Client(address, set_as_default=False) as client:
        assert tracksmith.work(tmp_path / "run", dask=client) == [2, 3]
    tracksmith.predict("core-promoter", genome, tmp_path / "one", device="cpu")
    assert digests(tracksmith.finish(tmp_path / "run").folder) == digests(tmp_path / "one")


def test_variants_by_a_scheduler_have_the_bytes_of_one_device(scheduler, demo_variants, tmp_path):
    source, genome = demo_variants
    for name, dask in (("one", None), ("many", str(scheduler))):
        tracksmith.score_variants(
            source, "core-promoter", genome, tmp_path / name, device="cpu", dask=dask
        )
    assert digests(tmp_path / "one", "variants") == digests(tmp_path / "many", "variants")


@pytest.fixture
def demo_variants(write_genome, random_bases, tmp_path):
    text = random_bases(5_000, 3)
    path = tmp_path / "variants.tsv"
    other = {"A": "C", "C": "G", "G": "T", "T": "A"}
    rows = [f"chr1\t{at + 1}\t{text[at]}\t{other[text[at]]}\n" for at in range(1_000, 4_000, 100)]
    path.write_text("chrom\tpos\tref\talt\n" + "".join(rows))
    return path, write_genome(chr1=text)


def test_a_scheduler_that_does_not_answer_is_told(genome, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(dask_scheduler, "REACH_SECONDS", 1)
    place = f"tcp://127.0.0.1:{free_port()}"
    request = verbs.request(("core-promoter",), genome, device="cpu", dask=place)
    with pytest.raises(ResourceError, match=f"no Dask scheduler answers at {place} within 1 sec"):
        verbs.run_all(request, tmp_path / "run")
    assert capfd.readouterr() == ("", "")
    assert not (tmp_path / "run").exists()


def test_a_file_that_is_no_schedulers_is_refused(genome, tmp_path):
    (tmp_path / "other.json").write_text("{}")
    for name, words in (("gone.json", "no such file"), ("other.json", "no scheduler's file")):
        request = verbs.request(("core-promoter",), genome, device="cpu", dask=str(tmp_path / name))
        with pytest.raises(UsageError, match=words):
            verbs.run_all(request, tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_a_scheduler_without_workers_is_told(genome, tmp_path, monkeypatch):
    monkeypatch.setattr("tracksmith.runs.dask_pool.WORKERS_SECONDS", 1)
    place = f"tcp://127.0.0.1:{free_port()}"
    process = start("dask_scheduler", "--host", place, "--no-dashboard")
    request = verbs.request(("core-promoter",), genome, device="cpu", dask=place)
    try:
        with pytest.raises(ResourceError, match="has no workers, after 1 seconds"):
            verbs.run_all(request, tmp_path / "run")
        assert not (tmp_path / "run").exists()
    finally:
        end(process)


def test_workers_with_another_version_are_refused(scheduler, genome, tmp_path, monkeypatch):
    from tracksmith.runs.versions import installed_versions

    other = installed_versions() | {"tracksmith": "9.9"}
    monkeypatch.setattr(dask_scheduler, "installed_versions", lambda: other)
    request = verbs.request(("core-promoter",), genome, device="cpu", dask=str(scheduler))
    with pytest.raises(TrustError, match=r"worker (one|two) on \S+ has tracksmith \S+, here 9.9"):
        verbs.run_all(request, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_workers_that_do_not_see_the_run_are_refused(scheduler, genome, tmp_path, monkeypatch):
    monkeypatch.setattr(dask_scheduler, "SEE_SECONDS", 0)
    real = dask_scheduler._sight
    monkeypatch.setattr(dask_scheduler, "_sight", lambda folder: real(f"{folder}-elsewhere"))
    request = verbs.request(("core-promoter",), genome, device="cpu", dask=str(scheduler))
    with pytest.raises(InputError, match=r"does not see the run in .*disk that all workers share"):
        verbs.run_all(request, tmp_path / "run")


def test_what_is_finished_by_networks_is_not_finished_on_another_kind_of_device(
    demo_variants, tmp_path
):
    """The workers may have GPUs; tracks around variants are predicted here."""
    source, genome = demo_variants
    request = verbs.request(
        ("core-promoter",), genome, variants=source, device="cuda", dask="tcp://127.0.0.1:1",
        around=["top:3"],
    )  # fmt: skip
    with pytest.raises(ResourceError, match="finds no CUDA device"):
        verbs.run_all(request, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_numbered_devices_are_refused_with_a_scheduler(genome, tmp_path):
    request = verbs.request(("core-promoter",), genome, device="cpu,cpu", dask="h:1")
    with pytest.raises(UsageError, match="--device cuda or --device cpu"):
        verbs.run_all(request, tmp_path / "run")


def test_planning_refuses_a_scheduler(genome, tmp_path):
    with pytest.raises(UsageError, match="planning computes nothing"):
        tracksmith.plan("core-promoter", genome, tmp_path / "run", device="cpu", dask="h:1")


def test_a_scheduler_that_dies_ends_the_command_in_a_sentence(genome, tmp_path, monkeypatch, capfd):
    place = f"tcp://127.0.0.1:{free_port()}"
    process = start("dask_scheduler", "--host", place, "--no-dashboard")
    worker = start("dask_worker", place, "--nthreads", "1", "--no-dashboard",
                   "--local-directory", str(tmp_path))  # fmt: skip
    monkeypatch.setattr(
        "tracksmith.runs.dask_driver.DaskDriver._count_done",
        lambda self, parts: process.send_signal(signal.SIGKILL),
    )
    request = verbs.request(("core-promoter",), genome, parts=4, device="cpu", dask=place)
    try:
        with pytest.raises(ResourceError, match=r"does not answer any more.*repeat the command"):
            verbs.run_all(request, tmp_path / "run")
    finally:
        end(process)
        end(worker)
    assert capfd.readouterr() == ("", "")
    assert verbs.run_all(verbs.changed(request, dask=None), tmp_path / "run").finished
