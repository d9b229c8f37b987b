"""Hubs of synthetic runs: byte-exact for three cases, and by what they must hold."""

import json
import os
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tracksmith.errors import InputError
from tracksmith.hub.build import build_hub
from tracksmith.hub.check import check_hub
from tracksmith.hub.check.parse import parse_stanzas
from tracksmith.models.card import Track

GOLDEN = Path(__file__).parent / "golden"
WHO = {"email": "hub@example.org", "name": "toyhub", "title": "A toy hub"}


def stanzas(folder):
    listed, problems = parse_stanzas((folder / "hub.txt").read_text(), "hub.txt")
    assert not problems
    return {stanza.name: stanza for stanza in listed}


def tracks(folder):
    return {name: item for name, item in stanzas(folder).items() if item.first == "track"}


def hold_against_golden(hub, case, names):
    for name in names:
        text = (hub / name).read_text()
        text = re.sub(r"<code>[0-9a-f]{64}</code>", "<code>sha256</code>", text)
        golden = GOLDEN / case / name
        if os.environ.get("TRACKSMITH_WRITE_GOLDEN"):
            golden.parent.mkdir(parents=True, exist_ok=True)
            golden.write_text(text)
        assert text == golden.read_text(), name


def test_a_single_model_gives_the_golden_hub(strand_run):
    hub = strand_run / "hub"
    build_hub([strand_run], hub, **WHO, genome="sacCer2")
    names = ["hub.txt", "html/clip_plus.html", "about.html", "session.xml"]
    hold_against_golden(hub, "single", names)


def test_two_models_with_variants_give_the_golden_hub(variant_run):
    hub = variant_run / "hub"
    build_hub([variant_run], hub, **WHO, genome="sacCer2", base_url="https://x.org/runs/both/hub")
    names = ["hub.txt", "html/clip_variants.html", "session.json", "session.xml"]
    hold_against_golden(hub, "variants", names)


def test_an_unknown_genome_gives_the_golden_assembly_hub(builder):
    made = builder(regions=[("chrA", 1000, 2000), ("chrB", 5, 500)]).model("toy")
    run = made.bigwig("signal").write()
    hub = run.parent / "hub"
    report = build_hub([run], hub, **WHO)
    assert not report.hosted
    names = ["hub.txt", "groups.txt", "toy.chrom.sizes", "about.html", "session.xml"]
    hold_against_golden(hub, "assembly", names)
    assert len(list(hub.glob("*.2bit"))) == 1


@pytest.mark.parametrize("case", ["strand_run", "variant_run"])
@pytest.mark.parametrize("genome", [None, "sacCer2"])
def test_a_built_hub_has_no_finding(case, genome, request):
    run = request.getfixturevalue(case)
    build_hub([run], run / "hub", **WHO, genome=genome)
    assert check_hub(run) == []


def test_every_track_has_a_page_with_weights_genome_licence_and_citation(variant_run):
    build_hub([variant_run], variant_run / "hub", **WHO)
    genome = json.loads((variant_run / "run.json").read_text())["plan"]["genome"]["sha256"]
    for name, stanza in tracks(variant_run / "hub").items():
        page = (variant_run / "hub" / stanza.get("html")).read_text()
        for wanted in ("a" * 64, genome, "CC-BY-4.0", "doi:10.1/x", "mean of 2", "hub@example.org"):
            assert wanted in page, (name, wanted)


def test_links_are_relative_and_the_folder_can_move(variant_run, tmp_path):
    build_hub([variant_run], variant_run / "hub", **WHO)
    moved = variant_run.rename(tmp_path / "elsewhere")
    assert check_hub(moved) == []
    assert str(tmp_path) not in (moved / "hub" / "hub.txt").read_text()


def test_strand_pairs_are_overlaid_and_scale_together(strand_run):
    build_hub([strand_run], strand_run / "hub", **WHO)
    by_name = tracks(strand_run / "hub")
    overlay = by_name["clip_plus_strands"]
    assert overlay.get("container") == "multiWig"
    assert overlay.get("aggregate") == "transparentOverlay"
    assert overlay.get("autoScale") == "on"
    assert overlay.get("viewLimits") == "-8:8", "for those who turn scaling off"
    assert {item.name for item in by_name.values() if item.parent == overlay.name} == {
        "clip_plus",
        "clip_minus",
    }
    assert by_name["clip_plus"].get("color") == "192,57,43"


def test_spread_lies_beside_the_mean_on_a_scale_of_its_own(variant_run):
    build_hub([variant_run], variant_run / "hub", **WHO)
    by_name = tracks(variant_run / "hub")
    assert by_name["toy_tracks"].get("compositeTrack") == "on"
    assert by_name["toy_signal"].get("viewLimits") == "0:8"
    assert by_name["toy_signal_sd"].get("viewLimits") == "0:1.6"
    assert "autoScale" not in by_name["toy_tracks"].settings, "two kinds have no scale in common"
    assert (
        by_name["toy_signal"].get("autoScale") == by_name["toy_signal_sd"].get("autoScale") == "on"
    )
    assert by_name["toy_signal_sd"].get("subGroups") == "statistic=sd"


def test_letters_mutations_and_variants_get_what_browsers_need(builder):
    made = builder().model("toy").bigwig("signal").bigwig("signal", "letters", 0.1)
    for base in "ACGT":
        made.bigwig("signal", "saturation", 0.2, base=base)
    run = made.variants([("chrA", 700, "rs1", "A", "C", 0.5)]).write()
    build_hub([run], run / "hub", **WHO)
    by_name = tracks(run / "hub")
    assert by_name["toy_signal_letters"].get("logo") == "on"
    mutations = [item for item in by_name.values() if item.parent == "toy_signal_mutations"]
    assert [item.get("shortLabel") for item in mutations] == [f"Mutation: {b}" for b in "ACGT"]
    for item in mutations:
        assert item.get("mouseOverFunction") == "noAverage"
        assert item.get("maxWindowToQuery") == "500000"
        assert item.get("visibility") == "dense"
    assert by_name["toy_signal_mutations"].get("maxWindowToDraw") == "10000000"
    variants, lollies = by_name["toy_variants"], by_name["toy_lollipops"]
    assert variants.get("type") == "bigBed 9 +"
    assert variants.get("filter.effect") == "-4:4"
    assert variants.get("filterLimits.absEffect") == "0:4"
    assert "searchIndex" not in variants.settings
    assert lollies.get("lollyField") == "13"
    assert check_hub(run) == []


def test_reference_and_alternative_are_overlaid_on_one_scale(builder, pair):
    made = builder().model("clip", pair)
    for track, sign in (("plus", 1), ("minus", -1)):
        made.bigwig(track, "ref", sign).bigwig(track, "alt", 2 * sign)
        made.bigwig(track, "delta", sign, stored_sign=1)
    run = made.write()
    build_hub([run], run / "hub", **WHO)
    by_name = tracks(run / "hub")
    assert by_name["clip_plus_alleles"].get("viewLimits") == "0:16"
    assert by_name["clip_minus_alleles"].get("viewLimits") == "-16:0"
    assert by_name["clip_plus_ref"].get("color") == "128,128,128"
    assert by_name["clip_plus_alt"].parent == "clip_plus_alleles"
    differences = by_name["clip_differences"]
    assert differences.get("autoScale") == "group"
    assert (
        by_name["clip_plus_delta"].parent
        == by_name["clip_minus_delta"].parent
        == "clip_differences"
    )
    assert "autoScale" not in by_name["clip_minus_delta"].settings
    page = (run / "hub" / "html" / "clip_minus_delta.html").read_text()
    assert "up is a gain, on either strand" in page
    assert "minus strand, alternative minus reference: up is a gain" in page
    assert check_hub(run) == []


def test_rare_peaks_are_drawn_to_their_height(builder):
    made = builder().model("toy").bigwig("signal")
    made.files[0] |= {"min": 0.0, "max": 400.0,
                      "quantiles": {"0.5": 0.0, "0.99": 0.0, "0.999": 1.0}}  # fmt: skip
    run = made.write()
    build_hub([run], run / "hub", **WHO)
    stanza = tracks(run / "hub")["toy_signal"]
    assert (stanza.get("autoScale"), stanza.get("viewLimits")) == ("off", "0:400")


def many(builder, count):
    names = [Track(id=f"t{n}", label=f"Track {n}", assay="CAGE" if n % 2 else "DNASE",
                   cell_type=f"cell {n % 7}", units="counts") for n in range(count)]  # fmt: skip
    made = builder().model("big", tuple(names))
    made.bigwig("t0")
    for number in range(1, count):
        made.files.append({**made.files[0], "track": f"t{number}",
                           "path": f"tracks/big.t{number}.bw"})  # fmt: skip
        os.link(made.folder / "tracks/big.t0.bw", made.folder / f"tracks/big.t{number}.bw")
    return made.write()


def test_twenty_tracks_are_a_matrix_and_more_get_facets(builder):
    few, more = many(lambda: builder("few"), 20), many(lambda: builder("more"), 21)
    for run in (few, more):
        build_hub([run], run / "hub", **WHO)
        assert check_hub(run) == []
    matrix = tracks(few / "hub")["big_tracks"]
    assert matrix.get("compositeTrack") == "on"
    assert matrix.get("dimensions") == "dimX=cell dimY=assay"
    facets = tracks(more / "hub")["big_tracks"]
    assert facets.get("compositeTrack") == "faceted"
    rows = (more / "hub" / facets.get("metaDataUrl")).read_text().splitlines()
    assert rows[0].split("\t") == [
        "track",
        "assay",
        "cell_type",
        "strand",
        "statistic",
        "units",
        "label",
    ]
    assert len(rows) == 22
    on = [item for item in tracks(more / "hub").values() if item.get("parent").endswith(" on")]
    assert len(on) == 10


def test_tracks_of_one_kind_scale_together_within_a_composite(builder):
    tracks_of = tuple(Track(id=f"t{n}", label=f"T{n}", cell_type=f"c{n}") for n in range(2))
    made = builder().model("big", tracks_of).bigwig("t0").bigwig("t1", scale=3)
    run = made.write()
    build_hub([run], run / "hub", **WHO)
    by_name = tracks(run / "hub")
    assert by_name["big_tracks"].get("autoScale") == "group"
    for name in ("big_t0", "big_t1"):
        assert "autoScale" not in by_name[name].settings
        assert by_name[name].get("viewLimits") == "0:24", "for those who turn scaling off"
    assert check_hub(run) == []
    page = (run / "hub" / "html" / "big_tracks.html").read_text()
    assert "All tracks scale together to what is in view." in page
    for file in made.files:
        file["quantiles"] = {"0.01": 0.0, "0.99": 0.0}
    build_hub([made.write()], run / "hub", **WHO)
    by_name = tracks(run / "hub")
    assert "autoScale" not in by_name["big_tracks"].settings
    assert {
        (by_name[n].get("autoScale"), by_name[n].get("viewLimits")) for n in ("big_t0", "big_t1")
    } == {("off", "0:24")}
    assert check_hub(run) == []


def test_signed_strands_are_two_tracks_in_two_colours(builder):
    fields = {"units": "z-score", "signed": True, "color": (1, 2, 3)}
    made = builder().model("x", (
        Track(id="plus", label="Plus", strand="+", rc_partner="minus", **fields),
        Track(id="minus", label="Minus", strand="-", rc_partner="plus", **fields),
    ))  # fmt: skip
    for track in ("plus", "minus"):
        made.bigwig(track)
        made.files[-1] |= {"min": -2.0, "quantiles": {}}
    run = made.write()
    build_hub([run], run / "hub", **WHO)
    by_name = tracks(run / "hub")
    assert not any(item.get("container") for item in by_name.values())
    assert by_name["x_plus"].get("color") == "192,57,43"
    assert by_name["x_minus"].get("color") == "36,87,160"
    assert by_name["x_tracks"].get("autoScale") == "group"
    assert by_name["x_plus"].get("viewLimits") == by_name["x_minus"].get("viewLimits") == "-2:8"
    page = (run / "hub" / "html" / "x_minus.html").read_text()
    assert '<span style="color: rgb(36,87,160)">&#9632;</span> minus strand</li>' in page
    about = (run / "hub" / "about.html").read_text()
    assert '<span style="color: rgb(192,57,43)">&#9632;</span> plus strand</li>' in about
    assert check_hub(run) == []


def test_only_predictions_of_an_unsigned_minus_strand_are_said_to_be_negative(builder, pair):
    made = builder().model("clip", pair).bigwig("minus", scale=-1).bigwig("minus", "sd")
    made.bigwig("minus", "letters")
    run = made.write()
    build_hub([run], run / "hub", **WHO)
    negative = {
        page.name
        for page in (run / "hub" / "html").iterdir()
        if "(stored negative)" in page.read_text()
    }
    assert negative == {"clip_minus.html"}


def test_a_hub_of_five_hundred_tracks_opens_no_bigwig(builder):
    run = many(builder, 500)
    for path in (run / "tracks").iterdir():
        path.unlink()
        path.touch()
    report = build_hub([run], run / "hub", **WHO, genome="sacCer2")
    assert report.tracks == 500
    assert len(list((run / "hub" / "html").iterdir())) == 501


def test_runs_stand_side_by_side_with_one_scale_for_those_who_turn_scaling_off(builder, tmp_path):
    runs = []
    for name, scale in (("one", 1.0), ("two", 5.0)):
        runs.append(builder(name).model("toy").bigwig("signal", scale=scale).write())
    report = build_hub(runs, tmp_path / "hubs" / "both", **WHO)
    by_name = tracks(tmp_path / "hubs" / "both")
    assert {"one_toy", "two_toy", "one_toy_signal", "two_toy_signal"} <= set(by_name)
    assert by_name["one_toy_signal"].get("viewLimits") == "0:40"
    assert by_name["two_toy_signal"].get("viewLimits") == "0:40"
    assert by_name["one_toy_signal"].get("bigDataUrl") == "../../one/tracks/toy.signal.bw"
    assert report.upload == (tmp_path / "hubs" / "both", *runs)
    assert check_hub(tmp_path / "hubs" / "both") == []


def test_small_values_have_limits_of_fractions(builder):
    made = builder().model("toy").bigwig("signal", scale=0.01)
    made.files[0]["quantiles"] = {"0.01": 0.0, "0.99": 0.0}
    run = made.write()
    build_hub([run], run / "hub", **WHO)
    stanza = tracks(run / "hub")["toy_signal"]
    assert (stanza.get("autoScale"), stanza.get("viewLimits")) == ("off", "0:0.08")
    assert check_hub(run) == []


def test_an_empty_track_is_left_out_and_named(builder):
    made = builder().model("toy").bigwig("signal").bigwig("signal", "sd")
    made.files[1] |= {"values": 0, "min": None, "max": None, "quantiles": {}}
    run = made.write()
    report = build_hub([run], run / "hub", **WHO)
    assert "toy_signal_sd" not in tracks(run / "hub")
    assert any("toy.signal.sd.bw holds no value" in note for note in report.notes)


def test_links_open_the_hub_at_the_strongest_variant(variant_run):
    report = build_hub([variant_run], variant_run / "hub", **WHO, genome="GRCm38X",
                       base_url="https://x.org/my runs")  # fmt: skip
    ucsc = parse_qs(urlsplit(report.links["UCSC"]).query)
    assert ucsc["db"] == ["GRCm38X"]
    assert ucsc["hubUrl"] == ["https://x.org/my runs/hub.txt"]
    assert ucsc["position"] == ["chrA:1400-1600"]
    igv = parse_qs(urlsplit(report.links["IGV"]).query)
    assert igv["sessionURL"] == ["https://x.org/my runs/session.json"]


def test_building_again_replaces_the_hub_whole_and_gives_the_same_bytes(variant_run):
    hub = variant_run / "hub"
    build_hub([variant_run], hub, **WHO)
    first = {path.name: path.read_bytes() for path in hub.rglob("*") if path.is_file()}
    (hub / "html" / "left.html").write_text("left over")
    build_hub([variant_run], hub, **WHO)
    assert {path.name: path.read_bytes() for path in hub.rglob("*") if path.is_file()} == first
    assert not list(variant_run.glob(".tmp-*"))


def test_a_failed_build_leaves_the_old_hub(strand_run, monkeypatch):
    hub = strand_run / "hub"
    build_hub([strand_run], hub, **WHO)
    before = (hub / "hub.txt").read_text()
    templates = strand_run.parent / "own"
    templates.mkdir()
    (templates / "track.html").write_text("{{ nobody }}")
    with pytest.raises(InputError, match="nobody"):
        build_hub([strand_run], hub, **WHO, templates=templates)
    assert (hub / "hub.txt").read_text() == before
    assert not list(strand_run.glob(".tmp-*"))
