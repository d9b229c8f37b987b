"""What igv.js shows of files, in Chromium: popups are text, whatever the files hold."""

import os
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tracksmith.hub.notebook import show
from tracksmith.hub.page import find_igv, write_page
from tracksmith.hub.server import serving
from tracksmith.hub.templates import template_folder

pytestmark = pytest.mark.browser
actions = pytest.importorskip("selenium.webdriver.common.actions.action_builder")

RUNS = "window.pwned=1"
ATTACKS = {
    "tag": f"<img/src='x'onerror='{RUNS}'>",
    "attribute": f'x"onmouseover="{RUNS}"style="position:fixed;inset:0;z-index:99999',
    "both": f"""\"><img/src='x'onerror='{RUNS}'>""",
}
PLACE = 1500
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


def until(driver, script, *arguments, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = driver.execute_script(script, *arguments)
        if found:
            return found
        time.sleep(0.05)
    log = [entry["message"] for entry in driver.get_log("browser")]
    raise AssertionError(f"not within {seconds} s: {script[-200:]}; {log}")


def click(driver, track, position):
    """Click, as a hand does, on a position of a row; return the text of the popup."""
    x, y = until(driver, PIXEL, track, position)
    action = actions.ActionBuilder(driver)
    action.pointer_action.move_to_location(round(x), round(y)).click()
    action.perform()
    text = until(
        driver, f"const text = (() => {{ {POPUP} }})(); return /Location/.test(text) && text"
    )
    action.pointer_action.move_to_location(round(x) + 20, round(y) + 20)
    action.perform()
    return text


def look(driver, name):
    """Keep a picture where TRACKSMITH_SCREENSHOTS asks for it, for people to look at."""
    folder = os.environ.get("TRACKSMITH_SCREENSHOTS")
    if folder:
        driver.save_screenshot(str(Path(folder) / f"{name}.png"))


IGV_OF_NPM = os.environ.get("TRACKSMITH_IGV")


@pytest.fixture(params=["igv-notebook", "npm"])
def igv(request):
    """The igv.js that igv-notebook carries, and a newer one where its file is named."""
    if request.param == "npm" and not IGV_OF_NPM:
        pytest.skip("TRACKSMITH_IGV names no igv.min.js: unpack one of `npm pack igv@3.8.10`")
    return IGV_OF_NPM if request.param == "npm" else str(find_igv().path)


@pytest.fixture
def attacked(builder):
    """A function that makes a run whose bigBed, by another writer, holds an attack as a name."""

    def make(attack):
        made = builder().model("toy").bigwig("signal")
        return made.variants([("chrA", PLACE + 1, attack, "A", "C", 0.5)]).write()

    return make


@contextmanager
def viewed(run, igv, **_):
    with serving(run, igv=igv) as url:
        yield url


@contextmanager
def static(run, igv, serve):
    index = write_page([run], igv=igv)
    with serve(index.parents[1]) as url:
        yield f"{url}igv/index.html"


@contextmanager
def cell(run, igv, serve, tmp_path, monkeypatch):
    """A page of another origin with the cell of a notebook in it."""
    import IPython.display

    shown = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    monkeypatch.setattr("tracksmith.hub.server.find_igv", lambda _: find_igv(igv))
    view = show(run)
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text(
        f"<!DOCTYPE html><meta charset=utf-8><body>{shown[0].data}<script>\n"
        "Promise.all(tracksmithCells.browsers.values()).then(([browser]) => {\n"
        "  window.tracksmith = { browser, error: null }; });</script>"
    )
    with serve(tmp_path / "page") as url:
        yield f"{url}index.html"
    view.close()


@pytest.mark.parametrize("attack", list(ATTACKS))
@pytest.mark.parametrize("place", [viewed, static, cell])
def test_a_click_on_a_variant_shows_its_name_and_runs_nothing(
    driver, attacked, igv, place, attack, static_server, tmp_path, monkeypatch
):
    run = attacked(ATTACKS[attack])
    more = {"serve": static_server, "tmp_path": tmp_path, "monkeypatch": monkeypatch}
    more = more if place is cell else {"serve": static_server} if place is static else {}
    with place(run, igv, **more) as url:
        driver.get(url)
        until(driver, "return !!(window.tracksmith && (tracksmith.browser || tracksmith.error))")
        assert driver.execute_script("return tracksmith.error") is None
        text = click(driver, "toy: variant effects", PLACE)
        time.sleep(0.3)
        look(driver, f"popup-{place.__name__}-{attack}-{Path(igv).name}")
        assert ATTACKS[attack] in text
        assert driver.execute_script(FOREIGN) == []
        assert driver.execute_script("return window.pwned") is None


LABEL = """
const view = tracksmith.browser.trackViews.find((view) => view.track.name === arguments[0]);
const port = view.viewports[0];
(port.trackLabelElement || port.$trackLabel.get(0)).click();
"""


@pytest.mark.parametrize("place", [static, cell])
def test_a_line_of_a_bed_file_sets_no_name_and_runs_nothing(
    driver, builder, igv, place, static_server, tmp_path, monkeypatch
):
    """Some of a track line's settings count for igv.js as if the page had given them."""
    attack = ATTACKS["tag"]
    line = f'track name="{attack}" description="{attack}" url="javascript:{RUNS}" label="{attack}"'
    made = builder().model("toy").bigwig("signal")
    run = made.folds(f"{line}\nchrA\t0\t3000\t{attack}\n").write()
    more = {"serve": static_server, "tmp_path": tmp_path, "monkeypatch": monkeypatch}
    with place(run, igv, **(more if place is cell else {"serve": static_server})) as url:
        driver.get(url)
        until(driver, "return !!(window.tracksmith && (tracksmith.browser || tracksmith.error))")
        driver.execute_script(LABEL, "toy: held-out folds")
        assert "toy: held-out folds" in until(driver, POPUP)
        text = click(driver, "toy: held-out folds", PLACE)
        look(driver, f"folds-{place.__name__}-{Path(igv).name}")
        assert attack in text
        assert driver.execute_script(FOREIGN) == []
        assert driver.execute_script("return window.pwned") is None


# Every handler out of the way: what is left are the fences of the page itself.
OPEN = {
    "browser.js": [("listeners: { trackclick: popup },", ""), (".map(described)", "")],
}


@pytest.mark.parametrize("attack", ["tag", "both"])
@pytest.mark.parametrize("served", [True, False])
def test_the_policy_of_the_page_alone_lets_nothing_run(
    driver, attacked, attack, served, static_server, tmp_path
):
    for name, changes in OPEN.items():
        text = (template_folder() / name).read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / name).write_text(text)
    run = attacked(ATTACKS[attack])
    with ExitStack() as stack:
        if served:
            url = stack.enter_context(serving(run, templates=tmp_path))
        else:
            index = write_page([run], templates=tmp_path)
            url = f"{stack.enter_context(static_server(index.parents[1]))}igv/index.html"
        driver.get(url)
        until(driver, "return !!(window.tracksmith && (tracksmith.browser || tracksmith.error))")
        click(driver, "toy: variant effects", PLACE)
        time.sleep(0.3)
        assert driver.execute_script(FOREIGN) != []
        assert driver.execute_script("return window.pwned") is None
        log = [entry["message"] for entry in driver.get_log("browser")]
        assert any("Content Security Policy" in message for message in log)
