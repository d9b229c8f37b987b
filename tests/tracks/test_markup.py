"""Text of bigBeds: a reader of HTML finds nothing in it but letters."""

from html import unescape
from html.parser import HTMLParser

import pyBigWig
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracksmith.tracks import Column, bed9_schema, write_bigbed
from tracksmith.tracks.markup import may_hold_markup, without_markup

ATTACKS = [
    "<img/src=x/onerror=alert(1)>",
    '"onmouseover="alert(1)',
    "&lt;img/src=x/onerror=alert(1)&gt;",
    "&#60;img&#x3e;&#0060",
    "&ltimg src=x&gt",
    "&amp;lt;script&amp;gt;",
    "a&b&lt;c",
    "</title><script>",
    "<!--",
]
PLAIN = [
    "rs1",
    "NM_000059.4:c.68-7T>A",
    "rs1&rs2",
    "chr1:5:A>C",
    "a & b",
    "c.5_6delinsA;x=1",
    "größe",
    "%3c",
]
texts = st.text(st.sampled_from("<>\"'&;#ltgampquo60x3cD /=é-!"), max_size=30) | st.text()


class Elements(HTMLParser):
    """Collects the tags, attributes and text of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


@given(texts)
@example("&lt")
@example("&&lt;")
def test_pasted_into_html_text_stays_what_it_is(text):
    cleaned = without_markup(text)
    page = Elements(f"""<p title="{cleaned}" class='{cleaned}'>{cleaned}</p>""")
    assert page.tags == ["p"]
    assert page.attributes == [("title", cleaned), ("class", cleaned)]
    assert page.text == cleaned
    assert unescape(cleaned) == cleaned


@given(texts)
def test_nothing_but_the_character_itself_changes(text):
    cleaned = without_markup(text)
    assert len(cleaned.encode("utf-8", "surrogatepass")) == len(
        text.encode("utf-8", "surrogatepass")
    )
    assert without_markup(cleaned) == cleaned
    changed = {(old, new) for old, new in zip(text, cleaned, strict=True) if old != new}
    assert changed <= {("<", "("), ('"', "`"), ("'", "`"), ("&", "+")}
    assert may_hold_markup(text) or cleaned == text


@pytest.mark.parametrize("text", PLAIN)
def test_ids_as_they_occur_stay(text):
    assert without_markup(text) == text


@pytest.mark.parametrize("many", [1, 300])
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_column_of_a_bigbed_holds_markup(tmp_path, attack, many):
    """Rows alone, and rows of a batch that is encoded at once."""
    columns = [Column("lstring", "ref", "text"), Column("string", "flags", "text")]
    schema = bed9_schema("t", "text", columns)
    name = attack.replace(" ", "_")
    rows = [
        ("chr1", at, at + 1, name, 0, ".", at, at + 1, "0,0,0", attack, attack)
        for at in range(many)
    ]
    write_bigbed(tmp_path / "a.bb", [("chr1", 1000)], rows, schema)
    with pyBigWig.open(str(tmp_path / "a.bb")) as handle:
        entries = handle.entries("chr1", 0, 1000)
    assert len(entries) == many
    for *_, text in entries:
        assert Elements(f'<p title="{text}">{text}</p>').tags == ["p"]
        assert unescape(text) == text
        fields = text.split("\t")
        assert fields[0] == without_markup(name)
        assert fields[-2:] == [without_markup(attack)] * 2
