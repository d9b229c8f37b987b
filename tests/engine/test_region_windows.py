import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracksmith.errors import UsageError
from tracksmith.regions.windows import region_windows

sizes = st.integers(1, 30).flatmap(
    lambda context: st.tuples(st.integers(0, 200), st.just(context), st.integers(1, context))
)


@given(sizes)
def test_every_region_has_one_value_from_the_window_where_it_is_nearest_the_centre(size):
    count, context, stride = size
    windows = region_windows(count, context, stride)
    times = np.zeros(count, dtype=int)
    centres = windows.starts + (windows.length - 1) / 2
    for number, start in enumerate(windows.starts):
        for region in range(windows.keep[number], windows.keep[number + 1]):
            times[region] += 1
            assert start <= region < start + windows.length
            distances = np.abs(centres - region)
            assert number == np.argmin(distances)
    assert np.all(times == 1)


@given(sizes)
def test_windows_stay_inside_lie_a_stride_apart_and_end_flush(size):
    count, context, stride = size
    windows = region_windows(count, context, stride)
    assert windows.length == min(count, context)
    assert len(windows.starts) == 0 or windows.starts[0] == 0
    assert len(windows.starts) == 0 or windows.starts[-1] + windows.length == count
    steps = np.diff(windows.starts)
    assert np.all(steps[:-1] == stride)
    assert np.all((steps > 0) & (steps <= stride))


def test_two_hundred_regions_a_hundred_apart_keep_their_middle():
    windows = region_windows(450, 200, 100)
    assert windows.starts.tolist() == [0, 100, 200, 250]
    assert windows.keep.tolist() == [0, 150, 250, 325, 450]


def test_with_stride_one_a_region_is_read_at_the_middle_of_its_own_window():
    windows = region_windows(1_000, 200, 1)
    inner = np.arange(1, len(windows.starts) - 1)
    assert np.all(windows.keep[inner] == windows.starts[inner] + 100)
    assert np.all(np.diff(windows.keep)[1:-1] == 1)


def test_fewer_regions_than_the_context_are_one_window():
    windows = region_windows(7, 200, 100)
    assert (windows.length, windows.starts.tolist(), windows.keep.tolist()) == (7, [0], [0, 7])
    assert region_windows(0, 200, 100).starts.tolist() == []


@pytest.mark.parametrize("stride", [0, 201])
def test_a_stride_that_leaves_gaps_is_refused(stride):
    with pytest.raises(UsageError, match="give 1 to 200"):
        region_windows(300, 200, stride)
