"""Rows of a bigBed encoded many at a time, against one at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracksmith.errors import InputError
from tracksmith.tracks import Column, bed9_schema
from tracksmith.tracks.bedrows import _RowEncoder

CONTIGS = [("chr2", 400), ("chrÜ", 90)]
SCHEMA = bed9_schema(
    "many",
    "Columns of every kind",
    [
        Column("lstring", "ref", "text"),
        Column("char[3]", "code", "text"),
        Column("float", "effect", "real"),
        Column("double", "more", "real"),
        Column("short", "small", "whole"),
        Column("bigint", "large", "whole"),
    ],
)
GOOD = {
    "chrom": st.sampled_from([name for name, _ in CONTIGS]),
    "chromStart": st.integers(0, 40),
    "chromEnd": st.integers(41, 90),
    "name": st.text("ab é\u4e2d", max_size=70),
    "score": st.integers(0, 1000),
    "strand": st.sampled_from("+-."),
    "thickStart": st.just(40),
    "thickEnd": st.just(41),
    "reserved": st.sampled_from(["0,0,0", "202,0,32"]),
    "ref": st.text("ACGT", max_size=300),
    "code": st.text("xyz", max_size=3),
    "effect": st.floats(allow_nan=False, allow_infinity=False, width=32),
    "more": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5),
    "small": st.integers(-(2**15), 2**15 - 1),
    "large": st.integers(-(2**63), 2**63 - 1),
}
ODD = {
    "chrom": st.sampled_from(["chr3", "", None]),
    "chromStart": st.sampled_from([-1, 90, 2.0, "3"]),
    "chromEnd": st.sampled_from([0, 91, 401]),
    "name": st.sampled_from(["a\tb", "a\nb", "\0", 5, "é" * 128, "x" * 256]),
    "score": st.sampled_from([-1, 1001, 3.5, 3.0, True]),
    "strand": st.sampled_from(["*", "", "++"]),
    "thickStart": st.sampled_from([-1, 399]),
    "thickEnd": st.sampled_from([0, 399]),
    "reserved": st.sampled_from(["256,0,0", "red", 0]),
    "ref": st.sampled_from(["A\rC", b"A", "N" * 65_536]),
    "code": st.sampled_from(["abcd", "\u4e2d\u4e2d"]),
    "effect": st.sampled_from([float("nan"), float("inf"), "1", None]),
    "more": st.sampled_from([float("-inf"), True, 10**400]),
    "small": st.sampled_from([2**15, 0.5, 1.0, "1"]),
    "large": st.sampled_from([2**63, 1e18]),
}


def one_by_one(encoder, rows):
    return [encoder.encode(number, row) for number, row in enumerate(rows, 1)]


def outcome(encode, rows):
    try:
        return encode(rows)
    except InputError as error:
        return str(error)


good_rows = st.lists(st.tuples(*GOOD.values()), min_size=1, max_size=12)


@given(good_rows)
def test_good_rows_take_the_short_way_and_are_the_same(rows):
    encoder = _RowEncoder(CONTIGS, SCHEMA)
    expected = one_by_one(encoder, rows)
    assert encoder._quick(rows) == expected
    assert encoder.encode_all(1, rows) == expected


@given(good_rows, st.data())
def test_an_odd_value_ends_alike_either_way(rows, data):
    encoder = _RowEncoder(CONTIGS, SCHEMA)
    at = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.sampled_from(list(ODD)))
    changed = list(rows[at])
    changed[list(GOOD).index(column)] = data.draw(ODD[column])
    rows[at] = tuple(changed)
    plain = outcome(lambda given: one_by_one(encoder, given), rows)
    assert outcome(lambda given: encoder.encode_all(1, given), rows) == plain


def test_the_number_of_a_wrong_row_counts_from_the_first_of_the_file():
    encoder = _RowEncoder(CONTIGS, SCHEMA)
    wrong = ("chr2", 5, 5, "", 0, ".", 5, 5, "0,0,0", "", "", 0.0, 0.0, 0, 0)
    fine = ("chr2", 5, 6, "", 0, ".", 5, 6, "0,0,0", "", "", 0.0, 0.0, 0, 0)
    with pytest.raises(InputError, match=r"Row 258 .*covers no base"):
        encoder.encode_all(257, [fine, wrong])
