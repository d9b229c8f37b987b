"""The table of variants in Chromium: sorted by its columns, by mouse and by keyboard."""

import time

import pytest

from tracksmith.hub.server import serving

pytestmark = pytest.mark.browser

CONTIGS = {"chr10": 2000, "chr2": 2000}
ROWS = [
    ("chr10", 900, "b", "A", "C", -9.5),
    ("chr2", 1000, ".", "A", "C", 4.0),
    ("chr10", 80, "rs10", "A", "C", -2.0),
    ("chr2", 150, "rs9", "A", "C", 10.0),
    ("chr2", 60, "B2", "A", "C", 0.25),
]
TEXTS = """
return [...document.querySelectorAll(".variants tbody tr")]
  .map((row) => [...row.cells].map((cell) => cell.textContent));
"""
SORTED = """
return [...document.querySelectorAll(".variants th[aria-sort]")]
  .map((head) => [head.textContent, head.getAttribute("aria-sort")]);
"""


@pytest.fixture
def page(driver, builder, hand):
    """A page over five variants; a column of its table, and a way to press its name."""
    made = builder(contigs=CONTIGS, genome_name="two.fa").model("toy").bigwig("signal")
    with serving(made.variants(ROWS).write()) as url:
        driver.get(url)
        hand.until("return window.tracksmith && tracksmith.browser && true")
        yield driver


def head(driver, name):
    buttons = driver.find_elements("css selector", ".variants th button")
    return next(button for button in buttons if button.text == name)


def column(driver, name):
    names = [button.text for button in driver.find_elements("css selector", ".variants th button")]
    return [row[names.index(name)] for row in driver.execute_script(TEXTS)]


def test_a_click_sorts_up_another_down_and_a_third_restores_the_order(page):
    strongest_first = [f"{row[5]:g}" for row in sorted(ROWS, key=lambda row: -abs(row[5]))]
    assert [f"{float(text):g}" for text in column(page, "effect")] == strongest_first
    button = head(page, "effect")
    button.click()
    assert [float(text) for text in column(page, "effect")] == sorted(row[5] for row in ROWS)
    assert page.execute_script(SORTED) == [["effect", "ascending"]]
    button.click()
    numbers = [float(text) for text in column(page, "effect")]
    assert numbers == sorted((row[5] for row in ROWS), reverse=True)
    assert page.execute_script(SORTED) == [["effect", "descending"]]
    button.click()
    assert [f"{float(text):g}" for text in column(page, "effect")] == strongest_first
    assert page.execute_script(SORTED) == []


def test_names_sort_by_the_numbers_in_them_and_rows_without_one_come_last(page):
    head(page, "contig").click()
    assert column(page, "contig") == ["chr2"] * 3 + ["chr10"] * 2
    head(page, "id").click()
    assert column(page, "id") == ["b", "B2", "rs9", "rs10", "."]
    head(page, "id").click()
    assert column(page, "id") == ["rs10", "rs9", "B2", "b", "."]
    assert page.execute_script(SORTED) == [["id", "descending"]]


def test_rows_that_are_alike_in_a_column_keep_the_order_of_the_one_before(page):
    head(page, "pos").click()
    head(page, "contig").click()
    assert column(page, "pos") == ["60", "150", "1000", "80", "900"]


@pytest.mark.parametrize("key", ["\ue007", " "], ids=["enter", "space"])
def test_the_keyboard_reaches_a_column_and_sorts_by_it(page, key):
    from selenium.webdriver.common.action_chains import ActionChains

    page.execute_script("document.getElementById('filter').focus()")
    for _ in range(20):
        ActionChains(page).send_keys("\ue004").perform()  # the tabulator key
        if page.switch_to.active_element.text == "pos":
            break
    ActionChains(page).send_keys(key).perform()
    assert column(page, "pos") == ["60", "80", "150", "900", "1000"]
    assert page.switch_to.active_element.text == "pos"


def test_a_row_leads_to_its_variant_wherever_it_was_sorted_to(page, hand):
    head(page, "pos").click()
    page.find_element("css selector", ".variants tbody tr").click()
    hand.until("return String(tracksmith.browser.currentLoci()).startsWith('chr2:') && true")
    assert page.execute_script("return document.querySelector('tr.current').cells[1].textContent") \
        == "60"  # fmt: skip


def test_of_many_variants_each_one_in_view_is_drawn_and_counted(driver, builder, hand):
    """What the table leaves out is in the row of items: none is cut from a view."""
    contigs = {"chrA": 9000}
    rows = [("chrA", 100 + 2 * n, f"v{n}", "A", "C", (n % 97 - 48) / 10) for n in range(4000)]
    made = builder(contigs=contigs, genome_name="one.fa").model("toy")
    with serving(made.variants(rows).write(), locus="chrA:1-9,000") as url:
        driver.get(url)
        hand.until("return window.tracksmith && tracksmith.browser && true")
        text = driver.find_element("css selector", ".variants p").text
        assert text.startswith("The 200 strongest of 4,000 alleles.")
        assert len(driver.execute_script(TEXTS)) == 200
        count = hand.until(
            "const view = tracksmith.browser.trackViews.find("
            "(view) => view.track.name === 'Variant effects');"
            "const { featureCache } = view.viewports[0];"
            "return featureCache && featureCache.features && featureCache.features.length;"
        )
        assert count == 4000


def test_rows_are_filtered_by_any_column_and_saved_as_they_are_seen(page, tmp_path):
    folder = {"behavior": "allow", "downloadPath": str(tmp_path)}
    page.execute_cdp_cmd("Browser.setDownloadBehavior", folder)
    head(page, "pos").click()
    page.find_element("css selector", ".variants input[type=search]").send_keys("CHR2")
    rows = page.find_elements("css selector", ".variants tbody tr")
    seen = [row.text.split()[1] for row in rows if row.is_displayed()]
    assert seen == ["60", "150", "1000"]
    page.find_element("css selector", ".variants .tools button").click()
    saved = tmp_path / "variants.tsv"
    deadline = time.monotonic() + 20
    while not saved.is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    lines = [line.split("\t") for line in saved.read_text().splitlines()]
    assert lines[0] == ["contig", "pos", "id", "ref", "alt", "track", "effect"]
    assert [line[:3] for line in lines[1:]] == [
        ["chr2", "60", "B2"], ["chr2", "150", "rs9"], ["chr2", "1000", "."]
    ]  # fmt: skip
