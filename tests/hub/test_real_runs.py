"""Hubs and pages of runs that the engine itself made, of the demonstration model."""

import csv
import gzip
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from tracksmith.cli import main
from tracksmith.hub.build import build_hub
from tracksmith.hub.check import check_hub
from tracksmith.hub.page import write_page

WHO = {"email": "hub@example.org", "name": "toyhub", "title": "A toy hub"}


def run_command(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="module")
def runs(tmp_path_factory, toy_fasta) -> dict[str, Path]:
    """A prediction, variants with their alleles, and a saturation."""
    folder = tmp_path_factory.mktemp("real")
    fasta = toy_fasta(folder / "genome.fa", {"chrA": 9000, "chrB": 5000})
    bases = {"A": "C", "C": "G", "G": "T", "T": "A"}
    text = "".join(fasta.read_text().split(">chrB")[0].split("\n")[1:]).upper()
    lines = [f"chrA\t{pos}\tv{pos}\t{text[pos - 1]}\t{bases[text[pos - 1]]}\t.\t.\t."
             for pos in range(3000, 6000, 300)]  # fmt: skip
    vcf = folder / "in.vcf"
    vcf.write_text(
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        + "\n".join(lines)
        + "\n"
    )
    common = ("-m", "core-promoter", "-g", fasta, "-q")
    run_command("predict", *common, "-o", folder / "predict", "-r", "chrA:2,000-7,000")
    run_command("variants", vcf, *common, "-o", folder / "variants", "-t", "top:2")
    run_command("variants", "--saturate", "chrA:4,000-4,050", *common, "-o", folder / "saturate")
    return {name: folder / name for name in ("predict", "variants", "saturate")}


@pytest.mark.parametrize("name", ["predict", "variants", "saturate"])
def test_a_hub_of_a_real_run_has_no_finding_and_shows_every_signal(runs, name, tmp_path):
    build_hub([runs[name]], tmp_path / "hub", **WHO)
    assert check_hub(tmp_path / "hub") == []
    text = (tmp_path / "hub" / "hub.txt").read_text()
    files = json.loads((runs[name] / "run.json").read_text())["results"]["files"]
    shown = [
        item for item in files if item["kind"] in ("bigwig", "bigbed") and item.get("values") != 0
    ]
    assert shown
    for item in shown:
        assert item["path"] in text


def test_real_runs_stand_side_by_side_in_one_hub(runs, tmp_path):
    report = build_hub(list(runs.values()), tmp_path / "hub", **WHO)
    assert check_hub(tmp_path / "hub") == []
    assert report.tracks > 15
    text = (tmp_path / "hub" / "hub.txt").read_text()
    for wanted in ("logo on", "Mutation: A", "searchIndex name", "bigLolly", "ref/alt", "multiWig"):
        assert wanted in text


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("predict", "predicted tracks"), ("variants", "variant effects"),
        ("saturate", "variant effects"),
    ],
)  # fmt: skip
def test_a_page_is_titled_by_what_was_asked_for(runs, name, what, tmp_path):
    text = write_page([runs[name]], tmp_path / "page").read_text()
    assert f"<h1>core-promoter: {what}</h1>" in text


def test_a_page_of_more_alleles_than_it_lists_says_how_many_and_lists_the_strongest(runs, tmp_path):
    """250 here; the same at 100,000, where only the count is another."""
    rows = (runs["predict"].parent / "genome.fa").read_text().split(">chrB")[0].split("\n")[1:]
    bases = {"A": "G", "C": "T", "G": "A", "T": "C"}
    text = "".join(rows).upper()
    lines = [f"chrA\t{pos}\tv{pos}\t{text[pos - 1]}\t{bases[text[pos - 1]]}\t.\t.\t.\n"
             for pos in range(3000, 5000, 8)]  # fmt: skip
    vcf, run = tmp_path / "many.vcf", tmp_path / "many"
    heading = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    vcf.write_text(heading + "".join(lines))
    genome = runs["predict"].parent / "genome.fa"
    run_command("variants", vcf, "-m", "core-promoter", "-g", genome, "-q", "-o", run)
    strongest: dict[str, float] = {}
    with gzip.open(run / "variants" / "core-promoter.tsv.gz", "rt") as handle:
        for row in csv.DictReader(handle, delimiter="\t"):
            if row["score"] == "diff":
                size = abs(float(row["value"]))
                strongest[row["id"]] = max(size, strongest.get(row["id"], 0))
    sizes = sorted(strongest.values(), reverse=True)
    assert len(sizes) == 250
    page = write_page([run]).read_text()
    assert "The 200 strongest of 250 alleles." in page
    shown = re.findall(r'<tr data-locus="chrA:.*?</tr>', page)
    cells = [re.findall("<td[^>]*>(.*?)</td>", row) for row in shown]
    effects = [abs(float(row[6])) for row in cells]
    assert effects == pytest.approx(sizes[:200], rel=1e-5)
    assert len({row[2] for row in cells}) == 200
    assert "of 250 alleles" in (run / "variants" / "summary.html").read_text()


def test_the_page_of_a_real_run_lists_its_strongest_variants(runs):
    text = write_page([runs["variants"]]).read_text()
    assert text.count("data-locus") == 10
    assert "v3000" in text
