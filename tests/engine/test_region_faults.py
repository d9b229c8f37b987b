"""Runs over regions: killed, on a full disk, with broken parts, in steps, on other devices."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import verbs
from click.testing import CliRunner
from region_toys import BaseCounts, registry, toy

from tracksmith.cli import main
from tracksmith.errors import IncompleteError, ResourceError, TrustError, UsageError
from tracksmith.files import digest_of_file
from tracksmith.runs.parts import PartStore
from tracksmith.runs.request import Request
from tracksmith.runs.run import Run

DRIVER = Path(__file__).with_name("region_kill_driver.py")
CRASH_POINTS = [
    "locked:1", "part-begin:4", "before-fsync:2", "before-rename:3", "part-data:1", "part-end:2",
    "part-begin:9", "part-end:12", "track-finished:1", "track-finished:2", "after-rename:34",
    "finished:1",
]  # fmt: skip


@pytest.fixture
def install(monkeypatch):
    def install(model):
        models = registry(model)
        monkeypatch.setattr("tracksmith.models.registry.load_registry", lambda: models)

    install(toy())
    monkeypatch.setattr("tracksmith.regions.work.FEATURE_BASES", 400)
    monkeypatch.setattr("tracksmith.regions.work.PART_WINDOWS", 2)
    return install


@pytest.fixture
def run_request(write_genome, random_bases, tmp_path) -> Request:
    """46 peaks on two contigs: in the fixture's parts 7 of features and 7 of values."""
    genome = write_genome(one=random_bases(4_200, 1), two=random_bases(900, 2))
    rows = [f"one\t{100 * i}\t{100 * i + 40 + 7 * (i % 5)}\tp{i}\n" for i in range(42)]
    rows += [f"two\t{200 * i + 3}\t{200 * i + 190}\tq{i}\n" for i in range(4)]
    (tmp_path / "peaks.bed").write_text("".join(rows))
    return verbs.request(
        "toy", genome, peaks=tmp_path / "peaks.bed", batch_size=2, compressor="zlib"
    )


def outputs(folder: Path) -> dict[str, str]:
    paths = [*folder.glob("tracks/*"), *folder.glob("regions/*"), folder / "run.json"]
    return {path.name: digest_of_file(path) for path in sorted(paths)}


def drive(*arguments: object) -> dict:
    done = subprocess.run(
        [sys.executable, str(DRIVER), *map(str, arguments)],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_twenty_kills_at_random_moments_change_no_byte(run_request, tmp_path):
    report = drive("kills", tmp_path / "killed", tmp_path, 20, 1)
    assert (report["hits"], report["code"]) == (20, 0)
    assert report["parts"] > 1, "some parts were there before a kill"
    assert outputs(tmp_path / "killed") == outputs(tmp_path / "undisturbed")
    assert [path.name for path in (tmp_path / "killed").rglob(".*")] == []
    assert not (tmp_path / "killed" / "parts").exists()


def test_a_death_at_any_step_of_writing_is_mended_by_the_same_command(run_request, tmp_path):
    drive("kills", tmp_path / "x", tmp_path, 0, 1)
    truth = outputs(tmp_path / "undisturbed")
    assert drive("crash", tmp_path / "run", tmp_path, *CRASH_POINTS) == {
        point: [137, 0] for point in CRASH_POINTS
    }
    for number, point in enumerate(CRASH_POINTS):
        assert outputs(tmp_path / f"crash-{number}") == truth, point
        assert not (tmp_path / f"crash-{number}" / "parts").exists(), point


@pytest.fixture
def stopped(install, run_request, tmp_path, monkeypatch) -> Path:
    """A run with all parts and without its files."""
    with monkeypatch.context() as patched:
        patched.setattr(
            "tracksmith.regions.worker.write_region_files",
            lambda *_: (_ for _ in ()).throw(KeyboardInterrupt),
        )
        with pytest.raises(KeyboardInterrupt):
            verbs.run_all(run_request, tmp_path / "run")
    status = verbs.status(tmp_path / "run")
    assert (status.parts, status.done) == (14, 14)
    return tmp_path / "run"


def test_a_repeated_command_computes_what_is_missing_only(stopped, run_request, monkeypatch):
    for part in (3, 10):
        (stopped / "parts" / f"part-{part:05}.json").unlink()
    computed = []
    original = PartStore.write
    monkeypatch.setattr(
        PartStore,
        "write",
        lambda self, part, fill: computed.append(part) or original(self, part, fill),
    )
    verbs.run_all(run_request, stopped)
    assert computed == [3, 10]


@pytest.mark.parametrize("part", [2, 9])
def test_a_damaged_part_is_found_and_the_same_bytes_come_back(stopped, run_request, tmp_path, part):
    path = stopped / "parts" / f"part-{part:05}.bin"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(IncompleteError, match=rf"part {part}: its bytes do not match"):
        verbs.finish(stopped)
    assert not list(stopped.glob("tracks/*"))
    assert (stopped / "parts" / f".bad-part-{part:05}.bin").exists()
    assert verbs.work(stopped) == [part]
    done = verbs.finish(stopped)
    assert done.files == verbs.run_all(run_request, tmp_path / "undisturbed").files


def test_values_are_not_made_of_damaged_features(stopped, run_request):
    (stopped / "parts/part-00010.json").unlink()
    (stopped / "parts/part-00001.bin").write_bytes(b"\0" * 56)
    with pytest.raises(IncompleteError, match=r"part 1: .*\n.*tracksmith work"):
        verbs.work(stopped)
    assert verbs.work(stopped) == [1, 10]


def test_shares_of_the_parts(stopped, run_request, tmp_path):
    for path in stopped.glob("parts/*"):
        path.unlink()
    with pytest.raises(IncompleteError, match="parts still to do"):
        verbs.work(stopped, of=(0, 2))
    assert verbs.work(stopped, of=(1, 2)) == [3, 4, 5, 6, 10, 11, 12, 13]
    assert verbs.work(stopped, of=(0, 2)) == [7, 8, 9]
    assert verbs.finish(stopped).files == verbs.run_all(run_request, tmp_path / "whole").files


def test_the_stages_of_the_command_line_go_on_with_a_stopped_run(stopped):
    (stopped / "parts/part-00004.json").unlink()
    said = []
    for command, code in ((["status"], 3), (["work"], 0), (["status"], 0), (["finish"], 0)):
        done = CliRunner().invoke(main, [command[0], str(stopped), *command[1:]])
        assert done.exit_code == code, done.output
        said.append(done.output)
    assert "13 of 14 parts are done" in said[0]
    assert "1 parts computed" in said[1]
    assert "toy.normalisers.json" in said[3]


def test_inputs_that_changed_since_planning_are_refused(stopped, run_request):
    (stopped / "parts/part-00004.json").unlink()
    run_request.of("toy").peaks.write_text("one\t5\t50\n")
    with pytest.raises(TrustError, match=r"is not the peaks that was planned"):
        verbs.work(stopped)
    with pytest.raises(UsageError, match=r"holds another run(.|\n)*inputs\.peaks"):
        verbs.run_all(run_request, stopped)


def test_an_edited_cut_into_parts_is_refused(stopped, run_request):
    content = json.loads((stopped / "run.json").read_text())
    content["plan"]["stages"][1]["starts"].pop()
    (stopped / "run.json").write_text(json.dumps(content))
    with pytest.raises(TrustError, match="was edited"):
        verbs.run_all(run_request, stopped)


def test_a_second_driver_is_refused_and_takes_nothing_away(stopped, run_request):
    before = sorted(path.name for path in stopped.rglob("*"))
    with Run.open(stopped).lock():
        for overwrite in (False, True):
            with pytest.raises(TrustError, match=rf"process {os.getpid()} on "):
                verbs.run_all(run_request, stopped, overwrite=overwrite)
    assert sorted(path.name for path in stopped.rglob("*")) == before


def test_a_lost_file_of_a_finished_run_is_noticed(install, run_request, tmp_path):
    run = verbs.run_all(run_request, tmp_path / "run")
    (run.folder / run.files[0].path).unlink()
    for again in (lambda: verbs.run_all(run_request, run.folder), lambda: verbs.finish(run.folder)):
        with pytest.raises(IncompleteError, match=r"toy.plus.bw\n.*--overwrite"):
            again()
    assert verbs.run_all(run_request, run.folder, overwrite=True).files == run.files


def test_replacing_a_run_that_was_stopped_while_finishing_leaves_none_of_its_files(
    install, run_request, tmp_path, monkeypatch
):
    with monkeypatch.context() as patched:
        stop = "tracksmith.regions.files._write_table"
        patched.setattr(stop, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            verbs.run_all(run_request, tmp_path / "run")
    assert (tmp_path / "run/tracks/toy.plus.bw").exists()
    (tmp_path / "run/tracks/mine.bw").write_text("not a file of the run")
    other = verbs.changed(run_request, tracks=("minus",))
    with pytest.raises(UsageError, match="holds another run"):
        verbs.run_all(other, tmp_path / "run")
    verbs.run_all(other, tmp_path / "run", overwrite=True)
    names = [path.name for path in (tmp_path / "run/tracks").iterdir()]
    assert sorted(names) == ["mine.bw", "toy.minus.bw"]


def test_a_finished_run_is_left_alone_also_where_nobody_can_write(
    install, run_request, tmp_path, monkeypatch
):
    out = verbs.run_all(run_request, tmp_path / "run").folder
    before = sorted(out.rglob("*"))

    def refuse(run):
        raise ResourceError("read-only")

    monkeypatch.setattr(Run, "lock", refuse)
    assert verbs.work(out) == []
    assert verbs.finish(out).finished
    assert verbs.run_all(run_request, out).finished
    assert sorted(out.rglob("*")) == before
    with pytest.raises(ResourceError):
        verbs.run_all(verbs.changed(run_request, device="cuda:77"), out, overwrite=True)
    assert sorted(out.rglob("*")) == before


def test_another_version_may_not_go_on_with_a_run(stopped, monkeypatch):
    (stopped / "parts/part-00004.json").unlink()
    monkeypatch.setattr("tracksmith.runs.versions.__version__", "99")
    with pytest.raises(TrustError, match=r"other versions(.|\n)*tracksmith: .*, 99"):
        verbs.work(stopped)


class Broken(BaseCounts):
    """Fails on one peak."""

    def features(self, batch):
        if batch.contig == "two":
            raise ValueError("motif lost")
        return super().features(batch)


def test_a_part_that_a_plugin_breaks_is_set_aside_and_the_rest_is_done(
    install, run_request, tmp_path
):
    install(toy(features=Broken))
    with pytest.raises(IncompleteError, match=r"2 of 14 parts failed \(5, 6\)") as caught:
        verbs.run_all(run_request, tmp_path / "run")
    assert "ValueError: motif lost" in str(caught.value)
    assert "Traceback" in (tmp_path / "run/parts/part-00005.failed.txt").read_text()
    assert verbs.status(tmp_path / "run").done == 5
    install(toy())
    whole = verbs.run_all(run_request, tmp_path / "whole").files
    assert verbs.run_all(run_request, tmp_path / "run").files == whole


def test_a_run_that_the_disk_cannot_hold_is_refused_with_the_sizes(
    install, run_request, tmp_path, monkeypatch
):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage._replace(free=1_000_000))
    with pytest.raises(ResourceError, match=r"needs about .* where 1 MB are free"):
        verbs.run_all(run_request, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert verbs.run_all(run_request, tmp_path / "run", force=True).finished


def test_the_forecast_covers_the_parts_and_the_files(install, run_request, tmp_path):
    estimate = verbs.estimate(run_request)
    assert not (tmp_path / "run").exists()
    run = verbs.run_all(run_request, tmp_path / "run", keep_parts=True)
    assert list(estimate.files) == [file.path for file in run.files]
    parts = sum(path.stat().st_size for path in run.parts_folder.glob("*.bin"))
    assert estimate.disk.parts == pytest.approx(parts, rel=0.4), (
        "columns of the matrix, not raw ones"
    )
    files = sum(file.size for file in run.files)
    assert files < estimate.disk.files < files + 3 * (1 << 17) + 46 * 200
    assert estimate.models[0].windows == 14
    assert estimate.models[0].work.startswith("46 regions of ")
    assert " with 2 features each" in estimate.models[0].work


FULL_DISK = """
import pathlib, resource, signal, sys
sys.path.insert(0, sys.argv.pop(1))
import region_kill_driver as driver
import verbs
from tracksmith.errors import TracksmithError

folder, out, stage, limit = sys.argv[1:]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, out = pathlib.Path(folder), pathlib.Path(out)
request = verbs.request(
    "toy", folder / "genome.fa", peaks=folder / "peaks.bed", compressor="zlib"
)

def fill(*arguments):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
    return original(*arguments)

from tracksmith.regions import worker
from tracksmith.runs import executors

module, name = {
    "work": (executors, "compute_parts"), "finish": (worker, "write_region_files")
}[stage]
original = getattr(module, name)
setattr(module, name, fill)
try:
    verbs.run_all(request, out)
except TracksmithError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize(("stage", "limit"), [("work", 40), ("finish", 1_000)])
def test_a_full_disk_gives_a_clear_error_no_half_file_and_the_run_goes_on_later(
    install, run_request, tmp_path, stage, limit
):
    out = tmp_path / "run"
    command = [sys.executable, "-c", FULL_DISK, str(DRIVER.parent), str(tmp_path)]
    done = subprocess.run(
        [*command, str(out), stage, str(limit)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 5, done.stdout + done.stderr
    assert "Cannot write" in done.stdout
    assert not list(out.glob("tracks/*")), "nothing has a final name"
    assert not list(out.rglob(".tmp-*"))
    for folder in (out, tmp_path / "undisturbed"):
        assert verbs.run_all(verbs.changed(run_request, batch_size=None), folder).finished
    assert outputs(out) == outputs(tmp_path / "undisturbed")


def get_options(small_get, out: Path) -> list[str]:
    request = small_get.request
    own = request.of("get-expression")
    return [
        "-m", "get-expression", "-g", str(request.genome), "-o", str(out), "--peaks",
        str(own.peaks), "--input", f"motifs={own.inputs['motifs']}", "--input",
        f"clusters={own.inputs['clusters']}", "--weights", str(own.weights), "--option", "heads=2",
    ]  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_soon_and_the_command_goes_on(
    small_get, random_bases, tmp_path, number
):
    genome, peaks = tmp_path / "genome.fa", tmp_path / "peaks.bed"
    genome.write_text(f">chr1\n{random_bases(200_000, 1) * 100}\n")
    peaks.write_text("".join(f"chr1\t{s}\t{s + 900}\n" for s in range(0, 20_000_000, 1_000)))
    large = small_get._replace(request=verbs.changed(small_get.request, genome=genome, peaks=peaks))
    command = [sys.executable, "-m", "tracksmith.cli", "predict"]
    process = subprocess.Popen(
        [*command, *get_options(large, tmp_path / "run")], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("run/parts/*.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    said = process.communicate(timeout=30)[1]
    assert process.returncode == 128 + number, said
    assert "repeat the command to go on" in said
    assert not list((tmp_path / "run").rglob(".tmp-*"))
    assert 0 < verbs.status(tmp_path / "run").done < verbs.status(tmp_path / "run").parts


def test_the_command_says_what_a_run_would_cost_and_writes_nothing(small_get, tmp_path):
    done = CliRunner().invoke(
        main, ["predict", *get_options(small_get, tmp_path / "run"), "--dry-run"]
    )
    assert done.exit_code == 0, done.output
    assert "30 regions of 8,500 bp in all with 40 features each" in done.stdout
    assert "2 windows and 2 forward passes" in done.stdout
    assert "tracks/get-expression.plus.bw" in done.stdout
    assert "Disk: at most" in done.stdout
    assert not (tmp_path / "run").exists()
