"""What ``status`` says: how far a run is, why parts failed, what to do next."""

import shlex
from pathlib import Path

import numpy as np
import pytest
import verbs
from click.testing import CliRunner

import tracksmith
from tracksmith.cli import main
from tracksmith.cli.stages import ranges
from tracksmith.errors import IncompleteError, PluginError


@pytest.fixture
def run(tmp_path: Path):
    """A planned run of 4 parts in a folder with a blank in its name."""
    genome = tmp_path / "genome.fa"
    bases = "".join(np.random.default_rng(1).choice(list("ACGT"), 1_100_000))
    genome.write_text(f">chr1\n{bases}\n")
    request = verbs.request(("core-promoter",), genome, parts=4, device="cpu")
    return verbs.plan(request, tmp_path / "my run")


def said(folder: Path) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["status", str(folder)])
    return done.exit_code, done.stdout


def next_command(text: str) -> list[str]:
    return shlex.split(text.splitlines()[-1].split("`")[1])


def test_why_parts_failed_is_said_with_the_way_on(run, monkeypatch):
    from tracksmith.engine.work import WindowWorker

    real = WindowWorker.compute

    def fail(self, part):
        if part in (1, 2):
            raise PluginError("layer 3 is gone\nsecond line")
        real(self, part)

    with monkeypatch.context() as patched:
        patched.setattr(WindowWorker, "compute", fail)
        with pytest.raises(IncompleteError):
            verbs.work(run.folder)
    code, text = said(run.folder)
    assert code == 3
    assert "2 of 4 parts are done" in text
    assert "parts 1-2 failed: layer 3 is gone\n    second line" in text
    assert str(run.folder / "parts" / "part-00001.failed.txt") in text
    assert next_command(text) == ["tracksmith", "work", str(run.folder)]
    state = tracksmith.status(run.folder)
    assert state.reasons == dict.fromkeys((1, 2), "layer 3 is gone\nsecond line")
    assert state.next in text
    verbs.work(run.folder)
    code, text = said(run.folder)
    assert (code, next_command(text)) == (0, ["tracksmith", "finish", str(run.folder)])
    assert tracksmith.status(run.folder).reasons == {}


def test_parts_that_nobody_began_are_one_line(run):
    code, text = said(run.folder)
    assert code == 3
    assert "  parts 0-3: missing\n" in text
    assert "failed" not in text


def test_numbers_that_follow_one_another_are_said_as_ranges():
    assert ranges([0]) == "0"
    assert ranges([0, 1, 2, 5, 7, 8]) == "0-2, 5, 7-8"


def test_the_next_command_takes_a_folder_whose_name_begins_with_a_dash(run, monkeypatch):
    monkeypatch.chdir(run.folder.parent)
    run.folder.rename("-r")
    assert next_command(tracksmith.status("-r").next) == ["tracksmith", "work", "./-r"]
