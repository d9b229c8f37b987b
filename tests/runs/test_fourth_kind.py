"""A fourth kind of run has kill, resume, shares, status and dry-run without a line of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from gc_kind import Gc

import tracksmith
import tracksmith.kinds
from tracksmith.errors import TrustError, UsageError
from tracksmith.progress import Silent
from tracksmith.runs import job
from tracksmith.runs.request import Request, make_request

DRIVER = Path(__file__).with_name("gc_driver.py")
POINTS = [
    "locked:1", "part-begin:2", "before-fsync:3", "before-rename:4", "part-data:2", "finished:1",
]  # fmt: skip


def request_in(folder: Path) -> Request:
    """Write a genome and regions into a folder; return the request of their GC."""
    sequence = "ACGGTNC" * 600
    (folder / "genome.fa").write_text(f">chr1\n{sequence}\n")
    rows = [f"chr1\t{s}\t{s + 13}\n" for s in range(0, 4_000, 100)]
    (folder / "regions.bed").write_text("".join(rows))
    return make_request(genome=folder / "genome.fa", regions=[str(folder / "regions.bed")])


@pytest.fixture
def gc_request(tmp_path):
    return request_in(tmp_path)


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """Runs that were killed at every point and repeated: their folder, exit codes by point."""
    folder = tmp_path_factory.mktemp("killed")
    request = request_in(folder)
    command = [sys.executable, str(DRIVER), str(request.genome), *request.regions, str(folder)]
    done = subprocess.run([*command, *POINTS], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


@pytest.fixture
def known(monkeypatch):
    monkeypatch.setitem(tracksmith.kinds.KINDS, "gc", Gc)


def by_hand() -> str:
    sequence = "ACGGTNC" * 600
    lines = []
    for start in range(0, 4_000, 100):
        piece = sequence[start : start + 13]
        share = (piece.count("G") + piece.count("C")) / 13
        lines.append(f"chr1\t{start}\t{start + 13}\t{share:g}\n")
    return "".join(lines)


def test_it_runs_in_one_go(gc_request, tmp_path):
    run = job.run_all(Gc(), gc_request, tmp_path / "run", Silent())
    assert (run.folder / "tracks/gc.bedGraph").read_text() == by_hand()
    assert job.run_all(Gc(), gc_request, tmp_path / "run", Silent()).finished


def test_it_runs_in_shares_as_on_a_cluster(gc_request, known, tmp_path):
    out = tmp_path / "run"
    planned = job.plan(Gc(), gc_request, out, Silent())
    assert planned.parts == 4
    assert tracksmith.work(out, of=(1, 2)) == [2, 3]
    state = tracksmith.status(out)
    assert (state.done, state.parts, sorted(state.problems)) == (2, 4, [0, 1])
    assert tracksmith.work(out) == [0, 1]
    assert (tracksmith.finish(out).folder / "tracks/gc.bedGraph").read_text() == by_hand()


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_any_step_is_mended_by_the_same_command(killed, point):
    folder, codes = killed
    assert codes[point] == [137, 0]
    run = folder / point.replace(":", "-")
    assert (run / "tracks/gc.bedGraph").read_text() == by_hand()
    assert not list(run.rglob(".tmp-*"))


def test_it_says_what_it_would_cost(gc_request):
    estimate = job.estimate(Gc(), gc_request, Silent())
    assert estimate.files == ("tracks/gc.bedGraph",)
    assert "1 files: tracks/gc.bedGraph" in estimate.lines[0]


def test_another_request_into_its_folder_is_refused(gc_request, tmp_path):
    job.plan(Gc(), gc_request, tmp_path / "run", Silent())
    Path(gc_request.regions[0]).write_text("chr1\t0\t10\n")
    with pytest.raises(UsageError, match=r"details\.bed"):
        job.plan(Gc(), gc_request, tmp_path / "run", Silent())


def test_a_run_of_a_kind_that_nobody_knows_is_refused_by_name(gc_request, tmp_path):
    job.plan(Gc(), gc_request, tmp_path / "run", Silent())
    with pytest.raises(TrustError, match="a run of the kind 'gc'"):
        tracksmith.work(tmp_path / "run")
