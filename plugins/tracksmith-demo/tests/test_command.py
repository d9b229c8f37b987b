"""The demonstration: what it says is what its files hold, and what it ends with works."""

import re
import shlex
import subprocess
import sys
from collections import Counter

import numpy as np
import pyBigWig
import pysam
import pytest
from click.testing import CliRunner

from tracksmith import check_hub
from tracksmith.cli import main
from tracksmith.hub.added import own_files
from tracksmith.hub.server import make_site


def invoke(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The folder of a demonstration, with a space in its name, and what it said."""
    out = tmp_path_factory.mktemp("demo of") / "my demo"
    return out, invoke("demo", "-o", out)


def test_it_ends_with_the_command_that_opens_both_runs(demo):
    out, said = demo
    _, verb, *shown = shlex.split(said.splitlines()[-1])
    promoters = f"{out / 'genome' / 'promoters.bed'}=Planted promoters"
    assert (verb, shown) == ("view", [str(out / "run"), str(out / "variants"), "--add", promoters])
    assert invoke(verb, "--help").startswith("Usage")
    site = make_site([out / "run", out / "variants"], add=own_files([promoters], None))
    assert [track.label for track in site.added] == ["Planted promoters"]
    assert [run.label for run in site.runs] == ["run", "variants"]
    assert site.session("http://x/")["locus"] == "demo1:229840-230040"


def test_its_hub_has_no_finding_and_shows_both_runs_with_a_session(demo):
    out, said = demo
    assert check_hub(out / "hub") == []
    text = (out / "hub" / "hub.txt").read_text()
    for file in ("run/tracks/core-promoter.plus.bw", "variants/variants/core-promoter.bb"):
        assert f"bigDataUrl ../{file}\n" in text
    for name in ("hub.txt", "session.xml"):
        assert (out / "hub" / name).is_file()
        assert str(out / "hub" / name) in said
    session = (out / "hub" / "session.xml").read_text()
    assert '<Session genome="../genome/demo.fa"' in session


def test_reference_alternative_and_difference_are_shown_around_the_strongest(demo):
    out, said = demo
    assert "Around the 3 strongest, hub and page show reference, alternative and" in said
    site = make_site([out / "run", out / "variants"])
    session = site.session("http://x/")
    contig, span = session["locus"].split(":")
    start, end = (int(at) for at in span.split("-"))
    drawn = {
        part["url"].partition("/runs/2/")[2]: track["type"]
        for track in session["tracks"]
        for part in track.get("tracks", [track])
        if re.search(r"\.(ref|alt|delta)\.bw$", part.get("url", ""))
    }
    assert Counter(drawn.values()) == {"merged": 4, "wig": 2}
    largest = 0.0
    # Predictions of the minus strand are stored negative, differences are not.
    for strand, sign in (("plus", 1), ("minus", -1)):
        values = {}
        for kind in ("ref", "alt", "delta"):
            path = out / "variants" / "variants" / f"core-promoter.{strand}.{kind}.bw"
            assert str(path.relative_to(out / "variants")) in drawn
            with pyBigWig.open(str(path)) as handle:
                values[kind] = np.array(handle.values(contig, start - 1, end))
        known = ~np.isnan(values["ref"]) & ~np.isnan(values["alt"])
        assert known.sum() > 100
        difference = sign * (values["alt"] - values["ref"])[known]
        np.testing.assert_allclose(values["delta"][known], difference, atol=1e-6)
        largest = max(largest, np.abs(difference).max())
    assert largest > 10
    hub = (out / "hub" / "hub.txt").read_text()
    assert hub.count(".ref.bw") == hub.count(".alt.bw") == hub.count(".delta.bw") == 2
    assert "longLabel Planted promoters\n" in hub


def test_its_files_are_listed_with_their_sizes(demo):
    out, said = demo
    written = [*(out / "run" / "tracks").iterdir(), *(out / "variants" / "variants").iterdir()]
    for path in written:
        assert f"{path}  {path.stat().st_size:,} bytes\n" in said
    assert len(written) > 4


def test_the_heights_it_names_are_those_of_the_tracks(demo):
    """Counted again base by base, from the BED file and the tracks as intervals."""
    out, said = demo
    bed = (out / "genome" / "promoters.bed").read_text()
    rows = [line.split("\t") for line in bed.splitlines()]
    for strand, track in (("+", "plus"), ("-", "minus")):
        values = {}
        with pyBigWig.open(str(out / "run" / "tracks" / f"core-promoter.{track}.bw")) as handle:
            for contig in handle.chroms():
                for start, end, value in handle.intervals(contig):
                    values.update({(contig, base): abs(value) for base in range(start, end)})
        ranked = sorted(values.values())
        sites = [values[row[0], int(row[1])] for row in rows if row[5] == strand]
        (line,) = (line for line in said.splitlines() if f"on the {strand} strand" in line)
        count, low, high, above, edge = re.fullmatch(
            r"(\d+) promoters were .* score ([\d.]+) to ([\d.]+); (\d+) of .* \(([\d.]+)\)\.", line
        ).groups()
        assert int(count) == len(sites)
        assert (float(low), float(high)) == (round(min(sites), 2), round(max(sites), 2))
        between = 0.999 * (len(ranked) - 1)
        assert ranked[int(between)] - 0.005 <= float(edge) <= ranked[int(between) + 1] + 0.005
        assert int(above) == sum(site > float(edge) + 0.005 for site in sites)


def test_the_strongest_variants_it_names_are_those_of_the_vcf(demo):
    """A second reader finds them in the annotated VCF."""
    out, said = demo
    with pysam.VariantFile(str(out / "variants" / "variants" / "annotated.vcf.gz")) as vcf:
        effects = {record.id: record.info["TS_core_promoter_diff"][0] for record in vcf}
    strongest = sorted(effects, key=lambda name: -abs(effects[name]))[:3]
    line = next(line for line in said.splitlines() if line.startswith("Strongest variants"))
    assert line.endswith(": " + ", ".join(f"{n} {effects[n]:+.4g}" for n in strongest) + ".")
    weakest = min(abs(effect) for name, effect in effects.items() if name.startswith("breaks"))
    neutral = max(abs(effect) for name, effect in effects.items() if name.startswith("neutral"))
    assert weakest > neutral
    assert "25 of 25 variants planted to break a promoter have a larger effect" in said


def test_its_picture_is_drawn_from_the_finished_tracks(demo):
    out, said = demo
    rows = {line.split()[0]: line for line in said.splitlines() if line.startswith(("plus", "mi"))}
    with pyBigWig.open(str(out / "run" / "tracks" / "core-promoter.plus.bw")) as handle:
        tops = handle.stats("demo1", 0, 100_000, nBins=64, type="max", exact=True)
    drawn = rows["plus"][10:].ljust(64)
    assert [mark == " " for mark in drawn] == [value is None for value in tops]
    best = max(range(64), key=lambda column: tops[column] or 0)
    assert drawn[best] == "█"


def test_repeated_or_quiet_it_changes_no_file(demo):
    out, _ = demo
    kept = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert invoke("demo", "-o", out, "-q") == ""
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == kept


def test_its_help_is_listed_and_shown_without_importing_anything_heavy():
    code = (
        "import sys; from tracksmith.cli import main\n"
        "try: main(sys.argv[1:], prog_name='tracksmith')\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'numpy', 'pysam', 'tracksmith_demo'} & set(sys.modules)))"
    )
    for arguments, imported in ((["--help"], []), (["demo", "--help"], ["tracksmith_demo"])):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
        )
        *help_text, modules = done.stdout.splitlines()
        assert modules == str(imported)
        assert "small synthetic genome" in "\n".join(help_text)
