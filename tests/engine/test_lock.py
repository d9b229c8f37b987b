"""The lock of a run: held by who lives, on whatever machine, and free when its driver is dead."""

import json
import os
import subprocess
import sys
import threading
import time

import pytest
import verbs

from tracksmith import files
from tracksmith.errors import ResourceError, TrustError
from tracksmith.files import machine, owner_suffix, temporary_name
from tracksmith.progress import Silent
from tracksmith.runs import executors, lock


class Notes(Silent):
    """Keeps what is told."""

    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


@pytest.fixture
def run(write_genome, random_bases, tmp_path):
    """A run whose parts are all there."""
    genome = write_genome(chr1=random_bases(3_000, 1))
    request = verbs.request(("core-promoter",), genome, device="cpu")
    planned = verbs.plan(request, tmp_path / "run")
    verbs.work(planned.folder)
    return planned


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Beats and the patience with a lock without any, in the same relation but short."""
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.2)
    monkeypatch.setattr(lock, "STALE_SECONDS", 2.0)


def lock_content(**changed):
    return {
        "host": "elsewhere", "machine": "12345678", "pid": 1, "born": "1",
        "since": time.time() - 120, "token": "abcdefgh",
    } | changed  # fmt: skip


def test_the_lock_of_a_dead_driver_of_this_machine_is_taken_over_at_once(run, monkeypatch):
    monkeypatch.setattr(lock, "STALE_SECONDS", 600)
    holder = subprocess.Popen([sys.executable, "-c", ""])
    holder.wait()
    text = json.dumps(lock_content(machine=machine(), pid=holder.pid))
    (run.folder / ".lock").write_text(f"{text}\n0\n")
    assert verbs.finish(run.folder).finished


def test_the_lock_of_a_killed_driver_whose_parent_never_asks_is_taken_over_at_once(run):
    """As in a container whose first process waits for no child."""
    holder = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    holder.kill()
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    text = json.dumps(lock_content(machine=machine(), pid=holder.pid, born=lock._born(holder.pid)))
    (run.folder / ".lock").write_text(f"{text}\n0\n")
    try:
        assert verbs.finish(run.folder).finished
    finally:
        holder.communicate()


@pytest.mark.parametrize("since", [-86_400, 0, 86_400], ids=["behind", "same", "ahead"])
def test_a_driver_killed_on_another_machine_frees_the_run_after_a_while(run, since):
    """Whatever its clock said."""
    (run.folder / ".lock").write_text(
        json.dumps(lock_content(since=time.time() + since)) + "\n17\n"
    )
    began = time.monotonic()
    assert verbs.finish(run.folder).finished
    assert time.monotonic() - began > 1.9
    assert not (run.folder / ".lock").exists()


def test_a_lock_without_a_word_is_taken_over_too(run):
    (run.folder / ".lock").write_text("")
    assert verbs.finish(run.folder).finished


@pytest.mark.parametrize("since", [-86_400, 86_400], ids=["behind", "ahead"])
def test_a_living_driver_of_another_machine_is_never_robbed(run, since, monkeypatch):
    """Also one whose clock is a day off, and whose process id is taken here by nobody."""
    monkeypatch.setattr(time, "time", lambda real=time.time: real() + since)
    monkeypatch.setattr(lock, "machine", lambda: "87654321")
    with run.lock():
        monkeypatch.undo()
        monkeypatch.setattr(lock, "STALE_SECONDS", 2.0)
        with pytest.raises(TrustError, match=rf"in use by process {os.getpid()} on .*after 2 sec"):
            verbs.finish(run.folder)
    assert verbs.finish(run.folder).finished


def test_who_was_robbed_leaves_the_lock_of_the_next_driver_alone(run):
    path = run.folder / ".lock"
    with run.lock():
        path.unlink()
        path.write_text(json.dumps(lock_content()) + "\n0\n")
        before = path.read_text()
        time.sleep(0.5)
        assert path.read_text() == before, "no beat reaches it"
    assert path.exists()


def test_of_many_that_take_over_one_dead_lock_one_wins(run):
    text = json.dumps(lock_content(machine=machine(), pid=2**22 + 1))
    (run.folder / ".lock").write_text(f"{text}\n0\n")
    inside, most, refused = [0], [0], []

    def drive():
        try:
            with lock.locked(run.folder / ".lock"):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.5)
                inside[0] -= 1
        except TrustError as error:
            refused.append(error)

    threads = [threading.Thread(target=drive) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most[0], len(refused)) == (1, 7)


def test_a_container_is_another_machine_with_process_ids_of_its_own():
    code = "from tracksmith.files import machine; print(machine())"
    command = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no namespaces here: {done.stderr.strip()[:80]}")
    assert len(done.stdout.strip()) == len(machine()) == 8
    assert done.stdout.strip() != machine()


def test_no_two_processes_give_a_temporary_name_twice():
    code = "from tracksmith.files import temporary_name; print(temporary_name('x'))"
    names = {subprocess.check_output([sys.executable, "-c", code]) for _ in range(2)}
    assert len(names) == 2
    assert files.TOKEN in temporary_name("x")
    assert len(files.TOKEN) == 8


def test_what_commands_left_that_were_killed_elsewhere_goes_when_the_run_is_finished(run):
    elsewhere = "-abcdefgh-nodea-12345678-1"
    left = [
        run.folder / f".tmp-run.json{elsewhere}",
        run.folder / "tracks" / f".tmp-core-promoter.plus.bw{elsewhere}",
        run.folder / "parts" / f".tmp-part-00000.bin{elsewhere}",
    ]
    others = run.folder / f".tmp-hub{elsewhere}"  # a hub that is being built
    for path in (*left, others):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    verbs.finish(run.folder)
    assert not [path for path in left if path.exists()]
    assert others.exists()
    assert not (run.folder / "parts").exists()


def test_a_file_that_another_machine_is_writing_stays_while_the_run_is_at_work(run):
    writing = run.folder / "parts" / ".tmp-part-00000.bin-abcdefgh-nodea-12345678-1"
    dead = run.folder / "parts" / f".tmp-part-00000.bin-abcdefgh{owner_suffix(2**22 + 1)}"
    for path in (writing, dead):
        path.touch()
    with run.lock():
        run.sweep()
    assert writing.exists() and not dead.exists()


def test_who_works_in_vain_on_a_run_that_was_finished_meanwhile_is_told_so(run, monkeypatch):
    (run.parts_folder / "part-00000.json").unlink()
    real = executors.compute_parts

    def late(worker, parts):
        real(worker, parts)
        monkeypatch.undo()
        verbs.finish(run.folder)
        raise ResourceError("Cannot write parts/part-00000.bin: No such file or directory.")

    monkeypatch.setattr(executors, "compute_parts", late)
    notes = Notes()
    verbs.work(run.folder, notes)
    assert "was finished meanwhile" in notes.notes[-1]
