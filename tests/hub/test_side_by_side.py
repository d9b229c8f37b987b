"""Several runs in one page: tracks and variants together, each run below its own address."""

import json
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
import requests
from click.testing import CliRunner

from tracksmith.cli import main
from tracksmith.errors import UsageError
from tracksmith.hub.build import build_hub
from tracksmith.hub.check import check_hub
from tracksmith.hub.page import write_page
from tracksmith.hub.runs import open_runs
from tracksmith.hub.server import serving

NAMES = ("tracks <b>'&\" größe", "tracks <b>'&\" grösse")
"""Two folders whose names become the same once unsafe characters are replaced."""


@pytest.fixture
def two(builder, variants, pair):
    """A prediction and a run of variants, in folders with awkward names."""
    made = builder(NAMES[0]).model("clip", pair).bigwig("plus").bigwig("minus", scale=-1)
    return [made.write(), builder(NAMES[1]).model("clip", pair).variants(variants).write()]


def data_of(text):
    class Page(HTMLParser):
        kept, inside = "", False

        def handle_starttag(self, tag, attrs):
            self.inside = dict(attrs).get("id") == "tracksmith-data"

        def handle_data(self, data):
            self.kept += data if self.inside else ""

        def handle_endtag(self, tag):
            self.inside = False

    page = Page()
    page.feed(text)
    return json.loads(page.kept)


def addresses(tracks):
    return [part["url"] for row in tracks for part in row.get("tracks", [row])]


def test_a_page_shows_the_tracks_of_one_run_and_the_variants_of_another(two):
    with serving(*two) as url:
        text = requests.get(url, timeout=10).text
        data = data_of(text)
        session = requests.get(f"{url}session.json", timeout=10).json()
        bodies = [requests.get(link, timeout=10).content for link in addresses(session["tracks"])]
    files = [two[0] / "tracks" / f"clip.{strand}.bw" for strand in ("plus", "minus")]
    files += [two[1] / "variants" / name for name in ("clip.bb", "clip.absmax.bw")]
    assert bodies == [path.read_bytes() for path in files]
    assert data["session"]["locus"] == "chrA:1400-1600"
    assert len({row["name"] for row in data["tracks"]}) == 3
    assert text.count("data-locus") == 3
    assert "<b>" not in text


def test_a_run_is_confined_to_its_own_address(two):
    (two[0] / ".secret").write_text("hidden")
    (two[0] / "link.bb").symlink_to(two[1] / "variants" / "clip.bb")
    with serving(*two) as url:
        assert requests.get(f"{url}runs/2/variants/clip.bb", timeout=10).status_code == 200
        for path in (
            "runs/1/variants/clip.bb", "runs/1/link.bb", "runs/1/.secret", "runs/3/run.json",
            "runs/0/run.json", "run/run.json", "runs/run.json", "runs/1/%2e%2e/run.json",
            f"runs/1/..%2f{NAMES[1]}/run.json",
        ):  # fmt: skip
            assert requests.get(url + path, timeout=10).status_code == 404, path


def test_a_run_alone_keeps_its_short_address(strand_run):
    with serving(strand_run) as url:
        assert requests.get(f"{url}run/run.json", timeout=10).status_code == 200
        assert requests.get(f"{url}runs/1/run.json", timeout=10).status_code == 404


def test_a_static_page_of_two_runs_links_files_that_exist(two, tmp_path):
    real, linked = tmp_path / "real", tmp_path / "linked"
    real.mkdir()
    linked.symlink_to(real)
    index = write_page(two, linked / "deep" / "page")
    data = data_of(index.read_text())
    for link in addresses(data["tracks"]):
        assert (index.parent / unquote(link)).is_file()
    assert "<b>" not in index.read_text()
    assert write_page(two, linked / "deep" / "page") == index


def test_a_page_of_two_runs_needs_a_folder_that_is_free(two, tmp_path):
    with pytest.raises(UsageError, match="-o PAGE"):
        write_page(two)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("x")
    with pytest.raises(UsageError, match="neither empty nor a page"):
        write_page(two, tmp_path / "notes")
    with pytest.raises(UsageError, match="is a file"):
        write_page(two, tmp_path / "notes" / "mine.txt")
    assert [path.name for path in (tmp_path / "notes").iterdir()] == ["mine.txt"]


def test_runs_of_different_genomes_or_twice_the_same_are_refused(two, builder, tmp_path):
    other = builder("other", contigs={"chrA": 900}, genome_name="other.fa")
    other = other.model("toy").bigwig("signal").write()
    with pytest.raises(UsageError, match="contigs differ"), serving(two[0], other):
        pass
    with pytest.raises(UsageError, match="named twice"):
        write_page([two[0], two[0]], tmp_path / "page")


def test_labels_of_runs_differ_whatever_their_folders_are_called(simple_run, tmp_path):
    parents = [tmp_path / name for name in ("a", "b", "c")]
    folders = [simple_run(parent) for parent in parents]
    folders[2] = folders[2].rename(tmp_path / "c" / "run_2")
    assert len({run.label for run in open_runs(folders)}) == 3


def test_the_command_writes_a_page_of_two_runs_and_says_what_to_share(two, tmp_path):
    arguments = ["hub", "page", *map(str, two), "-o", str(tmp_path / "page")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    folders = " and ".join(map(str, (tmp_path / "page", *two)))
    assert f"copy {folders} to a web server" in result.output
    assert CliRunner().invoke(main, arguments[:-2]).exit_code == 2


def test_a_hub_below_a_linked_folder_has_links_that_hold(two, tmp_path):
    real, linked = tmp_path / "else" / "where", tmp_path / "linked"
    real.mkdir(parents=True)
    linked.symlink_to(real)
    build_hub(two, linked / "hub", "a@example.org", name="mine", title="Mine")
    assert check_hub(linked / "hub") == []
    assert check_hub(real / "hub") == []
