"""The example notebook in JupyterLab, Notebook 7 and classic Notebook, run and drawn in Chromium.

Each takes half a minute, so only where asked for: ``TRACKSMITH_JUPYTER=1``, or the path of a Python
that has the applications, such as one of a virtual environment with nothing but jupyterlab.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tracksmith.hub.server import open_socket

JUPYTER = os.environ.get("TRACKSMITH_JUPYTER", "")
PYTHON = JUPYTER if Path(JUPYTER).is_file() else sys.executable

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not JUPYTER,
        reason="takes half a minute each: set TRACKSMITH_JUPYTER=1 to run it",
    ),
]

NOTEBOOK = Path(__file__).parents[3] / "examples" / "view_run.ipynb"
FLAGS = "--no-browser --allow-root --ServerApp.port_retries=0 --IdentityProvider.token="
READY = """
const { context } = (window.jupyterapp && jupyterapp.shell.currentWidget) || {};
const { isReady, session } = (context && context.sessionContext) || {};
return isReady && session && session.kernel && session.kernel.status === "idle";
"""
RUN = "jupyterapp.commands.execute('notebook:run-all-cells')"


@dataclass(frozen=True)
class App:
    """How to start an application, where it opens the notebook, and how it runs all cells."""

    module: str
    place: str
    flags: str = ""
    ready: str = READY
    run: str = RUN


APPS = {
    "lab": App(
        "jupyterlab",
        "lab/tree/{name}?reset",
        "--LabApp.expose_app_in_browser=True --LabApp.news_url=None",
    ),
    "notebook": App(
        "notebook", "notebooks/{name}", "--JupyterNotebookApp.expose_app_in_browser=True"
    ),
    "classic": App(
        "nbclassic",
        "nbclassic/notebooks/{name}",
        ready="return !!(window.Jupyter && Jupyter.notebook && Jupyter.notebook._fully_loaded && "
        "Jupyter.notebook.kernel && Jupyter.notebook.kernel.is_connected());",
        run="Jupyter.notebook.execute_all_cells()",
    ),
}
# igv draws below a shadow root of the cell's element; its own API says where and what.
SHOWN = """
const done = arguments[0];
// The height of the highest red bar, in parts of the upper half of the row.
function highest(canvas) {
  const { width, height } = canvas;
  const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  let most = 0;
  for (let x = 0; x < width; x += 1) {
    let bar = 0;
    for (let y = 0; y < height / 2; y += 1) {
      const at = 4 * (y * width + x);
      if (pixels[at + 3] && pixels[at] > pixels[at + 2] + 40) bar += 1;
    }
    most = Math.max(most, 2 * bar / height);
  }
  return most;
}
(async () => {
  const waiting = window.tracksmithCells ? [...tracksmithCells.browsers.values()] : [];
  const cell = document.querySelector("[id^=tracksmith-]");
  const browser = await waiting[0];
  if (!browser || !cell.getBoundingClientRect().height) return done(null);
  const rows = browser.trackViews.filter((view) => view.track.url || view.track.tracks);
  const painted = rows.map(({ viewports: [{ canvas }] }) => canvas && canvas.width &&
    canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((n) => n));
  const { featureCache: overlay, canvas } = rows[0].viewports[0];
  if (!overlay || !painted.every((yes) => yes)) return done(null);
  done({
    locus: String(browser.currentLoci()).replaceAll(",", ""),
    names: rows.map((view) => view.track.name),
    strands: overlay.features.featureArrays.length,
    range: rows[0].track.dataRange,
    highest: highest(canvas),
  });
})().catch((error) => done({ error: String(error) }));
"""


@pytest.fixture(params=list(APPS))
def app(request):
    """One of the applications."""
    chosen = APPS[request.param]
    there = subprocess.run([PYTHON, "-c", f"import {chosen.module}"], capture_output=True)
    if there.returncode:
        pytest.skip(f"{PYTHON} has no {chosen.module}, which shows notebooks")
    return chosen


@pytest.fixture
def address(app, tmp_path):
    """The application at work on a folder that holds the example alone; yields its address."""
    shutil.copy(NOTEBOOK, tmp_path)
    with open_socket("127.0.0.1", None, first=8890) as taken:
        port = taken.getsockname()[1]
    own = {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    # The kernel finds what this test finds.
    modules = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    flags = [f"--port={port}", *FLAGS.split(), *app.flags.split()]
    with subprocess.Popen(
        [PYTHON, "-m", app.module, *flags],
        cwd=tmp_path, env=os.environ | own | {"IPYTHONDIR": str(tmp_path / "ipython")} | modules,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as server:  # fmt: skip
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()
            server.wait(20)


def until(what, answer, seconds=60):
    """Wait until a function gives something, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = answer()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {seconds} s")


def answers(url):
    try:
        return requests.get(f"{url}api", timeout=2).ok
    except requests.RequestException:
        return False


def test_the_example_shows_its_browser_in_a_cell(app, address, driver):
    until("server", lambda: answers(address))
    driver.get(address + app.place.format(name=NOTEBOOK.name))
    until("kernel", lambda: driver.execute_script(app.ready))
    driver.execute_script(app.run)
    # The last cell moves the view.
    shown = until("cell", lambda: moved(driver))
    assert shown["strands"] == 2
    assert shown["names"] == [
        "Core promoter, both strands", "Variant effects", "Strongest variant effect"
    ]  # fmt: skip
    # The promoter in view scores 35, as the strongest of the genome.
    assert (shown["range"]["min"], shown["range"]["max"]) == (-35, 35)
    assert shown["highest"] > 0.95, "the strongest peak is drawn to its height"
    folder = os.environ.get("TRACKSMITH_SCREENSHOTS")
    if folder:
        driver.execute_script("document.querySelector('[id^=tracksmith-]').scrollIntoView()")
        driver.save_screenshot(str(Path(folder) / f"jupyter-{app.module}.png"))


ATTACK = "<img/src='x'onerror='window.pwned=1'>"
READY_CELL = """
const [browser] = window.tracksmithCells ? [...tracksmithCells.browsers.values()] : [];
const done = arguments[0];
if (!browser) return done(false);
browser.then((found) => { window.tracksmith = { browser: found }; done(Boolean(found)); });
"""


def test_a_click_on_a_hostile_variant_runs_nothing_beside_the_kernel(
    app, address, driver, hand, look, builder, tmp_path
):
    """The bigBed is of another writer; a cell has no policy that would stop a script."""
    made = builder().model("toy").bigwig("signal")
    run = made.variants([("chrA", 1501, ATTACK, "A", "C", 0.5)]).write()
    stored = json.loads(NOTEBOOK.read_text())
    cell = next(cell for cell in stored["cells"] if cell["cell_type"] == "code")
    cell["source"] = f"import tracksmith\nview = tracksmith.notebook.show({str(run)!r})"
    (tmp_path / "attack.ipynb").write_text(json.dumps({**stored, "cells": [cell]}))
    until("server", lambda: answers(address))
    driver.get(address + app.place.format(name="attack.ipynb"))
    until("kernel", lambda: driver.execute_script(app.ready))
    driver.execute_script(app.run)
    until("cell", lambda: driver.execute_async_script(READY_CELL))
    text = hand.click("Variant effects", 1500)
    time.sleep(0.3)
    look(f"jupyter-attack-{app.module}")
    assert ATTACK in text
    assert driver.execute_script("return window.pwned") is None


def moved(driver):
    shown = driver.execute_async_script(SHOWN)
    return shown if shown and shown["locus"] == "demo1:14264-14464" else None
