"""The page in headless Chromium: tracks are drawn, rows lead to their locus, nothing is fetched
from elsewhere."""

import shutil
import time
from pathlib import Path

import pytest

from tracksmith.hub.page import find_igv, write_page
from tracksmith.hub.server import serving

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
SWITCHES = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--window-size=1300,1400"
)

# Per row: features in view, painted pixels, and whether red and blue parts lie apart.
DRAWN = """
const rows = {};
for (const view of tracksmith.browser.trackViews) {
  if (!["wig", "annotation", "merged"].includes(view.track.type)) continue;
  const row = { type: view.track.type, features: null, painted: 0, above: 0, below: 0 };
  rows[view.track.name] = row;
  const port = view.viewports[0];
  const cache = port.featureCache && port.featureCache.features;
  if (Array.isArray(cache)) row.features = cache.length;
  if (!port.canvas || !port.canvas.width || !port.canvas.height) continue;
  const { width, height } = port.canvas;
  const pixels = port.canvas.getContext("2d").getImageData(0, 0, width, height).data;
  for (let at = 0; at < pixels.length; at += 4) {
    if (!pixels[at + 3]) continue;
    row.painted += 1;
    const upper = at / 4 / width < height / 2;
    if (upper && pixels[at] > pixels[at + 2] + 40) row.above += 1;
    if (!upper && pixels[at + 2] > pixels[at] + 40) row.below += 1;
  }
}
return rows;
"""
ELSEWHERE = """
return performance.getEntriesByType("resource").map((entry) => entry.name)
  .filter((name) => !name.startsWith(location.origin) && !/^(data|blob):/.test(name));
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """Chromium with a profile of its own."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium drives Chromium")
    if not CHROMIUM or not DRIVER:
        pytest.skip("no chromium and chromedriver on the PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for switch in SWITCHES.split():
        options.add_argument(switch)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    started.set_script_timeout(20)
    yield started
    started.quit()


def until(driver, script, seconds=20):
    """Wait until a script gives something, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = driver.execute_script(script)
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {script}")


def open_page(driver, url):
    driver.get(url)
    until(driver, "return !!(window.tracksmith && (tracksmith.browser || tracksmith.error))")
    assert driver.execute_script("return tracksmith.error") is None
    return drawn(driver)


def drawn(driver):
    """Return the rows once each has painted something."""
    end = time.monotonic() + 20
    rows = {}
    while time.monotonic() < end:
        rows = driver.execute_script(DRAWN)
        if rows and all(row["painted"] for row in rows.values()):
            return rows
        time.sleep(0.05)
    raise AssertionError(f"not everything was drawn: {rows}")


def severe(driver):
    return [item["message"] for item in driver.get_log("browser") if item["level"] == "SEVERE"]


def test_every_track_is_drawn_and_rows_lead_to_their_locus(driver, variant_run):
    with serving(variant_run) as url:
        rows = open_page(driver, url)
        assert set(rows) == {
            "clip: Initiation, both strands", "clip: variant effects",
            "clip: strongest variant effect", "clip: Initiation, plus strand, attribution",
            "toy: Toy signal", "toy: Toy signal, standard deviation over folds",
            "toy: variant effects", "toy: strongest variant effect",
        }  # fmt: skip
        for name in ("toy: Toy signal", "clip: strongest variant effect"):
            assert rows[name]["features"] >= 201, rows
        assert rows["clip: variant effects"]["features"] == 1
        assert driver.execute_script("return tracksmith.browser.currentLoci()") == "chrA:1400-1600"
        driver.execute_script("document.querySelectorAll('tr[data-locus]')[1].click()")
        until(driver, "return tracksmith.browser.currentLoci() === 'chrB:300-500'")
        until(
            driver,
            "return document.querySelector('tr.current td:nth-child(2)').textContent === '400'",
        )
        assert driver.execute_script(ELSEWHERE) == []
        assert severe(driver) == []


def test_a_track_can_be_taken_off_and_put_back(driver, strand_run):
    with serving(strand_run, locus="chrA:1400-1600") as url:
        assert len(open_page(driver, url)) == 1
        box = "document.querySelector('#track-list input')"
        count = (
            "tracksmith.browser.trackViews.filter((view) => view.track.type === 'merged').length"
        )
        driver.execute_script(f"{box}.click()")
        until(driver, f"return {count} === 0")
        driver.execute_script(f"{box}.click()")
        until(driver, f"return {count} === 1")
        (row,) = drawn(driver).values()
        assert row["type"] == "merged"
        # Plus in red above the line, minus in blue below it.
        assert min(row["above"], row["below"]) > row["painted"] / 4
        assert severe(driver) == []


def test_the_static_page_works_from_a_server_with_ranges(driver, strand_run):
    """The 2bit file that was written is read by igv.js itself."""
    index = write_page([strand_run])
    with static(index.parents[1]) as url:
        rows = open_page(driver, f"{url}igv/index.html")
        assert len(rows) == 1
        letters = driver.execute_async_script(
            "const done = arguments[0];"
            "tracksmith.browser.genome.getSequence('chrA', 0, 30).then(done);"
        )
        fasta = (strand_run.parent / "toy.fa").read_text().split("\n")[1]
        assert letters.upper() == fasta[:30].upper()
        assert driver.execute_script(ELSEWHERE) == []


def test_a_hostile_name_runs_nothing_in_the_page(driver, builder):
    from tracksmith.models.card import Track

    attack = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>\''
    track = Track(id="signal", label=attack, units=attack, cell_type=attack)
    made = builder().model("toy", (track,), summary=attack, notes=(attack,)).bigwig("signal")
    made.variants([("chrA", 1500, attack.replace("\t", " "), "A", "C", 0.5)])
    run = made.write()
    with serving(run) as url:
        open_page(driver, url)
        driver.execute_script("document.querySelector('tr[data-locus]').click()")
        assert driver.execute_script("return window.pwned") is None
        assert driver.execute_script("return document.images.length") == 0


def test_the_bundled_igv_is_named_as_not_drawing_letters(driver, variant_run):
    with serving(variant_run) as url:
        open_page(driver, url)
        assert "knows no letters" in driver.execute_script(
            "return document.getElementById('message').textContent"
        )
    assert Path(find_igv().path).is_file()


def static(folder):
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
        app = Starlette(routes=[Mount("/", StaticFiles(directory=folder))])
        opened = open_socket("127.0.0.1", None)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{opened.getsockname()[1]}/"
        server.should_exit = True
        thread.join(5)

    return run()
