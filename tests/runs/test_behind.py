"""Work done while a device is busy with what comes next."""

import threading

import pytest

from tracksmith.runs.behind import Behind


@pytest.mark.parametrize("in_thread", [False, True])
def test_calls_are_made_in_order_and_all_of_them(in_thread):
    made = []
    with Behind(in_thread=in_thread) as behind:
        for number in range(50):
            behind.run(lambda number=number: made.append(number))
    assert made == list(range(50))


def test_the_caller_goes_on_while_a_call_is_made():
    going_on, seen = threading.Event(), []
    with Behind(in_thread=True) as behind:
        behind.run(lambda: seen.append(going_on.wait(30)))
        going_on.set()
    assert seen == [True]


@pytest.mark.parametrize("in_thread", [False, True])
def test_what_a_call_raises_reaches_the_caller(in_thread):
    def fail():
        raise ValueError("of a call")

    with pytest.raises(ValueError, match="of a call"), Behind(in_thread=in_thread) as behind:
        behind.run(fail)


def test_after_an_error_of_the_caller_nothing_more_is_begun():
    made = []
    with pytest.raises(KeyError), Behind(in_thread=True) as behind:
        behind.run(lambda: made.append(1))
        raise KeyError
    assert made == [1]
