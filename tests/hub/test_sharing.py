"""What to copy to a web server: folders by their names, or one that holds everything."""

import json
import re
import shutil
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from tracksmith.cli import main
from tracksmith.hub.build import build_hub
from tracksmith.hub.check import check_hub
from tracksmith.hub.page import write_page
from tracksmith.hub.sharing import folders_to_share, how_to_share

WHO = {"email": "hub@example.org", "name": "toyhub", "title": "A toy hub"}


@pytest.fixture
def runs(builder, variants, pair):
    """Two runs with files of every kind, and one file that no browser shows."""
    one = builder("one").model("clip", pair).bigwig("plus").bigwig("minus", scale=-1)
    one.folds("chrA\t0\t3000\tfold0\n")
    two = builder("two").model("toy").bigwig("signal").variants(variants)
    return [one.write(), two.write()]


def test_folders_are_named_and_never_what_holds_more_than_they(tmp_path):
    hub, run, inner = tmp_path / "home" / "hub", tmp_path / "tmp" / "run", tmp_path / "tmp/run/hub"
    assert folders_to_share(hub, [run], copied=False) == (hub, run)
    assert folders_to_share(inner, [run], copied=False) == (run,)
    assert folders_to_share(inner, [run, hub], copied=False) == (run, hub)
    assert folders_to_share(hub, [run], copied=True) == (hub,)
    assert how_to_share([run]) == f"To share it, copy {run} to a web server with byte ranges."
    said = how_to_share([hub, run])
    assert f"copy {hub} and {run} to a web server" in said
    assert "--copy" in said


@pytest.mark.parametrize("command", ["build", "page"])
def test_the_commands_say_which_folders(runs, tmp_path, command):
    out = tmp_path / "far" / "away"
    email = ["--email", "a@b.org"] if command == "build" else []
    arguments = ["hub", command, *map(str, runs), "-o", str(out), *email]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert f"copy {out} and {runs[0]} and {runs[1]} to a web server" in result.output
    result = CliRunner().invoke(main, [*arguments, "--copy"])
    assert f"To share it, copy {out} to a web server with byte ranges." in result.output


def lone(folder, runs, tmp_path):
    """Move a folder to another place, and let everything else go."""
    moved = tmp_path / "elsewhere" / "deep" / "moved"
    moved.parent.mkdir(parents=True)
    folder.rename(moved)
    for run in runs:
        shutil.rmtree(run)
    return moved


@pytest.mark.parametrize("count", [1, 2])
def test_a_hub_with_copies_holds_wherever_it_is_moved(runs, tmp_path, count):
    out = tmp_path / "hub"
    report = build_hub(runs[:count], out, **WHO, copy=True)
    assert report.upload == (out,)
    moved = lone(out, runs, tmp_path)
    assert check_hub(moved) == []
    assert "/.." not in (moved / "hub.txt").read_text()
    assert " .." not in (moved / "hub.txt").read_text()
    assert_links_hold(moved)


@pytest.mark.parametrize("count", [1, 2])
def test_a_page_with_copies_holds_wherever_it_is_moved(runs, tmp_path, count):
    index = write_page(runs[:count], tmp_path / "page", copy=True)
    assert_links_hold(lone(index.parent, runs, tmp_path))


def assert_links_hold(folder):
    session = ElementTree.parse(folder / "session.xml").getroot()
    paths = [session.get("genome"), *(item.get("path") for item in session.iter("Resource"))]
    if (folder / "index.html").is_file():
        text = (folder / "index.html").read_text()
        data = json.loads(re.search('id="tracksmith-data">(.*?)</script>', text)[1])
        paths += [part["url"] for row in data["tracks"] for part in row.get("tracks", [row])]
    assert len(paths) > 2
    for path in paths:
        assert (folder / path).is_file(), path


def test_copies_are_those_of_the_last_command(runs, tmp_path):
    page, hub = tmp_path / "page", tmp_path / "hub"
    for which in (runs, runs[1:]):
        write_page(which, page, copy=True)
        build_hub(which, hub, **WHO, copy=True)
    for folder in (page, hub):
        copied = {path.name for path in (folder / "runs").rglob("*") if path.is_file()}
        assert copied == {"toy.signal.bw", "toy.bb", "toy.absmax.bw"}
    build_hub(runs, hub, **WHO)
    assert not (hub / "runs").exists()
