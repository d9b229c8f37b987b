"""A hub or page whose command was killed: the next one goes on, and nothing is left beside it."""

import os
import subprocess
import sys

import pytest

from tracksmith.errors import UsageError
from tracksmith.files import owner_suffix
from tracksmith.hub.build import build_hub
from tracksmith.hub.page import write_page

WHO = {"email": "hub@example.org", "name": "toyhub", "title": "A toy hub"}


def killed(point, *arguments):
    """Run a command that dies, as by SIGKILL, at a point of its work."""
    code = "from tracksmith.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=os.environ | {"TRACKSMITH_CRASH": point}, capture_output=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 137, done.stderr


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("point", ["before-rename:1", "before-rename:4", "before-rename:6"])
def test_a_page_that_was_killed_is_written_by_the_next_command(strand_run, tmp_path, point):
    out, other = tmp_path / "page", tmp_path / "other"
    killed(point, "hub", "page", strand_run, "-o", out)
    assert any(path.name.startswith(".tmp-") for path in out.iterdir())
    write_page([strand_run], out)
    write_page([strand_run], other)
    assert contents(out) == contents(other)


def test_a_folder_with_something_else_is_still_refused(strand_run, tmp_path):
    out = tmp_path / "mine"
    out.mkdir()
    (out / f".tmp-a{owner_suffix(2**22 + 1)}").touch()
    (out / "thesis.txt").touch()
    with pytest.raises(UsageError, match="neither empty nor a page"):
        write_page([strand_run], out)
    assert len(list(out.iterdir())) == 2


@pytest.mark.parametrize(
    ("point", "again"), [("before-rename:1", False), ("hub-written", True), ("hub-moved", True)]
)
def test_what_a_killed_build_left_beside_the_hub_goes(strand_run, tmp_path, point, again):
    out = tmp_path / "place" / "hub"
    if again:
        build_hub([strand_run], out, **WHO)
    killed(point, "hub", "build", strand_run, "-o", out, "--email", "hub@example.org", "--copy")
    (left,) = (path for path in out.parent.iterdir() if path != out)
    assert left.name.startswith(".tmp-hub-")
    for other in (f".tmp-hub-of{owner_suffix(2**22 + 1)}", f".tmp-hub{owner_suffix(os.getppid())}"):
        (out.parent / other).mkdir()  # another hub's, and one that is being built
    build_hub([strand_run], out, **WHO)
    names = {path.name for path in out.parent.iterdir()}
    assert left.name not in names
    assert len(names) == 3
    build_hub([strand_run], tmp_path / "place" / "new", **WHO)
    assert contents(out) == contents(tmp_path / "place" / "new")
