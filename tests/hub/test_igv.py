"""IGV sessions: what they hold, relative or absolute, in JSON and XML."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tracksmith.hub.build import build_hub
from tracksmith.hub.igv import SHOWN, Reference, igv_tracks, session
from tracksmith.hub.loci import opening, top_variants
from tracksmith.hub.runs import open_runs
from tracksmith.models.card import Track
from tracksmith.runs.record import Places
from tracksmith.runs.run import Run

WHO = {"email": "hub@example.org", "name": "toyhub", "title": "A toy hub"}


def configs(folder):
    run = open_runs([folder])[0]
    return igv_tracks([run], lambda output: output.file.path)


def sparse(made, *numbers, peak=35.0):
    """Say of files of a run that 99 % of their values are 0; minus strands lie below 0."""
    for number in numbers:
        sign = -1 if made.files[number]["max"] == 0 or made.files[number]["min"] < -1 else 1
        quantiles = {0.001: 0.0, 0.01: 0.0, 0.5: 0.0, 0.99: 0.0, 0.999: 1.4}
        turned = {f"{p if sign > 0 else 1 - p:.3g}": sign * q for p, q in quantiles.items()}
        low, high = sorted((0.0, sign * peak))
        made.files[number] |= {"min": low, "max": high, "quantiles": turned}
    return made


def test_strands_are_merged_and_scale_together_to_what_is_in_view(strand_run):
    (merged,) = configs(strand_run)
    assert merged["type"] == "merged"
    assert [part["url"] for part in merged["tracks"]] == [
        "tracks/clip.plus.bw",
        "tracks/clip.minus.bw",
    ]
    for row in (merged, *merged["tracks"]):
        assert row["autoscale"] is True
        # In a group, igv.js would leave the minus strand out of the scale.
        assert not {"min", "max", "autoscaleGroup"} & row.keys()


def test_sparse_strands_are_merged_on_one_mirrored_scale_up_to_their_strongest_peak(builder, pair):
    made = builder().model("clip", pair).bigwig("plus").bigwig("minus", scale=-1)
    (merged,) = configs(sparse(made, 0, 1).write())
    for row in (merged, *merged["tracks"]):
        assert (row["autoscale"], row["min"], row["max"]) == (False, -35.0, 35.0)


def test_rows_of_one_kind_share_a_group_of_scale_and_lone_rows_have_none(builder):
    tracks = (
        Track(id="a", label="A", assay="CAGE"), Track(id="b", label="B", assay="CAGE"),
        Track(id="c", label="C", assay="DNASE"),
    )  # fmt: skip
    made = builder().model("big", tracks)
    for track in "abc":
        made.bigwig(track)
    groups = [row.get("autoscaleGroup") for row in configs(made.write())]
    assert groups[0] == groups[1] == "big CAGE linear mean"
    assert groups[2] is None
    made = builder("peaks").model("big", tracks)
    for track in "abc":
        made.bigwig(track)
    rows = configs(sparse(made, 0, 1, 2).write())
    assert [row.get("autoscaleGroup") for row in rows] == [None] * 3
    assert {(row["min"], row["max"]) for row in rows} == {(0.0, 35.0)}


def test_signed_strands_are_two_rows_in_two_colours_on_one_scale(builder):
    fields = {"assay": "RNA-seq", "units": "z-score", "signed": True}
    tracks = (
        Track(id="minus", label="Minus", strand="-", rc_partner="plus", **fields),
        Track(id="other", label="Other", **fields),
        Track(id="plus", label="Plus", strand="+", rc_partner="minus", **fields),
    )
    made = builder().model("xpresso", tracks)
    for track in ("minus", "other", "plus"):
        made.bigwig(track)
        made.files[-1] |= {"min": -2.0, "max": 3.0}
    plus, minus, other = configs(made.write())
    assert [plus["url"], minus["url"]] == ["tracks/xpresso.plus.bw", "tracks/xpresso.minus.bw"]
    assert (plus["color"], minus["color"]) == ("rgb(192,57,43)", "rgb(36,87,160)")
    assert other["color"] == "rgb(31,78,121)"
    assert {row["autoscaleGroup"] for row in (plus, minus, other)} == {
        "xpresso RNA-seq z-score linear mean"
    }


def test_a_difference_says_which_way_up_it_is(builder, pair):
    made = builder().model("clip", pair)
    for track in ("plus", "minus"):
        made.bigwig(track, "delta", stored_sign=1)
    made.model("old", pair).bigwig("minus", "delta")
    names = [row["name"] for row in configs(made.write())]
    assert names == [
        "clip: Initiation, plus strand, alternative minus reference (up is a gain)",
        "clip: Initiation, minus strand, alternative minus reference (up is a gain)",
        "old: Initiation, minus strand, alternative minus reference (up is a loss)",
    ]


def test_every_file_of_a_run_is_in_one_row(variant_run):
    rows = configs(variant_run)
    urls = [part["url"] for row in rows for part in row.get("tracks", [row])]
    files = json.loads((variant_run / "run.json").read_text())["results"]["files"]
    assert sorted(urls) == sorted(file["path"] for file in files if file["kind"] != "table")
    assert [row["order"] for row in rows] == list(range(1, len(rows) + 1))


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


def test_a_fraction_is_a_scale(builder):
    made = sparse(builder().model("toy").bigwig("signal"), 0, peak=0.08)
    (row,) = configs(made.write())
    assert (row["min"], row["max"]) == (0.0, 0.08)


def test_a_session_opens_at_the_strongest_variant_else_the_first_region(builder, variant_run):
    run = open_runs([variant_run])[0]
    opened = session([run], lambda output: "x", Reference("toy"), top_variants(run))
    assert opened["locus"] == "chrA:1400-1600"
    assert opened["genome"] == "toy"
    made = builder("regions", regions=[("chrB", 10, 20), ("chrB", 400, 500)])
    other = open_runs([made.model("toy").bigwig("signal").write()])[0]
    opened = session([other], lambda output: "x", Reference("toy"))
    assert opened["locus"] == "chrB:11-20"
    assert "roi" not in opened, "igv would tint all of a view within a region"
    assert opened["tracks"][0]["features"][1] == {"chr": "chrB", "start": 400, "end": 500}
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
    assert names == ["CAGE", "CAGE (2)", "CAGE (3)"]


def test_rows_are_named_after_model_and_run_only_where_that_tells_them_apart(builder, variants):
    def names(*runs):
        return [row["name"] for row in igv_tracks(open_runs(runs), lambda output: "")]

    predicted = builder("first").model("toy").bigwig("signal").write()
    again = builder("second").model("toy").bigwig("signal").write()
    effects = builder("effects").model("toy").variants(variants).write()
    other = builder("other").model("else").bigwig("signal").write()
    assert names(predicted) == ["Toy signal"]
    assert names(predicted, effects) == [
        "Toy signal", "Variant effects", "Strongest variant effect"
    ]  # fmt: skip
    assert names(predicted, again) == ["first toy: Toy signal", "second toy: Toy signal"]
    assert names(predicted, other) == ["first toy: Toy signal", "other else: Toy signal"]


def test_a_view_of_two_runs_opens_where_both_have_values(builder, variants):
    everywhere = builder("effects").model("toy").bigwig("signal").variants(variants).write()
    made = builder("some", regions=[("chrB", 300, 600)]).model("toy").bigwig("signal")
    runs = open_runs([everywhere, made.write()])
    tables = [table for run in runs for table in top_variants(run)]
    assert opening(runs[:1], tables) == "chrA:1400-1600", "the strongest of all"
    assert opening(runs, tables) == "chrB:300-500", "the strongest within the regions"
    other = builder("else", regions=[("chrA", 10, 20), ("chrB", 590, 700)]).model("toy")
    runs = open_runs([made.folder, other.bigwig("signal").write()])
    assert opening(runs) == "chrB:301-600"
    assert opening(runs[1:]) == "chrA:11-20"


def test_a_session_for_igv_js_needs_the_address_of_the_hub(variant_run):
    """igv.js takes relative addresses for relative to its own page, so none would be found."""
    hub = variant_run / "hub"
    report = build_hub([variant_run], hub, **WHO, base_url="https://x.org/h/hub")
    session = json.loads((hub / "session.json").read_text())
    addresses = [session["reference"]["twoBitURL"]]
    addresses += [part["url"] for row in session["tracks"] for part in row.get("tracks", [row])]
    for address in addresses:
        assert address.startswith("https://x.org/h/")
        path = address.removeprefix("https://x.org/h/")
        assert (hub / path.removeprefix("hub/") if "hub/" in path else variant_run / path).is_file()
    assert "session.json" in report.links["IGV"]
    report = build_hub([variant_run], hub, **WHO)
    assert not (hub / "session.json").exists()
    assert report.links == {}


@pytest.mark.parametrize("base", [None, "https://x.org/h/hub"])
def test_the_xml_session_names_the_same_files_as_the_json(variant_run, base):
    hub = variant_run / "hub"
    build_hub([variant_run], hub, **WHO, base_url=base)
    root = ElementTree.fromstring((hub / "session.xml").read_text())
    rows = configs(variant_run)
    places = [part["url"] for row in rows for part in row.get("tracks", [row])]
    prefix = "https://x.org/h/" if base else "../"
    assert [item.get("path") for item in root.iter("Resource")] == [prefix + it for it in places]
    assert root.get("locus") == "chrA:1400-1600"
    assert root.get("version") == "8"
    merged = root.find(".//Track[@clazz='org.broad.igv.track.MergedTracks']")
    assert len(merged.findall("Track")) == 2
    assert (merged.get("autoScale"), merged.find("DataRange")) == ("true", None)
    strongest = root.find(".//Track[@name='clip strongest effect']")
    assert strongest.get("autoScale") == "false"
    assert strongest.find("DataRange").get("maximum") == "4.4"
    renderers = {item.get("renderer") for item in root.iter("Track")}
    assert {"BAR_CHART", "DYNSEQ"} <= renderers
    sequence = root.find(".//Track[@clazz='org.broad.igv.track.SequenceTrack']")
    # The FASTA lies beside the run, and is not among what is shared.
    assert (sequence is None) is bool(base)
    assert base or sequence.get("id") == "Reference sequence"


def test_names_in_igv_desktop_fit_its_panel(variant_run):
    build_hub([variant_run], variant_run / "hub", **WHO)
    root = ElementTree.fromstring((variant_run / "hub" / "session.xml").read_text())
    names = [row.get("name") for row in root.findall("./Panel[@name='DataPanel']/Track")]
    assert names == [
        "Initiation, both strands", "clip variant effects", "clip strongest effect",
        "K562 PRO-cap + letters", "Toy signal", "Toy signal sd", "toy variant effects",
        "toy strongest effect",
    ]  # fmt: skip
    assert all(len(name) <= 25 for name in names)


def genome_of(hub):
    return ElementTree.fromstring((hub / "session.xml").read_text()).get("genome")


def test_igv_desktop_gets_the_fasta_where_it_is_in_reach_else_sizes(strand_run, tmp_path):
    hub, fasta = strand_run / "hub", tmp_path / "toy.fa"
    build_hub([strand_run], hub, **WHO)
    assert genome_of(hub) == str(fasta), "beside the run, so not within what is moved with the hub"
    build_hub([strand_run], tmp_path / "hub", **WHO)
    assert genome_of(tmp_path / "hub") == "../toy.fa"
    build_hub([strand_run], tmp_path / "hub", **WHO, base_url="https://x.org/h/hub")
    assert genome_of(tmp_path / "hub") == "https://x.org/h/hub/toy.chrom.sizes", "not to be shared"
    build_hub([strand_run], tmp_path / "hub", **WHO, copy=True)
    assert genome_of(tmp_path / "hub") == "toy.chrom.sizes", "the hub may move without the FASTA"
    build_hub([strand_run], hub, **WHO, base_url="https://x.org/h/hub")
    assert genome_of(hub) == "https://x.org/h/hub/toy.chrom.sizes", "nobody serves it there"
    build_hub([strand_run], hub, **WHO, genome="sacCer2")
    assert genome_of(hub) == "sacCer2"
    build_hub([strand_run], hub, **WHO)
    Path(f"{fasta}.fai").unlink()
    build_hub([strand_run], hub, **WHO)
    assert genome_of(hub) == "toy.chrom.sizes", "IGV would write an index"
    assert "SequenceTrack" not in (hub / "session.xml").read_text(), "IGV would end with an error"
    assert (hub / "toy.chrom.sizes").read_text() == "chrA\t3000\nchrB\t1501\n"


def test_a_fasta_in_a_run_is_shared_with_it(strand_run, tmp_path):
    for name in ("toy.fa", "toy.fa.fai"):
        (tmp_path / name).rename(strand_run / name)
    record = Run.open(strand_run)
    record.places = Places(str(strand_run / "toy.fa"))
    record.save()
    build_hub([strand_run], tmp_path / "hub", **WHO, base_url="https://x.org/h/hub")
    assert genome_of(tmp_path / "hub") == "https://x.org/h/run/toy.fa"


def test_a_local_session_names_paths_as_they_are_on_disk(builder, tmp_path):
    run = builder("my run").model("toy").bigwig("signal").write()
    build_hub([run], tmp_path / "hub", **WHO)
    root = ElementTree.fromstring((tmp_path / "hub" / "session.xml").read_text())
    assert root.find(".//Resource").get("path") == "../my run/tracks/toy.signal.bw"
    build_hub([run], tmp_path / "hub", **WHO, base_url="https://x.org/h/hub")
    root = ElementTree.fromstring((tmp_path / "hub" / "session.xml").read_text())
    address = "https://x.org/h/my%20run/tracks/toy.signal.bw"
    assert root.find(".//Resource").get("path") == address


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
