"""The head reader against files of two independent writers, and against damage."""

import struct
from functools import partial

import pyBigWig
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracksmith.errors import InputError
from tracksmith.tracks.head import parse_autosql, read_head


def head_of(data):
    return read_head(lambda start, length: data[start : start + length], "file")


def test_a_bigwig_of_another_writer_is_read(builder, tmp_path):
    made = builder().model("toy").bigwig("signal")
    path = made.folder / "tracks" / "toy.signal.bw"
    head = head_of(path.read_bytes())
    handle = pyBigWig.open(str(path))
    assert head.kind == "bigWig"
    assert head.contigs == handle.chroms()
    assert (head.first, head.last) == (("chrA", 20), ("chrB", 1481))
    assert head.zooms == handle.header()["nLevels"]
    assert head.summary[0] == handle.header()["nBasesCovered"]
    assert head.summary[2] == pytest.approx(handle.header()["maxVal"])
    handle.close()


def test_thousands_of_contigs_are_read(tmp_path):
    contigs = {f"scaffold_{number:05d}": 1000 + number for number in range(3000)}
    path = tmp_path / "many.bw"
    handle = pyBigWig.open(str(path), "w")
    handle.addHeader(list(contigs.items()))
    handle.addEntries(["scaffold_00000"], [1], ends=[2], values=[1.0])
    handle.close()
    assert head_of(path.read_bytes()).contigs == contigs


def test_a_bigbed_tells_its_fields_and_has_no_index(variant_run):
    head = head_of((variant_run / "variants" / "clip.bb").read_bytes())
    assert head.kind == "bigBed"
    assert (head.field_count, head.defined_field_count) == (21, 9)
    assert [field.name for field in head.fields][9:13] == ["ref", "alt", "effect", "absEffect"]
    assert head.index_of("absEffect") == 13
    assert head.index_of("nothing") is None
    assert head.indexed == ()
    assert head.item_count == 3
    assert {field.name for field in head.fields if field.numeric} >= {"score", "effect"}


def test_autosql_is_read_whatever_its_comments_hold():
    text = (
        'table t\n"a (b); c"\n(\nstring chrom; "x; y"\nuint[3] many;\n char [1] strand; "(z)"\n)\n'
    )
    columns = [(field.type, field.name) for field in parse_autosql(text)]
    assert columns == [("string", "chrom"), ("uint[3]", "many"), ("char[1]", "strand")]
    assert parse_autosql("nonsense") == ()


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damage_is_an_error_or_another_head_never_a_crash(variant_run, data):
    path = variant_run / data.draw(st.sampled_from(["variants/clip.bb", "tracks/toy.signal.bw"]))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(400, len(content) - 1)))] = data.draw(
            st.integers(0, 255)
        )
    cut = bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        read_head(partial(_slice, cut), "file")
    except InputError as error:
        assert "file" in str(error)


def file_with_tree(second_child):
    """A bigWig's head with a name tree of two levels; the root's second child is given."""
    root, first, second, end = 96, 96 + 4 + 24, 96 + 4 + 24 + 4 + 24, 96 + 4 + 24 + 2 * 28
    leaves = [struct.pack("<4sII", name, number, 100 + number) for number, name in
              enumerate((b"aa", b"bb", b"cc", b"dd"))]  # fmt: skip
    head = struct.pack("<IHHQQQHHQQIQ", 0x888FFC26, 4, 0, 64, end, 0, 0, 0, 0, 0, 0, 0)
    tree = struct.pack("<IIIIQQ", 0x78CA8C91, 2, 4, 8, 4, 0)
    child = {"second": second, "root": root, "first": first}[second_child]
    tree += struct.pack("<BBH4sQ4sQ", 0, 0, 2, b"aa", first, b"cc", child)
    tree += struct.pack("<BBH", 1, 0, 2) + leaves[0] + leaves[1]
    tree += struct.pack("<BBH", 1, 0, 2) + leaves[2] + leaves[3]
    return head + tree + struct.pack("<I", 0)


def test_a_tree_of_two_levels_is_walked_in_order():
    assert head_of(file_with_tree("second")).contigs == {"aa": 100, "bb": 101, "cc": 102, "dd": 103}


@pytest.mark.parametrize("child", ["root", "first"])
def test_a_tree_that_bites_its_tail_is_damage(child):
    data = file_with_tree(child)
    if child == "first":
        # The same leaf twice: each child is seen once only.
        assert data.count(struct.pack("<Q", 124)) == 2
    with pytest.raises(InputError, match="damaged"):
        head_of(data)


def _slice(data, start, length):
    return data[start : start + length]
