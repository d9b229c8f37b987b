"""The page of a run as static files, and where igv.js comes from."""

import json

import pytest

from tracksmith.errors import InputError, UsageError
from tracksmith.hub import page
from tracksmith.hub.page import CDN, find_igv, write_page


def test_igv_comes_from_igv_notebook_a_file_or_on_request_the_internet(tmp_path):
    found = find_igv()
    assert found.path.name == "igv.iife.js"
    assert found.path.read_bytes().startswith(b"window.igv=")
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
        "index.html", "browser.js", "page.js", "page.css", "igv.min.js", "session.json",
        "session.xml", "chrom.sizes", "toy.2bit",
    }  # fmt: skip
    session = json.loads((folder / "session.json").read_text())
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
    reference = json.loads((folder / "session.json").read_text())["reference"]
    assert reference["format"] == "chromsizes"
    assert (folder / "chrom.sizes").read_text() == "chrA\t3000\nchrB\t1501\n"


def test_a_hosted_genome_is_named_only(strand_run):
    folder = write_page([strand_run], genome="GRCh38").parent
    assert json.loads((folder / "session.json").read_text())["genome"] == "hg38"
    assert not list(folder.glob("*.2bit"))


def test_writing_again_gives_the_same_bytes(variant_run):
    first = {path.name: path.read_bytes() for path in write_page([variant_run]).parent.iterdir()}
    again = {path.name: path.read_bytes() for path in write_page([variant_run]).parent.iterdir()}
    assert first == again
