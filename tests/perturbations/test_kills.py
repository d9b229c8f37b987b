"""Whatever dies whenever: the command repeated gives the bytes of an undisturbed run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from perturb_toys import write_table
from tracksmith_demo.genome import write_demo_genome

from tracksmith.files import digest_of_file

DRIVER = Path(__file__).with_name("perturb_kill_driver.py")
POINTS = ("part-begin", "part-data", "part-end", "before-rename", "after-rename", "track-finished")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The demonstration genome, with shuffles and deletions before its promoters."""
    folder = tmp_path_factory.mktemp("killed")
    demo = write_demo_genome(folder)
    rows = []
    for number, one in enumerate(demo.promoters[:6]):
        rows.append((one.contig, one.site - 60, one.site - 40, f"box{number}", "shuffle"))
        rows.append((one.contig, one.site + 15, one.site + 19, f"cut{number}", "delete"))
    write_table(folder / "edits.tsv", *rows)
    return folder


def drive(*arguments: str) -> dict:
    done = subprocess.run(
        [sys.executable, str(DRIVER), *arguments], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def outputs(folder: Path) -> dict[str, str]:
    paths = [folder / "run.json", *sorted((folder / "perturb").iterdir())]
    return {path.name: digest_of_file(path) for path in paths}


def test_twelve_kills_at_random_moments_change_no_byte(folder, tmp_path):
    found = drive("kills", str(tmp_path / "killed"), str(folder), "12", "1")
    assert (found["hits"], found["code"]) == (12, 0)
    assert found["parts"] > 0, "kills fell while parts were made"
    assert outputs(tmp_path / "killed") == outputs(tmp_path / "undisturbed")
    assert [path.name for path in (tmp_path / "killed").rglob(".*")] == []
    assert not (tmp_path / "killed" / "parts").exists()


def test_a_death_at_any_step_of_writing_is_mended_by_the_same_command(folder, tmp_path):
    drive("kills", str(tmp_path / "x"), str(folder), "0", "1")
    truth = outputs(tmp_path / "undisturbed")
    assert len(truth) > 15
    steps = [f"{point}:{number}" for point in POINTS for number in (1, 5)]
    steps += ["before-rename:20", "after-rename:25", "finished:1"]
    found = drive("crash", str(tmp_path / "run"), str(folder), *steps)
    assert found == {point: [137, 0] for point in steps}
    for number, point in enumerate(steps):
        assert outputs(tmp_path / f"crash-{number}") == truth, point
