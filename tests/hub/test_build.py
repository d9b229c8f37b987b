"""Hubs of synthetic runs: byte-exact for three cases, and by what they must hold."""

import json
import os
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tracksmith.errors import IncompleteError, InputError, UsageError
from tracksmith.hub.build import build_hub
from tracksmith.hub.check import check_hub
from tracksmith.hub.check.parse import parse_stanzas
from tracksmith.models.card import Track

GOLDEN = Path(__file__).parent / "golden"
WHO = {"email": "hub@example.org", "name": "toyhub", "title": "A toy hub"}


def stanzas(folder):
    found, problems = parse_stanzas((folder / "hub.txt").read_text(), "hub.txt")
    assert not problems
    return {stanza.name: stanza for stanza in found}


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
    names = ["hub.txt", "html/clip_plus.html", "about.html", "session.json", "session.xml"]
    hold_against_golden(hub, "single", names)


def test_two_models_with_variants_give_the_golden_hub(variant_run):
    hub = variant_run / "hub"
    build_hub([variant_run], hub, **WHO, genome="sacCer2", base_url="https://x.org/runs/both/hub")
    names = ["hub.txt", "html/clip_variants.html", "session.json", "session.xml"]
    hold_against_golden(hub, "variants", names)


def test_an_unknown_genome_gives_the_golden_assembly_hub(builder):
    made = builder(regions=[("chrA", 1000, 2000), ("chrB", 5, 500)]).model("toy")
    run = made.bigwig("signal").write()
    hub = run / "hub"
    report = build_hub([run], hub, **WHO)
    assert not report.hosted
    names = ["hub.txt", "groups.txt", "chrom.sizes", "about.html", "session.json", "session.xml"]
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


def test_strand_pairs_are_overlaid_on_a_mirrored_scale(strand_run):
    build_hub([strand_run], strand_run / "hub", **WHO)
    found = tracks(strand_run / "hub")
    overlay = found["clip_plus_strands"]
    assert overlay.get("container") == "multiWig"
    assert overlay.get("aggregate") == "transparentOverlay"
    assert overlay.get("viewLimits") == "-8:8"
    assert {item.name for item in found.values() if item.parent == overlay.name} == {
        "clip_plus",
        "clip_minus",
    }
    assert found["clip_plus"].get("color") == "192,57,43"


def test_spread_lies_beside_the_mean_on_a_scale_of_its_own(variant_run):
    build_hub([variant_run], variant_run / "hub", **WHO)
    found = tracks(variant_run / "hub")
    assert found["toy_tracks"].get("compositeTrack") == "on"
    assert found["toy_signal"].get("viewLimits") == "0:8"
    assert found["toy_signal_sd"].get("viewLimits") == "0:2"
    assert found["toy_signal_sd"].get("subGroups") == "statistic=sd"


def test_letters_mutations_and_variants_get_what_browsers_need(builder):
    made = builder().model("toy").bigwig("signal").bigwig("signal", "letters", 0.1)
    for base in "ACGT":
        made.bigwig("signal", "saturation", 0.2, base=base)
    run = made.variants([("chrA", 700, "rs1", "A", "C", 0.5)]).write()
    build_hub([run], run / "hub", **WHO)
    found = tracks(run / "hub")
    assert found["toy_signal_letters"].get("logo") == "on"
    mutations = [item for item in found.values() if item.parent == "toy_signal_mutations"]
    assert [item.get("shortLabel") for item in mutations] == [f"Mutation: {b}" for b in "ACGT"]
    for item in mutations:
        assert item.get("mouseOverFunction") == "noAverage"
        assert item.get("maxWindowToQuery") == "500000"
        assert item.get("visibility") == "dense"
    assert found["toy_signal_mutations"].get("maxWindowToDraw") == "10000000"
    variants, lollies = found["toy_variants"], found["toy_lollipops"]
    assert variants.get("type") == "bigBed 9 +"
    assert variants.get("filter.effect") == "-4:4"
    assert variants.get("filterLimits.absEffect") == "0:4"
    assert "searchIndex" not in variants.settings
    assert lollies.get("lollyField") == "13"
    assert check_hub(run) == []


def test_reference_and_alternative_are_overlaid_on_one_scale(builder, pair):
    made = builder().model("clip", pair)
    for track, sign in (("plus", 1), ("minus", -1)):
        made.bigwig(track, "ref", sign).bigwig(track, "alt", 2 * sign).bigwig(track, "delta", sign)
    run = made.write()
    build_hub([run], run / "hub", **WHO)
    found = tracks(run / "hub")
    assert found["clip_plus_alleles"].get("viewLimits") == "0:16"
    assert found["clip_minus_alleles"].get("viewLimits") == "-16:0"
    assert found["clip_plus_ref"].get("color") == "128,128,128"
    assert found["clip_plus_alt"].parent == "clip_plus_alleles"
    assert found["clip_plus_delta"].parent == "clip"
    rows = json.loads((run / "hub" / "session.json").read_text())["tracks"]
    assert [row["type"] for row in rows] == ["merged", "merged", "wig", "wig"]
    assert check_hub(run) == []


def test_rare_peaks_are_not_cut_at_a_quantile_far_below_them(builder):
    made = builder().model("toy").bigwig("signal")
    made.files[0] |= {"min": 0.0, "max": 400.0,
                      "quantiles": {"0.5": 0.0, "0.99": 0.0, "0.999": 1.0}}  # fmt: skip
    run = made.write()
    build_hub([run], run / "hub", **WHO)
    found = tracks(run / "hub")["toy_signal"]
    assert found.get("viewLimits") == "0:20"
    assert found.get("viewLimitsMax") == "0:400"


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


def test_a_hub_of_five_hundred_tracks_opens_no_bigwig(builder):
    run = many(builder, 500)
    for path in (run / "tracks").iterdir():
        path.unlink()
        path.touch()
    report = build_hub([run], run / "hub", **WHO, genome="sacCer2")
    assert report.tracks == 500
    assert len(list((run / "hub" / "html").iterdir())) == 501


def test_runs_stand_side_by_side_on_one_scale(builder, tmp_path):
    runs = []
    for name, scale in (("one", 1.0), ("two", 5.0)):
        runs.append(builder(name).model("toy").bigwig("signal", scale=scale).write())
    report = build_hub(runs, tmp_path / "hubs" / "both", **WHO)
    found = tracks(tmp_path / "hubs" / "both")
    assert {"one_toy", "two_toy", "one_toy_signal", "two_toy_signal"} <= set(found)
    assert found["one_toy_signal"].get("viewLimits") == "0:40"
    assert found["two_toy_signal"].get("viewLimits") == "0:40"
    assert found["one_toy_signal"].get("bigDataUrl") == "../../one/tracks/toy.signal.bw"
    assert report.upload == (tmp_path / "hubs" / "both", *runs)
    assert check_hub(tmp_path / "hubs" / "both") == []


def test_small_values_scale_themselves_because_igv_cuts_fractions(builder):
    run = builder().model("toy").bigwig("signal", scale=0.01).write()
    build_hub([run], run / "hub", **WHO)
    found = tracks(run / "hub")["toy_signal"]
    assert found.get("autoScale") == "on"
    assert "viewLimits" not in found.settings


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"email": "nobody"}, "e-mail"),
        ({"name": "two words"}, "one word"),
        ({"base_url": "ftp://x.org"}, "http"),
        ({"base_url": "https://x.org/?a=b"}, "http"),
        ({"genome": "hg 38"}, "one word"),
        ({"genome": "hg38"}, "not named as in hg38"),
    ],
)
def test_a_request_that_cannot_work_is_refused(strand_run, changes, message):
    with pytest.raises(UsageError, match=message):
        build_hub([strand_run], strand_run / "hub", **{**WHO, **changes})
    assert not (strand_run / "hub").exists()


def test_a_folder_with_other_things_is_never_replaced(strand_run, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="neither empty nor a hub"):
        build_hub([strand_run], mine, **WHO)
    with pytest.raises(UsageError, match="holds the run"):
        build_hub([strand_run], tmp_path, **WHO)
    with pytest.raises(UsageError, match="holds the run"):
        build_hub([strand_run], strand_run, **WHO)
    assert (mine / "thesis.txt").exists()


def test_runs_that_do_not_belong_together_are_refused(builder, tmp_path):
    one = builder("one").model("toy").bigwig("signal").write()
    other = builder("two", contigs={"chrZ": 500}, genome_name="other.fa").model("toy")
    two = other.bigwig("signal").write()
    with pytest.raises(UsageError, match="contigs differ"):
        build_hub([one, two], tmp_path / "hub", **WHO)
    with pytest.raises(UsageError, match="twice"):
        build_hub([one, one], tmp_path / "hub", **WHO)


def test_unfinished_and_damaged_runs_are_refused(builder, tmp_path):
    half = builder("half").model("toy").bigwig("signal").write(finished=False)
    with pytest.raises(IncompleteError, match="not finished"):
        build_hub([half], tmp_path / "hub", **WHO)
    lost = builder("lost").model("toy").bigwig("signal").write()
    (lost / "tracks" / "toy.signal.bw").unlink()
    with pytest.raises(IncompleteError, match="missing"):
        build_hub([lost], tmp_path / "hub", **WHO)
    with pytest.raises(InputError, match="no run"):
        build_hub([tmp_path / "nothing"], tmp_path / "hub", **WHO)


def test_a_genome_that_is_gone_or_changed_is_said(builder):
    run = builder().model("toy").bigwig("signal").write()
    fasta = run.parent / "toy.fa"
    text = fasta.read_text()
    fasta.write_text(text.replace(">chrB", ">chrC"))
    Path(f"{fasta}.fai").unlink()
    with pytest.raises(InputError, match="it changed"):
        build_hub([run], run / "hub", **WHO)
    fasta.unlink()
    with pytest.raises(InputError, match="not at its place"):
        build_hub([run], run / "hub", **WHO)


def test_a_model_used_outside_its_assemblies_is_noted(builder):
    run = builder().model("toy", assemblies=("GRCh38",)).bigwig("signal").write()
    report = build_hub([run], run / "hub", **WHO, genome="sacCer2")
    assert any("meant for hg38" in note for note in report.notes)
