"""Hubs, sessions and pages of perturbations: arcs, effects, whole windows."""

import json
import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from perturb_toys import write_table

import tracksmith
from tests.hub.chromium import start_chromium, what_chromium_lacks
from tracksmith.cli import main
from tracksmith.hub.build import build_hub
from tracksmith.hub.check import check_hub
from tracksmith.hub.igv import igv_tracks
from tracksmith.hub.page import write_page
from tracksmith.hub.runs import open_runs

WHO = {"email": "hub@example.org", "name": "toyhub", "title": "A toy hub"}
SITE, OTHER = 14_376, 25_480


@pytest.fixture(scope="module")
def run(demo, tmp_path_factory):
    """A site on either strand of the demonstration genome, 81 edits, one of them drawn."""
    folder = tmp_path_factory.mktemp("shown")
    rows = [
        ("demo1", site + at, site + at + 10, f"{name}{at}", "mask")
        for name, site in (("plus", SITE), ("minus", OTHER))
        for at in range(-200, 200, 10)
    ]
    rows.append(("demo1", SITE - 38, SITE - 18, "box <&>", "invert"))
    table = write_table(folder / "edits.tsv", *rows)
    (folder / "sites.bed").write_text(
        f"demo1\t{SITE}\t{SITE + 1}\tfirst & best\t0\t+\ndemo1\t{OTHER}\t{OTHER + 1}\tnext\t0\t-\n"
    )
    tracksmith.perturb(
        table, folder / "sites.bed", "core-promoter", demo.fasta, folder / "run", around=30,
        tracks_for="box <&>", device="cpu",
    )  # fmt: skip
    return folder / "run"


def test_a_hub_of_arcs_has_no_finding_and_shows_every_file(run, tmp_path):
    build_hub([run], tmp_path / "hub", **WHO)
    assert check_hub(tmp_path / "hub", full=True) == []
    text = (tmp_path / "hub/hub.txt").read_text()
    shown = [
        entry.path for entry in open_runs([run])[0].files
        if entry.kind in ("bigwig", "biginteract") and entry.values != 0
    ]  # fmt: skip
    assert len(shown) == 2 * (1 + 2 + 3)
    assert all(path in text for path in shown)
    assert text.count("type bigInteract\n") == 2
    for setting in (
        "interactDirectional true",
        "filterByRange.value on",
        "filterText.sourceName *",
    ):
        assert text.count(setting) == 2


def test_a_file_that_is_no_bigInteract_is_found(run, tmp_path, demo):
    build_hub([run], tmp_path / "hub", copy=True, **WHO)
    from tracksmith.genome.fasta import Genome
    from tracksmith.tracks.autosql import BED9, AutoSql
    from tracksmith.tracks.bigbed import write_bigbed

    (arcs,) = (tmp_path / "hub").rglob("*plus.arcs.bb")
    contigs = list(Genome.open(demo.fasta).contigs)
    contigs = [(name, int(length)) for name, length in contigs]
    schema = AutoSql("plain", "none", BED9[:5], defined=5)
    write_bigbed(arcs, contigs, [("demo1", 5, 9, "a", 3)], schema)
    found = [finding.what for finding in check_hub(tmp_path / "hub")]
    assert any("has 5 fields, a bigInteract has 18" in what for what in found)
    assert any("names the field 'value', which the file does not have" in what for what in found)


def test_igv_gets_interact_tracks_with_arcs(run):
    tracks = igv_tracks(open_runs([run]), lambda output: output.file.path)
    arcs = [track for track in tracks if track["type"] == "interact"]
    assert [track["format"] for track in arcs] == ["biginteract"] * 2
    assert len({track["name"] for track in tracks}) == len(tracks)
    merged = [track for track in tracks if track["type"] == "merged"]
    assert len(merged) == 2  # two strands, without and with


def test_a_page_says_edits_and_opens_at_the_strongest_of_them(run, tmp_path):
    page = write_page([run], tmp_path / "page").read_text()
    assert "<h2>Edits: core-promoter</h2>" in page
    assert "effects of edits" in page and "allele" not in page.lower()
    data = json.loads(page.partition('id="tracksmith-data">')[2].partition("</script>")[0])
    contig, _, span = data["session"]["locus"].partition(":")
    start, end = (int(text.replace(",", "")) for text in span.split("-"))
    assert contig == "demo1" and start < SITE - 20 and end > SITE
    xml = tmp_path / "page/session.xml"
    assert xml.read_text().count("org.broad.igv.bedpe.InteractionTrack") == 2


DRAWN = """
const rows = [];
for (const view of tracksmith.browser.trackViews) {
  if (view.track.type !== "interact") continue;
  const port = view.viewports[0];
  const cache = port.featureCache && port.featureCache.features;
  const row = { features: cache ? cache.length : 0, blue: 0, red: 0 };
  rows.push(row);
  if (!port.canvas || !port.canvas.width) continue;
  const { width, height } = port.canvas;
  const pixels = port.canvas.getContext("2d").getImageData(0, 0, width, height).data;
  for (let at = 0; at < pixels.length; at += 4) {
    if (!pixels[at + 3]) continue;
    row.blue += pixels[at + 2] > pixels[at] + 40;
    row.red += pixels[at] > pixels[at + 2] + 40;
  }
}
return rows;
"""


@pytest.mark.browser
@pytest.mark.parametrize("igv", ["igv-notebook", "npm"])
def test_igv_draws_the_arcs_in_their_colours(igv, run, tmp_path):
    if what_chromium_lacks():
        pytest.skip(what_chromium_lacks())
    script = None if igv == "igv-notebook" else os.environ.get("TRACKSMITH_IGV")
    if igv == "npm" and not script:
        pytest.skip("TRACKSMITH_IGV names no igv.min.js: unpack one of `npm pack igv@3.8.10`")
    from tracksmith.hub.server import serving

    driver = start_chromium(tmp_path / "profile")
    try:
        with serving(run, igv=script) as address:
            driver.get(address)
            deadline = time.monotonic() + 60
            rows = []
            while time.monotonic() < deadline and not (len(rows) == 2 and rows[0]["blue"]):
                time.sleep(0.5)
                try:
                    rows = driver.execute_script(DRAWN)
                except Exception:  # noqa: BLE001 - the page is not there yet
                    rows = []
            if folder := os.environ.get("TRACKSMITH_SCREENSHOTS"):
                driver.save_screenshot(str(Path(folder) / f"arcs-{igv}.png"))
            assert len(rows) == 2  # of the minus strand there are none in view
            assert rows[0]["features"] > 5 and rows[0]["blue"] > 100
    finally:
        driver.quit()


def test_view_and_hub_take_the_run_by_the_command(run, tmp_path):
    done = CliRunner().invoke(
        main, ["hub", "build", str(run), "-o", str(tmp_path / "hub"), "--email", "a@example.org"]
    )
    assert done.exit_code == 0, done.output
    checked = CliRunner().invoke(main, ["hub", "check", str(tmp_path / "hub")])
    assert checked.exit_code == 0, checked.output


def test_the_pages_say_what_an_effect_is_and_count_arcs_as_arcs(run, tmp_path):
    build_hub([run], tmp_path / "hub", email="hub@example.org", name="toyhub")
    (page,) = (tmp_path / "hub").rglob("*_plus_arcs.html")
    text = page.read_text()
    assert "the sum of a readout&#39;s bins with the edit minus that without it" in text
    assert ">Arcs<" in text
    assert ">Largest effect<" in text
    assert ">Variants<" not in text
