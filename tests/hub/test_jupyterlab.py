"""The example notebook in JupyterLab, in Chromium. Half a minute, so only where asked for."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from tracksmith.hub.server import open_socket

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not os.environ.get("TRACKSMITH_JUPYTERLAB"),
        reason="takes half a minute: set TRACKSMITH_JUPYTERLAB=1 to run it",
    ),
]

NOTEBOOK = Path(__file__).parents[2] / "examples" / "view_run.ipynb"
FLAGS = (
    "--no-browser --allow-root --ServerApp.port_retries=0 --IdentityProvider.token= "
    "--LabApp.expose_app_in_browser=True --LabApp.news_url=None"
)
READY = """
const { context } = (window.jupyterapp && jupyterapp.shell.currentWidget) || {};
const { isReady, session } = (context && context.sessionContext) || {};
return isReady && session && session.kernel && session.kernel.status === "idle";
"""
# igv draws below a shadow root of the cell's element; its own API says where and what.
SHOWN = """
const cell = document.querySelector("[id$=_igvcontainer]");
if (!cell || !cell.shadowRoot || !cell.getBoundingClientRect().height) return null;
const [browser] = igv.MessageHandler.browserCache.values();
if (!browser || igv.MessageHandler.processing) return null;
const rows = browser.trackViews.filter((view) => view.track.url || view.track.tracks);
const painted = rows.map(({ viewports: [{ canvas }] }) => canvas && canvas.width &&
  canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((n) => n));
if (!rows.length || !painted.every((yes) => yes)) return null;
return { locus: String(browser.currentLoci()), names: rows.map((view) => view.track.name) };
"""


@pytest.fixture
def lab(tmp_path):
    """JupyterLab at work on a folder that holds the example alone; yields its address."""
    pytest.importorskip("jupyterlab", reason="jupyterlab shows notebooks")
    shutil.copy(NOTEBOOK, tmp_path)
    with open_socket("127.0.0.1", None, first=8890) as taken:
        port = taken.getsockname()[1]
    own = {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    command = [sys.executable, "-m", "jupyterlab", f"--port={port}", *FLAGS.split()]
    with subprocess.Popen(
        command, cwd=tmp_path, env=os.environ | own | {"IPYTHONDIR": str(tmp_path / "ipython")},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as server:  # fmt: skip
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()
            server.wait(20)


def until(what, found, seconds=60):
    """Wait until a function gives something, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = found()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {seconds} s")


def answers(url):
    try:
        return requests.get(f"{url}api", timeout=2).ok
    except requests.RequestException:
        return False


def test_the_example_shows_its_browser_in_a_cell(lab, driver):
    until("server", lambda: answers(lab))
    driver.get(f"{lab}lab/tree/{NOTEBOOK.name}?reset")
    until("kernel", lambda: driver.execute_script(READY))
    driver.execute_script("jupyterapp.commands.execute('notebook:run-all-cells')")
    shown = until("cell", lambda: driver.execute_script(SHOWN))
    assert shown["locus"].replace(",", "") == "demo1:14264-14464"
    assert [name.partition(":")[0] for name in shown["names"]] == [
        "run_core-promoter", "variants_core-promoter", "variants_core-promoter",
    ]  # fmt: skip
    folder = os.environ.get("TRACKSMITH_SCREENSHOTS")
    if folder:
        driver.save_screenshot(str(Path(folder) / "jupyterlab.png"))
