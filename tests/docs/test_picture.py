"""The picture in README.md is of the page that tracksmith makes today."""

import re
import struct
import zlib

import pytest

from tests.hub.chromium import what_chromium_lacks
from tests.picture import (
    PICTURE,
    ROOT,
    SIGNATURE,
    content_of,
    draw,
    kept_content,
    make_demo,
    size_of,
    with_content,
)

AGAIN = "The page changed. Draw it again with `make picture`, look at it, and commit it."
COLOURS = {"plus strand": (192, 57, 43), "minus strand": (36, 87, 160), "lowers": (5, 113, 176)}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return make_demo(tmp_path_factory.mktemp("picture") / "demo")


def pixels_of(picture):
    """Return the rows of red, green and blue of an 8-bit PNG; decoded here, by its definition."""
    width, height = size_of(picture)
    depth, colour = picture[24], picture[25]
    assert (depth, picture[28]) == (8, 0), "8 bits, not interlaced"
    step = {2: 3, 6: 4}[colour]
    data, at = b"", len(SIGNATURE)
    while at < len(picture):
        (length,) = struct.unpack_from(">I", picture, at)
        if picture[at + 4 : at + 8] == b"IDAT":
            data += picture[at + 8 : at + 8 + length]
        at += 12 + length
    data, rows, before = zlib.decompress(data), [], bytearray(step * width)
    for y in range(height):
        start = y * (step * width + 1)
        kind, row = data[start], bytearray(data[start + 1 : start + 1 + step * width])
        for x in range(len(row)):
            left, corner = (row[x - step], before[x - step]) if x >= step else (0, 0)
            row[x] = (row[x] + predicted(kind, left, before[x], corner)) & 255
        before = row
        rows.append([tuple(row[x : x + 3]) for x in range(0, len(row), step)])
    return rows


def predicted(kind, left, above, corner):
    if kind == 4:
        guess = left + above - corner
        return min((left, above, corner), key=lambda value: abs(guess - value))
    return (0, left, above, (left + above) // 2)[kind]


def columns_in(rows, colour):
    """Return in how many columns of pixels a colour stands."""
    return sum(any(row[x] == colour for row in rows[200:480]) for x in range(len(rows[0])))


def test_the_picture_is_small_and_on_the_first_screen_of_the_readme():
    assert PICTURE.stat().st_size < 150_000
    first = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:40])
    shown = re.search(r"!\[([^\]]{20,})\]\((docs/[\w.]+)\)", first)
    assert shown, "a picture with words for those who do not see it"
    assert ROOT / shown[2] == PICTURE


def test_the_picture_shows_the_page_of_today(runs, tmp_path):
    picture = PICTURE.read_bytes()
    content = content_of(runs, tmp_path)
    assert content["tracks"] == [
        "Core promoter, both strands", "Variant effects", "Strongest variant effect",
        "Core promoter, plus strand, reference and alternative allele",
        "Core promoter, minus strand, reference and alternative allele",
        "Core promoter, plus strand, alternative minus reference (up is a gain)",
        "Core promoter, minus strand, alternative minus reference (up is a gain)",
    ]  # fmt: skip
    assert kept_content(picture) == content, AGAIN
    assert size_of(picture) == content["size"]


def test_strands_and_variants_stand_in_the_picture_in_their_colours():
    rows = pixels_of(PICTURE.read_bytes())
    seen = {name: columns_in(rows, colour) for name, colour in COLOURS.items()}
    assert all(count >= 10 for count in seen.values()), seen


@pytest.mark.browser
def test_drawn_again_it_has_the_same_size_and_as_many_bars(runs, tmp_path):
    pytest.importorskip("selenium.webdriver", reason="selenium drives Chromium")
    if lack := what_chromium_lacks():
        pytest.skip(lack)
    picture = draw(runs, tmp_path)
    assert size_of(picture) == size_of(PICTURE.read_bytes())
    old, new = pixels_of(PICTURE.read_bytes()), pixels_of(picture)
    for colour in COLOURS.values():
        assert 0.7 < columns_in(new, colour) / columns_in(old, colour) < 1.4


def test_what_a_picture_is_of_is_read_back_and_leaves_it_a_png():
    picture = with_content(PICTURE.read_bytes(), {"a": [1, 2]})
    assert picture.endswith(b"IEND\xaeB`\x82")
    plain = SIGNATURE + picture[8:33] + picture[-12:]
    assert kept_content(with_content(plain, {"a": [1, 2]})) == {"a": [1, 2]}
    assert kept_content(plain) == {}
