"""Values of hub settings: text made safe, grammars, stanzas that refuse."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracksmith.errors import UsageError
from tracksmith.hub import values as v
from tracksmith.hub.check.parse import parse_stanzas
from tracksmith.hub.settings import SETTINGS, find_setting, is_known
from tracksmith.hub.stanza import Stanza
from tracksmith.hub.templates import Templates

ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=400)


@given(ANY_TEXT, st.sampled_from([v.SHORT_LABEL, v.LONG_LABEL]))
def test_every_label_is_one_short_printable_ascii_line(text, limit):
    label = v.label(text, limit)
    assert 0 < len(label) <= limit
    assert label.isascii()
    assert label.isprintable()
    assert not set('<>"\\`') & set(label)
    assert v.line_problem(label) is None


@given(st.lists(ANY_TEXT, min_size=1, max_size=3))
def test_every_safe_name_is_a_track_name_and_a_file_name(parts):
    name = v.safe_name(*parts)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,119}", name)
    assert v.name_problem(name) is None
    assert v.is_inside(name + ".html")


@given(ANY_TEXT)
def test_no_label_can_add_a_line_to_a_hub(text):
    stanza = Stanza("leaf").add("track", v.safe_name(text))
    stanza.add("longLabel", v.label(text, v.LONG_LABEL))
    with suppress(UsageError):
        stanza.add("dataVersion", text)
    hub = Stanza("hub").add("hub", "one")
    filled = Templates().fill("hub.txt", hub=hub, genome=Stanza("genome"), tracks=[stanza])
    read, problems = parse_stanzas(filled, "hub.txt")
    assert not problems
    assert [item.first for item in read] == ["hub", "track"]
    assert {name: value for name, (value, _) in read[1].settings.items()} == dict(stanza)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shortLabel", "two\nlines"), ("shortLabel", "tab\there"), ("shortLabel", "x" * 18),
        ("longLabel", "ends in \\"), ("longLabel", ""), ("longLabel", " padded "),
        ("longLabel", "x" * 77), ("longLabel", "<script>"), ("longLabel", "a\u2028b"),
        ("color", "300,0,0"), ("color", "red"), ("color", "1,2"), ("type", "bigWig a b"),
        ("type", "bigWig"), ("type", "bigWig 5 1"), ("type", "bigBed 9+"), ("type", "bigBed 99 +"),
        ("viewLimits", "5"), ("viewLimits", "5:1"), ("viewLimits", "1.5:x"),
        ("maxHeightPixels", "40"), ("maxHeightPixels", "8:48:128"), ("visibility", "loud"),
        ("bigDataUrl", "javascript:alert(1)"), ("bigDataUrl", "file:///etc/passwd"),
        ("bigDataUrl", "a b.bw"), ("parent", "two words"), ("parent", "1st"), ("priority", "high"),
    ],
)  # fmt: skip
def test_a_stanza_refuses_a_wrong_value(name, value):
    with pytest.raises(UsageError, match=f"Hub setting {name} of 't' cannot be"):
        signal(name).add(name, value)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("colour", "is no setting"), ("track", "is there already"), ("superTrack", "does not belong"),
     ("lollyField", "does not belong"), ("email", "does not belong")],
)  # fmt: skip
def test_a_stanza_refuses_a_setting_that_is_not_its_own(name, reason):
    with pytest.raises(UsageError, match=reason):
        signal(name).add(name, "on")


def signal(without=""):
    stanza = Stanza("leaf").add("track", "t")
    return stanza if without == "type" else stanza.add("type", "bigWig 0 1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("type", "bigBed 9 +"), ("type", "bigWig -1.5 2e3"), ("color", "0,255,7"),
        ("viewLimits", "-3:4"), ("maxHeightPixels", "128:20:8"), ("parent", "p on"),
        ("bigDataUrl", "../a%20b.bw"), ("bigDataUrl", "https://x.org/a.bw"),
    ],
)  # fmt: skip
def test_a_stanza_takes_a_right_setting(name, value):
    assert signal(name).add(name, value)[name] == value


@pytest.mark.parametrize("name", ["t.x", "1st", "_a", "", "a b", "ä"])
def test_a_track_name_that_browsers_change_silently_is_refused(name):
    with pytest.raises(UsageError):
        Stanza("leaf").add("track", name)


def test_a_setting_of_another_type_is_refused():
    stanza = Stanza("leaf").add("track", "t").add("type", "bigBed 9 +")
    with pytest.raises(UsageError, match="does not belong"):
        stanza.add("logo", "on")


def test_settings_are_found_by_name_by_field_and_by_number():
    assert find_setting("filter.score").name == "filter."
    assert find_setting("subGroup3").name == "subGroup#"
    assert find_setting("subGroup0") is None
    assert find_setting("filter.") is None
    assert is_known("barChartBars")
    assert is_known("scoreFilterByRange")
    assert not is_known("colour")
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)


def test_a_long_label_loses_its_middle_and_keeps_both_ends():
    label = v.label("Initiation in K562 cells, replicate seven", 17)
    assert label.startswith("Init")
    assert label.endswith("seven")
    assert len(label) <= 17
