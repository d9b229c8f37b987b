"""The page in headless Chromium: tracks are drawn, rows lead to their locus, nothing is fetched
from elsewhere."""

import re
import shutil
import time
from pathlib import Path

import numpy as np
import pyBigWig
import pytest
from click.testing import CliRunner

from tracksmith.cli import main
from tracksmith.hub.page import find_igv, write_page
from tracksmith.hub.server import serving

pytestmark = pytest.mark.browser

# Per row: features in view, painted pixels, whether red and blue parts lie apart, and how much of
# each is at the middle (a canvas reaches beyond its view, on both sides alike).
DRAWN = """
const rows = {};
for (const view of tracksmith.browser.trackViews) {
  if (!["wig", "annotation", "merged"].includes(view.track.type)) continue;
  const row = { type: view.track.type, features: null, painted: 0, above: 0, below: 0,
    midAbove: 0, midBelow: 0 };
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
    const middle = Math.abs((at / 4) % width - width / 2) < width / 10;
    if (upper && pixels[at] > pixels[at + 2] + 40) {
      row.above += 1;
      row.midAbove += middle;
    }
    if (!upper && pixels[at + 2] > pixels[at] + 40) {
      row.below += 1;
      row.midBelow += middle;
    }
  }
}
return rows;
"""
IN_THE_MIDDLE = f"""
const rows = (() => {{{{ {DRAWN.replace("{", "{{").replace("}", "}}")} }}}})();
return Object.values(rows).some((row) => row.type === "merged" && {{}});
"""
# igv's own API: what each track holds in view, under its name.
FEATURES = """
const done = arguments[0];
(async () => {
  const found = {};
  const { chr, start, end, bpPerPixel } = tracksmith.browser.referenceFrameList[0];
  for (const view of tracksmith.browser.trackViews) {
    for (const track of view.track.tracks || [view.track]) {
      if (!["wig", "annotation"].includes(track.type)) continue;
      const features = await track.getFeatures(chr, Math.floor(start), Math.ceil(end), bpPerPixel);
      found[track.name] = features.map(
        ({ start, end, value, name }) => ({ start, end, value, name }));
    }
  }
  done(found);
})().catch((error) => done(String(error)));
"""
HUB_PAGE = """<!DOCTYPE html>
<meta charset="utf-8"><script src="igv.js"></script><div id="igv"></div>
<script>
window.tracksmith = { browser: null, error: null };
igv.loadHub(new URL("demo/hub/hub.txt", location.href).href)
  .then((hub) => igv.createBrowser(document.getElementById("igv"),
    { reference: hub.getGenomeConfig(), loadDefaultGenomes: false }))
  .then((browser) => { tracksmith.browser = browser; })
  .catch((error) => { tracksmith.error = String(error.message || error); });
</script>
"""
# How high the bars of the overlay stand in each column of its picture, in parts of half a row.
HEIGHTS = """
const view = tracksmith.browser.trackViews.find((view) => view.track.type === "merged");
const { canvas } = view.viewports[0];
if (!canvas || !canvas.width) return null;
const { width, height } = canvas;
const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
const { start, end, bpPerPixel } = tracksmith.browser.referenceFrameList[0];
const columns = [];
for (let x = 0; x < width; x += 1) {
  let up = 0, down = 0;
  for (let y = 0; y < height; y += 1) {
    const at = 4 * (y * width + x);
    if (!pixels[at + 3]) continue;
    if (pixels[at] > pixels[at + 2] + 40) up += 1;
    if (pixels[at + 2] > pixels[at] + 40) down += 1;
  }
  columns.push([2 * up / height, 2 * down / height]);
}
const middle = (start + end) / 2;
return { columns, height, range: view.track.dataRange,
  left: middle - (width / 2 * bpPerPixel) / devicePixelRatio, step: bpPerPixel / devicePixelRatio };
"""
ELSEWHERE = """
return performance.getEntriesByType("resource").map((entry) => entry.name)
  .filter((name) => !name.startsWith(location.origin) && !/^(data|blob):/.test(name));
"""


def until(driver, script, seconds=20):
    """Wait until a script gives something, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = driver.execute_script(script)
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {script[-200:]}")


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
    """Return the errors of the page; a plain web server has no icon for it."""
    messages = [item["message"] for item in driver.get_log("browser") if item["level"] == "SEVERE"]
    return [message for message in messages if "favicon.ico" not in message]


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


def test_the_static_page_works_from_a_server_with_ranges(driver, strand_run, static_server):
    """The 2bit file that was written is read by igv.js itself."""
    index = write_page([strand_run])
    with static_server(index.parents[1]) as url:
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


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """What ``tracksmith demo`` leaves behind."""
    out = tmp_path_factory.mktemp("demo") / "demo"
    result = CliRunner().invoke(main, ["demo", "-q", "-o", str(out)])
    assert result.exit_code == 0, result.output
    return out


def strongest(demo, track):
    """Return the row number, name, contig and 0-based position of a track's strongest variant."""
    table = demo / "variants" / "variants" / "core-promoter.top.tsv"
    rows = [line.split("\t") for line in table.read_text().splitlines()[1:]]
    number, row = next((n, row) for n, row in enumerate(rows) if row[7] == track)
    return number, row[2], row[0], int(row[1]) - 1


def hold_against_files(driver, demo, track, variant):
    """Hold what igv drew at a planted promoter against a second reader of the files."""
    _, name, contig, position = variant
    features = driver.execute_async_script(FEATURES)
    # A hub's tracks go by their short labels.
    (shown,) = (items for key, items in features.items() if re.search("^variants$|effects$", key))
    assert (name, position) in [(item["name"], item["start"]) for item in shown]
    start, end = position - 100, position + 100
    for strand, sign in (("plus", "+"), ("minus", "-")):
        pattern = rf"\b{strand}\b| \{sign}$"
        (items,) = (
            items
            for key, items in features.items()
            if re.search(pattern, key) and not re.search("allele|reference|ref|alt|delta", key)
        )
        assert items
        with pyBigWig.open(str(demo / "run" / "tracks" / f"core-promoter.{strand}.bw")) as handle:
            wanted = handle.values(contig, start, end, numpy=True)
        drawn_there = [max((item["value"] for item in items if item["start"] <= at < item["end"]),
                           key=abs, default=0) for at in range(start, end)]  # fmt: skip
        assert drawn_there == pytest.approx(list(wanted))
        assert bool(abs(wanted).max() > 5) is (strand == track)


def follow_the_demo(driver, look, demo, name):
    """Look at the strongest variants: the page opens at one, a click leads to another strand's."""
    first = strongest(demo, "minus")
    assert first[0] == 0
    hold_against_files(driver, demo, "minus", first)
    until(driver, IN_THE_MIDDLE.format("row.midBelow > 300 && !row.midAbove"))
    look(f"{name}-opened")
    second = strongest(demo, "plus")
    driver.execute_script(
        "document.querySelectorAll('tr[data-locus]')[arguments[0]].click()", second[0]
    )
    place = f"{second[2]}:{second[3] - 99}-{second[3] + 101}"
    until(driver, f"return tracksmith.browser.currentLoci() === '{place}'")
    until(driver, IN_THE_MIDDLE.format("row.midAbove > 100 && !row.midBelow"))
    look(f"{name}-clicked")
    hold_against_files(driver, demo, "plus", second)
    assert driver.execute_script(ELSEWHERE) == []
    assert severe(driver) == []


def test_the_demo_shows_its_planted_promoters_and_variants(driver, look, demo, igv):
    with serving(demo / "run", demo / "variants", igv=igv) as url:
        rows = open_page(driver, url)
        assert len(rows) == 7
        follow_the_demo(driver, look, demo, f"view-{Path(igv).name}")
        # Rare peaks of both strands are seen from afar, where a mean of them would be nothing.
        driver.execute_script("tracksmith.browser.search('demo1:100,000-250,000')")
        until(driver, IN_THE_MIDDLE.format("row.above > 1000 && row.below > 1000"))
        look(f"wide-{Path(igv).name}")


def bar(picture, position):
    """Return how high a base's bars stand: up and down, in parts of half a row."""
    column = round((position + 0.5 - picture["left"]) / picture["step"])
    return picture["columns"][column]


def test_the_strongest_peaks_of_the_demo_are_drawn_to_their_height(driver, demo, igv):
    """Held against a second reader of the files, base by base."""
    values = {}
    for strand in ("plus", "minus"):
        with pyBigWig.open(str(demo / "run" / "tracks" / f"core-promoter.{strand}.bw")) as handle:
            values[strand] = {name: handle.values(name, 0, length, numpy=True)
                              for name, length in handle.chroms().items()}  # fmt: skip
    strongest_of_all = max(abs(np.nan_to_num(v)).max() for f in values.values() for v in f.values())
    assert strongest_of_all == 35
    with serving(demo / "run", demo / "variants", igv=igv) as url:
        open_page(driver, url)
        for strand, side in (("plus", 0), ("minus", 1)):
            contig = max(values[strand], key=lambda c: abs(np.nan_to_num(values[strand][c])).max())
            sizes = abs(np.nan_to_num(values[strand][contig]))
            peak = int(sizes.argmax())
            place = f"{contig}:{peak - 59}-{peak + 61}"
            driver.execute_script(f"tracksmith.browser.search('{place}')")
            until(driver, f"return tracksmith.browser.currentLoci() === '{place}'")
            tall = f"const found = (() => {{ {HEIGHTS} }})(); return found && found.columns.some("
            until(driver, tall + f"(column) => column[{side}] > 0.9)")
            picture = driver.execute_script(HEIGHTS)
            assert (picture["range"]["min"], picture["range"]["max"]) == (-35, 35)
            assert bar(picture, peak)[side] == pytest.approx(sizes[peak] / 35, abs=0.05)
            for position in range(peak - 55, peak + 55):
                drawn_height = bar(picture, position)[side]
                assert drawn_height == pytest.approx(sizes[position] / 35, abs=0.06), position


def test_dense_strands_are_drawn_to_what_is_in_view_both_on_one_scale(driver, strand_run, igv):
    """The fixture's bumps are 8 high in the middle of chrA; beside them, a tenth of that."""
    with serving(strand_run, locus="chrA:1400-1600", igv=igv) as url:
        for place, strongest in (("chrA:1400-1600", 8), ("chrA:1551-1600", 8 * np.exp(-1.5625))):
            open_page(driver, f"{url}?locus={place}")
            until(driver, f"return !!(() => {{ {HEIGHTS} }})()")
            picture = driver.execute_script(HEIGHTS)
            low, high = picture["range"]["min"], picture["range"]["max"]
            assert (low, high) == pytest.approx((-strongest, strongest), rel=0.15)
            up, down = (max(column[side] for column in picture["columns"]) for side in (0, 1))
            assert min(up, down) > 0.85


def test_the_demo_as_a_static_page_shows_the_same(driver, look, demo, igv, static_server):
    write_page([demo / "run", demo / "variants"], demo / "page", igv=igv)
    with static_server(demo) as url:
        assert len(open_page(driver, f"{url}page/index.html")) == 7
        follow_the_demo(driver, look, demo, f"static-{Path(igv).name}")


def test_igv_loads_the_hub_of_the_demo(driver, look, demo, igv, tmp_path, static_server):
    if "igv_notebook" in igv:
        pytest.skip("the igv.js of igv-notebook has no loadHub")
    (tmp_path / "demo").symlink_to(demo)
    shutil.copyfile(igv, tmp_path / "igv.js")
    (tmp_path / "index.html").write_text(HUB_PAGE)
    with static_server(tmp_path, follow_symlink=True) as url:
        rows = open_page(driver, url + "index.html")
        look(f"hub-{Path(igv).name}")
        hold_against_files(driver, demo, "minus", strongest(demo, "minus"))
        assert len(rows) >= 3
        assert driver.execute_script(ELSEWHERE) == []


def test_a_page_fits_a_phone(driver, variant_run):
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    with serving(variant_run) as url:
        try:
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            open_page(driver, url)
            assert driver.execute_script("return document.documentElement.scrollWidth") <= 390
        finally:
            driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_regions_are_a_row_of_their_own_and_tint_nothing(driver, builder):
    made = builder(regions=[("chrA", 1000, 2000)]).model("toy").bigwig("signal")
    with serving(made.write()) as url:
        rows = open_page(driver, url)
        assert rows["Regions that were predicted"]["features"] == 1
        assert driver.execute_script(
            "return document.querySelectorAll('.igv-roi-region').length"
        ) == 0  # fmt: skip
