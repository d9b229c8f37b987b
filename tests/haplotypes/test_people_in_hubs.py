"""People in hubs, sessions and files for browsers, and what a run is forecast to need."""

import re
from pathlib import Path

import numpy as np
import pyBigWig
import pytest
from engine_toys import Dense, toy_card

import tracksmith
from tracksmith.hub.check import check_hub
from tracksmith.hub.igv import igv_tracks
from tracksmith.hub.runs import open_runs
from tracksmith.models.card import WindowGeometry
from tracksmith.models.contract import Model, Predictor
from tracksmith.tracks.reader import read_values


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demonstration's planted person, predicted."""
    genome = pytest.importorskip("tracksmith_demo.genome")
    folder = tmp_path_factory.mktemp("demo")
    planted = genome.write_demo_genome(folder / "genome")
    run = tracksmith.predict(
        "core-promoter", planted.fasta, folder / "person", vcf=planted.person_vcf
    )
    return planted, run


def test_a_planted_promoter_differs_between_the_haplotypes(demo):
    planted, run = demo
    heights = []
    for what in ("", ".demo_person.hap1", ".demo_person.hap2", ".demo_person.hap1-hap2"):
        path = run.folder / "tracks" / f"core-promoter.plus{what}.bw"
        heights.append(float(read_values(path, "demo1", 14_376, 14_377)[0]))
    assert heights == [35.0, 17.5, 35.0, -17.5]  # as docs/haplotypes.md says
    minus = [
        float(read_values(run.folder / "tracks" / f"core-promoter.minus.demo_person.{what}.bw",
                          "demo1", 25_480, 25_481)[0])
        for what in ("hap1", "hap2", "hap1-hap2")
    ]  # fmt: skip
    assert minus == [-17.5, 0.0, 17.5]
    assert planted.promoters[0].site == 14_376


def test_a_second_reader_finds_the_edits_with_names_colours_and_reasons(demo):
    planted, run = demo
    with pyBigWig.open(str(run.folder / "edits" / "demo_person.edits.bb")) as file:
        items = [
            (contig, start, end, *text.split("\t"))
            for contig, length in file.chroms().items()
            for start, end, text in file.entries(contig, 0, length) or []
        ]
        columns = re.findall(r"^\s*\S+(?:\[\d+\])?\s+(\w+);", file.SQL().decode(), re.MULTILINE)
    carried = [line for line in planted.person_vcf.read_text().splitlines()
               if not line.startswith("#") and "0|0" not in line]  # fmt: skip
    assert len(items) == len(carried)
    rows = [dict(zip(columns, item, strict=True)) for item in items]
    by_name = {row["name"]: row for row in rows}
    first = by_name["shifts_tata_1"]
    assert (first["applied"], first["genotype"], first["phaseSet"]) == ("1", "1|0", "1")
    assert "core-promoter.plus hap1 sum" in first["inserted"]
    colours = {row["applied"]: row["reserved"] for row in rows if "reserved" in row} or {
        row["applied"]: row["itemRgb"] for row in rows
    }
    assert len(set(colours.values())) == len(colours) == 3


def test_a_hub_overlays_the_haplotypes_and_has_no_faults(demo, tmp_path):
    _, run = demo
    hub = tracksmith.build_hub(run.folder, tmp_path / "hub", email="a@b.org", genome="assembly")
    assert check_hub(str(hub.hub), full=True) == []
    text = hub.hub.read_text()
    stanzas = [dict(re.findall(r"^\s*(\S+) (.*)$", part, re.MULTILINE))
               for part in text.split("\n\n")]  # fmt: skip
    by_name = {stanza["track"]: stanza for stanza in stanzas if "track" in stanza}
    overlay = by_name["core-promoter_plus_demo_person_haplotypes"]
    assert overlay["container"] == "multiWig"
    assert overlay["aggregate"] == "transparentOverlay"
    members = [s for s in by_name.values() if s.get("parent") == overlay["track"]]
    assert [Path(s["bigDataUrl"]).name.split(".")[-2] for s in members] == ["hap1", "hap2"]
    names = list(by_name)
    below = names[names.index(overlay["track"]) + 3]
    assert by_name[below]["bigDataUrl"].endswith("plus.demo_person.hap1-hap2.bw")
    edits = by_name["core-promoter_demo_person_edits"]
    assert (edits["itemRgb"], edits["searchIndex"]) == ("on", "name")
    page = (tmp_path / "hub" / edits["html"]).read_text()
    for told in ("Person demo_person", "edits applied", "sha256", "exact: every base"):
        assert told in page


def test_long_labels_name_the_person_and_what_is_shown(demo, tmp_path):
    """A label that is too long loses its middle, which was the person."""
    _, run = demo
    tracksmith.build_hub(run.folder, out=tmp_path / "hub", email="a@b.org")
    labels = [
        line.split(" ", 1)[1]
        for line in map(str.strip, (tmp_path / "hub" / "hub.txt").read_text().splitlines())
        if line.startswith("longLabel ") and "haplotype" in line
    ]
    ends = ("first haplotype", "second haplotype", "first minus second haplotype")
    for what in ("both haplotypes of demo_person", *(f"demo_person, {end}" for end in ends)):
        assert sum(what in label for label in labels) == 2, what


def test_a_session_overlays_the_haplotypes_with_the_difference_below(demo):
    _, run = demo
    rows = igv_tracks(open_runs([run.folder]), lambda output: output.file.path)
    kinds = [(row["type"], row["name"]) for row in rows]
    at = next(n for n, (kind, name) in enumerate(kinds) if "both haplotypes" in name)
    assert rows[at]["type"] == "merged"
    assert [Path(part["url"]).name for part in rows[at]["tracks"]] == [
        "core-promoter.plus.demo_person.hap1.bw", "core-promoter.plus.demo_person.hap2.bw",
    ]  # fmt: skip
    assert "first minus second" in rows[at + 1]["name"]
    assert (rows[-1]["format"], rows[-1]["name"]) == ("bigbed", "demo_person, edits")
    assert all(row["name"] for row in rows)


GEOMETRY = WindowGeometry(64, 16, 32, 1)


def test_folds_held_out_and_their_spread_are_those_of_each_haplotype(
    register, write_genome, write_people, random_sequence, tmp_path
):
    networks = {name: Dense(GEOMETRY, seed) for seed, name in enumerate("123")}
    register(Model(toy_card(GEOMETRY, "123"), lambda request: Predictor(networks)))
    sequence = random_sequence(700, 1)
    position = next(p for p in range(300, 400) if sequence[p - 1] != "T")
    vcf = write_people([("chr1", position, sequence[position - 1], "T", ["1|0"])])
    genome = write_genome(chr1=sequence)
    tracksmith.predict("toy", genome, tmp_path / "run", vcf=vcf, spread=True)
    edited = tmp_path / "edited.fa"
    edited.write_text(f">chr1\n{sequence[: position - 1]}T{sequence[position:]}\n")
    tracksmith.predict("toy", edited, tmp_path / "plain", spread=True)
    for statistic in ("", ".sd"):
        mine = read_values(
            tmp_path / "run" / "tracks" / f"toy.both.ann.hap1{statistic}.bw", "chr1", 0, 700
        )
        plain = read_values(
            tmp_path / "plain" / "tracks" / f"toy.both{statistic}.bw", "chr1", 0, 700
        )
        assert np.abs(mine - plain).max() <= 1e-6 * np.abs(plain).max()
    assert not list((tmp_path / "run" / "tracks").glob("*hap1-hap2.sd*"))


@pytest.mark.parametrize(
    ("register_name", "geometry"),
    [("exact", GEOMETRY), ("core", WindowGeometry(640, 128, 384, 1))],
)
def test_a_forecast_counts_the_windows_that_a_run_computes(
    register_name, geometry, register, write_genome, write_people, random_sequence, tmp_path
):
    from test_registers import random_edits, rows_of

    dense = Dense(geometry, 1)
    register(Model(toy_card(geometry, ("1",)), lambda request: Predictor({"1": dense})))
    sequence = random_sequence(6000, 2)
    cores = -(-6000 // geometry.core_length)
    first, second = random_edits(sequence, 3, 40), random_edits(sequence, 4, 40)
    vcf = write_people(rows_of(sequence, first, [*first[:20], *second[-15:]][:30]))
    genome = write_genome(chr1=sequence)
    options = {"vcf": vcf, "register": register_name, "max_skipped": 1}
    forecast = tracksmith.estimate("toy", genome, **options)
    run = tracksmith.predict("toy", genome, tmp_path / "run", **options)
    counts = run.results.haplotype_cores["toy"]
    assert counts.cores == 2 * cores
    share = f"{counts.computed / counts.cores:.0%}"
    told = re.search(r"([\d.]+)% of whose cores are in reach", forecast.lines[0])
    assert float(told[1]) == pytest.approx(100 * counts.computed / counts.cores, rel=0.1), share
    windows = forecast.models[0].windows - cores
    assert windows == pytest.approx(counts.windows, rel=0.1)
    assert f"register {register_name}" in forecast.lines[0]
    assert len(forecast.files) == len(run.files)
    assert set(forecast.files) == {entry.path for entry in run.files}


def test_two_models_share_the_people_and_their_files(
    register, write_genome, write_people, random_sequence, tmp_path
):
    wide = WindowGeometry(640, 128, 384, 128)
    models = [
        Model(toy_card(geometry, ("1",), name=name),
              lambda request, geometry=geometry: Predictor({"1": Dense(geometry, 1)}))
        for name, geometry in (("fine", GEOMETRY), ("wide", wide))
    ]  # fmt: skip
    register(*models)
    sequence = random_sequence(2000, 2)
    vcf = write_people([
        ("chr1", 1000, sequence[999], sequence[999] + "GATTACA", ["1|0"]),
        ("chr1", 640, sequence[639], sequence[639] + "GATTACA", ["0|1"]),
    ])  # fmt: skip
    run = tracksmith.predict(
        ["fine", "wide"], write_genome(chr1=sequence), tmp_path / "run", vcf=vcf
    )
    lines = (run.folder / "edits" / "ann.edits.tsv").read_text().splitlines()
    titles, *rows = [line.split("\t") for line in lines]
    assert {title.split(".")[0] for title in titles if "inserted" in title} == {"fine", "wide"}
    cut = {row[titles.index("start")]: row[titles.index("cut_bins")] for row in rows}
    assert cut["640"] == "."  # between two bins
    assert [models for start, models in cut.items() if start != "640"] == ["wide"]
    assert set(run.results.haplotype_cores) == {"fine", "wide"}
