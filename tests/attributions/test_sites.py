"""Planted motifs of the demonstration genome are found again by name, and nothing else is."""

import json

import numpy as np
import pyBigWig
import pytest
from motif_toys import write_meme
from tracksmith_demo.genome import write_demo_genome
from tracksmith_demo.plugin import ELEMENTS, INITIATOR, IUPAC

import tracksmith
from tracksmith.attributions.sites import read_motifs
from tracksmith.errors import InputError, TrustError, UsageError
from tracksmith.hub.build import build_hub
from tracksmith.hub.check import check_hub
from tracksmith.study_of_runs import study_text

pytest.importorskip("tangermeme", reason="the extra explain is not installed")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    genome = write_demo_genome(folder)
    rows = [f"{p.contig}\t{p.site - 120}\t{p.site + 60}\n" for p in genome.promoters]
    (folder / "regions.bed").write_text("".join(rows))
    return genome


@pytest.fixture(scope="module")
def run(demo):
    folder = demo.fasta.parent
    return tracksmith.explain(
        "core-promoter", demo.fasta, folder / "run", regions=[str(folder / "regions.bed")],
        method="gradient", device="cpu", motifs=str(write_meme(folder / "m.meme", 40)),
    )  # fmt: skip


def sites(run, target="plus+minus"):
    """Contig, start, end and further columns of every site."""
    path = run.folder / f"tracks/core-promoter.{target}.gradient.sites.bb"
    with pyBigWig.open(str(path)) as file:
        return [
            (contig, start, end, *rest.split("\t"))
            for contig, length in file.chroms().items()
            for start, end, rest in file.entries(contig, 0, length) or []
        ]


def matches(bases, consensus):
    return all(base in IUPAC[letter] for base, letter in zip(bases, consensus, strict=True))


def holds(bases, consensus, least):
    """Whether bases hold a piece of a consensus, at least so long, on either strand."""
    turned = bases.translate(str.maketrans("ACGT", "TGCA"))[::-1]
    size = len(consensus)
    return any(
        matches(text[at : at + width], consensus[skip : skip + width])
        for text in (bases, turned)
        for width in range(least, size + 1)
        for skip in range(size - width + 1)
        for at in range(len(text) - width + 1)
    )


def test_named_sites_are_planted_motifs_and_none_has_the_name_of_another(run):
    named = [site for site in sites(run) if site[3] != "."]
    consensus = {element.name: element.consensus for element in ELEMENTS}
    assert len(named) >= 8
    assert {site[3] for site in named} >= {"TATA", "GC", "CCAAT"}
    for site in named:
        assert site[3] in consensus  # no random motif
        assert holds(site[13], consensus[site[3]], 6), site
        assert float(site[11]) >= 1 and site[12] == site[3]
        assert float(site[9]) > 0 and site[8] == "192,57,43"
    assert all(site[8] == "150,150,150" and site[5] == "." for site in sites(run) if site[3] == ".")


def test_of_random_motifs_alone_none_gives_a_name(demo, tmp_path):
    lines = write_meme(tmp_path / "m.meme", 60, seed=4).read_text().split("MOTIF ")
    others = [lines[0], *(text for text in lines[1:] if text.startswith("other"))]
    (tmp_path / "o.meme").write_text("MOTIF ".join(others))
    folder = demo.fasta.parent
    run = tracksmith.explain(
        "core-promoter", demo.fasta, tmp_path / "run", regions=[str(folder / "regions.bed")],
        method="gradient", device="cpu", motifs=str(tmp_path / "o.meme"),
    )  # fmt: skip
    assert len(sites(run)) > 20
    assert [site for site in sites(run) if site[3] != "."] == []


def test_a_hub_shows_the_sites_and_their_names(run):
    build_hub([run.folder], run.folder / "hub", email="hub@example.org", name="toyhub")
    assert check_hub(run.folder / "hub") == []
    text = (run.folder / "hub/hub.txt").read_text()
    assert text.count("labelFields name,best") == 3


def test_other_motifs_are_another_run_and_a_changed_file_is_refused(demo, run, tmp_path):
    folder = demo.fasta.parent
    asked = {"regions": [str(folder / "regions.bed")], "method": "gradient", "device": "cpu"}
    motifs = write_meme(tmp_path / "m.meme", 40)
    out = tmp_path / "run"
    planned = tracksmith.plan("core-promoter", demo.fasta, out, motifs=str(motifs), **asked)
    assert planned.id == run.id
    assert f"motifs = {json.dumps(str(motifs))}" in study_text([planned])
    tracksmith.work(out, device="cpu")
    write_meme(motifs, 41)
    with pytest.raises(TrustError, match="not the file of motifs that was planned"):
        tracksmith.finish(out)
    with pytest.raises(UsageError, match=r"details\.motifs"):
        tracksmith.plan("core-promoter", demo.fasta, out, motifs=str(motifs), **asked)
    (tmp_path / "bad.meme").write_text("these are no motifs\n")
    with pytest.raises(InputError, match=r"bad\.meme"):
        tracksmith.explain(
            "core-promoter", demo.fasta, tmp_path / "b", motifs=str(tmp_path / "bad.meme"), **asked
        )


def test_at_the_strongest_promoter_the_planted_elements_stand_out(demo, tmp_path):
    """By mutation: the strongest letters all lie where the model's elements do."""
    sites = [p for p in demo.promoters if (p.kind, p.strand) == ("full", "+")]
    regions = [f"{p.contig}:{p.site - 119}-{p.site + 60}" for p in sites]
    run = tracksmith.explain(
        "core-promoter", demo.fasta, tmp_path / "run", regions=regions, tracks="plus", device="cpu"
    )
    with pyBigWig.open(str(run.folder / "tracks/core-promoter.plus.ism.bw")) as file:
        lines = [file.values(p.contig, p.site - 120, p.site + 60, numpy=True) for p in sites]
    line = max(lines, key=lambda values: values.sum())
    strongest = np.argsort(line)[-12:] - 120
    places = {place for e in (INITIATOR, *ELEMENTS) for place in
              range(e.first, e.last + len(e.consensus))}  # fmt: skip
    assert set(strongest.tolist()) <= places
    assert INITIATOR.first <= strongest[-1] < INITIATOR.first + len(INITIATOR.consensus)
    assert line[strongest + 120].mean() > 8 * np.abs(np.delete(line, strongest + 120)).mean()


MATRIX = "letter-probability matrix: alength= 4 w= 2 nsites= 20 E= 0\n1 0 0 0\n0 1 0 0\n"
ODD_MOTIFS = {
    "nan": ("MOTIF a\n" + MATRIX.replace("1 0 0 0", "nan 1 0 0"), "'a' are no probabilities"),
    "negative": ("MOTIF a\n" + MATRIX.replace("1 0 0 0", "-1 2 0 0"), "'a' are no probabilities"),
    "counts": ("MOTIF a\n" + MATRIX.replace("1 0 0 0", "9 9 9 9"), "'a' are no probabilities"),
    "twice": (f"MOTIF a\n{MATRIX}\nMOTIF  a\n{MATRIX}", "2 motifs are called 'a'"),
    "cut off": (f"MOTIF a\n{MATRIX}\nMOTIF b\n{MATRIX[:-8]}", "'b' is missing or cut off"),
    "no matrix": (f"MOTIF a\n{MATRIX}\nMOTIF b\n", "'b' is missing or cut off"),
    "no width": ("MOTIF a\n" + MATRIX.replace("w= 2 ", ""), "no file of motifs in MEME's format"),
    "protein": ("MOTIF a\n" + MATRIX.replace("1 0 0 0", "0.05 " * 20), "in MEME's format"),
    "short": ("MOTIF a\n" + MATRIX[:-8].replace("w= 2", "w= 1"), "shorter than 2 bp"),
    "nothing": ("", "holds no motifs"),
}


@pytest.mark.parametrize("case", ODD_MOTIFS)
def test_a_broken_file_of_motifs_is_refused_by_the_motif(case, tmp_path):
    content, said = ODD_MOTIFS[case]
    path = tmp_path / "odd.meme"
    path.write_text(f"MEME version 4\n\nALPHABET= ACGT\n\n{content}")
    with pytest.raises(InputError, match=said):
        read_motifs(path)


def test_motifs_in_lines_of_windows_are_those_of_lines_of_unix(tmp_path):
    path = tmp_path / "m.meme"
    path.write_text(f"MEME version 4\n\nMOTIF a b\n{MATRIX}")
    plain = read_motifs(path)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_motifs(path).names == plain.names == ("a b",)
