"""One folder holds all that is kept between runs; tests have one of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tracksmith

ROOT = Path(__file__).resolve().parents[1]


CORE = "tests/cli/test_names.py::test_a_run_that_was_moved_under_such_a_folder_is_not_opened"
DEMO = "tests/test_command.py::test_its_files_are_listed_with_their_sizes"


@pytest.mark.parametrize(
    ("folder", "test", "named"),
    [
        (".", CORE, True),
        (".", f"plugins/tracksmith-demo/{DEMO}", False),
        ("plugins/tracksmith-demo", DEMO, True),
    ],
    ids=["core", "plugin", "plugin alone"],
)
def test_tests_leave_the_real_cache_alone(tmp_path, folder, test, named):
    environment = os.environ | {"HOME": str(tmp_path / "home")}
    for name in ("TRACKSMITH_CACHE", "XDG_CACHE_HOME", "PYTEST_XDIST_WORKER"):
        environment.pop(name, None)
    if named:
        environment["TRACKSMITH_CACHE"] = str(tmp_path / "cache")
    else:
        environment["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    done = subprocess.run(
        command, cwd=ROOT / folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout
    kept = [path for path in tmp_path.rglob("*") if "tracksmith" in str(path.relative_to(tmp_path))]
    assert not kept
    assert not (tmp_path / "cache").exists() or not list((tmp_path / "cache").glob("indexes"))


def test_one_variable_moves_all_that_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKSMITH_CACHE", str(tmp_path / "kept"))
    (tmp_path / "genome.fa").write_text(">chr1\n" + "ACGTTGCAAC" * 100 + "\n")
    (tmp_path / "in.tsv").write_text("chr1\t500\tC\tG\n")
    tracksmith.score_variants(
        tmp_path / "in.tsv", "core-promoter", tmp_path / "genome.fa", tmp_path / "run",
        background=10, device="cpu",
    )  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["background", "indexes"]
