"""The user's own genes, peaks, variants and signals beside a run, in Chromium."""

from pathlib import Path

import pyBigWig
import pytest

from tracksmith.hub.added import own_files
from tracksmith.hub.page import write_page
from tracksmith.hub.server import serving

pytestmark = pytest.mark.browser

GENES = """\
chrA\tx\tgene\t1001\t2000\t.\t+\t.\tgene_id "G1"; gene_name "SHOWN";
chrA\tx\texon\t1001\t1200\t.\t+\t.\tgene_id "G1"; transcript_id "T1"; gene_name "SHOWN";
chrA\tx\texon\t1801\t2000\t.\t+\t.\tgene_id "G1"; transcript_id "T1"; gene_name "SHOWN";
chrA\tx\tCDS\t1101\t1200\t.\t+\t.\tgene_id "G1"; transcript_id "T1"; gene_name "SHOWN";
"""
ROWS = """
const found = {};
for (const view of tracksmith.browser.trackViews) {
  const port = view.viewports[0];
  const features = port.featureCache && port.featureCache.features;
  if (Array.isArray(features)) found[view.track.name] = features;
}
return found;
"""
READY = f"const rows = (() => {{ {ROWS} }})(); return arguments[0].every((name) => rows[name])"


@pytest.fixture
def own(tmp_path: Path) -> list[str]:
    """Files of the user's, as they are given."""
    (tmp_path / "genes.gtf").write_text(GENES)
    (tmp_path / "peaks.bed").write_text("A\t1300\t1400\t<b onclick=x>peak</b>\t7\t-\n")
    (tmp_path / "alias.tsv").write_text("chrA\tA\n")
    (tmp_path / "sites.vcf").write_text(
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        "chrA\t1501\trs77\tA\tC,G\t.\t.\t.\n"
    )
    with pyBigWig.open(str(tmp_path / "measured.bw"), "w") as file:
        file.addHeader([("chrA", 3000)])
        file.addEntries(["chrA"], [1200], ends=[1700], values=[3.5])
    labels = ("Genes", "Peaks <img src=x onerror=alert(1)>", "Sites", "Measured")
    names = ("genes.gtf", "peaks.bed", "sites.vcf", "measured.bw")
    return [f"{tmp_path / name}={label}" for name, label in zip(names, labels, strict=True)]


NAMES = ["Genes", "Peaks (img src=x onerror=alert(1))", "Sites", "Measured"]


def hold(hand, url, look):
    """Hold what is drawn, found and clicked against the files."""
    hand.driver.get(f"{url}?locus=chrA:901-2100")
    hand.until("return !!(window.tracksmith && (tracksmith.browser || tracksmith.error))")
    hand.until(READY, NAMES)
    look("added")
    names = hand.driver.execute_script(
        "return tracksmith.browser.trackViews.map((v) => v.track.name)"
    )
    assert [name for name in names if name in NAMES] == NAMES, "they come first, in this order"
    rows = hand.driver.execute_script(ROWS)
    (gene,) = rows["Genes"]
    assert (gene["name"], gene["start"], gene["end"]) == ("SHOWN", 1000, 2000)
    assert [(exon["start"], exon["end"]) for exon in gene["exons"]] == [(1000, 1200), (1800, 2000)]
    assert [(peak["start"], peak["end"]) for peak in rows[NAMES[1]]] == [(1300, 1400)]
    assert max(bar["value"] for bar in rows["Measured"]) == 3.5
    assert "rs77" in hand.click("Sites", 1500)
    assert hand.foreign() == []
    hand.driver.execute_script("tracksmith.browser.search('shown')")
    locus = "return String(tracksmith.browser.currentLoci()).replaceAll(',', '')"
    hand.until(f"return (() => {{ {locus} }})() === 'chrA:901-2100'")
    listed = hand.driver.execute_script(
        "return [...document.querySelectorAll('#track-list li')].map((item) => item.innerText)"
    )
    assert [name.strip() for name in listed][:4] == NAMES


def test_files_of_one_s_own_are_drawn_first_and_found_by_name(
    hand, strand_run, own, igv, look, tmp_path
):
    with serving(strand_run, igv=igv, add=own_files(own, tmp_path / "alias.tsv")) as url:
        hold(hand, url, look)


def test_a_static_page_shows_the_same_wherever_it_is_copied(
    hand, strand_run, own, igv, look, tmp_path, static_server
):
    page = tmp_path / "page"
    write_page([strand_run], page, igv=igv, add=own_files(own, tmp_path / "alias.tsv"), copy=True)
    page.rename(tmp_path / "elsewhere")
    with static_server(tmp_path / "elsewhere") as url:
        hold(hand, f"{url}index.html", look)
