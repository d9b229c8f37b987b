"""Variants found by their names, and addresses that name no place, in Chromium."""

import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from tracksmith.hub.page import write_page
from tracksmith.hub.server import serving
from tracksmith.tracks import Column, bed9_schema, write_bigbed

pytestmark = pytest.mark.browser

CONTIGS = {"chrA": 300_000, "chrB": 90_000, "HLA-A*01": 1501}
SCHEMA = bed9_schema("variantEffects", "Effects", [Column("lstring", "ref", "Reference")])
SEARCH = """
const look = (root) => {
  for (const element of root.querySelectorAll("*")) {
    const found = element.shadowRoot && look(element.shadowRoot);
    if (found) return found;
    if (element.matches("input[class*='search-input']")) return element;
  }
};
const box = look(document);
box.value = arguments[0];
box.dispatchEvent(new Event("change", { bubbles: true }));
"""
LOCUS = "return String(tracksmith.browser.currentLoci()).replaceAll(',', '')"
ALERT = """
const texts = [];
const look = (root) => {
  for (const element of root.querySelectorAll("*")) {
    if (element.shadowRoot) look(element.shadowRoot);
    if (/alert-dialog-container/.test(element.className) && element.offsetHeight) {
      texts.push(element.innerText);
      const ok = [...element.querySelectorAll("div")].find((part) => part.innerText === "OK");
      ok.click();
    }
  }
};
look(document);
return texts.join("\\n");
"""
ELSEWHERE = """
return performance.getEntriesByType("resource").map((entry) => entry.name)
  .filter((name) => !name.startsWith(location.origin) && !/^(data|blob):/.test(name));
"""


def variant(contig, start, name):
    return (contig, start, start + 1, name, 0, ".", start, start + 1, "0,0,0", "A")


@pytest.fixture
def run(builder):
    """A run with one variant in its table, and thousands in its bigBed alone."""
    made = builder(contigs=CONTIGS, genome_name="long.fa").model("toy").bigwig("signal")
    made.variants([("chrA", 1501, "listed", "A", "C", 0.5)])
    rows = [variant("chrA", 20 + 50 * number, f"rs{number}") for number in range(5000)]
    rows += [
        variant("chrB", 5000, "NM_000059.4:c.68-7T>A"),
        variant("chrB", 6000, 'a<b>"c&lt;d'),
        variant("chrB", 7000, "COSV1&rs7"),
        variant("HLA-A*01", 0, "first"),
        variant("chrB", 8000, "Ünï"),
    ]
    write_bigbed(made.folder / "variants" / "toy.bb", list(CONTIGS.items()), rows, SCHEMA)
    return made.write()


def until(driver, script, wanted, seconds=20):
    end = time.monotonic() + seconds
    while not wanted(answer := driver.execute_script(script)):
        assert time.monotonic() < end, (answer, driver.get_log("browser"))
        time.sleep(0.05)
    return answer


@contextmanager
def static(run, igv, serve):
    index = write_page([run], igv=igv)
    with serve(index.parents[1]) as url:
        yield f"{url}igv/index.html"


def open_page(driver, url):
    driver.get(url)
    ready = "return !!(window.tracksmith && (tracksmith.browser || tracksmith.error))"
    until(driver, ready, bool)
    assert driver.execute_script("return tracksmith.error") is None


def severe(driver):
    return [line["message"] for line in driver.get_log("browser") if line["level"] == "SEVERE"]


FOUND = {
    "rs0": "chrA:1-121",
    "rs3777": "chrA:188771-188971",
    " RS4999 ": "chrA:249871-250071",
    "NM_000059.4:c.68-7T>A": "chrB:4901-5101",
    'a<b>"c&lt;d': "chrB:5901-6101",
    "COSV1&rs7": "chrB:6901-7101",
    "Ünï": "chrB:7901-8101",
    "first": "HLA-A*01:1-101",
    "listed": "chrA:1401-1601",
    "chrB:100-200": "chrB:100-200",
    "chrB": "chrB:1-90000",
}


@pytest.mark.parametrize("served", [True, False])
def test_a_variant_is_found_by_its_name_in_the_search_box(driver, run, igv, served, static_server):
    place = serving(run, igv=igv) if served else static(run, igv, static_server)
    with place as url:
        open_page(driver, url)
        severe(driver)
        for name, locus in FOUND.items():
            driver.execute_script("tracksmith.browser.search('chrA:200000-200100')")
            until(driver, LOCUS, lambda shown: shown == "chrA:200000-200100")
            driver.execute_script(SEARCH, name)
            until(driver, LOCUS, lambda shown, locus=locus: shown == locus)
        driver.execute_script(SEARCH, "rs99999999")
        assert "rs99999999" in until(driver, ALERT, bool)
        assert driver.execute_script(LOCUS) == "chrB:1-90000"
        assert driver.execute_script(ELSEWHERE) == []
        assert severe(driver) == []


def test_a_bigbed_without_an_index_is_no_hindrance(driver, variant_run, igv):
    with serving(variant_run, igv=igv) as url:
        open_page(driver, url)
        severe(driver)
        driver.execute_script(SEARCH, "rs1")
        until(driver, LOCUS, lambda shown: shown == "chrA:600-800")
        driver.execute_script(SEARCH, "nothing")
        assert "nothing" in until(driver, ALERT, bool)
        assert severe(driver) == []


@pytest.mark.parametrize(
    ("address", "locus"),
    [
        ("chrB:100-200", "chrB:100-200"),
        ("rs3777", "chrA:188771-188971"),
        ("chrZZ:1-5", None),
        ("<img src=x onerror=alert(1)>", None),
        ("rs99999999", None),
    ],
)
def test_an_address_that_names_no_place_is_said_so_and_opens_where_it_would(
    driver, look, run, igv, address, locus, static_server
):
    with static(run, igv, static_server) as url:
        open_page(driver, f"{url}?locus={quote(address)}")
        if locus:
            until(driver, LOCUS, lambda shown: shown == locus)
            return
        said = until(driver, "return document.getElementById('message').textContent", bool)
        assert address in said
        assert driver.execute_script(LOCUS) == "chrA:1401-1601"
        rows = driver.execute_script("return tracksmith.browser.trackViews.length")
        assert rows > 3
        look(f"nowhere-{Path(igv).name}")
