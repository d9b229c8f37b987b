"""Letters of an explanation in Chromium: igv.js draws bases in their colours, sites with names."""

import pytest
from tracksmith_demo.genome import write_demo_genome

import tracksmith
from tracksmith.hub.server import serving

pytestmark = pytest.mark.browser

# How many pixels of the row of letters have the colour of each base, by igv's own colours.
COLOURS = """
const browser = window.tracksmith ? tracksmith.browser : null;
if (!browser) return null;
const view = browser.trackViews.find((view) => view.track.graphType === "dynseq");
if (!view || !view.viewports[0].canvas || !view.viewports[0].canvas.width) return null;
const { width, height } = view.viewports[0].canvas;
const pixels = view.viewports[0].canvas.getContext("2d").getImageData(0, 0, width, height).data;
const counts = { A: 0, C: 0, G: 0, T: 0 };
for (let at = 0; at < pixels.length; at += 4) {
  if (pixels[at + 3] < 250) continue;
  const [red, green, blue] = pixels.slice(at, at + 3);
  if (green > 120 && red < 60 && blue < 60) counts.A += 1;
  if (blue > 120 && red < 60 && green < 60) counts.C += 1;
  if (red > 180 && green > 80 && green < 150 && blue < 60) counts.G += 1;
  if (red > 180 && green < 60 && blue < 60) counts.T += 1;
}
return counts.T > 50 && counts;
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("letters")
    demo = write_demo_genome(folder)
    site = next(p for p in demo.promoters if (p.kind, p.strand) == ("full", "+"))
    region = f"{site.contig}:{site.site - 44}-{site.site + 45}"
    return tracksmith.explain(
        "core-promoter", demo.fasta, folder / "run", regions=region, tracks="plus", device="cpu"
    )


@pytest.mark.parametrize("igv", ["npm"], indirect=True)
def test_letters_are_drawn_in_the_colours_of_their_bases(driver, hand, look, run, igv):
    with serving(run.folder, igv=igv) as url:
        driver.get(url)
        counts = hand.until(COLOURS, seconds=40)
        look("letters")
    assert min(counts.values()) > 20, counts
    assert counts["T"] > counts["G"]  # TATA and the initiator stand out
