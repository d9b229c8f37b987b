"""Motif sites that alleles break and make: planted in the demonstration genome, and by hand."""

import numpy as np
import pysam
import pytest
from motif_toys import write_meme
from tracksmith_demo.genome import write_demo_genome

import tracksmith
from tracksmith.attributions.allele_sites import changes_of
from tracksmith.attributions.alleles import ExplainedAllele
from tracksmith.attributions.sites import Site
from tracksmith.genome.edited import Edit

pytest.importorskip("tangermeme", reason="the extra explain is not installed")

OTHER = str.maketrans("ACGT", "CATG")


def table(run):
    path = run.folder / "explain/core-promoter.plus.gradient.alleles.tsv"
    titles, *rows = path.read_text().splitlines()
    return [dict(zip(titles.split("\t"), row.split("\t"), strict=True)) for row in rows]


def explain(genome, out, rows, motifs):
    vcf = out.with_suffix(".vcf")
    lines = ["##fileformat=VCFv4.2", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    lines += [f"{c}\t{p + 1}\t{i}\t{r}\t{a}\t.\t.\t." for c, p, i, r, a in sorted(rows)]
    vcf.write_text("\n".join(lines) + "\n")
    return tracksmith.explain(
        "core-promoter", genome, out, alleles=str(vcf), motifs=str(motifs), method="gradient",
        device="cpu", tracks="plus",
    )  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The demonstration, and a run of changes beside the promoters' boxes, 28 bp upstream."""
    folder = tmp_path_factory.mktemp("demo")
    demo, motifs = write_demo_genome(folder), write_meme(folder / "m.meme", 4)
    with pysam.FastaFile(str(demo.fasta)) as file:
        text = {name: file.fetch(name).upper() for name in file.references}
    places = [(p.contig, p.site - 28) for p in demo.promoters if p.strand == "+"]
    rows = [(c, at, "start", text[c][at], text[c][at].translate(OTHER)) for c, at in places]
    return folder, demo.fasta, text, motifs, table(explain(demo.fasta, folder / "a", rows, motifs))


@pytest.fixture(scope="module")
def broken(world):
    """Changes in the middle of the sites of GC and CCAAT boxes that lie elsewhere in that run."""
    folder, genome, text, motifs, first = world
    rows = []
    for row in first:
        if row["effect"] == "elsewhere" and row["motif"] in ("GC", "CCAAT"):
            contig, at = row["contig"], (int(row["start"]) + int(row["end"])) // 2
            rows.append((contig, at, row["motif"], text[contig][at],
                         text[contig][at].translate(OTHER)))  # fmt: skip
    rows = sorted(set(rows))
    assert len(rows) >= 3
    return rows, table(explain(genome, folder / "b", rows, motifs))


def test_sites_that_an_allele_does_not_touch_are_elsewhere_and_keep_their_bases(world):
    rows = [row for row in world[4] if row["effect"] == "elsewhere"]
    assert len(rows) >= 3
    assert {row["text"] for row in rows} == {"."}
    assert {row["bases_before"] == row["bases_after"] for row in rows} == {True}
    for row in rows:
        at = int(row["position"]) - 1
        assert not int(row["start"]) <= at < int(row["end"])


def test_a_change_inside_a_planted_box_breaks_it(world, broken):
    rows = broken[1]
    rows = [row for row in rows if row["effect"] == "breaks"]
    assert len(rows) >= 2
    assert {row["motif"] for row in rows} == {"GC", "CCAAT"}
    for row in rows:
        before, after, difference = (float(row[n]) for n in ("before", "after", "difference"))
        assert before > 0 and after <= before / 2
        assert difference == pytest.approx(after - before, rel=1e-4)
        assert row["text"] == f"breaks {row['motif']}, {difference:+.2g}"
        assert (row["id"], float(row["margin"]) >= 1) == (row["motif"], True)
        start, end, at = int(row["start"]), int(row["end"]), int(row["position"]) - 1
        assert world[2][row["contig"]][start:end] == row["bases_before"]
        assert start <= at < end
        due = row["bases_before"][: at - start] + row["alt"] + row["bases_before"][at - start + 1 :]
        assert row["bases_after"] == due


def test_the_change_back_makes_what_the_change_breaks(world, broken, tmp_path):
    """On a genome that has the changes, each variant turned round."""
    text = {name: list(bases) for name, bases in world[2].items()}
    for contig, place, _, _, alternative in broken[0]:
        text[contig][place] = alternative
    genome = tmp_path / "changed.fa"
    genome.write_text("".join(f">{name}\n{''.join(bases)}\n" for name, bases in text.items()))
    turned = [(c, p, i, a, r) for c, p, i, r, a in broken[0]]
    rows = table(explain(genome, tmp_path / "back", turned, world[3]))
    made = {(r["contig"], r["position"], r["motif"]) for r in rows if r["effect"] == "makes"}
    lost = {(r["contig"], r["position"], r["motif"]) for r in broken[1] if r["effect"] == "breaks"}
    assert len(made & lost) >= 2
    assert not any(row["effect"] == "breaks" for row in rows)
    for row in rows:
        if row["effect"] == "makes":
            assert row["text"].startswith(f"makes {row['motif']}, +")


def site(start, end, contribution, name="M"):
    return Site(0, start, end, contribution, name, name, "+", 5.0, 2.0)


def changes(edit, old, new, lines):
    allele = ExplainedAllele(0, 100, 20, edit, "")
    lines = tuple(np.asarray(line, np.float32) for line in lines)
    return list(changes_of(allele, 10, (old, new), lines))


def test_effects_by_hand():
    ones = np.ones(30)
    snv = Edit(20, 21, b"\x02")
    low, half = ones.copy(), ones.copy()
    low[8:14], half[8:14] = 0.1, 0.6
    (one,) = changes(snv, [site(8, 14, 6.0)], [], (ones, low))
    assert (one.effect, one.reference, one.alternative) == ("breaks", (18, 24), (18, 24))
    assert one.text == "breaks M, -5.4"
    (one,) = changes(snv, [site(8, 14, 6.0)], [], (ones, half))
    assert one.effect == "changes"  # its name is gone, most of it is not
    (one,) = changes(snv, [site(8, 14, 6.0)], [site(9, 14, 3.0)], (ones, half))
    assert (one.effect, one.after) == ("keeps", pytest.approx(3.6))
    both = changes(snv, [site(8, 14, 6.0)], [site(8, 14, 0.6, "W")], (low * 0, low))
    assert [change.effect for change in both] == ["breaks", "makes"]
    (one,) = changes(snv, [site(11, 16, 5.0)], [], (ones, low))
    assert (one.effect, one.text) == ("elsewhere", "")  # begins behind what changes
    (one,) = changes(snv, [], [site(8, 14, -6.0)], (low * 0, ones))
    assert one.text == "makes M, -6"


def test_effects_of_insertions_and_deletions_by_hand():
    ones = np.ones(34)
    put = Edit(21, 21, b"\x01\x02\x04\x08")
    (one,) = changes(put, [site(8, 14, 6.0)], [], (ones[:30], ones * 0))
    assert (one.effect, one.reference, one.alternative) == ("breaks", (18, 24), (18, 28))
    (one,) = changes(put, [], [site(11, 15, 4.0)], (ones[:30], ones))
    assert (one.effect, one.reference, one.before) == ("makes", (21, 21), 0)
    for place in (site(5, 11, 6.0), site(11, 15, 4.0)):  # on either side of the insertion
        (one,) = changes(put, [place], [], (ones[:30], ones))
        assert one.effect == "elsewhere"
        assert one.after == pytest.approx(place.contribution)
    cut = Edit(20, 24, b"")
    (one,) = changes(cut, [site(8, 16, 8.0)], [], (ones[:30], ones[:26] * 0))
    assert (one.effect, one.reference, one.alternative) == ("breaks", (18, 26), (18, 22))
    (one,) = changes(cut, [], [site(8, 12, 4.0)], (ones[:30] * 0, ones[:26]))
    assert (one.effect, one.reference) == ("makes", (18, 26))
