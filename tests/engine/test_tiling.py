"""Laws of windows, cores, bins and chunks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracksmith.engine.tiling import chunk_stride, orientations, tile
from tracksmith.errors import UsageError
from tracksmith.models.card import WindowGeometry
from tracksmith.tracks.zoom import BINS_PER_RECORD


@st.composite
def geometries(draw: st.DrawFn) -> WindowGeometry:
    bin_size = draw(st.sampled_from([1, 4, 128]))
    bins = draw(st.integers(1, 20))
    left = draw(st.integers(0, 300))
    right = draw(st.integers(0, 300))
    return WindowGeometry(left + bins * bin_size + right, left, bins * bin_size, bin_size)


@st.composite
def tilings(draw: st.DrawFn):
    geometry = draw(geometries())
    bins = geometry.core_length // geometry.bin
    return tile(geometry, geometry.bin * draw(st.integers(1, bins)))


@given(tiling=tilings(), start=st.integers(0, 10_000), length=st.integers(1, 5_000))
def test_every_base_lies_in_the_kept_core_of_exactly_one_window(tiling, start, length):
    end = start + length
    first, last = tiling.cores(start, end)
    seen = np.zeros(end + tiling.stride * 2, dtype=int)
    for core in range(first, last):
        window = tiling.window_start(core)
        low = window + tiling.network.core_start + tiling.first_bin * tiling.bin
        seen[low : low + tiling.bins * tiling.bin] += 1
    assert (seen[start:end] == 1).all()
    assert first * tiling.stride <= start < (first + 1) * tiling.stride
    assert (last - 1) * tiling.stride < end


@given(tiling=tilings())
def test_the_kept_bins_lie_inside_the_networks_bins(tiling):
    assert tiling.first_bin >= 0
    assert tiling.first_bin + tiling.bins <= tiling.network.bins
    left = tiling.first_bin
    right = tiling.network.bins - tiling.first_bin - tiling.bins
    assert 0 <= right - left <= 1, "what is trimmed is even on both sides"


@given(tiling=tilings(), values=st.integers(1, 10_000), bases=st.integers(1, 1 << 33))
def test_chunks_end_on_the_border_of_a_core(tiling, values, bases):
    span = chunk_stride(tiling, values, bases)
    assert span > 0
    assert span % tiling.stride == 0
    assert span == tiling.stride or span <= max(1 << 18, 16 * tiling.stride)


def test_chunks_of_a_common_model_end_on_the_border_of_a_zoom_record_too():
    span = chunk_stride(tile(WindowGeometry(1000, 250, 500)), 2, 3 << 30)
    assert span % (BINS_PER_RECORD * 500 // 4) == 0
    assert span % BINS_PER_RECORD == 0


@given(tiling=tilings(), shift=st.integers(-500, 500))
def test_the_reverse_window_covers_the_core_of_the_forward_window(tiling, shift):
    forward, reverse = orientations(tiling, (shift,), reverse=True)
    network = tiling.network
    start = 10_000 + forward.delta
    covered = {start + network.core_start + offset for offset in range(network.core_length)}
    start = 10_000 + reverse.delta
    mirrored = {
        start + network.window - 1 - (network.core_start + offset)
        for offset in range(network.core_length)
    }
    assert covered == mirrored


def test_a_model_with_one_value_a_window_paints_it_over_the_stride():
    geometry = WindowGeometry(200, 75, 50, 50, whole_window=True)
    tiling = tile(geometry, 20)
    assert (tiling.stride, tiling.bin, tiling.bins, tiling.core_start) == (20, 20, 1, 90)
    assert tile(geometry).core_start == 75


@pytest.mark.parametrize("stride", [-4, 3, 516])
def test_a_stride_that_does_not_fit_is_refused(stride):
    with pytest.raises(UsageError, match="does not fit"):
        tile(WindowGeometry(1024, 256, 512, 4), stride)
