"""Finishing many tracks: few readings of manifests, any number of threads, one that fails."""

import shutil
import threading
from collections import Counter
from pathlib import Path

import pytest
import torch
import verbs
from engine_toys import toy_card
from torch import nn

from tracksmith.engine import files
from tracksmith.errors import TrustError
from tracksmith.models.card import Track, WindowGeometry
from tracksmith.models.contract import Model
from tracksmith.runs.parts import PartStore
from tracksmith.runs.run import Run

TRACKS, PARTS = 100, 3
GEOMETRY = WindowGeometry(512, 0, 512, 32)


class Many(nn.Module):
    """Averages of the bases of every bin, mixed otherwise for each track."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mix", torch.linspace(-1, 1, TRACKS * 4).reshape(TRACKS, 4))

    def forward(self, bases: torch.Tensor) -> torch.Tensor:
        return torch.einsum("tc,ncb->ntb", self.mix, bases.unfold(2, 32, 32).mean(3))


@pytest.fixture
def run(register, write_genome, random_bases, tmp_path) -> Run:
    """A run of many tracks whose parts are all computed, not finished."""
    tracks = tuple(Track(f"t{number}", "a track", signed=True) for number in range(TRACKS))
    register(Model(toy_card(GEOMETRY, tracks=tracks), lambda request: Many()))
    genome = write_genome(chr1=random_bases(60_000, 1), chr2=random_bases(9_001, 2))
    planned = verbs.plan(verbs.request(("toy",), genome, parts=PARTS), tmp_path / "run")
    verbs.work(planned.folder)
    return planned


def test_each_manifest_is_read_a_few_times_however_many_tracks(run, monkeypatch):
    readings: Counter[int] = Counter()
    read = PartStore.manifest
    monkeypatch.setattr(
        PartStore, "manifest", lambda store, part: readings.update([part]) or read(store, part)
    )
    assert len(verbs.finish(run.folder).files) == TRACKS
    assert set(readings) == set(range(PARTS))
    assert max(readings.values()) <= 6


def test_files_and_their_order_do_not_depend_on_the_number_of_threads(run, monkeypatch, tmp_path):
    written_runs = []
    for threads in (1, 7):
        folder = tmp_path / f"{threads}"
        shutil.copytree(run.folder, folder)
        monkeypatch.setattr(files, "usable_cores", lambda threads=threads: threads)
        done = verbs.finish(folder)
        written = {path.name: path.read_bytes() for path in (folder / "tracks").iterdir()}
        written_runs.append(((folder / "run.json").read_bytes(), written))
        assert [file.track for file in done.files] == [f"t{n}" for n in range(TRACKS)]
    assert len(written_runs[0][1]) == TRACKS
    assert written_runs[0] == written_runs[1]


def test_threads_are_used(run, monkeypatch):
    names = set()
    write = files.track_path
    monkeypatch.setattr(files, "usable_cores", lambda: 3)
    monkeypatch.setattr(
        files, "track_path",
        lambda *given: names.add(threading.current_thread().name) or write(*given),
    )  # fmt: skip
    verbs.finish(run.folder)
    assert threading.main_thread().name not in names and len(names) > 1


def test_a_track_that_fails_ends_the_run_with_its_error_and_leaves_nothing_half(run, monkeypatch):
    monkeypatch.setattr(files, "usable_cores", lambda: 4)
    whole = PartStore.pieces

    def damaged(store, stage, output):
        for item, data in whole(store, stage, output):
            yield item, data[:-1] if output == 5 else data

    monkeypatch.setattr(PartStore, "pieces", damaged)
    with pytest.raises(TrustError, match="corrupted"):
        verbs.finish(run.folder)
    names = {path.name for path in Path(run.folder / "tracks").iterdir()}
    assert "toy.t5.bw" not in names and not [name for name in names if name.startswith(".")]
    assert len(names) < TRACKS
    assert not Run.open(run.folder).finished
    monkeypatch.setattr(PartStore, "pieces", whole)
    assert len(verbs.finish(run.folder).files) == TRACKS
