"""Whatever dies whenever: the command repeated gives the bytes of an undisturbed run."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tracksmith.files import digest_of_file

DRIVER = Path(__file__).with_name("kill_driver.py")
CRASH_POINTS = [
    "locked:1",
    "part-begin:4",
    "before-fsync:2",
    "before-rename:3",
    "part-data:1",
    "part-end:2",
    "before-rename:12",
    "track-finished:1",
    "track-finished:2",
    "after-rename:14",
    "finished:1",
]


@pytest.fixture(scope="module")
def genome(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole genome of phage lambda."""
    folder = tmp_path_factory.mktemp("genome")
    for path in (shared / "data" / "lambda").glob("lambda_virus.fa.gz*"):
        shutil.copy(path, folder)
    return folder / "lambda_virus.fa.gz"


def drive(*arguments: str) -> dict:
    done = subprocess.run(
        [sys.executable, str(DRIVER), *arguments], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def outputs(folder: Path) -> dict[str, str]:
    paths = [folder / "run.json", *sorted((folder / "tracks").iterdir())]
    return {path.name: digest_of_file(path) for path in paths}


def test_twenty_kills_at_random_moments_change_no_byte(genome, tmp_path):
    report = drive("kills", str(tmp_path / "killed"), str(genome), "20", "1")
    assert report["hits"] == 20
    assert report["code"] == 0
    assert outputs(tmp_path / "killed") == outputs(tmp_path / "undisturbed")
    left = [path.name for path in (tmp_path / "killed").rglob(".*")]
    assert left == [], "nothing of the killed drivers is left"
    assert not (tmp_path / "killed" / "parts").exists()


def test_a_death_at_any_step_of_writing_is_mended_by_the_same_command(genome, tmp_path):
    drive("kills", str(tmp_path / "x"), str(genome), "0", "1")
    truth = outputs(tmp_path / "undisturbed")
    report = drive("crash", str(tmp_path / "run"), str(genome), *CRASH_POINTS)
    assert report == {point: [137, 0] for point in CRASH_POINTS}
    for number, point in enumerate(CRASH_POINTS):
        assert outputs(tmp_path / f"crash-{number}") == truth, point
