"""What cannot be done is refused in a sentence, with file and line."""

import pytest
from click.testing import CliRunner
from perturb_toys import TITLES, rows_of

import tracksmith
from tracksmith.cli import main
from tracksmith.errors import InputError, UsageError
from tracksmith.models.card import RegionGeometry
from tracksmith.models.registry import load_registry
from tracksmith.perturbations.edit_files import read_edit_rows

SITE = 14_376


@pytest.fixture
def site(tmp_path):
    path = tmp_path / "site.bed"
    path.write_text(f"demo1\t{SITE}\t{SITE + 1}\tstart\t0\t+\n")
    return path


@pytest.fixture
def attempt(demo, site, tmp_path):
    """A function from the text of a table to a run of it."""

    def run(text: str, **more):
        table = tmp_path / "edits.tsv"
        table.write_text(text)
        options = {"around": 40, "device": "cpu", **more}
        return tracksmith.perturb(
            table, site, "core-promoter", demo.fasta, tmp_path / "run", **options
        )

    return run


BAD = {
    "demo1\t14300\t14310\ta\tsmash": "'smash' is no operation: use mask, shuffle",
    "demo9\t14300\t14310\ta\tmask": "contig 'demo9'",
    "demo1\t14310\t14300\ta\tmask": "end 14300 lies before start 14310",
    "demo1\t14300\t14300\ta\tmask": "mask of no bases: start and end are both 14300",
    "demo1\t299990\t300010\ta\tmask": "passes the end of demo1, which has 300,000 bp",
    "demo1\t-5\t10\ta\tmask": "start '-5' is no whole number from 0 on",
    "demo1\t1.5\t10\ta\tmask": "start '1.5' is no whole number",
    "demo1\t14300\t14300\ta\tinsert\tACGX": "'X' is no base: give A, C, G, T, N",
    "demo1\t14300\t14300\ta\tinsert": "insert needs bases: give the column `bases`",
    "demo1\t14300\t14310\ta\tinsert\tACG": "give end as start, 14300, or use replace",
    "demo1\t14300\t14310\ta\tmask\tACG": "mask has no use for bases",
    "demo1\t14300\t14310\ta\treplace\tfasta:box": "--sequences has no record 'box'",
    "demo1\t14300\t14310\ta\tmove": "move needs a place to go to: give the column `to`",
    "demo1\t14300\t14310\ta\tmove\t\t14305": "14305, lies at or inside the bases 14300-14310",
    "demo1\t14300\t14310\ta\tmove\t\t14310": "14310, lies at or inside the bases",
    "demo1\t14300\t14310\ta\tmove\t\t300001": "to '300001' is no place of the contig",
    "demo1\t14300\t14310\ta\tinvert\t\t14400": "invert has no use for a place to go to",
    "demo1\t1000\t1010\ta\tshuffle": "demo1:1000-1010 holds no known base, so that shuffle",
    "demo1\t1000\t1010\ta\tinvert": "holds no known base, so that invert changes nothing",
    "demo1\t14300\t14310\ta\tmask\t\t\tnobody": "there is no readout 'nobody'",
    "demo1\t14300\t14310\ta\t": "it does not say what to do there: give --op",
    "demo1\t14300": "2 columns; contig, start and end are due",
    "demo1 14300 14310 a mask": "columns are separated by blanks; give tabs",
}


@pytest.mark.parametrize("line", BAD)
def test_a_bad_row_is_told_by_file_line_and_a_sentence(line, attempt, tmp_path):
    good = "demo1\t14290\t14299\tgood\tmask"
    with pytest.raises(InputError) as told:
        attempt(f"{TITLES}\n{good}\n{line}\n")
    assert f"{tmp_path / 'edits.tsv'}:3: " in str(told.value)
    assert BAD[line] in str(told.value)
    assert not (tmp_path / "run").exists()


def test_two_edits_of_one_name_are_told_with_both_lines(attempt, tmp_path):
    rows = "demo1\t14300\t14310\tsame\tmask\ndemo1\t14320\t14330\tsame\tmask\n"
    with pytest.raises(InputError, match=r"edits\.tsv:3: the name 'same' is taken by .*:2"):
        attempt(f"{TITLES}\n{rows}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no edits"),
        (f"{TITLES}\n", "holds no edits"),
        ("chrom\tstart\tstop\tend\top\n", "two columns are the end"),
        ("chrom\tbegin\tend\top\n1\t2\t3\tmask\n", "no column is the start: call it start"),
        ("demo1\t14300\t14310\n", "it does not say what to do there"),
        ("\x1f\x8b\x08 no gzip", "edits.tsv"),
    ],
)
def test_a_file_that_is_no_table_is_told(text, said, attempt):
    with pytest.raises(InputError) as told:
        attempt(text)
    assert said in str(told.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tile": 10, "op": "mask"}, "not a file of edits and --tile together"),
        ({"local": "100", "tile": 5}, "together"),
        ({"op": "smash"}, "--op smash: use one of mask"),
        ({"op": "insert"}, "--op insert needs more than a place"),
        ({"step": 10}, "--step, -r and --chroms say where --tile puts"),
        ({"regions": "demo1"}, "--step, -r and --chroms say where --tile puts"),
        ({"seeds": 0}, "--seeds 0: give 1 or more"),
        ({"within": 0}, "--within 0: give 1 or more"),
        ({"around": "near"}, "--around near: give one number of bp"),
        ({"around": 5000}, "The readout start has 10,001 bp; the windows of core-promoter predict"),
        ({"tracks_for": "nobody"}, "--tracks-for nobody: there is no edit of this name"),
        ({"value": "max"}, "use one of sum, mean"),
        ({"scores": "diff"}, "it belongs to `tracksmith variants"),
        ({"stride": 10}, "it belongs to `tracksmith predict`"),
        ({"spread": True}, "--spread has no meaning here"),
        ({"local": "0"}, "give different numbers above 0"),
    ],
)
def test_options_that_contradict_one_another_are_told(options, said, attempt):
    with pytest.raises((UsageError, InputError)) as told:
        attempt(f"{TITLES}\ndemo1\t14300\t14310\ta\tmask\n", **options)
    assert said in str(told.value)


def test_tiles_need_an_operation_and_regions(demo, site, tmp_path):
    for more, said in (
        ({"tile": 10, "regions": "demo1:1-100"}, "--tile needs --op"),
        ({"tile": 10, "op": "mask"}, "--tile needs the regions"),
        ({"tile": 0, "op": "mask", "regions": "demo1"}, "--tile 0: give a number of bp above 0"),
        ({}, "nothing says what to edit"),
    ):
        with pytest.raises(UsageError) as told:
            tracksmith.perturb(None, site, "core-promoter", demo.fasta, tmp_path / "run", **more)
        assert said in str(told.value)


def test_a_model_over_regions_is_refused_with_the_reason(demo, site, tmp_path):
    regional = [
        name
        for name, model in load_registry().models.items()
        if isinstance(model.card.geometry, RegionGeometry)
    ]
    assert regional
    with pytest.raises(UsageError, match="reads a list of regions with their features"):
        tracksmith.perturb(
            None, site, regional[0], demo.fasta, tmp_path / "run", tile=10, op="mask",
            regions="demo1",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('demo1\t.\tgene\t100\t50\t.\t+\t.\tgene_name "x"', "100-50 is no stretch of demo1"),
        ('demo1\t.\tgene\t100\t400000\t.\t+\t.\tgene_name "x"', "which has 300,000 bp"),
        ('demo1\t.\tgene\t100\t200\t.\t.\t.\tgene_name "x"', "strand '.': a start site needs"),
        ('demo9\t.\tgene\t100\t200\t.\t+\t.\tgene_name "x"', "demo9"),
        ("demo1\t.\tgene\t100\t200", "5 columns where a GTF has 9"),
        ('demo1\t.\texon\t100\t200\t.\t+\t.\tgene_name "x"', "no line of the feature 'gene'"),
    ],
)
def test_a_bad_line_of_a_gtf_is_told(line, said, demo, tmp_path):
    path = tmp_path / "genes.gtf"
    first = 'demo1\t.\tCDS\t100\t200\t.\t+\t.\tgene_name "y"'
    path.write_text(f"#!genome\n{first}\n{line}\n")
    with pytest.raises(InputError) as told:
        tracksmith.perturb(None, path, "core-promoter", demo.fasta, tmp_path / "run", local="100")
    assert said in str(told.value)
    if "feature" not in said:
        assert f"{path}:3: " in str(told.value)


def test_the_command_needs_readouts_and_says_so():
    found = CliRunner().invoke(main, ["perturb", "-m", "x", "-g", "y", "-o", "z"])
    assert found.exit_code == 2
    assert "Say where the model is read: --readouts" in found.output


def sv_rows(text: str, at: int) -> list[str]:
    """Lines of a VCF around one place: of every kind one that can be made, or cannot."""

    def line(pos, name, ref, alt, info="."):
        return f"demo1\t{pos + 1}\t{name}\t{ref}\t{alt}\t.\t.\t{info}"

    base = text[at]
    other = "A" if base != "A" else "C"
    return [
        line(at, "snv", base, other),
        line(at, "gone", base, "<DEL>", f"END={at + 21};SVTYPE=DEL"),
        line(at, "length", base, "<DEL>", "SVLEN=-20"),
        line(at, "twice", base, "<DUP:TANDEM>", "SVLEN=20"),
        line(at, "turned", base, "<INV>", f"END={at + 21}"),
        line(at, "put", base, "<INS>", "SVINSSEQ=ACGT"),
        line(at, "join", base, f"{base}[demo1:{at + 22}["),
        line(at + 21, "mate", text[at + 21], f"]demo1:{at + 1}]{text[at + 21]}"),
        line(at, "loop", base, f"]demo1:{at + 21}]{base}"),
        line(at, "half", base, f"{base}]demo1:{at + 50}]"),
        line(at, "away", base, f"{base}[demo2:500["),
        line(at, "unsaid", base, "<INS>", "SVLEN=100"),
        line(at, "endless", base, "<DEL>"),
        line(at, "copies", base, "<CNV>", "SVLEN=100"),
        line(at, "wrong", other, base),
        line(at, "none", base, "."),
        line(at, "beyond", base, "<DEL>", "END=400000"),
        line(at, "both", base, f"{other},<DEL>", "SVLEN=.,-20"),
    ]


def test_what_a_vcf_cannot_say_is_skipped_with_a_reason_and_listed(demo, site, tmp_path):
    text = "".join(demo.fasta.read_text().split(">demo2")[0].split("\n")[1:]).upper()
    at = SITE - 30
    rows = sv_rows(text, at)
    vcf = tmp_path / "sv.vcf"
    head = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    vcf.write_text(head + "\n".join(rows) + "\nchrX\t5\tfar\tA\tC\t.\t.\t.\n")
    tracksmith.perturb(
        vcf, site, "core-promoter", demo.fasta, tmp_path / "run", around=40, device="cpu"
    )
    found = {row["name"]: row for row in rows_of(tmp_path / "run/perturb/edits.tsv")}
    made = {
        name: (row["op"], int(row["start"]), int(row["end"]))
        for name, row in found.items() if row["skipped"] == "."
    }  # fmt: skip
    assert made == {
        "snv": ("replace", at, at + 1),
        "gone": ("delete", at + 1, at + 21),
        "length": ("delete", at + 1, at + 21),
        "twice": ("duplicate", at + 1, at + 21),
        "turned": ("invert", at + 1, at + 21),
        "put": ("insert", at + 1, at + 1),
        "join": ("delete", at + 1, at + 21),
        "loop": ("duplicate", at, at + 21),
        "both.1": ("replace", at, at + 1),
        "both.2": ("delete", at + 1, at + 21),
    }
    reasons = {name: row["skipped"] for name, row in found.items() if row["skipped"] != "."}
    said = {
        "mate": "the mate of an earlier breakend",
        "half": "one junction of an inversion",
        "away": "a breakend to another contig",
        "unsaid": "does not give the bases that are inserted",
        "endless": "neither END nor SVLEN",
        "copies": "<CNV> has no sequence",
        "wrong": "the genome has",
        "none": "no alternative allele",
        "beyond": "passes the end of demo1",
        "far": "no such contig",
    }
    assert reasons.keys() == said.keys()
    assert all(text in reasons[name] for name, text in said.items())


@pytest.mark.parametrize("name", ["edits", "readouts", "sequences"])
@pytest.mark.parametrize("place", ["nothing.here", "."])
def test_a_file_that_is_not_there_is_told(name, place, demo, site, tmp_path):
    files = {"edits": site, "readouts": site, "sequences": demo.fasta, name: tmp_path / place}
    with pytest.raises(InputError, match=str(tmp_path / place)):
        tracksmith.perturb(
            model="core-promoter", genome=demo.fasta, out=tmp_path / "run", op="mask", **files
        )


def test_names_that_are_no_text_are_kept_readable(demo, tmp_path):
    """Latin-1 names, of edits and readouts, go through tables, tracks, arcs and a hub."""
    from tracksmith.hub.build import build_hub
    from tracksmith.hub.check import check_hub

    (tmp_path / "edits.bed").write_bytes(b"demo1\t14340\t14350\tbo\xeete\x01 1\n")
    (tmp_path / "sites.bed").write_bytes(b"demo1\t14376\t14377\tg\xe8ne\n")
    tracksmith.perturb(
        tmp_path / "edits.bed", tmp_path / "sites.bed", "core-promoter", demo.fasta,
        tmp_path / "run", op="mask", around=20, tracks_for="bo\\xeete\x01 1", device="cpu",
    )  # fmt: skip
    rows = rows_of(tmp_path / "run/perturb/core-promoter.top.tsv")
    assert {(row["name"], row["readout"]) for row in rows} == {("bo\\xeete\x01 1", "g\\xe8ne")}
    build_hub([tmp_path / "run"], tmp_path / "hub", email="a@example.org")
    assert check_hub(tmp_path / "hub") == []


@pytest.mark.parametrize(("titles", "said"), [
    ("chrom\tstart\tend\top\treadot", "called 'readot' here. If 'readout' is meant"),
    ("chrom\tstart\tend\top\tname\tbase", "called 'base' here. If 'bases' is meant"),
    ("chrom\tstart\tend\top\tnotes\tscore", ""),
    ("chrom\tstart\tend\top\treadout\tgenes", ""),
])  # fmt: skip
def test_a_misspelt_title_is_refused_and_another_is_not(titles, said, tmp_path):
    path = tmp_path / "edits.tsv"
    path.write_text(f"{titles}\nchr1\t10\t20\tmask\t.\t.\n")
    if said:
        with pytest.raises(InputError, match=said):
            list(read_edit_rows(path, ""))
    else:
        assert [(row.start, row.operation) for row in read_edit_rows(path, "")] == [(10, "mask")]
