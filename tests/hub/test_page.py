"""The page of a run as static files, and where igv.js comes from."""

import gzip
import json
import re

import pytest

from tracksmith.errors import InputError, UsageError
from tracksmith.hub import page
from tracksmith.hub.page import CDN, find_igv, write_page
from tracksmith.runs.record import VariantCounts


def session_of(index):
    """Return the session that a page holds."""
    match = re.search('id="tracksmith-data">(.*?)</script>', index.read_text())
    return json.loads(match[1])["session"]


def test_igv_comes_from_igv_notebook_a_file_or_on_request_the_internet(tmp_path):
    script = find_igv()
    assert script.path.name == "igv.iife.js"
    assert script.path.read_bytes().startswith(b"window.igv=")
    own = tmp_path / "igv.js"
    own.write_text("x")
    assert find_igv(str(own)).path == own
    assert find_igv("cdn") is CDN
    assert CDN.integrity.startswith("sha384-")
    with pytest.raises(UsageError, match="no such file"):
        find_igv(str(tmp_path / "nothing.js"))


def test_without_igv_notebook_the_message_says_what_to_do(monkeypatch):
    monkeypatch.setattr(page.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="--igv"):
        find_igv()


def test_a_static_page_is_whole_and_names_only_files_that_exist(variant_run):
    index = write_page([variant_run])
    folder = index.parent
    assert {path.name for path in folder.iterdir()} == {
        "index.html", "browser.js", "page.js", "page.css", "igv.min.js", "session.xml",
        "toy.chrom.sizes", "toy.2bit",
    }  # fmt: skip
    session = session_of(index)
    urls = [part["url"] for row in session["tracks"] for part in row.get("tracks", [row])]
    urls += [session["reference"]["twoBitURL"], session["reference"]["chromSizesURL"]]
    for url in urls:
        assert (folder / url).is_file()
    text = index.read_text()
    assert "http://" not in text
    assert "https://" not in text
    for wanted in ("rs2", "chrA:1400-1600", "sha256", "CC-BY-4.0", "doi:10.1/x"):
        assert wanted in text


def test_the_internet_is_named_only_on_request_and_with_its_digest(strand_run):
    text = write_page([strand_run], igv="cdn").read_text()
    assert f'src="{CDN.address}" defer integrity="{CDN.integrity}" crossorigin="anonymous"' in text
    assert not (strand_run / "igv" / "igv.min.js").exists()


def test_a_page_without_the_fasta_still_shows_tracks(strand_run):
    (strand_run.parent / "toy.fa").unlink()
    folder = write_page([strand_run]).parent
    reference = session_of(folder / "index.html")["reference"]
    assert reference["format"] == "chromsizes"
    assert reference["fastaURL"] == "toy.chrom.sizes"
    assert (folder / "toy.chrom.sizes").read_text() == "chrA\t3000\nchrB\t1501\n"


def test_a_hosted_genome_is_named_only(strand_run):
    folder = write_page([strand_run], genome="GRCh38").parent
    assert session_of(folder / "index.html")["genome"] == "hg38"
    assert '<Session genome="hg38"' in (folder / "session.xml").read_text()
    assert not list(folder.glob("*.2bit"))


def test_writing_again_gives_the_same_bytes(variant_run):
    first = {path.name: path.read_bytes() for path in write_page([variant_run]).parent.iterdir()}
    again = {path.name: path.read_bytes() for path in write_page([variant_run]).parent.iterdir()}
    assert first == again


def test_a_page_says_how_many_alleles_there_are_and_links_places_of_the_genome_only(builder):
    rows = [("chrA", n + 1, f"v{n}", "A", "C", n / 100) for n in range(250)]
    made = builder().model("toy").bigwig("signal").variants(rows)
    made.counts["toy"] = VariantCounts(alleles_scored=100_000)
    text = write_page([made.write()]).read_text()
    assert (
        "The 200 strongest of 100,000 alleles. Click a row to go there, a column's name to sort"
        in text
    )
    assert len(re.findall(r'<tr data-locus="chrA:\d+-\d+" tabindex="0">', text)) == 200
    made = builder("lost").model("toy").bigwig("signal").variants(rows[:1])
    table = made.folder / "variants" / "toy.tsv.gz"
    table.write_bytes(gzip.compress(b"contig\tpos\teffect\nchrQ\t5\t1\n"))
    text = write_page([made.write()]).read_text()
    assert "<p>1 allele. Click a column's name to sort by it.</p>" in text
    assert "chrQ" in text
    assert "data-locus" not in text


def test_a_page_is_titled_by_its_models_and_explains_its_colours(variant_run, strand_run):
    text = write_page([variant_run]).read_text()
    assert "<h1>clip, toy: variant effects</h1>" in text
    assert "Runs:" not in text
    entries = re.findall(r'background: rgb\(([\d,]+)\)"></span>([^<]+)<', text)
    assert entries == [
        ("192,57,43", "plus strand"),
        ("36,87,160", "minus strand, drawn downward"),
        ("202,0,32", "variant that raises the prediction"),
        ("5,113,176", "variant that lowers it"),
        ("128,128,128", "variant below the 50th percentile"),
    ]
    text = write_page([strand_run, variant_run], strand_run.parent / "page").read_text()
    assert "predicted tracks and variant effects</h1>" in text
    assert "Runs: run, both." in text
