"""The page on a phone, and the page made from a template of one's own, in Chromium."""

import pytest

from tracksmith.hub.page import write_page
from tracksmith.hub.server import serving
from tracksmith.hub.templates import template_folder
from tracksmith.models.card import Track

pytestmark = pytest.mark.browser

# Every row's name, how much of it is shown, and whether it reaches out of its row.
NAMES = """
const names = [];
const root = document.getElementById("igv").shadowRoot;
for (const label of root.querySelectorAll(".igv-track-label")) {
  const [box, row] = [label, label.parentElement].map((part) => part.getBoundingClientRect());
  names.push({ text: label.textContent,
    whole: label.scrollWidth <= label.clientWidth,
    inside: box.right <= row.right && box.bottom <= row.bottom });
}
return names.length && names;
"""
# What igv.js's bar of tools holds that a finger cannot reach.
UNREACHED = """
const bar = document.getElementById("igv").shadowRoot.querySelector(".igv-navbar");
return [...bar.querySelectorAll("input, select, svg, .igv-navbar-icon-button")]
  .filter((part) => part.getClientRects().length)
  .filter((part) => part.getBoundingClientRect().right > innerWidth)
  .map((part) => part.outerHTML.slice(0, 80));
"""
LABELS = (
    "CAGE, a differentiated lymphoblastoid cell line, treated",
    "Initiation of transcription at every base",
)


@pytest.fixture
def screen(driver):
    """A function that gives the window the size of a screen, in CSS pixels."""

    def resize(width, height, *, mobile):
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    yield resize
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize(("width", "mobile"), [(375, True), (1280, False)])
def test_every_name_and_tool_is_seen_whole(driver, builder, hand, igv, look, screen, width, mobile):
    tracks = tuple(Track(id=f"t{n}", label=label) for n, label in enumerate(LABELS))
    made = builder().model("toy", tracks).bigwig("t0").bigwig("t1")
    run = made.variants([("chrA", 1500, "rs1", "A", "C", 0.5)]).write()
    screen(width, 740, mobile=mobile)
    with serving(run, igv=igv) as url:
        driver.get(url)
        hand.until("return window.tracksmith && tracksmith.browser && true")
        names = hand.until(NAMES)
        look(f"page-{width}")
        assert [name["text"] for name in names] == [
            *LABELS, "Variant effects", "Strongest variant effect"
        ]  # fmt: skip
        assert all(name["whole"] and name["inside"] for name in names), names
        assert driver.execute_script(UNREACHED) == []
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width


def test_a_page_of_ones_own_template_needs_no_line_for_browser_js(
    driver, strand_run, tmp_path, hand, static_server
):
    own = tmp_path / "templates"
    own.mkdir()
    text = (template_folder() / "page.html").read_text()
    line = '<script src="browser.js" defer></script>\n'
    assert line in text
    (own / "page.html").write_text(text.replace(line, ""))
    index = write_page([strand_run], templates=own)
    with static_server(index.parents[1]) as url:
        driver.get(f"{url}igv/index.html")
        hand.until("return window.tracksmith && tracksmith.browser && true")
        assert hand.until(NAMES)


def test_a_page_without_browser_js_says_where_to_take_it_from(
    driver, strand_run, tmp_path, hand, static_server
):
    index = write_page([strand_run])
    (index.parent / "browser.js").unlink()
    with static_server(index.parents[1]) as url:
        driver.get(f"{url}igv/index.html")
        said = hand.until("const box = document.getElementById('message'); "
                          "return !box.hidden && box.textContent")  # fmt: skip
        assert said.startswith("browser.js could not be loaded: copy it beside this page")


# For every text of the page: the contrast of its colour with what lies behind it, after WCAG 2.1.
CONTRASTS = """
function light(colour) {
  const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
  const [r, g, b] = parts.map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function behind(element) {
  for (let at = element; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if (!/, 0\\)$/.test(colour)) return colour;
  }
  return "rgb(255, 255, 255)";
}
const found = [];
document.querySelectorAll(".variants tbody tr")[0].classList.add("current");
for (const element of document.querySelectorAll("body *")) {
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  if (!own || element.closest("script, #igv, option") || !element.offsetHeight) continue;
  const lights = [getComputedStyle(element).color, behind(element)].map(light);
  const contrast = (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05);
  found.push([contrast, element.tagName, element.textContent.slice(0, 40)]);
}
for (const field of document.querySelectorAll("input[type=search]")) {
  const colour = getComputedStyle(field, "::placeholder").color;
  const lights = [colour, behind(field)].map(light);
  const contrast = (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05);
  found.push([contrast, "placeholder", field.placeholder]);
}
return [found.length, found.filter(([contrast]) => contrast < 4.5), behind(document.body)];
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_by_day_and_by_night(driver, variant_run, hand, look, scheme):
    feature = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": feature})
    try:
        with serving(variant_run) as url:
            driver.get(url)
            hand.until("return window.tracksmith && tracksmith.browser && true")
            look(f"page-{scheme}")
            count, faint, page = driver.execute_script(CONTRASTS)
    finally:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert count > 60
    assert not faint
    assert (page == "rgb(255, 255, 255)") is (scheme == "light")
