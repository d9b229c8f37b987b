"""The look-up tables against the meaning of each code, written out by hand."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracksmith.models.card import Alphabet
from tracksmith.models.encoding import complement_columns, encoding_table

A, C, G, T = 1, 2, 4, 8
ORDERS = ["".join(order) for order in permutations("ACGT")]


def test_the_plain_alphabet_is_one_hot():
    table = encoding_table(Alphabet())
    assert table.dtype == np.float32
    assert table.shape == (16, 4)
    assert np.array_equal(table[[A, C, G, T]], np.eye(4))
    assert not table[[0, 3, 5, 7, 14, 15]].any()


def test_clipnet_counts_two_haploid_copies():
    table = encoding_table(Alphabet(known=2.0, heterozygous="half"))
    assert table[T].tolist() == [0, 0, 0, 2]
    assert table[A | G].tolist() == [1, 0, 1, 0]
    assert table[15].tolist() == [0, 0, 0, 0]


def test_legnet_has_its_own_order_and_a_quarter_for_n():
    table = encoding_table(Alphabet(order="AGCT", unknown=0.25))
    assert table[G].tolist() == [0, 1, 0, 0]
    assert table[C].tolist() == [0, 0, 1, 0]
    for mask in (0, 15, A | C, A | C | G):
        assert table[mask].tolist() == [0.25] * 4


def test_a_sum_puts_the_whole_base_in_both_channels():
    assert encoding_table(Alphabet(heterozygous="sum"))[C | T].tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("heterozygous", ["half", "sum", "unknown"])
@pytest.mark.parametrize("unknown", [0.0, 0.25])
def test_three_bases_are_read_as_n(heterozygous, unknown):
    table = encoding_table(Alphabet(unknown=unknown, heterozygous=heterozygous))
    for mask in (7, 11, 13, 14, 15, 0):
        assert (table[mask] == unknown).all()


@given(
    order=st.sampled_from(ORDERS),
    known=st.sampled_from([1.0, 2.0]),
    unknown=st.sampled_from([0.0, 0.25]),
    heterozygous=st.sampled_from(["half", "sum", "unknown"]),
    mask=st.integers(0, 15),
)
def test_complementing_columns_equals_complementing_the_code(
    order, known, unknown, heterozygous, mask
):
    alphabet = Alphabet(order, known, unknown, heterozygous)
    table = encoding_table(alphabet)
    complement = int(f"{mask:04b}"[::-1], 2)  # A<->T, C<->G is reading the bits backwards
    assert np.array_equal(table[mask][complement_columns(alphabet)], table[complement])


@pytest.mark.parametrize(
    ("order", "columns"),
    [("ACGT", [3, 2, 1, 0]), ("AGCT", [3, 2, 1, 0]), ("ATCG", [1, 0, 3, 2])],
)
def test_complement_columns_of_known_orders(order, columns):
    assert complement_columns(Alphabet(order=order)) == columns
