"""Worker processes whose device breaks: they leave, nothing is lost, the others go on."""

import os

import pytest
import verbs
from dask_toys import install

from tracksmith.errors import DeviceError, IncompleteError
from tracksmith.files import digest_of_file
from tracksmith.progress import Silent

pytest.importorskip("distributed")

PARTS = 8


class Notes(Silent):
    """Keeps what is told."""

    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = install(tmp_path)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    return folder


@pytest.fixture
def run_request(site, write_genome, random_bases):
    genome = write_genome(chr1=random_bases(PARTS * 262_144, 1))
    return verbs.request(("dask-toy",), genome, parts=PARTS, batch_size=2048, device="cpu,cpu")


def breaks(monkeypatch, marks, names, first=0, waits=0):
    """Have the devices of workers break; the others wait until that happened so many times."""
    for name, value in (("BREAKS", names), ("FIRST", first), ("WAITS", waits), ("MARKS", marks)):
        monkeypatch.setenv(f"TOY_{name}", str(value))


def digests(folder):
    return {path.name: digest_of_file(path) for path in sorted((folder / "tracks").iterdir())}


def test_a_worker_whose_device_broke_takes_no_part_with_it(
    run_request, tmp_path, monkeypatch, capfd
):
    # The first worker breaks in its first part, each time that it comes back.
    breaks(monkeypatch, tmp_path, "0", waits=2)
    run = verbs.run_all(run_request, tmp_path / "run", Notes())
    assert len(list(tmp_path.glob("broke-*"))) >= 2, "each a process of its own"
    verbs.run_all(verbs.changed(run_request, device="cpu"), tmp_path / "one")
    assert run.parts == PARTS
    assert digests(tmp_path / "run") == digests(tmp_path / "one")
    assert capfd.readouterr() == ("", ""), "Dask says nothing"


def test_a_device_that_breaks_each_time_gets_no_more_parts(run_request, tmp_path, monkeypatch):
    breaks(monkeypatch, tmp_path, "1", waits=1)
    monkeypatch.setattr("tracksmith.runs.dask_driver.BREAKS_PER_DEVICE", 1)
    notes = Notes()
    assert verbs.run_all(run_request, tmp_path / "run", notes).finished
    (note,) = (note for note in notes.notes if "gets no more parts" in note)
    assert "worker 1" in note and "illegal memory access" in note


def test_with_no_device_left_the_command_ends_and_keeps_what_is_done(
    run_request, tmp_path, monkeypatch
):
    breaks(monkeypatch, tmp_path, "0,1", first=5)  # 4 calls are a part
    monkeypatch.setattr("tracksmith.runs.dask_driver.BREAKS_PER_DEVICE", 1)
    with pytest.raises(DeviceError, match="illegal memory access") as caught:
        verbs.run_all(run_request, tmp_path / "run")
    assert caught.value.exit_code == 5
    assert "Parts that were done are safe" in str(caught.value)
    status = verbs.status(tmp_path / "run")
    assert 0 < status.done < PARTS
    monkeypatch.delenv("TOY_BREAKS")
    assert verbs.run_all(run_request, tmp_path / "run").finished


def test_a_part_that_breaks_every_device_is_set_aside(
    site, write_genome, random_bases, tmp_path, monkeypatch
):
    bases = random_bases(PARTS * 262_144, 1)
    place = len(bases) - 1_000
    genome = write_genome(chr1=bases[:place] + "A" * 30 + bases[place + 30 :])
    run_request = verbs.request(("dask-toy",), genome, parts=PARTS, device="cpu,cpu")
    breaks(monkeypatch, tmp_path, "poison")
    with pytest.raises(IncompleteError, match=r"1 of 8 parts failed \(7\)") as caught:
        verbs.run_all(run_request, tmp_path / "run")
    assert "illegal memory access" in str(caught.value)
    assert verbs.status(tmp_path / "run").done == PARTS - 1
