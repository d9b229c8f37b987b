"""Showing a run in a notebook: what the cell is given, and that a browser draws it."""

import json
import re
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
import requests

import tracksmith
from tracksmith.errors import UsageError
from tracksmith.hub.build import build_hub
from tracksmith.hub.notebook import show
from tracksmith.hub.page import write_page
from tracksmith.hub.server import serving


@pytest.fixture
def cell(monkeypatch):
    """What a notebook cell was asked to display."""
    import IPython.display

    shown = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    return shown


def given(text, verb):
    """Return what a script hands over."""
    return json.loads(re.search(rf"tracksmithCells\.{verb}\((.*?)\);", text)[1])


def test_a_cell_gets_the_session_with_addresses_that_answer(variant_run, cell):
    view = show(variant_run, locus="chrA:10-20")
    try:
        spec = given(cell[-1].data, "show")
        assert f'<div id="{spec["id"]}"' in cell[-1].data
        session = spec["session"]
        assert session["locus"] == "chrA:10-20"
        urls = [part["url"] for row in session["tracks"] for part in row.get("tracks", [row])]
        for origin in ("http://localhost:8888", "vscode-webview://1f3vt0p"):
            for url in [*urls, session["reference"]["fastaURL"], f"{spec['server']}igv.min.js"]:
                headers = {"Range": "bytes=0-7", "Origin": origin}
                answer = requests.get(url, headers=headers, timeout=10)
                assert answer.status_code == 206
                assert answer.headers["Access-Control-Allow-Origin"] == origin
        headers = {"Origin": "https://evil.example"}
        assert requests.get(urls[0], headers=headers, timeout=10).status_code == 403
        view.browser.search("chrB:1-5")
        call = given(cell[-1].data, "call")
        assert call == {"id": spec["id"], "method": "search", "values": ["chrB:1-5"]}
    finally:
        view.close()
    with pytest.raises(requests.ConnectionError):
        requests.get(view.server.url, timeout=2)


def test_a_cell_draws_on_the_same_scales_as_the_page(variant_run, cell):
    """Jupyter, the page that is served, the static page and a hub's session are of one making."""

    def scales(session):
        rows = [part for row in session["tracks"] for part in (row, *row.get("tracks", ()))]
        names = ("name", "min", "max", "autoscale", "autoscaleGroup", "windowFunction", "color")
        return [[row.get(name) for name in names] for row in rows]

    show(variant_run).close()
    with serving(variant_run) as url:
        served = requests.get(url, timeout=10).text
    static = write_page([variant_run]).read_text()
    pages = [re.search('id="tracksmith-data">(.*?)</script>', text)[1] for text in (served, static)]
    build_hub([variant_run], variant_run / "hub", email="a@b.org", base_url="https://x.org/hub")
    wanted = scales(json.loads((variant_run / "hub" / "session.json").read_text()))
    assert len(wanted) == 10
    assert scales(given(cell[-1].data, "show")["session"]) == wanted
    assert [scales(json.loads(page)["session"]) for page in pages] == [wanted] * 2


def test_no_name_ends_the_script_of_a_cell(builder, cell):
    attack = "<!--<script><img src=x onerror=alert(1)>"
    view = show(builder(genome_name=attack).model("toy").bigwig("signal").write())
    view.close()
    assert [cell[-1].data.count(tag) for tag in ("</script", "<script", "<img", "<!--")] == [
        1,
        1,
        0,
        0,
    ]
    assert cell[-1].data.endswith("</script>")
    assert given(cell[-1].data, "show")["session"]["reference"]["name"] == attack
    attack = "</script><img src=x onerror=alert(1)>"
    view.browser.search(attack)
    assert "<" not in cell[-1].data
    assert given(cell[-1].data, "call")["values"] == [attack]


@pytest.mark.parametrize("name", ["<img/src='x'onerror='alert(1)'>", 'chr"1', "&lt;b&gt;"])
def test_contigs_that_are_html_are_refused_in_a_notebook(builder, name):
    run = builder(contigs={name: 900}, genome_name="odd.fa").model("toy").bigwig("signal").write()
    with pytest.raises(UsageError, match="HTML to a notebook"):
        show(run)


def test_without_ipython_another_way_is_named(variant_run, monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    with pytest.raises(UsageError, match="tracksmith view"):
        show(variant_run)


# What a notebook does with outputs: HTML with its scripts, then further scripts; or the other way.
OUTPUTS = """
const [shown, called, calledFirst] = arguments;
const host = document.createElement("div");
host.innerHTML = shown;
host.style.width = "300px";
document.body.append(host);
const run = (text) =>
  document.body.append(Object.assign(document.createElement("script"), { text }));
if (calledFirst) run(called);
setTimeout(() => {
  for (const script of host.querySelectorAll("script")) run(script.text);
  if (!calledFirst) run(called);
  setTimeout(() => { host.style.width = ""; window.dispatchEvent(new Event("resize")); }, 40);
}, calledFirst ? 300 : 0);
"""
DRAWN = """
const done = arguments[0];
(async () => {
  const found = [];
  for (const waiting of window.tracksmithCells ? tracksmithCells.browsers.values() : []) {
    const browser = await waiting;
    if (!browser) return done(document.querySelector("[id^=tracksmith-]").textContent);
    const { featureCache } = browser.trackViews.find((view) => view.track.tracks).viewports[0];
    found.push([String(browser.currentLoci()).replaceAll(",", ""), featureCache &&
      featureCache.features.featureArrays.map((features) => features.length > 100)]);
  }
  done(found);
})().catch((error) => done(String(error)));
"""


ELSEWHERE = """
return performance.getEntriesByType("resource").map((entry) => entry.name)
  .filter((name) => !/^(http:..127.0.0.1:|data:|blob:)/.test(name));
"""


@pytest.fixture
def notebook_page(tmp_path):
    """The address of an empty page on this machine, in the place of a notebook's."""
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text("<!DOCTYPE html><body></body>")
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=tmp_path / "page")
    ) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def until(driver, done, seconds=20):
    """Return what is drawn, once it is as wished or time is over."""
    end = time.monotonic() + seconds
    while not done(answer := driver.execute_async_script(DRAWN)) and time.monotonic() < end:
        time.sleep(0.05)
    return answer


@pytest.mark.browser
@pytest.mark.parametrize("called_first", [False, True])
def test_a_browser_draws_the_whole_overlay_and_is_moved(
    driver, strand_run, cell, notebook_page, called_first
):
    view, other = show(strand_run, locus="chrA:1-200"), show(strand_run, locus="chrB:700-800")
    try:
        view.browser.search("chrA:1400-1600")
        shown, again, called = (item.data for item in cell)
        driver.get(notebook_page)
        driver.execute_script(OUTPUTS, shown, called, called_first)
        driver.execute_script(OUTPUTS, again, "", False)
        wanted = [["chrA:1400-1600", [True, True]], ["chrB:700-800", [True, True]]]
        drawn = None
        for _ in range(100):
            drawn = driver.execute_async_script(DRAWN)
            if sorted(drawn) == wanted:
                break
        assert sorted(drawn) == wanted
        # Without the internet igv.js would wait for its list of genomes before it draws anything.
        assert driver.execute_script(ELSEWHERE) == []
    finally:
        view.close()
        other.close()


@pytest.mark.browser
def test_a_server_out_of_reach_is_named_in_the_cell(driver, strand_run, cell, notebook_page):
    view = show(strand_run)
    view.close()
    driver.get(notebook_page)
    driver.execute_script(OUTPUTS, cell[-1].data, "", False)
    port = urlsplit(view.server.url).port
    assert f"forward its port {port}" in until(driver, bool)


def test_the_cell_of_an_ended_server_never_shows_the_runs_of_another(strand_run, variant_run, cell):
    ended = show(strand_run)
    ended.close()
    path = urlsplit(ended.server.url).path
    with serving(variant_run) as url:  # as if on the port of the one that ended
        assert requests.get(f"{url}igv.min.js", timeout=10).ok
        answer = requests.get(urljoin(url, f"{path}igv.min.js"), timeout=10)
        assert answer.status_code == 404


NOTEBOOK = Path(__file__).parents[2] / "examples" / "view_run.ipynb"


def test_the_example_stores_no_output_and_no_place_of_a_machine():
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert not re.search(r"/(home|root|work|Users|tmp)/|[A-Z]:\\", NOTEBOOK.read_text())


# The client's own sockets and streams, not ours.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_example_runs_and_draws_both_runs(tmp_path):
    nbclient = pytest.importorskip("nbclient", reason="nbclient runs notebooks")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel", reason="ipykernel is the kernel of notebooks")
    shown = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(
        shown, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    outputs = [out for cell in shown.cells for out in cell.get("outputs", [])]
    texts = [out.get("text", "") + "".join(out.get("data", {}).values()) for out in outputs]
    assert any("2 tracks; 82 variants" in text for text in texts)
    created = next(text for text in texts if "tracksmithCells.show(" in text)
    for part in ("runs/1/tracks/core-promoter.plus.bw", "runs/2/variants/core-promoter.bb"):
        assert part in created
    assert len(created) < 20_000
    assert any('"demo1:14,264-14,464"' in text for text in texts)


def test_the_package_names_the_notebook_and_the_hub_verbs(variant_run, tmp_path):
    assert tracksmith.notebook.show is show
    report = tracksmith.build_hub(variant_run, email="a@example.org")
    assert report.hub == variant_run / "hub" / "hub.txt"
    assert tracksmith.check_hub(report.hub) == []
    other = tracksmith.build_hub([str(variant_run)], str(tmp_path / "hub"), email="a@example.org")
    text = other.hub.read_text()
    assert text.startswith("hub both\nshortLabel tracksmith both\n")
