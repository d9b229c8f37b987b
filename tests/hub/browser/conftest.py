"""What tests in Chromium share: a hand on the page, a plain web server, copies of igv.js."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tracksmith.hub.page import find_igv

IGV_OF_NPM = os.environ.get("TRACKSMITH_IGV")


@pytest.fixture(params=["igv-notebook", "npm"])
def igv(request):
    """The igv.js that igv-notebook carries, and a newer one where its file is named."""
    if request.param == "npm" and not IGV_OF_NPM:
        pytest.skip("TRACKSMITH_IGV names no igv.min.js: unpack one of `npm pack igv@3.8.10`")
    return IGV_OF_NPM if request.param == "npm" else str(find_igv().path)


@pytest.fixture
def look(driver):
    """A function that keeps a picture where TRACKSMITH_SCREENSHOTS asks for it, for people."""

    def keep(name):
        folder = os.environ.get("TRACKSMITH_SCREENSHOTS")
        if folder:
            driver.save_screenshot(str(Path(folder) / f"{name}.png"))

    return keep


@pytest.fixture(scope="session")
def static_server():
    """A function that serves a folder as a plain web server with ranges does."""
    return _static


def _static(folder, **options):
    """Serve a folder as a plain web server with ranges does."""
    import threading
    from contextlib import contextmanager

    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles

    from tracksmith.hub.server import open_socket

    @contextmanager
    def run():
        app = Starlette(routes=[Mount("/", StaticFiles(directory=folder, **options))])
        opened = open_socket("127.0.0.1", None)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{opened.getsockname()[1]}/"
        server.should_exit = True
        thread.join(5)

    return run()


# Where a position of a row lies on the screen. igv 3.1 wraps its elements in jQuery's.
PIXEL = """
const [name, position] = arguments;
const browser = window.tracksmith ? tracksmith.browser : null;
const view = browser.trackViews.find((view) => view.track.name === name);
const port = view.viewports[0];
if (!port.featureCache || !port.canvas) return null;
const element = port.viewportElement || port.$viewport.get(0);
element.scrollIntoView({ block: "center" });
const { left, top, height } = element.getBoundingClientRect();
const frame = browser.referenceFrameList[0];
return [left + (position + 0.5 - frame.start) / frame.bpPerPixel, top + Math.min(height / 2, 18)];
"""
POPUP = """
const found = [];
const look = (root) => {
  for (const element of root.querySelectorAll("*")) {
    if (element.shadowRoot) look(element.shadowRoot);
    if (/popover/.test(element.className) && element.offsetHeight) found.push(element.innerText);
  }
};
look(document);
return found.join("\\n");
"""
FOREIGN = """
let found = [];
const look = (root) => {
  for (const element of root.querySelectorAll("*")) {
    if (element.shadowRoot) look(element.shadowRoot);
    const listens = [...element.attributes].some(({ name }) => name.startsWith("on"));
    if (listens || ["IMG", "IFRAME", "OBJECT"].includes(element.tagName)) {
      found.push(element.outerHTML);
    }
  }
};
look(document);
return found;
"""


@dataclass
class Hand:
    """A hand on a page with ``window.tracksmith.browser``: it clicks, and sees what is shown."""

    driver: Any

    def until(self, script: str, *arguments: Any, seconds: float = 20) -> Any:
        """Wait until a script gives something, and return it."""
        end = time.monotonic() + seconds
        while not (answer := self.driver.execute_script(script, *arguments)):
            if time.monotonic() > end:
                log = [line["message"] for line in self.driver.get_log("browser")]
                raise AssertionError(f"not within {seconds} s: {script[-200:]}; {log}")
            time.sleep(0.05)
        return answer

    def click(self, track: str, position: int) -> str:
        """Click on a position of a row; return the text of the popup."""
        from selenium.webdriver.common.actions.action_builder import ActionBuilder

        x, y = self.until(PIXEL, track, position)
        action = ActionBuilder(self.driver)
        action.pointer_action.move_to_location(round(x), round(y)).click()
        action.perform()
        text = self.popup("Location")
        action.pointer_action.move_to_location(round(x) + 20, round(y) + 20)
        action.perform()
        return text

    def popup(self, word: str = "") -> str:
        """Return the text of popups, once it holds a word."""
        script = f"const text = (() => {{ {POPUP} }})(); return text.includes(arguments[0]) && text"
        return self.until(script, word)

    def foreign(self) -> list[str]:
        """Return the elements that igv.js makes of nothing but markup in data."""
        return self.driver.execute_script(FOREIGN)


@pytest.fixture
def hand(driver):
    """A hand in Chromium."""
    return Hand(driver)
