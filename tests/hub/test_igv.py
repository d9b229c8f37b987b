"""IGV sessions: what they hold, relative or absolute, in JSON and XML."""

import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

from tracksmith.hub.build import build_hub
from tracksmith.hub.igv import SHOWN, Reference, igv_tracks, session
from tracksmith.hub.loci import top_variants
from tracksmith.hub.runs import open_runs
from tracksmith.models.card import Track

WHO = {"email": "hub@example.org", "name": "toyhub", "title": "A toy hub"}


def configs(folder):
    run = open_runs([folder])[0]
    return igv_tracks([run], lambda output: str(output.entry["path"]))


def test_strands_are_merged_on_one_mirrored_scale(strand_run):
    (merged,) = configs(strand_run)
    assert merged["type"] == "merged"
    assert (merged["min"], merged["max"]) == (-8.0, 8.0)
    assert [part["url"] for part in merged["tracks"]] == [
        "tracks/clip.plus.bw",
        "tracks/clip.minus.bw",
    ]
    assert {(part["min"], part["max"]) for part in merged["tracks"]} == {(-8.0, 8.0)}


def test_every_file_of_a_run_is_in_one_row(variant_run):
    found = configs(variant_run)
    urls = [part["url"] for row in found for part in row.get("tracks", [row])]
    files = json.loads((variant_run / "run.json").read_text())["results"]["files"]
    assert sorted(urls) == sorted(entry["path"] for entry in files if entry["kind"] != "table")
    assert [row["order"] for row in found] == list(range(1, len(found) + 1))


def test_letters_effects_and_variants_have_their_kind(variant_run):
    rows = {row["name"]: row for row in configs(variant_run)}
    assert rows["clip: Initiation, plus strand, attribution"]["graphType"] == "dynseq"
    strongest = rows["clip: strongest variant effect"]
    assert strongest["windowFunction"] == "max"
    assert (strongest["min"], strongest["max"]) == (0, pytest.approx(4.4))
    assert rows["clip: variant effects"]["format"] == "bigbed"


@pytest.mark.parametrize(
    ("change", "function"),
    [
        ({}, "mean"),
        ({"min": 0, "max": 35, "quantiles": {"0.5": 0, "0.99": 0.1, "0.999": 1.4}}, "max"),
        ({"min": -35, "max": 0, "quantiles": {"0.001": -1.4, "0.01": -0.1, "0.5": 0}}, "min"),
        ({"min": -35, "max": 1, "quantiles": {"0.001": -1.4, "0.01": -0.1, "0.5": 0}}, "mean"),
        ({"min": 0, "max": 0, "quantiles": {"0.5": 0}}, "mean"),
    ],
)
def test_rare_peaks_are_not_averaged_away_in_wide_views(builder, change, function):
    made = builder().model("toy").bigwig("signal")
    made.files[0] |= change
    (row,) = configs(made.write())
    assert row["windowFunction"] == function


def test_a_fraction_is_a_scale_in_a_session_unlike_in_a_hub(builder):
    run = builder().model("toy").bigwig("signal", scale=0.01).write()
    (row,) = configs(run)
    assert row["max"] == pytest.approx(0.08, rel=0.02)


def test_a_session_opens_at_the_strongest_variant_else_the_first_region(builder, variant_run):
    run = open_runs([variant_run])[0]
    found = session([run], lambda output: "x", Reference("toy"), top_variants(run))
    assert found["locus"] == "chrA:1400-1600"
    assert found["genome"] == "toy"
    made = builder("regions", regions=[("chrB", 10, 20), ("chrB", 400, 500)])
    other = open_runs([made.model("toy").bigwig("signal").write()])[0]
    found = session([other], lambda output: "x", Reference("toy"))
    assert found["locus"] == "chrB:11-20"
    assert found["roi"][0]["features"][1] == {"chr": "chrB", "start": 400, "end": 500}
    assert (
        session([other], lambda output: "x", Reference("toy"), (), "chrA:1-9")["locus"]
        == "chrA:1-9"
    )


def test_a_session_shows_twenty_rows_and_a_page_lists_all(builder):
    tracks = tuple(Track(id=f"t{number}", label=f"T{number}") for number in range(30))
    made = builder().model("big", tracks)
    for number in range(30):
        made.bigwig(f"t{number}")
    run = open_runs([made.write()])[0]
    assert len(session([run], lambda output: "x", Reference("toy"))["tracks"]) == SHOWN
    assert len(igv_tracks([run], lambda output: "x")) == 30


def test_rows_of_equal_labels_get_names_of_their_own(builder):
    tracks = tuple(Track(id=f"t{number}", label="CAGE") for number in range(3))
    made = builder().model("big", tracks)
    for number in range(3):
        made.bigwig(f"t{number}")
    names = [row["name"] for row in configs(made.write())]
    assert names == ["big: CAGE", "big: CAGE (2)", "big: CAGE (3)"]


@pytest.mark.parametrize("base", [None, "https://x.org/h/hub"])
def test_the_xml_session_names_the_same_files_as_the_json(variant_run, base):
    hub = variant_run / "hub"
    build_hub([variant_run], hub, **WHO, base_url=base)
    found = json.loads((hub / "session.json").read_text())
    root = ElementTree.fromstring((hub / "session.xml").read_text())
    urls = [part["url"] for row in found["tracks"] for part in row.get("tracks", [row])]
    assert [item.get("path") for item in root.iter("Resource")] == urls
    assert root.get("locus") == found["locus"]
    assert root.get("version") == "8"
    merged = root.find(".//Track[@clazz='org.broad.igv.track.MergedTracks']")
    assert len(merged.findall("Track")) == 2
    assert merged.find("DataRange").get("minimum") == "-8.0"
    renderers = {item.get("renderer") for item in root.iter("Track")}
    assert {"BAR_CHART", "DYNSEQ"} <= renderers
    for url in urls:
        place = re.sub("^https://x.org/h/", "", url) if base else url.removeprefix("../")
        assert (variant_run / place).is_file()


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (Reference("hg38"), {"genome": "hg38"}),
        (
            Reference("g", two_bit="g.2bit"),
            {"reference": {"id": "g", "name": "g", "twoBitURL": "g.2bit"}},
        ),
        (
            Reference("g", fasta="g.fa.gz", fasta_index="g.fa.gz.fai", bgzip_index="g.fa.gz.gzi"),
            {
                "reference": {
                    "id": "g",
                    "name": "g",
                    "fastaURL": "g.fa.gz",
                    "indexURL": "g.fa.gz.fai",
                    "compressedIndexURL": "g.fa.gz.gzi",
                }
            },
        ),
    ],
)
def test_a_genome_is_hosted_or_our_own(reference, expected):
    assert reference.config() == expected
    moved = reference.at("http://localhost/").config()
    assert reference.hosted or all(
        value.startswith("http://localhost/")
        for name, value in moved["reference"].items()
        if "URL" in name
    )
