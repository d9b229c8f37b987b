"""Pictures of a locus: what is drawn is what the files hold."""

import numpy as np
import pyBigWig
import pytest
from click.testing import CliRunner
from evaluate_toys import stored
from matplotlib.collections import PathCollection
from matplotlib.patches import PathPatch, Rectangle, StepPatch

import tracksmith
from tracksmith.cli import main
from tracksmith.errors import UsageError
from tracksmith.plot import locus as locus_module
from tracksmith.plot.draw import draw_locus
from tracksmith.plot.genes import Gene, in_lanes
from tracksmith.plot.locus import read_locus, steps_of

REGION, START, END = "chr1:901-1,300", 900, 1_300


def steps(figure):
    return [p for axes in figure.axes for p in axes.patches if isinstance(p, StepPatch)]


def test_the_steps_of_a_track_are_the_values_of_its_file(predicted):
    run = predicted()
    figure = draw_locus(read_locus([run], REGION))
    drawn = steps(figure)
    assert len(drawn) == 2
    for step, track in zip(drawn, ("plus", "minus"), strict=True):
        values, edges, _ = step.get_data()
        truth = stored(run / f"tracks/toy.{track}.bw", "chr1", 3_000)[START:END]
        assert np.array_equal(values, truth, equal_nan=True) and np.isnan(truth).any()
        assert edges.tolist() == list(range(START, END + 1))
        low, high = step.axes.get_ylim()
        assert low <= np.nanmin(truth) and high >= np.nanmax(truth), "nothing is cut off"
    plus, minus = (step.axes.get_ylim() for step in drawn)
    assert plus[0] == minus[1] == 0


def test_a_wide_region_is_drawn_by_the_largest_value_of_each_column(predicted, monkeypatch):
    monkeypatch.setattr(locus_module, "COLUMNS", 70)
    values = stored(predicted() / "tracks/toy.minus.bw", "chr1", 3_000)
    edges, heights = steps_of(values, 0)
    assert len(heights) == 70 and edges[0] == 0 and edges[-1] == 3_000
    for first, last, height in zip(edges[:-1], edges[1:], heights, strict=True):
        piece = values[int(first) : int(last)]
        if np.isnan(piece).all():
            assert np.isnan(height)
        else:
            assert height == piece[np.nanargmax(np.abs(piece))]
    assert np.nanmin(heights) == np.nanmin(values)


def test_variants_stand_at_their_places_with_their_effects(scored):
    run = scored(scores=["log2fc", "l2"])
    with pyBigWig.open(str(run / "variants/toy.bb")) as file:
        truth = [(start + 0.5, float(text.split("\t")[8]))
                 for start, _, text in file.entries("chr1", START, END)]  # fmt: skip
    figure = draw_locus(read_locus([run], REGION))
    (points,) = (c for axes in figure.axes for c in axes.collections
                 if isinstance(c, PathCollection))  # fmt: skip
    assert points.get_offsets().tolist() == [list(pair) for pair in truth]
    assert len(truth) > 5


def test_letters_are_those_of_the_genome_as_tall_as_the_values(scored):
    run = scored("saturated", saturate="chr1:901-1,300", scores=["log2fc"])
    fasta = (run.parent / "genome.fa").read_text().split("\n")[1]
    place = read_locus([run], "chr1:931-960", ["plus.letters"])
    figure = draw_locus(place)
    values = stored(run / "ism/toy.plus.mean.bw", "chr1", 3_000)[930:960]
    letters = [p for axes in figure.axes for p in axes.patches if isinstance(p, PathPatch)]
    figure.draw_without_rendering()
    assert "".join(p.get_gid()[0] for p in letters) == fasta[930:960]
    for patch, value, offset in zip(letters, values, range(930, 960), strict=True):
        box = patch.get_path().get_extents(patch.get_transform() - patch.axes.transData)
        height = box.y1 if value > 0 else box.y0
        assert height == pytest.approx(value, rel=1e-4)
        assert offset < box.x0 < box.x1 < offset + 1


GTF = """chr1\tx\tgene\t951\t1200\t.\t+\t.\tgene_id "g1"; gene_name "ABC1";
chr1\tx\ttranscript\t951\t1200\t.\t+\t.\tgene_id "g1"; gene_name "ABC1"; transcript_id "t1";
chr1\tx\texon\t951\t1000\t.\t+\t.\tgene_id "g1"; gene_name "ABC1"; transcript_id "t1";
chr1\tx\texon\t1101\t1200\t.\t+\t.\tgene_id "g1"; gene_name "ABC1"; transcript_id "t1";
chr1\tx\tgene\t2001\t2200\t.\t+\t.\tgene_id "far";
"""
GFF = """chr1\tx\tgene\t951\t1200\t.\t+\t.\tID=gene:G1;Name=ABC1
chr1\tx\tmRNA\t951\t1200\t.\t+\t.\tID=transcript:T1;Parent=gene:G1;Name=ABC1-201
chr1\tx\texon\t951\t1000\t.\t+\t.\tParent=transcript:T1
chr1\tx\texon\t1101\t1200\t.\t+\t.\tParent=transcript:T1
"""
BED12 = "chr1\t950\t1200\tABC1\t0\t+\t950\t1200\t0\t2\t50,100\t0,150\n"


@pytest.mark.parametrize(("name", "text"), [("g.gtf", GTF), ("g.gff3", GFF), ("g.bed", BED12)])
def test_genes_have_their_name_span_and_exons(name, text, predicted, tmp_path):
    path = tmp_path / name
    path.write_text(text)
    place = read_locus([predicted()], REGION, ["plus"], path)
    assert place.genes == [Gene("ABC1", "+", 950, 1_200, ((950, 1_000), (1_100, 1_200)))]
    figure = draw_locus(place)
    boxes = [p for axes in figure.axes for p in axes.patches if isinstance(p, Rectangle)]
    assert [(p.get_x(), p.get_x() + p.get_width()) for p in boxes] == [(950, 1_000), (1_100, 1_200)]
    assert any("ABC1" in text.get_text() for axes in figure.axes for text in axes.texts)


def test_genes_that_overlap_lie_in_lanes_of_their_own():
    genes = [Gene(str(n), "+", start, start + 100) for n, start in enumerate((0, 50, 130, 300))]
    assert [[gene.name for gene in lane] for lane in in_lanes(genes, 20)] == [
        ["0", "2", "3"],
        ["1"],
    ]


@pytest.mark.parametrize("kind", ["svg", "pdf", "png"])
def test_a_picture_is_written_in_every_format_the_same_each_time(kind, predicted, tmp_path):
    for name in ("a", "b"):
        out = tmp_path / f"{name}.{kind}"
        done = CliRunner().invoke(
            main, ["plot", str(predicted()), "-r", REGION, "-o", str(out), "--title", "A locus"]
        )
        assert done.exit_code == 0, done.output
    content = (tmp_path / f"a.{kind}").read_bytes()
    assert content == (tmp_path / f"b.{kind}").read_bytes()
    assert content.startswith({"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG"}[kind])
    if kind == "svg":
        assert b"chr1:901-1,300" in content and b"A locus" in content


def test_what_cannot_be_drawn_is_refused(predicted, tmp_path, monkeypatch):
    run = predicted()
    with pytest.raises(UsageError, match=r"an \.svg, \.pdf or \.png"):
        tracksmith.plot_locus(run, REGION, tmp_path / "a.jpg")
    with pytest.raises(UsageError, match="no track has this name; there are plus, minus"):
        tracksmith.plot_locus(run, REGION, tmp_path / "a.svg", tracks=["pluss"])
    with pytest.raises(UsageError, match="--width 99: inches"):
        tracksmith.plot_locus(run, REGION, tmp_path / "a.svg", width=99)
    monkeypatch.setattr(locus_module, "MOST_ROWS", 1)
    with pytest.raises(UsageError, match="2 tracks are too many"):
        tracksmith.plot_locus(run, REGION, tmp_path / "a.svg")
    monkeypatch.setattr(locus_module, "MOST_BASES", 10)
    with pytest.raises(UsageError, match="a picture shows up to 10"):
        tracksmith.plot_locus(run, REGION, tmp_path / "a.svg")
