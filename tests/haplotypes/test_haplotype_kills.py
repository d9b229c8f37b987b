"""Kills at every step of a run on haplotypes, and other numbers of parts: the same bytes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tracksmith
from tracksmith.files import digest_of_file

DRIVER = Path(__file__).parents[1] / "engine" / "kill_driver.py"
CRASH_POINTS = [
    "part-begin:3", "part-data:1", "track-finished:8", "before-rename:19", "before-rename:20",
    "before-rename:21", "track-finished:9", "finished:1",
]  # fmt: skip
"""Eight tracks, then the three files of the person: table, items, phase sets."""


@pytest.fixture(scope="module")
def person(tmp_path_factory) -> tuple[Path, Path]:
    """A genome of 60 kb, and somebody with an SNV or indel every 300 bp."""
    pytest.importorskip("tracksmith_demo")
    folder = tmp_path_factory.mktemp("person")
    generator = np.random.default_rng(1)
    bases = "".join(generator.choice(list("ACGT"), 60_000))
    (folder / "genome.fa").write_text(f">chr1\n{bases}\n")
    rows = []
    for place in range(300, 59_000, 300):
        ref = bases[place - 1]
        alt = {0: "ACGT"[(("ACGT".index(ref)) + 1) % 4], 1: f"{ref}GATC", 2: ref}[place // 300 % 3]
        ref = bases[place - 1 : place + 6] if place // 300 % 3 == 2 else ref
        genotype = ("0|1", "1|0", "1|1")[place // 100 % 3]
        rows.append(f"chr1\t{place}\t.\t{ref}\t{alt}\t.\t.\t.\tGT\t{genotype}\n")
    (folder / "ann.vcf").write_text(
        "##fileformat=VCFv4.3\n##contig=<ID=chr1,length=60000>\n"
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tann\n" + "".join(rows)
    )
    return folder / "genome.fa", folder / "ann.vcf"


def drive(vcf: Path, *arguments: str) -> dict:
    environment = {**os.environ, "KILL_DRIVER_OPTIONS": json.dumps({"vcf": str(vcf)})}
    done = subprocess.run(
        [sys.executable, str(DRIVER), *arguments], capture_output=True, text=True, timeout=1200,
        env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def outputs(folder: Path) -> dict[str, str]:
    files = [*(folder / "tracks").iterdir(), *(folder / "edits").iterdir()]
    return {path.name: digest_of_file(path) for path in files}


def test_kills_change_no_byte_and_leave_nothing(person, tmp_path):
    genome, vcf = person
    found = drive(vcf, "kills", str(tmp_path / "killed"), str(genome), "4", "1")
    assert (found["hits"], found["code"]) == (4, 0)
    truth = outputs(tmp_path / "undisturbed")
    assert len(truth) == 11
    assert outputs(tmp_path / "killed") == truth
    assert [path.name for path in (tmp_path / "killed").rglob(".*")] == []
    done = drive(vcf, "crash", str(tmp_path / "run"), str(genome), *CRASH_POINTS)
    assert done == {point: [137, 0] for point in CRASH_POINTS}
    for number, point in enumerate(CRASH_POINTS):
        folder = tmp_path / f"crash-{number}"
        assert outputs(folder) == truth, point
        assert (folder / "run.json").read_bytes() == (
            tmp_path / "undisturbed" / "run.json"
        ).read_bytes(), point


def test_other_numbers_of_parts_and_workers_in_steps_give_the_same_bytes(person, tmp_path):
    genome, vcf = person
    options = {"vcf": vcf, "compressor": "zlib"}
    tracksmith.predict("core-promoter", genome, tmp_path / "one", parts=1, **options)
    plan = tracksmith.plan("core-promoter", genome, tmp_path / "seven", parts=7, **options)
    for number in (2, 0, 1):
        tracksmith.work(plan.folder, of=(number, 3))
    tracksmith.finish(plan.folder)
    assert outputs(tmp_path / "one") == outputs(tmp_path / "seven")


def test_replacing_a_run_that_was_stopped_removes_its_own_files_alone(person, tmp_path):
    genome, vcf = person
    out = tmp_path / "run"
    tracksmith.plan("core-promoter", genome, out, vcf=vcf)
    (out / "edits").mkdir()
    for name in ("ann.edits.tsv", "mine.txt"):
        (out / "edits" / name).write_text("x")
    run = tracksmith.predict("core-promoter", genome, out, vcf=vcf, parts=1, overwrite=True)
    assert run.finished
    assert (out / "edits" / "mine.txt").read_text() == "x"
    assert (out / "edits" / "ann.edits.tsv").read_text() != "x"
