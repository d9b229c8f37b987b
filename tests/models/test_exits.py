"""os._exit in a plugin's code is a failure of the plugin; everywhere else it ends the process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = """
import os
import torch
from tracksmith.plugin import *

CARD = ModelCard(
    name="leaver", version="1", summary="x", code_licence="MIT", weights_licence="MIT",
    citation="x", geometry=WindowGeometry(64, 16, 32), tracks=(Track("a", "a", signed=True),),
)

class Leaver(torch.nn.Module):
    def forward(self, bases):
        if os.environ.get("LEAVE") == "deep" or bases.shape[0] > 1:
            sorted([1, 2], key=lambda value: os._exit(7))
        return bases[:, :1, 16:48] * 1.0

@hookimpl
def tracksmith_models():
    if os.environ.get("LEAVE") == "import":
        os._exit(0)
    return [Model(card=CARD, load=lambda request: Leaver())]
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with an installed plugin that ends its process."""
    info = tmp_path / "site" / "leaver-1.dist-info"
    info.mkdir(parents=True)
    (info.parent / "leaver_plugin.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: leaver\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[tracksmith]\nleaver = leaver_plugin\n")
    return info.parent


def run(
    site: Path, *arguments: str, leave: str = "", code: str = ""
) -> subprocess.CompletedProcess:
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    command = ["-c", code] if code else ["-m", "tracksmith.cli", *arguments]
    return subprocess.run(
        [sys.executable, *command], env=os.environ | {"PYTHONPATH": path, "LEAVE": leave},
        cwd=site.parent, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_a_plugin_that_ends_the_process_is_named_and_the_command_fails_in_a_sentence(site):
    (site.parent / "g.fa").write_text(">chr1\n" + "ACGT" * 200 + "\n")
    done = run(site, "predict", "-m", "leaver", "-g", "g.fa", "-o", "out", "-d", "cpu")
    assert done.returncode == 1, done.stderr
    assert "leaver raised SystemExit: os._exit(7)" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_plugin_that_ends_the_process_when_it_is_asked_for_models_loses_only_itself(site):
    done = run(site, "models", leave="import")
    assert done.returncode == 0, done.stderr
    assert "core-promoter" in done.stdout and "os._exit(0)" in done.stdout + done.stderr


ENDS = """
import os, threading
from tracksmith.models.exits import catch_exits
catch_exits()
{}
print("still here", flush=True)
"""


@pytest.mark.parametrize(
    "body",
    [
        "os._exit(9)",
        "pid = os.fork()\nif pid == 0: exec('os._exit(9)', {'os': os, '__name__': 'plugin'})\n"
        "os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))",
        "exec('os._exit(9)', {'os': os, '__name__': 'tracksmith.files'})",
        "thread = threading.Timer(0, os._exit, (9,)); thread.start(); thread.join()",
    ],
    ids=["nobody called it", "in a forked child", "our own", "in a thread of its own"],
)
def test_whoever_else_ends_the_process_does_so(site, body):
    done = run(site, code=ENDS.format(body))
    assert (done.returncode, done.stdout) == (9, ""), done.stderr


def test_a_forked_child_of_a_plugin_ends_as_it_means_to(site):
    inner = (
        "pid = os.fork()\nif pid == 0: os._exit(9)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
    )
    body = f"exec(compile({inner!r}, 'x', 'exec'), {{'os': os, '__name__': 'plugin'}})"
    outer = f"exec({body!r}, {{'os': os, '__name__': 'tracksmith.engine'}})"
    assert run(site, code=ENDS.format(outer)).stdout == "9\nstill here\n"
