"""Broken parts, edited plans, full disks, dying workers: the message, and nothing lost."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import verbs
from engine_toys import Dense, toy_card

import tracksmith
from tracksmith.errors import (
    IncompleteError,
    InputError,
    PluginError,
    ResourceError,
    TrustError,
)
from tracksmith.files import digest_of_file
from tracksmith.models.card import WindowGeometry
from tracksmith.models.contract import Model, Predictor
from tracksmith.runs.job import share
from tracksmith.runs.parts import PartStore
from tracksmith.runs.run import Run

GEOMETRY = WindowGeometry(64, 16, 32, 1)
PARTS = 4


@pytest.fixture
def genome(write_genome, random_bases) -> Path:
    return write_genome(chr1=random_bases(40_000, 1), chr2=random_bases(9_000, 2))


@pytest.fixture
def toy(register) -> Model:
    card = toy_card(GEOMETRY, ("1",))
    model = Model(card, lambda request: Predictor({"1": Dense(GEOMETRY, 0)}))
    register(model)
    return model


@pytest.fixture
def run(toy, genome, tmp_path) -> Run:
    """A run whose parts are all computed, not finished."""
    out = tmp_path / "run"
    planned = verbs.plan(verbs.request(("toy",), genome, parts=PARTS), out)
    verbs.work(out)
    assert verbs.status(out).done == PARTS
    return planned


def truth(genome: Path, tmp_path: Path) -> list[str]:
    done = tracksmith.predict("toy", genome, tmp_path / "undisturbed", parts=PARTS)
    return [file.sha256 for file in done.files]


def change_byte(path: Path, place: float = 0.5) -> None:
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] ^= 0x10
    path.write_bytes(content)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def of_another_plan(path: Path) -> None:
    content = json.loads(path.read_text())
    content["run"] = "0" * 64
    path.write_text(json.dumps(content))


def copy_of_another_part(path: Path) -> None:
    for suffix in (".bin", ".json"):
        shutil.copy(path.with_name(f"part-00000{suffix}"), path.with_suffix(suffix))


DAMAGES = {
    "bit flip": (".bin", change_byte, "do not match its checksum"),
    "truncated": (".bin", cut_short, "its manifest says"),
    "empty": (".bin", lambda path: path.write_bytes(b""), "has 0 bytes"),
    "deleted data": (".bin", Path.unlink, "missing"),
    "deleted manifest": (".json", Path.unlink, "missing"),
    "short manifest": (".json", cut_short, "unreadable manifest"),
    "empty manifest": (".json", lambda path: path.write_text(""), "unreadable manifest"),
    "manifest of another kind": (".json", lambda path: path.write_text("[1]"), "no JSON object"),
    "another plan": (".json", of_another_plan, "belongs elsewhere"),
    "another part": (".json", copy_of_another_part, "belongs elsewhere"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_finish_finds_a_damaged_part_and_the_same_bytes_come_back(damage, run, genome, tmp_path):
    suffix, harm, message = DAMAGES[damage]
    harm(run.parts_folder / f"part-00002{suffix}")
    with pytest.raises(IncompleteError) as caught:
        verbs.finish(run.folder)
    assert message in str(caught.value)
    assert "1 of 4 parts" in str(caught.value)
    assert f"tracksmith work {run.folder}" in str(caught.value)
    assert not list(run.folder.glob("tracks/*"))
    assert verbs.work(run.folder) == [2]
    done = verbs.finish(run.folder)
    assert [file.sha256 for file in done.files] == truth(genome, tmp_path)


def test_a_damaged_part_is_moved_aside_not_deleted(run):
    change_byte(run.parts_folder / "part-00001.bin")
    with pytest.raises(IncompleteError):
        verbs.finish(run.folder)
    assert sorted(path.name for path in run.parts_folder.glob(".bad-*")) == [
        ".bad-part-00001.bin",
        ".bad-part-00001.json",
    ]


def test_all_unusable_parts_are_listed_together(run):
    (run.parts_folder / "part-00000.json").unlink()
    cut_short(run.parts_folder / "part-00003.bin")
    with pytest.raises(IncompleteError, match=r"part 0: missing\n  part 3: has"):
        verbs.finish(run.folder)


def test_an_edited_plan_is_refused(run):
    path = run.folder / "run.json"
    path.write_text(path.read_text().replace('"strand": "+"', '"strand": "."'))
    with pytest.raises(TrustError, match="was edited"):
        verbs.work(run.folder)


def test_a_plan_of_another_format_is_refused(run):
    content = json.loads((run.folder / "run.json").read_text())
    content["format"] = 99
    (run.folder / "run.json").write_text(json.dumps(content))
    with pytest.raises(TrustError, match="format version 99"):
        verbs.finish(run.folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"request": 1}'])
def test_a_run_file_that_is_none_is_refused(run, text):
    (run.folder / "run.json").write_text(text)
    with pytest.raises(InputError):
        verbs.status(run.folder)


def test_a_folder_without_a_run_says_how_to_start_one(tmp_path):
    with pytest.raises(InputError, match="tracksmith plan"):
        verbs.finish(tmp_path)


def test_a_genome_changed_after_planning_is_refused(run, genome):
    (run.parts_folder / "part-00000.json").unlink()
    text = genome.read_text()
    genome.write_text(text[:2000] + ("A" if text[2000] != "A" else "C") + text[2001:])
    with pytest.raises(TrustError, match="same contigs, other bytes"):
        verbs.work(run.folder)


def test_a_genome_with_other_contigs_names_them(run, write_genome):
    (run.parts_folder / "part-00000.json").unlink()
    write_genome(chr1="ACGT" * 100, chr3="ACGT")
    with pytest.raises(TrustError, match=r"3 contigs differ \(chr1, chr2, chr3\)"):
        verbs.work(run.folder)


def test_a_model_changed_after_planning_is_refused_with_the_field(run, register):
    (run.parts_folder / "part-00000.json").unlink()
    card = toy_card(GEOMETRY, ("1",), version="2")
    register(Model(card, lambda request: Predictor({"1": Dense(GEOMETRY, 0)})))
    with pytest.raises(TrustError, match=r'version: "1", "2"'):
        verbs.work(run.folder)


def test_regions_changed_after_planning_are_refused(toy, genome, tmp_path):
    request = verbs.request(("toy",), genome, regions=("chr1:1-5000",))
    verbs.plan(request, tmp_path / "run")
    (tmp_path / "run" / "regions.bed").write_text("chr1\t0\t9\n")
    with pytest.raises(TrustError, match=r"regions\.bed is not the file of the plan"):
        verbs.work(tmp_path / "run")


def test_a_lost_track_of_a_finished_run_is_noticed(run):
    done = verbs.finish(run.folder)
    (run.folder / done.files[1].path).unlink()
    with pytest.raises(IncompleteError, match=r"toy.minus.bw\n.*--overwrite"):
        verbs.finish(run.folder)


def test_a_part_that_a_plugin_breaks_is_set_aside_and_the_rest_is_done(
    register, write_genome, random_bases, tmp_path, toy
):
    sequence = random_bases(40_000, 1)
    genome = write_genome(chr1=sequence[:25_000] + "A" * RUN + sequence[25_000 + RUN :])
    register(Model(toy.card, lambda request: Predictor({"1": Failing(GEOMETRY, 0, RUN)})))
    out = tmp_path / "broken"
    with pytest.raises(IncompleteError, match=r"1 of 4 parts failed \(2\)") as caught:
        tracksmith.predict("toy", genome, out, parts=PARTS, batch_size=64)
    assert "ValueError: layer lost" in str(caught.value)
    assert "Traceback" in (out / "parts" / "part-00002.failed.txt").read_text()
    assert verbs.status(out).done == 3
    register(toy)
    done = tracksmith.predict("toy", genome, out, parts=PARTS, batch_size=64)
    assert done.finished
    assert not (out / "parts").exists()


def test_a_plugin_that_breaks_every_part_stops_the_run(register, genome, tmp_path, toy):
    register(Model(toy.card, lambda request: Predictor({"1": Failing(GEOMETRY, 0, 1)})))
    with pytest.raises(PluginError, match="layer lost"):
        tracksmith.predict("toy", genome, tmp_path / "run", parts=PARTS)


@pytest.mark.parametrize("error", [KeyError("conv1.weight"), SystemExit(0)])
def test_a_plugin_that_cannot_load_is_named(register, genome, tmp_path, toy, error):
    def load(request):
        raise error

    register(Model(toy.card, load))
    words = f"toy failed to load: {type(error).__name__}: {error}"
    with pytest.raises(PluginError, match=re.escape(words)):
        tracksmith.predict("toy", genome, tmp_path / "run")


RUN = 25


class Failing(Dense):
    """Raises when it sees so many A in a row."""

    def __init__(self, geometry, seed, run):
        super().__init__(geometry, seed)
        self.run = run

    def forward(self, bases):
        if (bases[:, 0].unfold(1, self.run, 1).sum(dim=-1) == self.run).any():
            raise ValueError("layer lost")
        return super().forward(bases)


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(toy, genome, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="Cannot write into"):
        tracksmith.predict("toy", genome, tmp_path / "file" / "run")


def test_a_run_that_the_disk_cannot_hold_is_refused_with_the_sizes(
    toy, genome, tmp_path, monkeypatch
):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage._replace(free=1_000_000))
    with pytest.raises(ResourceError, match=r"needs about .* where 1 MB are free"):
        tracksmith.predict("toy", genome, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert tracksmith.predict("toy", genome, tmp_path / "run", force=True).finished


VERBS = Path(__file__).parent
"""Where a process of its own finds the verbs of tests."""

FULL_DISK = """
import pathlib, resource, signal, sys
import verbs
from tracksmith.errors import TracksmithError

genome, out, stage, limit = sys.argv[1:]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
full = (int(limit), resource.RLIM_INFINITY)
request = verbs.request(("core-promoter",), pathlib.Path(genome), parts=6)
try:
    verbs.plan(request, pathlib.Path(out))
    if stage == "work":
        resource.setrlimit(resource.RLIMIT_FSIZE, full)
    verbs.work(pathlib.Path(out))
    resource.setrlimit(resource.RLIMIT_FSIZE, full)
    verbs.finish(pathlib.Path(out))
except TracksmithError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def test_a_full_disk_gives_a_clear_error_no_half_file_and_the_run_goes_on_later(genome, tmp_path):
    digests = []
    for stage in ("work", "finish"):
        out = tmp_path / stage
        command = [sys.executable, "-c", FULL_DISK, str(genome), str(out), stage]
        done = subprocess.run(
            [*command, "5000"], capture_output=True, text=True, timeout=60, cwd=VERBS
        )
        assert done.returncode == 5, done.stdout + done.stderr
        assert "Cannot write" in done.stdout
        assert not list(out.glob("tracks/*")), "nothing has a final name"
        assert not list(out.rglob(".tmp-*"))
        verbs.work(out)
        assert verbs.finish(out).finished
        digests.append([digest_of_file(path) for path in sorted((out / "tracks").iterdir())])
    assert digests[0] == digests[1]


def test_a_second_driver_is_refused_with_host_and_pid(run):
    with run.lock(), pytest.raises(TrustError, match=rf"process {os.getpid()} on "):
        verbs.finish(run.folder)


def test_status_says_what_is_missing(run):
    (run.parts_folder / "part-00001.json").unlink()
    status = verbs.status(run.folder)
    assert (status.parts, status.done, status.problems) == (4, 3, {1: "missing"})


def test_any_share_of_the_parts_is_computed_once():
    for parts in (1, 7, 64):
        for shares in (1, 3, 10, 100):
            shared = [list(share(range(parts), number, shares)) for number in range(shares)]
            assert [part for few in shared for part in few] == list(range(parts))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_soon_and_says_how_to_go_on(number, code, tmp_path, random_bases):
    path = tmp_path / "large.fa"
    path.write_text(">chr1\n" + random_bases(100_000, 1) * 600 + "\n")
    command = [sys.executable, "-m", "tracksmith.cli", "predict", "-m", "core-promoter"]
    process = subprocess.Popen(
        [*command, "-g", str(path), "-o", str(tmp_path / "run")],
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(300):
        if (tmp_path / "run" / "run.json").exists():
            break
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(number)
    said = process.communicate(timeout=20)[1]
    assert process.returncode == code, said
    assert "repeat the command to go on" in said
    assert not list((tmp_path / "run").rglob(".tmp-*"))


def test_parts_of_a_store_cover_all_chunks_once(run):
    store = PartStore(run)
    ranges = [store.items(part) for part in range(len(store))]
    assert [low for low, _ in ranges] == [0, *(high for _, high in ranges[:-1])]
    assert ranges[-1][1] == run.plan.stages[0].items
