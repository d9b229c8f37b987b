"""The hub checker: a correct hub has no finding, and every single mistake is found."""

import os
import re
import shutil
import struct
from pathlib import Path

import numpy as np
import pyBigWig
import pytest

from tracksmith.errors import InputError, ResourceError
from tracksmith.hub.build import build_hub
from tracksmith.hub.check import check_hub

WHO = {"email": "hub@example.org", "name": "toyhub", "title": "A toy hub"}


@pytest.fixture(scope="module")
def good_run(tmp_path_factory, run_builder, pair) -> Path:
    """A run with a correct hub that has everything: overlay, composite, variants, own genome."""
    folder = tmp_path_factory.mktemp("good") / "run"
    folder.mkdir()
    made = run_builder(folder).model("clip", pair).bigwig("plus").bigwig("minus", scale=-1)
    made.model("toy").bigwig("signal").bigwig("signal", "sd", 0.2)
    run = made.variants([("chrA", 700, "rs1", "A", "C", 0.5)]).write()
    build_hub([run], run / "hub", **WHO)
    assert check_hub(run) == []
    return run


@pytest.fixture
def hub(good_run, tmp_path) -> Path:
    """A copy of the correct hub and its data, to be spoiled."""
    return shutil.copytree(good_run, tmp_path / "run") / "hub"


def change(hub, old, new, name="hub.txt"):
    path = hub / name
    text = path.read_text()
    assert text.count(old) >= 1, old
    path.write_text(text.replace(old, new, 1))


def finding_lines(hub, level=None):
    return [str(item) for item in check_hub(hub) if level in (None, item.level)]


CAUGHT_BY_UCSC = [
    ("../tracks/clip.plus.bw", "../tracks/none.bw", "cannot be read"),
    ("../tracks/clip.plus.bw", "../variants/toy.bb", "is a bigBed"),
    ("viewLimits -8:8", "viewLimits 5", "LOW:HIGH"),
    ("viewLimits -8:8", "viewLimits 5:1", "lower number first"),
    ("viewLimits -8:8", "viewLimits 1.5:x", "LOW:HIGH"),
    ("track clip_minus", "track clip_plus", "comes twice"),
    ("parent clip_plus_strands", "parent nobody", "does not exist"),
    ("email hub@example.org\n", "", "no email"),
    ("email hub@example.org", "email somewhere", "no e-mail"),
    ("organism toy\n", "", "no organism"),
    ("defaultPos", "orderKey 1\ndefaultPosition", "no defaultPos"),
    ("genome toy", "genome toy genome", "not one word"),
    ("visibility full", "visibility loud", "visibility"),
    ("color 192,57,43", "color red", "color"),
    ("shortLabel Toy signal\n", "", "no shortLabel"),
    ("type bigBed 9 +", "type bigBed 15 +", "standard fields"),
    ("html html/clip_plus.html", "html html/none.html", "cannot be opened"),
    ("descriptionUrl about.html\n", "", "descriptionUrl"),
    ("descriptionUrl about.html", "descriptionUrl none.html", "cannot be opened"),
    ("type bigWig 0 8", "type bigWigs 0 8", "unknown"),
    ("track clip_plus\n", "track clip plus\n", "Two words"),
    ("superTrack on show", "superTrack", "no value"),
    ("useOneFile on", "useOneFile off", "neither genomesFile nor useOneFile"),
    ("bigDataUrl ../tracks/clip.plus.bw\n", "", "no bigDataUrl"),
    ("    container multiWig\n", "    container multiWig\n    bigDataUrl x.bw\n", "container"),
    ("subGroups statistic=sd", "subGroups statistic=other", "lacks"),
    ("        subGroups statistic=sd\n", "", "does not say its statistic"),
    ("sortOrder statistic=+", "sortOrder other=+", "names 'other'"),
    ("twoBitPath toy.", "twoBitPath none.", "cannot be read"),
    ("htmlPath about.html", "htmlPath none.html", "cannot be opened"),
    ("groups groups.txt", "groups none.txt", "cannot be read"),
    ("hub toyhub", "hab toyhub", "does not begin with a hub"),
    ("autoScale on", "autoScale maybe", "autoScale"),
    ("dragAndDrop subTracks", "idInUrlSql x", "forbidden"),
]

MISSED_BY_UCSC = [
    ("shortLabel Toy signal", "shortLabel A label of thirty characters or more", "17"),
    ("longLabel toy: Toy signal (counts)", f"longLabel {'x' * 200}", "76"),
    ("track toy_signal\n", "track 1toy_signal\n", "begin with a letter"),
    ("track toy_signal\n", "track toy.signal\n", "into '_' silently"),
    ("type bigWig 0 8", "type bigWig", "no range"),
    ("type bigBed 9 +", "type bigBed 9+", "space before the plus"),
    ("type bigBed 9 +", "type bigBed 9", "bigBed 9 +"),
    ("autoScale on\n        viewL", "autoScale group\n        viewL", "autoScale group"),
    ("color 192,57,43", "colour 192,57,43", "Did you mean color"),
    ("group predictions\n", "", "no group"),
    ("group predictions", "group elsewhere", "not in groups.txt"),
    ("maxHeightPixels 128:48:8", "maxHeightPixels 40", "MAX:DEFAULT:MIN"),
    ("hub toyhub", "hub toy hub", "not one word"),
    ("filter.absEffect", "filter.nothing", "'nothing'"),
    ("filterText.topTrack *", "filter.topTrack 0", "filters text as numbers"),
    ("filterLimits.effect -4:4\n", "", "0:1000"),
    ("mouseOver $_mouseOver", "mouseOver $nothing of ${ref}", "'nothing'"),
    ("labelFields name,topTrack,flags", "labelFields name,nothing", "'nothing'"),
    ("skipFields _mouseOver", "skipFields nothing", "'nothing'"),
    ("skipFields _mouseOver", "searchIndex name", "no index"),
    ("lollyField 13", "lollyField 99", "no field"),
    ("lollyField 13", "lollyField absEffect", "number: 13"),
    ("lollyField 13", "lollyField 16", "is text"),
    ("type bigWig 0 8", "type bigWig a b", "two numbers"),
    ("color 192,57,43", "color 300,0,0", "0 to 255"),
    ("../tracks/clip.plus.bw", "../tracks/clip plus.bw", "without spaces"),
    ("../tracks/clip.plus.bw", "javascript:alert(1)", "scheme"),
    ("defaultPos chrA:600-800", "defaultPos chrZ:1-10", "no contig"),
    ("defaultPos chrA:600-800", "defaultPos chrA:1-99999", "passes the end"),
    ("parent toy_tracks on", "parent clip_plus on", "no container"),
    ("        parent clip_plus_strands\n", "        parent toy_tracks on\n", "single child"),
    ("genome toy\n", "", "No genome stanza"),
    ("visibility full\n", "visibility full\n    visibility hide\n", "stands twice"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), CAUGHT_BY_UCSC + MISSED_BY_UCSC)
def test_every_single_mistake_in_the_text_is_found(hub, old, new, message):
    change(hub, old, new)
    lines = finding_lines(hub)
    assert any(message in line for line in lines), lines


def test_a_finding_names_file_and_line_and_the_cure(hub):
    change(hub, "color 192,57,43", "colour 192,57,43")
    number = (hub / "hub.txt").read_text().split("\n").index("        colour 192,57,43") + 1
    finding = next(item for item in check_hub(hub) if "colour" in item.what)
    assert (finding.file, finding.line) == (str(hub / "hub.txt"), number)
    assert finding.level == "error"
    assert "color" in finding.cure


def test_a_multiwig_inside_a_composite_is_found(hub):
    change(hub, "    parent clip\n", "    parent toy_tracks\n")
    assert any("cannot lie inside a composite" in line for line in finding_lines(hub))


def test_a_container_without_children_is_found(hub):
    text = (hub / "hub.txt").read_text()
    lone = "\ntrack lone\nshortLabel l\nlongLabel l\nsuperTrack on\nhtml about.html\n"
    (hub / "hub.txt").write_text(text + lone + "group predictions\n")
    assert any("'lone' has no children" in line for line in finding_lines(hub))


def other_bigwig(hub, contigs, values=(1.0, 2.0, 3.0), zooms=10):
    path = hub.parent / "tracks" / "clip.plus.bw"
    path.unlink()
    handle = pyBigWig.open(str(path), "w")
    handle.addHeader(list(contigs.items()), maxZooms=zooms)
    name = next(iter(contigs))
    if len(values):
        handle.addEntries(name, 10, values=np.array(values, np.float32), span=1, step=1)
    handle.close()


@pytest.mark.parametrize(
    ("contigs", "message"),
    [
        ({"A": 3000}, "no contig of the file"),
        ({"chrA": 3000, "chrZ": 10}, "not in the genome"),
        ({"chrA": 3001}, "3,001 bp in the file"),
        ({"chrA": 2999}, "2,999 bp in the file"),
    ],
)
def test_contigs_that_are_not_the_genomes_are_found(hub, contigs, message):
    other_bigwig(hub, contigs)
    lines = finding_lines(hub, "error")
    assert any("clip_plus" in line and message in line for line in lines), lines


def test_contigs_of_a_hosted_genome_are_compared_with_its_known_lengths(hub):
    text = (hub / "hub.txt").read_text()
    start, end = text.index("genome toy"), text.index("track clip\n")
    text = text[:start] + "genome hg38\n\n" + text[end:].replace("group predictions\n", "")
    (hub / "hub.txt").write_text(text)
    assert any(
        "no contig of the file (chrA, chrB) is one of hg38" in line for line in finding_lines(hub)
    )
    other_bigwig(hub, {"chr1": 249250621})
    lines = finding_lines(hub, "error")
    assert any("249,250,621 bp in the file, 248,956,422 bp in hg38" in line for line in lines)


def test_a_bigwig_without_zoom_levels_is_found(hub):
    other_bigwig(hub, {"chrA": 3000, "chrB": 1501}, zooms=0)
    assert any("no zoom levels" in line for line in finding_lines(hub))


def test_a_bigwig_without_values_is_found(hub):
    other_bigwig(hub, {"chrA": 3000, "chrB": 1501}, values=())
    assert any("holds no value" in line for line in finding_lines(hub))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_bigwig_with_nan_in_its_summary_is_found_without_crashing(hub, bad):
    path = hub.parent / "tracks" / "clip.plus.bw"
    data = bytearray(path.read_bytes())
    at = struct.unpack_from("<Q", data, 44)[0]
    struct.pack_into("<d", data, at + 24, bad)
    path.write_bytes(data)
    assert any("NaN or infinite" in line for line in finding_lines(hub))


@pytest.mark.parametrize("size", [0, 3, 63, 64, 100, 300])
def test_a_file_cut_short_is_found(hub, size):
    path = hub.parent / "tracks" / "clip.plus.bw"
    path.write_bytes(path.read_bytes()[:size])
    assert any("clip.plus.bw" in line and "error" in line for line in finding_lines(hub))


def test_a_two_bit_file_of_another_kind_is_found(hub):
    next(hub.glob("*.2bit")).write_bytes(b"no genome at all")
    assert any("no 2bit file" in line for line in finding_lines(hub))


def test_a_hub_of_several_files_is_followed(hub):
    text = (hub / "hub.txt").read_text()
    start, end = text.index("genome toy"), text.index("track clip\n")
    (hub / "trackDb.txt").write_text(text[end:])
    (hub / "genomes.txt").write_text(
        text[start:end].replace("genome toy", "genome toy\ntrackDb trackDb.txt")
    )
    head = text[:start].replace("useOneFile on", "genomesFile genomes.txt")
    (hub / "hub.txt").write_text(head)
    assert finding_lines(hub) == []
    (hub / "trackDb.txt").write_text("include more.txt\n")
    (hub / "more.txt").write_text(text[end:].replace("color 192,57,43", "color red"))
    assert any("more.txt" in line and "color" in line for line in finding_lines(hub))
    (hub / "genomes.txt").write_text("genome toy\ntrackDb none.txt\n")
    assert any("none.txt cannot be read" in line for line in finding_lines(hub))


def test_a_faceted_composite_without_its_sheet_is_found(builder):
    made = builder().model("toy").bigwig("signal")
    run = made.write()
    build_hub([run], run / "hub", **WHO)
    hub = run / "hub"
    text = (hub / "hub.txt").read_text()
    changed = text.replace(
        "superTrack on show", "compositeTrack faceted\ntype bigWig 0 1\nvisibility full"
    )
    (hub / "hub.txt").write_text(changed)
    assert any("needs metaDataUrl and primaryKey" in line for line in finding_lines(hub))
    extra = "compositeTrack faceted\nmetaDataUrl m.tsv\nprimaryKey key"
    (hub / "hub.txt").write_text(changed.replace("compositeTrack faceted", extra))
    assert any("m.tsv cannot be read" in line for line in finding_lines(hub))
    (hub / "m.tsv").write_text("name\tx\n")
    assert any("no column 'key'" in line for line in finding_lines(hub))
    (hub / "m.tsv").write_text("key\tx\nother\ty\n")
    lines = finding_lines(hub)
    assert any("'toy_signal' is not in the sheet" in line for line in lines)
    assert any("'toy_other' is in the sheet only" in line for line in lines)
    (hub / "m.tsv").write_text("key\tx\nsignal\ty\n")
    assert finding_lines(hub) == []


def in_two_files(hub, tracks="include trackDb.txt\n"):
    text = (hub / "hub.txt").read_text()
    start, end = text.index("genome toy"), text.index("track clip\n")
    (hub / "hub.txt").write_text(text[:start].replace("useOneFile on", "genomesFile genomes.txt"))
    (hub / "genomes.txt").write_text(
        text[start:end].replace("toy\n", "toy\ntrackDb trackDb.txt\n", 1)
    )
    (hub / "trackDb.txt").write_text(f"{text[end:]}\n\n{tracks}")


@pytest.mark.parametrize(
    "itself", ["trackDb.txt", "./trackDb.txt", "html/../trackDb.txt", "other.txt"]
)
def test_a_file_that_includes_itself_is_a_finding(hub, itself):
    in_two_files(hub, f"include {itself}\n")
    (hub / "other.txt").write_text("include trackDb.txt\n")
    (line,) = finding_lines(hub)
    assert "includes itself" in line


def test_an_include_that_no_file_can_have_is_a_finding(hub):
    in_two_files(hub, "include a%00b\n\ninclude http://[x/\n")
    assert len([line for line in finding_lines(hub) if "cannot be re" in line]) == 2


def test_files_that_include_further_ones_without_end_are_a_finding(hub, monkeypatch):
    monkeypatch.setattr("tracksmith.hub.check.hub.MOST_FILES", 5)
    in_two_files(hub, "include 1.txt\n")
    for number in range(1, 10):
        (hub / f"{number}.txt").write_text(f"include {number + 1}.txt\n")
    (line,) = finding_lines(hub)
    assert "5.txt is more than the 5th file" in line


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ("http://[x/a.bw", "is no address"),
        ("a%00b.bw", "cannot be read"),
        ("x" * 300 + ".bw", "cannot be read"),
        (f"http://{'a' * 64}.example/a.bw", "cannot be reached"),
        ("http://127.0.0.1:99999/a.bw", "cannot be reached"),
        ("pipe.bw", "no regular file"),
        ("html", "no regular file"),
    ],
)
def test_a_link_that_no_file_can_have_is_a_finding(hub, link, message):
    os.mkfifo(hub / "pipe.bw")
    change(hub, "../tracks/clip.plus.bw", link)
    assert any("error" in line and message in line for line in finding_lines(hub))


@pytest.mark.parametrize("name", ["html", "htmlPath", "descriptionUrl", "twoBitPath", "groups"])
@pytest.mark.parametrize("link", ["pipe", "x" * 300, "a%00b", "http://[x/"])
def test_no_link_of_any_setting_stops_the_check(hub, name, link):
    os.mkfifo(hub / "pipe")
    text = (hub / "hub.txt").read_text()
    changed = re.sub(rf"^( *{name}) .*$", rf"\1 {link}", text, count=1, flags=re.M)
    assert changed != text
    (hub / "hub.txt").write_text(changed)
    assert finding_lines(hub, "error")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("type bigBed 9 +", "type bigBed \u00b2 +", "must be `bigBed N`"),
        ("type bigBed 9 +", f"type bigBed {'9' * 5000} +", "must be `bigBed N`"),
        ("lollyField 13", "lollyField \u00b2", "no field"),
        ("lollyField 13", f"lollyField {'1' * 5000}", "no field"),
        ("maxHeightPixels 128:48:8", f"maxHeightPixels {'9' * 5000}:48:8", "MAX:DEFAULT:MIN"),
        ("color 192,57,43", "color \u0663,57,43", "0 to 255"),
        ("defaultPos chrA:600-800", "defaultPos chrA:,-,", "no region"),
        ("defaultPos chrA:600-800", f"defaultPos chrA:1-{'9' * 5000}", "no region"),
    ],
)
def test_digits_that_are_no_number_are_a_finding(hub, old, new, message):
    change(hub, old, new)
    assert any(message in line for line in finding_lines(hub, "error"))


@pytest.mark.parametrize("at", [8, 16, 24, 44])
def test_an_offset_beyond_every_file_is_a_finding(hub, at):
    path = hub.parent / "tracks" / "clip.plus.bw"
    data = bytearray(path.read_bytes())
    struct.pack_into("<Q", data, at, 2**63)
    path.write_bytes(data)
    assert any("clip.plus.bw" in line and "damaged" in line for line in finding_lines(hub, "error"))


@pytest.mark.parametrize("size", [0, 5, 20, 30, 40, 60])
def test_a_2bit_file_cut_short_is_a_finding(hub, size):
    path = next(hub.glob("*.2bit"))
    path.write_bytes(path.read_bytes()[:size])
    assert any("2bit" in line for line in finding_lines(hub, "error"))


def test_a_place_without_a_hub_is_refused(tmp_path):
    with pytest.raises(InputError, match="no hub"):
        check_hub(tmp_path)
    with pytest.raises(ResourceError, match="cannot be reached"):
        check_hub("http://127.0.0.1:9/hub.txt")


def test_any_text_is_checked_without_a_crash(hub):
    for text in (
        "",
        "\n\n",
        "hub",
        "hub x\n\n\ngenome",
        "\x00\x01",
        "hub x\nuseOneFile on\n\n" * 3,
        "hub x\nuseOneFile on\n\ngenome hg38\n\ntrack\n\nparent p\ntrack x\n",
        "hub x\nuseOneFile on\n\ngenome hg38\n\ntrack a\ntype bigWig\nparent \nhtml x\n",
    ):
        (hub / "hub.txt").write_text(text)
        assert check_hub(hub)
    (hub / "hub.txt").write_bytes(b"hub \xff\xfe\n")
    with pytest.raises(InputError, match="UTF-8"):
        check_hub(hub)
