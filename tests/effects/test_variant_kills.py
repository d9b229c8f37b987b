"""Whatever dies whenever: the command repeated gives the bytes of an undisturbed run."""

import json
import subprocess
import sys
from pathlib import Path

from tracksmith.files import digest_of_file

DRIVER = Path(__file__).with_name("variant_kill_driver.py")
CRASH_POINTS = [
    "part-begin:2", "part-data:1", "before-rename:3", "after-rename:5", "before-rename:8",
    "after-rename:9", "track-finished:1", "track-finished:4", "after-rename:21", "finished:1",
]  # fmt: skip


def drive(*arguments: str) -> dict:
    done = subprocess.run(
        [sys.executable, str(DRIVER), *arguments], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def outputs(folder: Path) -> dict[str, str]:
    paths = [folder / "run.json", *sorted((folder / "variants").iterdir())]
    return {path.name: digest_of_file(path) for path in paths}


def test_twenty_kills_at_random_moments_change_no_byte(demo, tmp_path):
    report = drive("kills", str(tmp_path / "killed"), str(demo.fasta.parent), "20", "1")
    assert report["hits"] == 20
    assert report["code"] == 0
    assert outputs(tmp_path / "killed") == outputs(tmp_path / "undisturbed")
    assert [path.name for path in (tmp_path / "killed").rglob(".*")] == []
    assert not (tmp_path / "killed" / "parts").exists()


def test_a_death_at_any_step_of_writing_is_mended_by_the_same_command(demo, tmp_path):
    drive("kills", str(tmp_path / "x"), str(demo.fasta.parent), "0", "1")
    truth = outputs(tmp_path / "undisturbed")
    report = drive("crash", str(tmp_path / "run"), str(demo.fasta.parent), *CRASH_POINTS)
    assert report == {point: [137, 0] for point in CRASH_POINTS}
    for number, point in enumerate(CRASH_POINTS):
        assert outputs(tmp_path / f"crash-{number}") == truth, point
