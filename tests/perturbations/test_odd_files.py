"""Files as users have them: comments above titles, numbers as names, features with sequences."""

import gzip

import pyBigWig
import pytest
from perturb_toys import TITLES, pairs_of, rows_of, write_table

import tracksmith
from tracksmith.errors import InputError, UsageError
from tracksmith.perturbations.readouts import is_gtf

SITE = 14_376
MODEL = "core-promoter"


@pytest.fixture
def site(tmp_path):
    path = tmp_path / "site.bed"
    path.write_text(f"demo1\t{SITE}\t{SITE + 1}\tstart\t0\t+\n")
    return path


@pytest.fixture
def perturb(demo, site, tmp_path):
    """A function from edits to the rows of the plus strand."""

    def run(edits, readouts=site, **more):
        options = {"around": 40, "device": "cpu", "tracks": "plus", "table_only": True, **more}
        tracksmith.perturb(edits, readouts, MODEL, demo.fasta, tmp_path / "run", **options)
        return pairs_of(tmp_path / "run", MODEL)

    return run


@pytest.mark.parametrize("titles", [TITLES, f"#{TITLES}", f"# {TITLES}"])
@pytest.mark.parametrize("above", ["", "# of the screen\n", "\n# of the screen\n#\tand more\n"])
def test_titles_below_comments_say_what_the_columns_are(titles, above, perturb, tmp_path):
    table = tmp_path / "edits.tsv"
    table.write_text(f"{above}{titles}\ndemo1\t{SITE - 116}\t{SITE - 46}\tboxes\tdelete\n")
    (row,) = perturb(table, op="mask")
    assert row["op"] == "delete"


def test_to_keep_a_whole_contig_changes_nothing(demo, perturb, tmp_path):
    (row,) = perturb(write_table(tmp_path / "e.tsv", ("demo1", 0, 300_000, "all", "keep")))
    assert (row["why"], row["effect"], row["mean"]) == (".", "0", row["reference"])
    (row,) = perturb(None, local="1000000", overwrite=True)
    assert (row["edit"], row["effect"], row["mean"]) == ("start:keep1000000", "0", row["reference"])


@pytest.mark.parametrize("columns", [9, 12])
def test_a_bed_file_whose_names_are_numbers_is_no_gtf(columns, perturb, tmp_path):
    cells = ["demo1", SITE, SITE + 30, 7, 500, "+", SITE, SITE, "0,0,0", 1, "30,", "0,"]
    path = tmp_path / "numbers.bed"
    path.write_text("\t".join(map(str, cells[:columns])) + "\n")
    assert not is_gtf(path)
    (row,) = perturb(write_table(tmp_path / "e.tsv", ("demo1", SITE - 50, SITE, "e", "mask")), path)
    assert (row["readout"], row["readoutStart"]) == ("7", str(SITE - 40))


def test_names_of_genes_hold_semicolons_and_sequences_may_follow(perturb, tmp_path):
    genes = [
        f'demo1\tx\tgene\t{SITE + 1}\t{SITE + 90}\t.\t+\t.\tgene_id "g1"; gene_name "A;B"; level 2',
        f"demo1\tx\tgene\t{SITE + 3}\t{SITE + 90}\t.\t+\t.\tID=g2;Name=plain name;x=1",
        f'demo1\tx\tgene\t{SITE + 5}\t{SITE + 90}\t.\t+\t.\tID=g3;Note="Name=no;"',
        f'demo1\tx\tgene\t{SITE + 7}\t{SITE + 90}\t.\t+\t.\tgene_name ""; gene_id "g4"',
        f"demo1\tx\tgene\t{SITE + 9}\t{SITE + 90}\t.\t+\t.\t.",
    ]
    path = tmp_path / "genes.gff.gz"
    with gzip.open(path, "wt") as out:
        out.write("\r\n".join(["##gff-version 3", *genes, "##FASTA", ">demo1", "ACGT", ""]))
    rows = perturb(write_table(tmp_path / "e.tsv", ("demo1", SITE - 50, SITE, "e", "mask")), path)
    assert {row["readout"] for row in rows} == {
        "A;B", "plain name", "g3", "g4", f"demo1:{SITE + 8}"
    }  # fmt: skip


NINES = "9" * 5000


def test_numbers_of_any_length_are_too_large_in_a_sentence(perturb, site, tmp_path):
    table = write_table(tmp_path / "e.tsv", ("demo1", SITE, SITE + 9, "e", "move", ".", NINES))
    with pytest.raises(InputError, match=r"e\.tsv:2: to '9{40}' is no place of the contig"):
        perturb(table)
    with pytest.raises(UsageError, match="Give smaller readouts"):
        perturb(site, op="mask", around=NINES)
    vcf = tmp_path / "long.vcf"
    rows = [f"demo1\t{SITE}\t{key}\tN\t<DEL>\t.\t.\t{key}={NINES}" for key in ("END", "SVLEN")]
    rows.append(f"demo1\t{SITE - 30}\tgood\tN\t<DEL>\t.\t.\tSVLEN=-10")
    vcf.write_text(HEAD + "\n".join(rows) + "\n")
    perturb(vcf)
    skipped = {row["name"]: row["skipped"] for row in rows_of(tmp_path / "run/perturb/edits.tsv")}
    assert skipped.pop("good") == "."
    assert skipped.keys() == {"END", "SVLEN"}
    assert all("passes the end of demo1" in reason for reason in skipped.values())


HEAD = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def test_bases_that_both_alleles_end_with_are_not_deleted(demo, perturb, tmp_path):
    """A readout on such a base has a value, whichever base the caller put beside the change."""
    text = "".join(demo.fasta.read_text().split(">demo2")[0].split("\n")[1:]).upper()
    at = SITE - 2
    there = text[at : SITE + 1]
    other = next(base for base in "ACGT" if base not in there)
    alleles = {
        "before": (at - 1, text[at - 1 : SITE], text[at - 1]),  # takes two, as VCF says it
        "behind": (at, there, there[-1]),  # the same with the base behind
        "complex": (at, there, other + there[-1]),
        "put": (SITE, there[-1], there[0] + there[-1]),
    }
    vcf = tmp_path / "v.vcf"
    vcf.write_text(HEAD + "".join(
        f"demo1\t{pos + 1}\t{name}\t{ref}\t{alt}\t.\t.\t.\n"
        for name, (pos, ref, alt) in alleles.items()
    ))  # fmt: skip
    rows = {row["edit"]: row for row in perturb(vcf, around=0)}
    assert {name: row["why"] for name, row in rows.items()} == dict.fromkeys(alleles, ".")
    assert rows["behind"]["mean"] == rows["before"]["mean"]
    places = {name: (r["op"], int(r["start"]), int(r["end"])) for name, r in rows.items()}
    assert places == {
        "before": ("replace", at - 1, SITE), "behind": ("delete", at, SITE),
        "complex": ("replace", at, SITE), "put": ("insert", SITE, SITE),
    }  # fmt: skip


def test_long_alleles_of_one_record_have_names_of_their_own(demo, perturb, tmp_path):
    text = "".join(demo.fasta.read_text().split(">demo2")[0].split("\n")[1:]).upper()
    base, vcf = text[SITE - 30], tmp_path / "v.vcf"
    alts = ",".join(base + "ACGTACGTACGT" + more * 12 for more in "AC")
    vcf.write_text(f"{HEAD}demo1\t{SITE - 29}\t.\t{base}\t{alts}\t.\t.\t.\n")
    names = [row["edit"] for row in perturb(vcf)]
    assert len(set(names)) == len(names) == 2


def test_a_copy_put_elsewhere_is_drawn_and_measured_there(demo, site, tmp_path):
    table = write_table(
        tmp_path / "e.tsv", ("demo1", 9000, 9100, "copy", "duplicate", ".", SITE - 76),
        ("demo1", SITE - 100, SITE - 90, "beside", "duplicate"),
    )  # fmt: skip
    run = tracksmith.perturb(
        table, site, MODEL, demo.fasta, tmp_path / "run", around=40, within=500, device="cpu",
        tracks="plus",
    )  # fmt: skip
    rows = {row["edit"]: row for row in pairs_of(run.folder, MODEL)}
    assert {name: row["distance"] for name, row in rows.items()} == {"copy": "-77", "beside": "-91"}
    with pyBigWig.open(str(run.folder / f"perturb/{MODEL}.plus.start.effect.bw")) as track:
        drawn = {(start, end) for start, end, _ in track.intervals("demo1")}
    assert drawn == {(SITE - 76, SITE - 75), (SITE - 100, SITE - 90)}


def test_dots_in_names_never_send_two_tracks_to_one_file(demo, tmp_path):
    sites = tmp_path / "sites.bed"
    rows = [(SITE, "b"), (SITE + 4, "b.c")]
    sites.write_text("".join(f"demo1\t{at}\t{at + 1}\t{name}\t0\t+\n" for at, name in rows))
    table = write_table(
        tmp_path / "e.tsv", ("demo1", SITE - 116, SITE - 106, "c.d", "mask"),
        ("demo1", SITE - 106, SITE - 96, "d", "mask"),
    )  # fmt: skip
    run = tracksmith.perturb(
        table, sites, MODEL, demo.fasta, tmp_path / "run", around=40, device="cpu", tracks="plus",
        tracks_for=["d", "c.d"],
    )  # fmt: skip
    paths = [entry.path for entry in run.files]
    assert len(set(paths)) == len(paths)
    assert sum(path.endswith(".alt.bw") for path in paths) == 4
