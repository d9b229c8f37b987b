"""Hostile names: nothing breaks out of the folder, the hub or the page."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
import requests

from tracksmith.errors import InputError, TrustError
from tracksmith.hub.build import build_hub
from tracksmith.hub.check import check_hub
from tracksmith.hub.check.parse import parse_stanzas
from tracksmith.hub.page import CDN, write_page
from tracksmith.hub.server import serving
from tracksmith.models.card import Track
from tracksmith.runs.record import FileRecord

WHO = {"email": "hub@example.org", "name": "toyhub"}
HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "two\nlines\n\ntrack evil\nbigDataUrl http://evil.example/x.bw",
    "ends in a backslash \\",
    "../../../etc/passwd",
    "tab\there \r\n\x00 \x1b[31m \u2028 \u202e",
    "'; DROP TABLE tracks; --",
    "Zellen 日本語 größe \U0001f9ec",
    "{{ 7 * 7 }} {% raw %}",
    "$(rm -rf ~) `id` ${HOME} $name",
    "x" * 300,
    "javascript:alert(1)",
    "   ",
]


class Scripts(HTMLParser):
    """Collects every tag, and everything that could run."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.dangers, self.kept, self.metas = [], [], [], {}
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        values = dict(attrs)
        self._inside = tag if tag == "script" else ""
        if tag in ("img", "iframe", "object", "embed", "base", "form", "svg"):
            self.dangers.append(tag)
        self.dangers += [name for name in values if name.startswith("on")]
        if tag == "script" and values.get("type") != "application/json" and "src" not in values:
            self.dangers.append("inline script")
        if tag == "meta" and "http-equiv" in values and "script" not in self.tags:
            self.metas[values["http-equiv"]] = values["content"]
        for name in ("href", "src"):
            if str(values.get(name, "")).startswith(("javascript:", "//", "http://evil")):
                self.dangers.append(values[name])

    def handle_data(self, data):
        if self._inside == "script":
            self.kept.append(data)

    def handle_endtag(self, tag):
        self._inside = ""


@pytest.fixture(params=HOSTILE, ids=range(len(HOSTILE)))
def hostile(request, builder):
    text = request.param
    tracks = (
        Track(id="signal", label=text, units=text, assay=text, cell_type=text, ontology=text),
        Track(id="other", label=text + "2", units=text, assay="b", cell_type=text[::-1]),
    )
    card = {
        "summary": f"x{text}",
        "citation": f"x{text}",
        "authors": text,
        "notes": (text,),
        "code_licence": f"x{text}",
        "weights_licence": f"x{text}",
        "version": f"x{text}",
    }
    made = builder().model("toy", tracks, **card).bigwig("signal").bigwig("other")
    weights = {text: (FileRecord(text, 1, text),)}
    made.models[0] = replace(made.models[0], options={text: text}, weights=weights)
    name = text.replace("\n", " ").replace("\t", " ")[:40]
    made.variants([("chrA", 700, name or "rs1", "A", "C", 0.5)])
    return text, made.write()


def test_no_name_adds_a_stanza_a_line_or_a_file_to_a_hub(hostile):
    text, run = hostile
    before = {path for path in run.parent.rglob("*") if path.parent != run}
    build_hub([run], run / "hub", **WHO, title=text)
    after = {path for path in run.parent.rglob("*") if path.parent != run}
    assert all(path.is_relative_to(run / "hub") for path in after - before)
    content = (run / "hub" / "hub.txt").read_text()
    stanzas, problems = parse_stanzas(content, "hub.txt")
    assert not problems
    names = [stanza.name for stanza in stanzas if stanza.first == "track"]
    assert sorted(names) == sorted(
        [
            "toy",
            "toy_tracks",
            "toy_signal",
            "toy_other",
            "toy_variants",
            "toy_lollipops",
            "toy_absmax",
        ]
    )
    assert content.isascii()
    links = re.findall(r"^\s*bigDataUrl (.*)$", content, re.M)
    assert {link.split("/")[0] for link in links} == {".."}
    assert check_hub(run) == []


def test_no_name_runs_in_a_page_of_a_hub(hostile):
    text, run = hostile
    build_hub([run], run / "hub", **WHO, title=text)
    pages = [*(run / "hub" / "html").iterdir(), run / "hub" / "about.html"]
    shapes = set()
    for path in pages:
        scripts = Scripts(path.read_text())
        assert scripts.dangers == [], path
        assert "script" not in scripts.tags
        shapes.add(path.name)
    assert len(shapes) == len(pages) == 8


def test_no_name_runs_in_the_page_of_a_run(hostile):
    _, run = hostile
    index = write_page([run])
    scripts = Scripts(index.read_text())
    assert scripts.dangers == []
    assert scripts.tags.count("script") == 4
    policy = scripts.metas["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src")
    assert "connect-src 'self' blob: data:;" in policy
    data = json.loads("".join(scripts.kept))
    assert len(data["tracks"]) == 4
    for config in data["tracks"]:
        assert not set('<>"\\\n') & set(config["name"])


def test_no_name_breaks_a_session(hostile):
    text, run = hostile
    build_hub([run], run / "hub", **WHO, title=text, base_url="https://x.org/hub")
    content = json.loads((run / "hub" / "session.json").read_text())
    root = ElementTree.fromstring((run / "hub" / "session.xml").read_text())
    assert len(root.findall("./Panel[@name='DataPanel']/Track")) == len(content["tracks"]) == 4


@pytest.mark.parametrize(
    ("options", "scripts", "reads"),
    [
        ({}, "'self'", "'self' blob: data:"),
        ({"igv": "cdn"}, f"'self' {CDN.address}", "'self' blob: data:"),
        ({"genome": "hg38"}, "'self'", "'self' blob: data: https:"),
    ],
)
def test_the_policy_lets_in_what_was_asked_for(builder, options, scripts, reads):
    run = builder().model("toy").bigwig("signal").write()
    policy = Scripts(write_page([run], **options).read_text()).metas["Content-Security-Policy"]
    given = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert (given["script-src"], given["connect-src"]) == (scripts, reads)
    with serving(run, **options) as url:
        header = requests.get(url, timeout=10).headers["Content-Security-Policy"]
    assert header == f"{policy}; frame-ancestors 'none'"


@pytest.mark.parametrize(
    "path", ["../outside.bw", "/etc/passwd", "tracks/../../outside.bw", "tracks/link.bw"]
)
def test_a_run_that_lists_a_file_outside_itself_is_refused(builder, path):
    made = builder().model("toy").bigwig("signal")
    (made.folder.parent / "outside.bw").write_bytes(b"x")
    (made.folder / "tracks" / "link.bw").symlink_to(made.folder.parent / "outside.bw")
    made.files[0]["path"] = path
    run = made.write()
    with pytest.raises((InputError, TrustError), match="outside the run"):
        build_hub([run], run / "hub", **WHO, title="x")


@pytest.mark.parametrize("name", ["run <b>'\"&", "größe 日本", "a b%20c#d?e", "x" * 200, "-rf"])
def test_a_run_in_a_folder_of_any_name_can_be_built_and_checked(builder, name):
    run = builder(name).model("toy").bigwig("signal").write()
    build_hub([run], run / "hub", **WHO, title=name)
    out = run.parent / "elsewhere"
    build_hub([run], out, **WHO, title=name)
    assert check_hub(run) == []
    assert check_hub(out) == []
    assert Scripts(write_page([run]).read_text()).dangers == []


@pytest.mark.parametrize("name", ["chr<b>", "chr:1-2", "größe", "HLA-A*01:01", "x" * 200])
def test_contigs_of_any_name_are_shown_or_warned_about(builder, name):
    made = builder(contigs={name: 900}, genome_name="odd.fa").model("toy").bigwig("signal")
    run = made.write()
    report = build_hub([run], run / "hub", **WHO, title="x")
    warned = any("UCSC browser cannot show" in note for note in report.notes)
    assert warned is (re.fullmatch(r"[\w.-]+", name, re.ASCII) is None)
    index = write_page([run])
    assert Scripts(index.read_text()).dangers == []
