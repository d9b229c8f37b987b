"""Held-out runs: the folds that predicted a contig are a track everywhere a run is shown."""

import re
import xml.etree.ElementTree as ElementTree

import pybigtools
import pyBigWig
import pytest
import requests
from engine_toys import Dense, toy_card

import tracksmith
from tracksmith.errors import InputError
from tracksmith.hub.build import build_hub
from tracksmith.hub.check import check_hub
from tracksmith.hub.check.parse import parse_stanzas
from tracksmith.hub.igv import igv_tracks
from tracksmith.hub.runs import open_runs
from tracksmith.hub.server import serving
from tracksmith.models.card import Fold, WindowGeometry
from tracksmith.models.contract import Model, Predictor
from tracksmith.models.registry import RegisteredModel, Registry

WHO = {"email": "hub@example.org", "name": "toyhub", "title": "A toy hub"}
LINES = "chrA\t0\t3000\tfold1\nchrB\t0\t1501\tfold1,fold2\n"


@pytest.fixture
def held_out(builder):
    """A function that makes a run of two strands whose folds are the given BED lines."""

    def make(pair, lines=LINES, folder="run"):
        made = builder(folder).model("clip", pair).bigwig("plus").bigwig("minus", scale=-1)
        return made.folds(lines).write()

    return make


def test_a_hub_has_the_folds_as_a_dense_bigbed_that_others_read(held_out, pair):
    run = held_out(pair)
    report = build_hub([run], run / "hub", **WHO)
    assert report.tracks == 3
    assert check_hub(run) == []
    stanzas, _ = parse_stanzas((run / "hub" / "hub.txt").read_text(), "hub.txt")
    fold_stanza = next(stanza for stanza in stanzas if stanza.name == "clip_folds")
    assert fold_stanza.get("type") == "bigBed 4"
    assert fold_stanza.get("visibility") == "dense"
    assert fold_stanza.get("parent") == "clip"
    assert fold_stanza.get("shortLabel") == "held-out folds"
    path = run / "hub" / fold_stanza.get("bigDataUrl")
    with pyBigWig.open(str(path)) as handle:
        assert handle.chroms() == {"chrA": 3000, "chrB": 1501}
        assert handle.entries("chrA", 0, 3000) == [(0, 3000, "fold1")]
        assert handle.entries("chrB", 0, 1501) == [(0, 1501, "fold1,fold2")]
    other = pybigtools.open(str(path))
    assert list(other.records("chrB")) == [(0, 1501, "fold1,fold2")]
    page = (run / "hub" / "html" / "clip_folds.html").read_text()
    assert "none of them trained on that contig" in page
    assert "tracks/clip.folds.bed" in page


def test_sessions_and_the_view_show_the_bed_itself(held_out, pair):
    run = held_out(pair)
    build_hub([run], run / "hub", **WHO)
    row = igv_tracks(open_runs([run]), lambda output: output.file.path)[-1]
    assert (row["name"], row["format"]) == ("Held-out folds", "bed")
    assert row["url"] == "tracks/clip.folds.bed"
    root = ElementTree.fromstring((run / "hub" / "session.xml").read_text())
    assert [item.get("type") for item in root.iter("Resource")] == ["bigwig", "bigwig", "bed"]
    track = root.find(".//Track[@id='../tracks/clip.folds.bed']")
    assert (track.get("clazz"), track.get("displayMode")) == (
        "org.broad.igv.track.FeatureTrack",
        "COLLAPSED",
    )
    with serving(run) as url:
        page = requests.get(url, timeout=10).text
        assert "Held-out folds" in page
        assert requests.get(f"{url}run/tracks/clip.folds.bed", timeout=10).text == LINES


def test_a_run_whose_folds_predicted_nothing_has_no_such_track(held_out, pair):
    run = held_out(pair, "")
    build_hub([run], run / "hub", **WHO)
    assert "folds" not in (run / "hub" / "hub.txt").read_text()
    assert not (run / "hub" / "folds").exists()
    assert check_hub(run) == []


def test_two_held_out_runs_have_a_file_each(held_out, pair, tmp_path):
    runs = [held_out(pair, folder=name) for name in ("one", "two")]
    build_hub(runs, tmp_path / "hub", **WHO)
    assert check_hub(tmp_path / "hub") == []
    names = sorted(path.name for path in (tmp_path / "hub" / "folds").iterdir())
    assert names == ["one_clip_folds.bb", "two_clip_folds.bb"]


def test_names_too_long_for_a_column_become_a_number(held_out, pair):
    names = ",".join(f"replicate_{number}_of_the_ensemble" for number in range(20))
    run = held_out(pair, f"chrA\t0\t3000\t{names}\n")
    build_hub([run], run / "hub", **WHO)
    with pyBigWig.open(str(run / "hub" / "folds" / "clip_folds.bb")) as handle:
        assert handle.entries("chrA", 0, 3000) == [(0, 3000, "20 folds")]


def test_a_damaged_bed_is_named_with_its_line_and_leaves_no_hub(held_out, pair):
    run = held_out(pair, "chrA\t0\t3000\tfold1\nchrB\t0\t9999\tfold2\n")
    with pytest.raises(InputError, match=r"clip\.folds\.bed:2: end 9999 passes the end"):
        build_hub([run], run / "hub", **WHO)
    assert not (run / "hub").exists()


def test_a_run_of_the_engine_shows_its_folds(monkeypatch, toy_fasta, tmp_path):
    geometry = WindowGeometry(64, 16, 32, 1)
    folds = (Fold("1", ("chrA",)), Fold("2", ("chrB",)))
    networks = {fold.name: Dense(geometry, seed) for seed, fold in enumerate(folds)}
    model = Model(toy_card(geometry, folds=folds), lambda request: Predictor(networks))
    registry = Registry({"toy": RegisteredModel(model, "toys", "1", "toys")}, [])
    monkeypatch.setattr("tracksmith.models.registry.load_registry", lambda: registry)
    fasta = toy_fasta(tmp_path / "genome.fa", {"chrA": 700, "chrB": 500, "chrC": 300})
    run = tracksmith.predict("toy", fasta, tmp_path / "run", folds="held-out")
    report = build_hub([run.folder], None, **WHO)
    assert check_hub(report.hub) == []
    assert re.search("bigDataUrl folds/toy_folds.bb", report.hub.read_text())
    with pyBigWig.open(str(report.hub.parent / "folds" / "toy_folds.bb")) as handle:
        assert handle.entries("chrA", 0, 700) == [(0, 700, "1")]
        assert handle.entries("chrB", 0, 500) == [(0, 500, "2")]
        assert not handle.entries("chrC", 0, 300)
