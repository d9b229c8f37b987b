"""Where pieces lie in a part, against their bytes; work in threads whose order does not show."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracksmith.runs.pieces import PieceTable
from tracksmith.runs.threads import Stop, in_order


@given(
    st.integers(0, 4).flatmap(
        lambda width: st.lists(st.lists(st.binary(max_size=9), min_size=width, max_size=width))
    )
)
def test_every_piece_is_found_where_it_was_written(pieces):
    content = b"".join(piece for row in pieces for piece in row)
    table = PieceTable.of([[len(piece) for piece in row] for row in pieces])
    assert len(table) == len(pieces)
    for number, row in enumerate(pieces):
        for output, piece in enumerate(row):
            begin, size = table.place(number, output)
            assert content[begin : begin + size] == piece


def test_pieces_beyond_four_gigabytes_are_found():
    table = PieceTable.of([[3, 5 << 30, 7], [1, 2, 3]])
    assert table.place(0, 2) == (3 + (5 << 30), 7)
    assert table.place(1, 0) == (10 + (5 << 30), 1)


@pytest.mark.parametrize("threads", [1, 4])
def test_results_come_in_order_whatever_ends_first(threads):
    def late(number):
        time.sleep(0.02 if number == 0 else 0)
        return number * 2

    assert in_order(late, range(20), Stop(), threads) == list(range(0, 40, 2))


def test_an_error_stops_the_others_and_is_the_one_that_is_raised():
    stop, begun, ended = Stop(), threading.Event(), []

    def step(number):
        if number == 0:
            begun.wait(10)
            raise KeyError("the first")
        begun.set()
        try:
            for _ in stop.passing(iter(int, 1)):  # without end
                time.sleep(0.001)
        finally:
            ended.append(number)

    with pytest.raises(KeyError, match="the first"):
        in_order(step, range(100), stop, 2)
    assert 1 in ended, "it was at work and stopped"
    assert 99 not in ended, "nothing more was begun"
