"""A toy that sees 4 kb to either side finds the enhancer that was planted for it."""

import csv

import numpy as np
import pybigtools
import pyBigWig
import pytest
from engine_toys import complement
from perturb_toys import ENHANCER, PROMOTER, long_range_model, pairs_of, rows_of, write_table

import tracksmith
from tracksmith.runs.run import Run

FIRST = 20_000
SITES = {"left": 22_000, "middle": 24_500, "right": 26_000}
AT = 23_130
"""The enhancer, in the tile 23,100-23,300."""

INTERACT = (
    "chrom", "chromStart", "chromEnd", "name", "score", "value", "exp", "color", "sourceChrom",
    "sourceStart", "sourceEnd", "sourceName", "sourceStrand", "targetChrom", "targetStart",
    "targetEnd", "targetName", "targetStrand",
)  # fmt: skip
"""UCSC's names of the columns of bigInteract, in its order (interact.as)."""


@pytest.fixture
def planted(register, write_genome, random_bases, tmp_path):
    register(long_range_model())
    text = random_bases(40_000, 3)
    for at, word in ((AT, complement(ENHANCER)), *((site, PROMOTER) for site in SITES.values())):
        text = text[:at] + word + text[at + len(word) :]
    for word in (ENHANCER, PROMOTER):
        assert text.count(word) + text.count(complement(word)) == (1 if word == ENHANCER else 3)
    sites = tmp_path / "sites.bed"
    sites.write_text("".join(f"chr1\t{at}\t{at + 1}\t{name}\t0\t+\n" for name, at in SITES.items()))
    return write_genome(chr1=text), sites, text


@pytest.fixture
def tiled(planted, tmp_path):
    """40 tiles of 200 bp, each shuffled three times, read in three start sites."""
    fasta, sites, _ = planted
    tracksmith.perturb(
        None, sites, "long-range", fasta, tmp_path / "run", tile=200, op="shuffle", seeds=3,
        regions=f"chr1:{FIRST + 101}-{FIRST + 8_100}", around=128, device="cpu",
    )  # fmt: skip
    return tmp_path / "run"


def test_40_tiles_and_3_sites_find_the_enhancer_and_its_effect(tiled):
    rows = pairs_of(tiled, "long-range")
    assert len({row["edit"] for row in rows}) == 40
    for name, site in SITES.items():
        own = [row for row in rows if row["readout"] == name and row["effect"]]
        lost = {row["edit"]: float(row["effect"]) for row in own if float(row["effect"])}
        promoter = next(r["edit"] for r in own if int(r["start"]) <= site < int(r["end"]))
        assert set(lost) <= {"chr1:23100-23300", promoter}
        # The promoter makes 1 + 8 - (kb away) with the enhancer, 1 without it.
        assert -8 <= lost["chr1:23100-23300"] <= -5
        row = next(row for row in own if row["edit"] == "chr1:23100-23300")
        assert float(row["mean"]) == 1 and row["sd"] == "0" and row["seeds"] == "3"
        assert float(row["log2fc"]) == pytest.approx(
            np.log2((1 + 1) / (float(row["reference"]) + 1)), abs=1e-6
        )
        assert float(row["relative"]) == pytest.approx(1 / float(row["reference"]) - 1)
    out = [row for row in rows if not row["effect"]]
    assert {row["inReach"] for row in out} == {"no"}  # tiles beyond 4,096 bp from a site


def test_the_arc_of_the_enhancer_is_read_by_an_independent_reader(tiled):
    path = tiled / "perturb/long-range.signal.arcs.bb"
    rows = [row for row in pairs_of(tiled, "long-range") if float(row["effect"] or 0)]
    file = pybigtools.open(str(path))
    declared = file.sql(parse=True)
    assert declared["name"] == "interact"
    assert tuple(name for name, _, _ in declared["fields"]) == INTERACT
    arcs = [
        dict(zip(INTERACT, ("chr1", start, end, *rest), strict=True))
        for start, end, *rest in file.records("chr1", 0, 40_000)
    ]
    assert len(arcs) == len(rows)
    expected = {(row["edit"], row["readout"]): row for row in rows}
    strongest = max(abs(float(row["effect"])) for row in rows)
    for arc in arcs:
        row = expected[arc["sourceName"], arc["targetName"]]
        effect = float(row["effect"])
        assert float(arc["value"]) == pytest.approx(effect, rel=1e-5)
        assert int(arc["score"]) == round(1000 * abs(effect) / strongest)
        colour = "#ca0020" if effect > 0 else "#0571b0"
        assert (arc["color"], arc["exp"]) == (colour, "signal")
        source, target = (
            [int(arc[f"{side}{edge}"]) for edge in ("Start", "End")]
            for side in ("source", "target")
        )
        assert source == [int(row["start"]), int(row["end"])]
        assert target == [int(row["readoutStart"]), int(row["readoutEnd"])]
        assert int(arc["chromStart"]) == min(source[0], target[0])
        assert int(arc["chromEnd"]) == max(source[1], target[1])
        assert (arc["sourceChrom"], arc["targetChrom"]) == ("chr1", "chr1")
        assert (arc["sourceStrand"], arc["targetStrand"]) == (".", "+")
    assert any(arc["sourceName"] == "chr1:23100-23300" and int(arc["score"]) > 500 for arc in arcs)


def test_each_tile_has_its_effect_at_its_place(tiled):
    rows = [row for row in pairs_of(tiled, "long-range") if row["effect"]]
    for name in SITES:
        with pyBigWig.open(str(tiled / f"perturb/long-range.signal.{name}.effect.bw")) as file:
            values = np.array(file.values("chr1", 0, 40_000))
        expected = np.full(40_000, np.nan)
        for row in (row for row in rows if row["readout"] == name):
            expected[int(row["start"]) : int(row["end"])] = float(row["effect"])
        np.testing.assert_array_equal(values, expected.astype(np.float32))


def test_where_edits_overlap_the_track_has_the_mean(planted, tmp_path):
    fasta, sites, _ = planted
    table = write_table(
        tmp_path / "edits.tsv",
        ("chr1", AT - 10, AT + 20, "hit", "mask"),
        ("chr1", AT + 16, AT + 30, "beside", "mask"),
        ("chr1", AT + 40, AT + 40, "put", "insert", "ACGT"),
    )
    tracksmith.perturb(
        table, sites, "long-range", fasta, tmp_path / "run", around=128, device="cpu"
    )
    effect = {
        row["edit"]: float(row["effect"])
        for row in pairs_of(tmp_path / "run", "long-range") if row["readout"] == "left"
    }  # fmt: skip
    with pyBigWig.open(str(tmp_path / "run/perturb/long-range.signal.left.effect.bw")) as file:
        found = file.intervals("chr1")
    assert effect["hit"] < 0 == effect["beside"]
    assert found == (
        (AT - 10, AT + 16, effect["hit"]),
        (AT + 16, AT + 20, effect["hit"] / 2),
        (AT + 20, AT + 30, 0.0),
        (AT + 40, AT + 41, 0.0),
    )


def test_an_enhancer_moved_away_does_less_the_farther_it_goes(planted, tmp_path):
    fasta, sites, _ = planted
    places = [24_000, 23_000, 21_500, 20_500]
    rows = [("chr1", AT - 3, AT + 20, f"to{to}", "move", ".", to, "middle") for to in places]
    tracksmith.perturb(
        write_table(tmp_path / "edits.tsv", *rows), sites, "long-range", fasta, tmp_path / "run",
        around=128, device="cpu",
    )  # fmt: skip
    found = {row["edit"]: row for row in pairs_of(tmp_path / "run", "long-range")}
    # What a readout on the right sees: everything between old and new place moves along.
    values = [float(found[f"to{to}"]["mean"]) for to in places]
    far = [abs(24_500 - to) for to in places]
    assert values == [1 + 8 - d // 1024 for d in far]
    assert [abs(int(found[f"to{to}"]["distance"])) for to in places] == [d + 1 for d in far]


def test_a_local_window_hides_the_enhancer_until_it_reaches_it(planted, tmp_path):
    fasta, sites, _ = planted
    tracksmith.perturb(
        None, sites, "long-range", fasta, tmp_path / "run", local="1000,3000,6000", around=128,
        device="cpu",
    )  # fmt: skip
    rows = pairs_of(tmp_path / "run", "long-range")
    assert len(rows) == 9  # each window is of its own site
    values = {(row["readout"], row["edit"].rpartition("keep")[2]): float(row["mean"])
              for row in rows}  # fmt: skip
    assert values["left", "1000"] == values["middle", "1000"] == values["right", "1000"] == 1
    assert values["left", "3000"] == 8.0  # 1,130 bp away: 1 + 8 - 1
    assert values["middle", "3000"] == 8.0
    assert values["right", "3000"] == 1
    assert values["right", "6000"] == 7.0
    # What is masked is everywhere but at the edit's place: no track and no arc can show it.
    run = Run.open(tmp_path / "run")
    drawn = [entry for entry in run.files if entry.kind in ("bigwig", "biginteract")]
    assert len(drawn) == 4
    assert {entry.values for entry in drawn} == {0}


def test_whole_windows_show_an_edit_in_coordinates_of_the_reference(planted, tmp_path):
    """A deletion upstream: what lies left of it has moved in the window, and is put back."""
    fasta, sites, _ = planted
    start, end = 24_100, 24_228  # one bin, between the enhancer and the middle site
    table = write_table(
        tmp_path / "edits.tsv", ("chr1", start, end, "cut", "delete", ".", ".", "middle"),
        ("chr1", AT, AT + 14, "box", "mask", ".", ".", "middle"),
    )  # fmt: skip
    run = tracksmith.perturb(
        table, sites, "long-range", fasta, tmp_path / "run", around=128, tracks_for=("cut", "box"),
        device="cpu",
    )  # fmt: skip
    lines = {}
    for edit in ("cut", "box"):
        for statistic in ("ref", "alt", "delta"):
            name = f"perturb/long-range.signal.middle.{edit}.{statistic}.bw"
            entry = next(entry for entry in run.files if entry.path == name)
            assert (entry.edit, entry.readout) == (edit, "middle")
            with pyBigWig.open(str(run.folder / name)) as file:
                lines[edit, statistic] = np.array(file.values("chr1", 23_000, 26_000))
    ref, alt, delta = (lines["cut", name] for name in ("ref", "alt", "delta"))
    np.testing.assert_array_equal(ref, lines["box", "ref"])
    assert np.isnan(alt[start - 23_000 : end - 23_000]).all()
    known = ~np.isnan(ref)
    assert known.sum() == 2048
    np.testing.assert_array_equal(delta, (alt - ref).astype(np.float32))
    # The core of the middle site: 24,500 is in the middle of its bin 8.
    core = 24_500 - 64 - 8 * 128
    at = SITES["middle"] - 23_000
    assert ref[at] == 8 and alt[at] == 8  # 1,370 bp away, then 1,242
    assert lines["box", "alt"][at] == 1 and lines["box", "delta"][at] == -7
    assert np.isnan(ref[: core - 23_000]).all()


def test_tables_only_gives_no_tracks(planted, tmp_path):
    fasta, sites, _ = planted
    table = write_table(tmp_path / "edits.tsv", ("chr1", AT, AT + 14, "box", "mask"))
    run = tracksmith.perturb(
        table, sites, "long-range", fasta, tmp_path / "run", table_only=True, device="cpu"
    )
    kinds = {entry.kind for entry in run.files}
    assert kinds == {"edits", "effects", "parquet", "table", "counts"}


def test_parquet_holds_what_the_text_holds(tiled):
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(tiled / "perturb/long-range.parquet").to_pylist()
    rows = pairs_of(tiled, "long-range")
    assert len(table) == len(rows)
    for own, row in zip(table, rows, strict=True):
        for name, text in row.items():
            value = own[name]
            shown = "" if value is None else f"{value:.9g}" if isinstance(value, float) else value
            assert str(shown) == text, name


def test_the_strongest_pairs_stand_in_a_table_with_their_region(tiled):
    top = rows_of(tiled / "perturb/long-range.top.tsv")
    sizes = [abs(float(row["effect"])) for row in top]
    assert sizes == sorted(sizes, reverse=True)
    best = top[0]
    start, end = best["span"].removeprefix("chr1:").split("-")
    assert int(start) <= int(best["pos"]) <= int(end)
    with (tiled / "perturb/long-range.top.tsv").open() as handle:
        assert next(csv.reader(handle, delimiter="\t"))[:4] == ["chrom", "pos", "end", "name"]


def test_start_sites_of_a_gtf_are_those_of_its_genes(planted, tmp_path):
    fasta, _, _ = planted
    gtf = tmp_path / "genes.gtf"
    line = 'chr1\tx\t{}\t{}\t{}\t.\t{}\t.\tgene_id "{}"; transcript_id "{}.1"; gene_name "{}";\n'
    gtf.write_text(
        line.format("gene", 22_001, 23_000, "+", "G1", "G1", "LEFT")
        + line.format("transcript", 22_001, 23_000, "+", "G1", "G1", "LEFT")
        + line.format("gene", 24_000, 24_501, "-", "G2", "G2", "MIDDLE")
    )
    table = write_table(tmp_path / "edits.tsv", ("chr1", AT, AT + 14, "box", "mask"))
    for feature, names in (("gene", {"LEFT": 22_000, "MIDDLE": 24_500}),
                           ("transcript", {"G1.1": 22_000})):  # fmt: skip
        tracksmith.perturb(
            table, gtf, "long-range", fasta, tmp_path / feature, around=10, feature=feature,
            device="cpu",
        )  # fmt: skip
        rows = pairs_of(tmp_path / feature, "long-range")
        assert {row["readout"]: int(row["readoutStart"]) + 10 for row in rows} == names
