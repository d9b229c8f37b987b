"""What igv.js shows of files, in Chromium: popups are text, whatever the files hold."""

import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tracksmith.hub.notebook import show
from tracksmith.hub.page import find_igv, write_page
from tracksmith.hub.server import serving
from tracksmith.hub.templates import template_folder
from tracksmith.models.card import Track

pytestmark = pytest.mark.browser

RUNS = "window.pwned=1"
ATTACKS = {
    "tag": f"<img/src='x'onerror='{RUNS}'>",
    "attribute": f'x"onmouseover="{RUNS}"style="position:fixed;inset:0;z-index:99999',
    "both": f"""\"><img/src='x'onerror='{RUNS}'>""",
}
PLACE = 1500


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
    driver, hand, look, attacked, igv, place, attack, static_server, tmp_path, monkeypatch
):
    run = attacked(ATTACKS[attack])
    more = {"serve": static_server, "tmp_path": tmp_path, "monkeypatch": monkeypatch}
    more = more if place is cell else {"serve": static_server} if place is static else {}
    with place(run, igv, **more) as url:
        driver.get(url)
        hand.until("return !!(window.tracksmith && (tracksmith.browser || tracksmith.error))")
        assert driver.execute_script("return tracksmith.error") is None
        text = hand.click("Variant effects", PLACE)
        time.sleep(0.3)
        look(f"popup-{place.__name__}-{attack}-{Path(igv).name}")
        assert ATTACKS[attack] in text
        assert hand.foreign() == []
        assert driver.execute_script("return window.pwned") is None


LABEL = """
const view = tracksmith.browser.trackViews.find((view) => view.track.name === arguments[0]);
const port = view.viewports[0];
(port.trackLabelElement || port.$trackLabel.get(0)).click();
"""


@pytest.mark.parametrize("place", [static, cell])
def test_a_line_of_a_bed_file_sets_no_name_and_runs_nothing(
    driver, hand, look, builder, igv, place, static_server, tmp_path, monkeypatch
):
    """Some of a track line's settings count for igv.js as if the page had given them."""
    attack = ATTACKS["tag"]
    line = f'track name="{attack}" description="{attack}" url="javascript:{RUNS}" label="{attack}"'
    made = builder().model("toy").bigwig("signal")
    run = made.folds(f"{line}\nchrA\t0\t3000\t{attack}\n").write()
    more = {"serve": static_server, "tmp_path": tmp_path, "monkeypatch": monkeypatch}
    with place(run, igv, **(more if place is cell else {"serve": static_server})) as url:
        driver.get(url)
        hand.until("return !!(window.tracksmith && (tracksmith.browser || tracksmith.error))")
        driver.execute_script(LABEL, "Held-out folds")
        assert "Held-out folds" in hand.popup()
        text = hand.click("Held-out folds", PLACE)
        look(f"folds-{place.__name__}-{Path(igv).name}")
        assert attack in text
        assert hand.foreign() == []
        assert driver.execute_script("return window.pwned") is None


# Every handler out of the way: what is left are the fences of the page itself.
OPEN = {
    "browser.js": [("listeners: { trackclick: popup },", ""), (".map(described)", "")],
}


@pytest.mark.parametrize("attack", ["tag", "both"])
@pytest.mark.parametrize("served", [True, False])
def test_the_policy_of_the_page_alone_lets_nothing_run(
    driver, hand, attacked, attack, served, static_server, tmp_path
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
        hand.until("return !!(window.tracksmith && (tracksmith.browser || tracksmith.error))")
        hand.click("Variant effects", PLACE)
        time.sleep(0.3)
        assert hand.foreign() != []
        assert driver.execute_script("return window.pwned") is None
        log = [line["message"] for line in driver.get_log("browser")]
        assert any("Content Security Policy" in message for message in log)


@pytest.mark.parametrize("place", [static, cell])
def test_no_name_of_a_run_its_model_or_its_genome_runs(
    driver, hand, look, builder, igv, place, static_server, tmp_path, monkeypatch
):
    attack = ATTACKS["tag"].replace("/", " ")
    track = Track(id="signal", label=attack, units=attack, cell_type=attack, assay=attack)
    made = builder(f"run {attack}", genome_name=f"{attack}.fa")
    made.model("toy", (track,), summary=attack, notes=(attack,), citation=attack, authors=attack)
    run = made.bigwig("signal").folds(f"chrA\t0\t3000\t{attack}\n").write()
    more = {"serve": static_server, "tmp_path": tmp_path, "monkeypatch": monkeypatch}
    with place(run, igv, **(more if place is cell else {"serve": static_server})) as url:
        driver.get(url)
        hand.until("return !!(window.tracksmith && (tracksmith.browser || tracksmith.error))")
        assert driver.execute_script("return tracksmith.error") is None
        (name,) = driver.execute_script(
            "return tracksmith.browser.trackViews.map((view) => view.track.name)"
            ".filter((name) => /^.img/.test(name))"
        )
        driver.execute_script(LABEL, name)
        assert name in hand.popup()
        look(f"names-{place.__name__}-{Path(igv).name}")
        assert hand.foreign() == []
        assert driver.execute_script("return window.pwned") is None
